"""Users' text as a reader may see it: nothing hidden, nothing a command, its direction kept to itself."""

import re
import unicodedata

# Hebrew, Arabic and their like; the mark that turns what stands beside it as they do.
_RIGHT_TO_LEFT = "\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
# From the first such letter to the last one of a name; a list or a new sentence ends it.
_TURNED = re.compile(rf"[{_RIGHT_TO_LEFT}](?:(?:[ _'’0-9-]|\.(?! ))*[{_RIGHT_TO_LEFT}])*")
_ISOLATE, _END = "\u2068", "\u2069"
# Line ends and tabs may be folded away later, and so join what stands around them.
_COMMAND = re.compile(r":(?=[\t\n\r]*:)|#(?=[\t\n\r]*\[)")
_ZERO_WIDTH_SPACE = "\u200b"
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# No file in UTF-8 and no XML can hold them.
_UNWRITABLE = re.compile(r"[\ud800-\udfff\ufffe\uffff]")


def readable(text: str) -> str:
    """Without control characters (but line ends and tabs) and marks that turn the direction of reading."""
    return "".join(character for character in text if not _is_control(character))


def isolated(text: str) -> str:
    """`readable`, and with names written from right to left kept from turning the words around them."""
    return _TURNED.sub(rf"{_ISOLATE}\g<0>{_END}", readable(text))


def harmless(text: str) -> str:
    """`readable`, and nothing in it a command to a runner of GitHub.

    The runner obeys lines that begin with `::`, and has obeyed `##[` anywhere; every one is broken, because a
    long cell is folded anywhere.
    """
    return _COMMAND.sub(f"\\g<0>{_ZERO_WIDTH_SPACE}", readable(text))


def one_line(text: str) -> str:
    """The text without line breaks, control characters and what no file can hold."""
    return _BREAKS.sub(" ", _UNWRITABLE.sub("", text)).strip()


def _is_control(character: str) -> bool:
    if character in "\t\n\r":
        return False
    # Cf holds also the joiners that some scripts and emoji need.
    turning = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return turning or unicodedata.category(character) in {"Cc", "Cs"}
