"""Weights, adapters and packages that carry them."""
