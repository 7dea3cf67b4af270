"""A comparison report of several results: what it says (`contents`), and its forms."""
