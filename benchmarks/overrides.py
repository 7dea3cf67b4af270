"""Words KEY=VALUE as Hydra's grammar has them: a value that it cannot read is text, and is quoted for it."""

import shlex

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from common.files import home_expanded

# Begins a value whose author knows the grammar.
_GRAMMAR = ("'", '"', "{", "[")


def as_override(word: str, *, sweeps: bool = False) -> str:
    """A word KEY=VALUE that Hydra can read: text such as `~/data`, `O'Brien` or `a&b` needs no quotes.

    Args:
        sweeps: whether commas separate values.

    Returns:
        the word itself where Hydra can read it, or nothing makes it readable.
    """
    key, equals, value = word.partition("=")
    if not equals or _can_read(word):
        return word
    # Hydra's own folders are made before there is a configuration.
    text = home_expanded(value) if key.startswith("hydra.") else value
    readable = f"{key}={_readable(text, sweeps)}"
    return readable if _can_read(readable) else word


def quoted(text: str) -> str:
    """The text as a value in single quotes, which Hydra reads as it is."""
    return QuotedString(text, Quote.single).with_quotes()


def how_to_quote(word: str) -> str:
    """The word KEY=VALUE with a quoted value, as it is typed in a shell."""
    key, _, value = word.partition("=")
    return shlex.quote(f"{key}={QuotedString(value, Quote.double).with_quotes()}")


def _can_read(word: str) -> bool:
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return True


def _readable(value: str, sweeps: bool) -> str:
    """The value in quotes; of a list, or of several values, each one that cannot be read."""
    if value.startswith("[") and value.endswith("]"):
        return f"[{_each_readable(value[1:-1])}]"
    if value.startswith(_GRAMMAR):
        return value
    if sweeps and "," in value:
        return _each_readable(value)
    return quoted(value)


def _each_readable(values: str) -> str:
    parts = values.split(",")
    return ",".join(part if _can_read(f"key={part}") else _readable(part, sweeps=False) for part in parts)
