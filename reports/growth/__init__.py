"""Growth: how what a router costs grows, in tables, words and a figure."""
