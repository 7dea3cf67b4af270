"""Bootstrap intervals, paired comparisons, tests."""
