"""How a command fails: by what the user can mend, in one clear line and with exit code 2, or by what not."""

from common.errors import UserError

EXIT_BAD_INPUT = 2


class BadInput(UserError):
    """The message says what is wrong and what to do next."""


class WorkerError(RuntimeError):
    """A worker's process failed in a way that is not the user's to mend."""
