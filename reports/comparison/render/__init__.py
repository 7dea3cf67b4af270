"""Renderers of a comparison report: HTML, Markdown, JSON."""
