"""Users' text inside GitHub Markdown: shown as it is, and nothing more than shown.

Mentions, issues (`#12`, `GH-12`), addresses (`https://…`, `www.…`) and emoji (`:tada:`) are kept from
becoming links and pictures. Not covered are hashes, which GitHub links where its repository has the commit.
"""

import re
from collections.abc import Iterable, Sequence

from reports.text.unicode import isolated

# As entities, which are alike in paragraphs and in tables: `\|` after a `\` is not.
_SPECIAL = re.compile(r"[&<|\\`*~$\u200b]|(?<![^\W_])_|_(?![^\W_])|](?=[(\[:])|^[#\[]")
# GitHub looks for these after it has decoded entities: only something between stops it.
_REFERENCE = re.compile(r"@(?=\w)|#(?=\d)|\bGH-(?=\d)|:(?=//|[\w+-]+:)|\bwww(?=\.)", re.IGNORECASE)
_ZERO_WIDTH_SPACE = "\u200b"
_LIST = re.compile(r"^[-+=>]|^(\d+)([.)])")


def inline(text: str) -> str:
    """Inside a line or a cell of a table."""
    broken = _REFERENCE.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", _one_line(text))
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", broken)


def line(text: str) -> str:
    """At the beginning of a line or of a bullet, where a number or a dash would start a list."""
    return _LIST.sub(_as_text, inline(text))


def grid(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool]) -> str:
    """A table of cells in Markdown; `right` tells which columns after the first stand on the right."""
    rule = ["---", *("---:" if figures else "---" for figures in right)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def bullets(title: str, lines: Iterable[str]) -> str:
    """A list under its title; empty without a line."""
    points = [f"- {line(text)}" for text in lines]
    if not points:
        return ""
    # A list right under a line is part of its paragraph in some dialects.
    return "\n".join([title, "", *points] if title else points)


def _as_text(found: re.Match[str]) -> str:
    mark = found[2] or found[0]
    return f"{found[1] or ''}&#{ord(mark)};"


def _one_line(text: str) -> str:
    """Without line ends, control characters and marks that turn the direction of reading."""
    return isolated(" ".join(text.split()))
