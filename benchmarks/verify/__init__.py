"""Verification of a result: everything that can be derived from its folder is derived again, and compared."""
