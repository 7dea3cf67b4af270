"""Errors that are the user's to mend: one clear line and exit code 2, never a traceback."""


class BadInput(Exception):
    """The message says what is wrong and what to do next."""
