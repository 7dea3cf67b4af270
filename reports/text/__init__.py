"""Text helpers: dates, Markdown, Unicode, statistics in words."""
