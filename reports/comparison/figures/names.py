"""Names as a figure can draw them: a number where it cannot, and the key to those numbers."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from reports.comparison.cells import listed
from reports.comparison.model import Figure
from reports.text.unicode import readable, turns

if TYPE_CHECKING:
    from reports.comparison.figures.style import Shown

# The one font of all figures: it comes with matplotlib.
FONT_NAME = "DejaVu Sans"
SVG = "{http://www.w3.org/2000/svg}"
ROUTER, DOMAIN, MODEL = "router", "domain", "model"


def drawable(names: Iterable[str], kind: str) -> dict[str, str]:
    """What to draw of each name: the name, or `kind` with its number from 1 on.

    That is where the font lacks a letter, and where a name read from right to left would turn the figures
    beside it.
    """
    return {
        name: name if _can_draw(name) else f"{kind} {number}"
        for number, name in enumerate(dict.fromkeys(names), 1)
    }


def domain_labels(routers: Sequence["Shown"]) -> dict[str, str]:
    """Of every domain that a router knows, whichever of them are drawn: the same number in every figure."""
    known = (router.record.confusion_matrix.get("labels", []) for router in routers)
    return drawable((str(label) for labels in known for label in labels), DOMAIN)


def model_labels(routers: Sequence["Shown"]) -> dict[str, str]:
    """Of every model whose cost and quality are known."""
    analyses: list[dict[str, Any]] = [router.record.analyses.get("cost_quality", {}) for router in routers]
    return drawable((name for found in analyses for name in found.get("models", {})), MODEL)


def with_key(figure: Figure, labels: Mapping[str, str]) -> Figure:
    """The same, whose caption and alternative text say which names stand behind the numbers drawn.

    Args:
        labels: what is drawn, by name.
    """
    root = ElementTree.fromstring(figure.svg)
    drawn = "\n".join(element.text or "" for element in root.iter(f"{SVG}text"))
    behind = [
        f"{label} is {' '.join(readable(name).split())}"
        for name, label in labels.items()
        if label != name and re.search(rf"\b{label}\b", drawn)
    ]
    if not behind:
        return figure
    key = f" In the picture, {listed(behind)}."
    alt = figure.alt + key
    svg = figure.svg.replace(_spoken(figure.alt), _spoken(alt), 1)
    return replace(figure, caption=figure.caption + key, alt=alt, svg=svg)


def _spoken(alt: str) -> str:
    return 'aria-label="' + escape(alt, {'"': "&quot;"}) + '"'


def _can_draw(name: str) -> bool:
    return not turns(name) and all(map(_has_glyph, readable(name)))


@cache
def _has_glyph(character: str) -> bool:
    from matplotlib.font_manager import findfont, get_font

    return character.isspace() or get_font(findfont(FONT_NAME)).get_char_index(ord(character)) > 0
