"""Result folders, provenance."""
