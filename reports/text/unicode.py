"""Text of the user's as a reader may see it: nothing hidden in it, and its direction of reading its own."""

import re
import unicodedata

# Hebrew, Arabic and their like; the mark that turns what stands beside it as they do.
_RIGHT_TO_LEFT = "\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
# From the first such letter to the last one of a name; a list or a new sentence ends it.
_TURNED = re.compile(rf"[{_RIGHT_TO_LEFT}](?:(?:[ _'’0-9-]|\.(?! ))*[{_RIGHT_TO_LEFT}])*")
_ISOLATE, _END = "\u2068", "\u2069"


def readable(text: str) -> str:
    """Without control characters (but line ends and tabs) and marks that turn the direction of reading."""
    return "".join(character for character in text if not _is_control(character))


def isolated(text: str) -> str:
    """`readable`, and with names written from right to left kept from turning the words around them."""
    return _TURNED.sub(rf"{_ISOLATE}\g<0>{_END}", readable(text))


def turns(text: str) -> bool:
    """Whether a part of it is read from right to left."""
    return _TURNED.search(text) is not None


def _is_control(character: str) -> bool:
    if character in "\t\n\r":
        return False
    # Cf holds also the joiners that some scripts and emoji need.
    turning = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return turning or unicodedata.category(character) in {"Cc", "Cs"}
