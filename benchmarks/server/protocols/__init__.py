"""One module a protocol."""
