"""Metrics, computed from prediction rows and raw timings."""
