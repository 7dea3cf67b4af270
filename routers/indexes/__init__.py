"""Nearest neighbours by cosine similarity: the contract of an index in `base`, one file an engine."""
