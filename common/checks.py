"""Constraints on values, in one table a class or function; errors name the key as it is typed.

A class states its table as `parameter_constraints`, as scikit-learn's estimators do; a function gets one from
`@constrained`. What concerns several parameters at once is a `check_together` beside it.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar

from common.errors import UserError

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")

# What a value must be, such as "must be at least 1"; None for a value that can be used.
Constraint = Callable[[Any], str | None]
Constraints = Mapping[str, Constraint]


class ConfigError(UserError, ValueError):
    """A value of the right type that cannot be used."""


class Together(Protocol):
    def __call__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        """Raises ConfigError for values that do not fit each other."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def at_least(low: float) -> Constraint:
    return lambda value: None if _is_number(value) and value >= low else f"must be at least {low}"


def positive(value: Any) -> str | None:
    return None if _is_number(value) and value > 0 else "must be greater than 0"


def between(low: float, high: float, brackets: str = "()") -> Constraint:
    """Numbers from `low` to `high`; a square bracket includes the limit beside it."""
    text = f"must be in {brackets[0]}{low}, {high}{brackets[1]}"

    def constraint(value: Any) -> str | None:
        inside = _is_number(value) and low <= value <= high
        at_open_limit = (value == low and brackets[0] == "(") or (value == high and brackets[1] == ")")
        if inside and not at_open_limit:
            return None
        return f"must be between {low} and {high}" if brackets == "()" else text

    return constraint


fraction = between(0, 1)


def one_of(*options: str) -> Constraint:
    return lambda value: None if value in options else f"not one of {', '.join(options)}"


def optional(constraint: Constraint) -> Constraint:
    """None, or what `constraint` allows."""
    return lambda value: None if value is None else constraint(value)


def check(values: Mapping[str, Any], constraints: Constraints, prefix: str = "") -> None:
    """Raises ConfigError, naming `prefix` and the key, for a value that its constraint refuses."""
    for name, constraint in constraints.items():
        complaint = constraint(values[name]) if name in values else None
        if complaint is not None:
            raise ConfigError(f"{prefix}{name}={values[name]}: {complaint}")


def check_arguments(target: Any, values: Mapping[str, Any], prefix: str = "") -> None:
    """Check `values` against the table of a class or function, and against each other.

    Raises:
        ConfigError: one of them cannot be used.
    """
    check(values, getattr(target, "parameter_constraints", {}), prefix)
    together: Together | None = getattr(target, "check_together", None)
    if together is not None:
        together(values, prefix)


def constrained(
    prefix: str, together: Together | None = None, **constraints: Constraint
) -> Callable[[Callable[Arguments, Returned]], Callable[Arguments, Returned]]:
    """A function whose arguments are checked at every call; `prefix` stands before their names in errors."""

    def decorate(function: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            check_arguments(wrapper, given.arguments, prefix)
            return function(*args, **kwargs)

        vars(wrapper).update(parameter_constraints=constraints, check_together=together)
        return wrapper

    return decorate


class Settings:
    """Base of a dataclass of settings that is checked when it is made.

    `prefix` stands before the keys in errors.
    """

    prefix: ClassVar[str] = ""
    parameter_constraints: ClassVar[Constraints] = {}

    def __post_init__(self) -> None:
        # Not `vars`: a decoder may leave defaults to the class.
        values = {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]
        check_arguments(type(self), values, self.prefix)
