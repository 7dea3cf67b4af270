"""Errors of routers."""

from common.errors import UserError


class RouterError(UserError, ValueError):
    """What a user can put right: bad training data, an unusable saved router, missing weights or packages."""


class NotFittedError(RouterError, AttributeError):
    """Raised by inference before `fit` or `load`."""
