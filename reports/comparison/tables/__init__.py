"""The tables of a comparison report."""
