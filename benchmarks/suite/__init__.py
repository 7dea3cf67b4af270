"""Suites: contestants × data sets, and the league table that they end in."""
