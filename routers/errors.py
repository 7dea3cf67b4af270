"""Errors of routers."""

from common.errors import UserError


class RouterError(UserError, ValueError):
    """Failure that a user can mend: bad training data, an unusable router, missing weights or packages."""


class NotFittedError(RouterError, AttributeError):
    """Raised by inference before `fit` or `load`."""
