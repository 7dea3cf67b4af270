"""Formats of other routers."""
