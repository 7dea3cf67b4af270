"""Result folders: the record contract, and what is made of it. Never runs a model."""
