"""A figure's SVG as a part of a page: the page's ink, scaled with it, read out as one picture."""

import re
from html import escape
from typing import NamedTuple

# What the figures are drawn in where the page's text colour belongs.
INK = re.compile("#1f2328", re.IGNORECASE)
_PIXELS = {"": 1.0, "px": 1.0, "pt": 96 / 72, "in": 96.0, "mm": 96 / 25.4, "cm": 96 / 2.54}
# Written anew, or of use in a file alone: a page knows the name spaces.
_LEFT_OUT = re.compile(r"xmlns(:.*)?|version|width|height|viewBox|style|role|focusable|aria-.*")


class InlineSvg(NamedTuple):
    """Markup without anything that belongs to a file; width and height in CSS pixels."""

    markup: str
    width: float
    height: float


def inline_svg(svg: str, label: str) -> InlineSvg:
    """`svg` ready to stand within HTML, with `label` for who cannot see it.

    Raises:
        ValueError: there is no SVG element, or it does not say how large it is.
    """
    opening = re.search(r"<svg\b[^>]*>", svg)
    if opening is None:
        raise ValueError("a figure has no <svg> element")
    attributes = dict(re.findall(r'([\w:-]+)\s*=\s*"([^"]*)"', opening[0]))
    width, height, box = _size(attributes)
    kept = [f'{name}="{value}"' for name, value in attributes.items() if not _LEFT_OUT.fullmatch(name)]
    head = f'<svg viewBox="{box}" role="img" aria-label="{escape(label)}" focusable="false"'
    drawing = " ".join([head, *kept]) + ">" + svg[opening.end() :].strip()
    drawing = re.sub(r"\s*<metadata\b.*?</metadata>", "", drawing, flags=re.DOTALL)
    return InlineSvg(INK.sub("currentColor", drawing), width, height)


def _size(attributes: dict[str, str]) -> tuple[float, float, str]:
    """Width and height in pixels, and the view box, each from the other where one is missing."""
    box = attributes.get("viewBox")
    size = [_pixels(attributes.get(name, "")) for name in ("width", "height")]
    if box is not None and None in size:
        size = [float(value) for value in box.replace(",", " ").split()[2:]]
    match size:
        case [float(width), float(height)]:
            return width, height, box or f"0 0 {width:g} {height:g}"
    raise ValueError("the <svg> of a figure has neither viewBox nor width and height")


def _pixels(length: str) -> float | None:
    found = re.fullmatch(r"\s*([\d.]+)\s*([a-z]*)\s*", length)
    if found is None or found[2] not in _PIXELS:
        return None
    return float(found[1]) * _PIXELS[found[2]]
