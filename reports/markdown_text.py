"""Text of the user's inside GitHub Markdown: shown as it is, and nothing more than shown."""

import re
import unicodedata

# As entities, which are alike in paragraphs and in tables: `\|` after a `\` is not.
_SPECIAL = re.compile(r"[&<|\\`*~$]|(?<![^\W_])_|_(?![^\W_])|](?=[(\[:])|^[#\[]")
# GitHub looks for mentions and issues after it has decoded entities: only something between stops it.
_REFERENCE = re.compile(r"@(?=\w)|#(?=\d)")
_ZERO_WIDTH_SPACE = "&#8203;"
_LIST = re.compile(r"^[-+=>]|^(\d+)([.)])")


def inline(text: str) -> str:
    """Inside a line or a cell of a table."""
    plain = _one_line(text)
    escaped = _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", plain)
    # Not the `#` of an entity: that one stands behind `&`, of which there is no other left.
    return re.sub(rf"(?<!&)({_REFERENCE.pattern})", rf"\1{_ZERO_WIDTH_SPACE}", escaped)


def line(text: str) -> str:
    """At the beginning of a line or of a bullet, where a number or a dash would start a list."""
    return _LIST.sub(_as_text, inline(text))


def _as_text(found: re.Match[str]) -> str:
    mark = found[2] or found[0]
    return f"{found[1] or ''}&#{ord(mark)};"


def _one_line(text: str) -> str:
    """Without line ends, control characters and marks that turn the direction of reading."""
    words = " ".join(text.split())
    return "".join(character for character in words if not _is_control(character))


def _is_control(character: str) -> bool:
    # Cf holds also the joiners that some scripts and emoji need.
    turns = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return turns or unicodedata.category(character) in {"Cc", "Cs"}
