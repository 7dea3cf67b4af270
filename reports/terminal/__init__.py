"""Output of the commands at a terminal."""
