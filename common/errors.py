"""The root of the errors that a user can put right."""


class UserError(Exception):
    """Bad input of any kind; the message says what is wrong and what to do next."""
