"""Labelled questions: one loader a format, one contract (`base.Dataset`) for all of them."""
