"""Experiments: run, compare, and what they are made of."""
