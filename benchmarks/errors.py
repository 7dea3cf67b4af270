"""Errors of a command. One that the user can mend ends in one clear line and exit code 2."""

from common.errors import UserError

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2


class BadInput(UserError):
    """The message says what is wrong and what to do next."""


class WorkerError(RuntimeError):
    """A worker's process ended without a result; the message says what of."""
