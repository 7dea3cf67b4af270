"""Result folders, provenance, verification."""
