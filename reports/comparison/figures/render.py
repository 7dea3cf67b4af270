"""A drawn figure as SVG and PNG: the same figure, the same bytes."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from reports.comparison.figures.style import DARK, DPI, plain
from reports.comparison.model import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

SVG = "http://www.w3.org/2000/svg"
# Verdana has DejaVu's widths, which the layout is made for; other fonts are narrower.
FONTS = "'DejaVu Sans', Verdana, Arial, sans-serif"
_POINTS_TO_PIXELS = 96 / 72
_REFERENCE = re.compile(r"url\(#([^)]*)\)")


def render(drawing: "Drawing", name: str, title: str, caption: str, alt: str) -> Figure:
    """The drawing in both formats, under `styled()`; `name` is what its ids begin with."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    caption, alt = plain(caption), plain(alt)
    # Laid out once, as both files have the same layout; it is the slow part. Printed by the canvases
    # themselves, because `savefig` draws everything twice.
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")
    svg, png = BytesIO(), BytesIO()
    as_svg: Any = FigureCanvasSVG(drawing)
    as_png: Any = FigureCanvasAgg(drawing)
    with matplotlib.rc_context({"svg.hashsalt": name}):
        # What an SVG holds as a picture has this resolution too.
        drawing.dpi = DPI
        drawing.patch.set_facecolor("none")
        as_svg.print_svg(svg, metadata={"Date": None})
        drawing.dpi = DPI
        drawing.patch.set_facecolor("white")
        as_png.print_png(png, metadata={"Software": None})
    return Figure(name, title, caption, alt, inlined(svg.getvalue(), name, alt), png.getvalue())


def inlined(content: bytes, name: str, alt: str) -> str:
    """matplotlib's SVG as one element that can stand in a page among others, or alone in a file.

    Without declaration, document type, metadata and style sheet (which would reach the whole page); styles
    become attributes, which a page's own style sheet overrules; every id that is used begins with `name`.
    """
    root = ElementTree.fromstring(content)
    used = set(_references(root))
    for element in root.iter():
        for child in list(element):
            if _local(child.tag) in ("metadata", "style"):
                element.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        attributes = _attributes(element, name, used)
        element.attrib.clear()
        element.attrib.update(attributes)
    _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
    root.attrib.clear()
    root.attrib.update(
        {
            "xmlns": SVG,
            "viewBox": f"0 0 {width:g} {height:g}",
            "width": f"{width * _POINTS_TO_PIXELS:.0f}",
            "height": f"{height * _POINTS_TO_PIXELS:.0f}",
            "style": "max-width:100%;height:auto",
            "role": "img",
            "aria-label": alt,
            "font-family": FONTS,
            "stroke-linejoin": "round",
            "stroke-linecap": "butt",
        }
    )
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _references(root: ElementTree.Element) -> Iterator[str]:
    """Every id that something in the drawing points at."""
    for element in root.iter():
        for key, value in element.attrib.items():
            if _local(key) == "href" and value.startswith("#"):
                yield value[1:]
            yield from _REFERENCE.findall(value)


def _attributes(element: ElementTree.Element, name: str, used: set[str]) -> dict[str, str]:
    """The same without name spaces, with styles as attributes and the ids of this figure."""
    attributes: dict[str, str] = {}
    for key, value in element.attrib.items():
        local = _local(key)
        if local == "style":
            styles = (part.partition(":") for part in value.split(";") if part.strip())
            attributes |= {style.strip(): setting.strip() for style, _, setting in styles}
        elif local == "id":
            if value in used:
                attributes["id"] = f"{name}-{value}"
        elif local == "href" and value.startswith("#"):
            attributes["href"] = f"#{name}-{value[1:]}"
        else:
            attributes[local] = " ".join(value.split())
    attributes.pop("font-family", None)
    if _local(element.tag) == "text":
        # A page's own black must not become its text colour.
        attributes.setdefault("fill", DARK)
    return {key: _REFERENCE.sub(rf"url(#{name}-\1)", value) for key, value in attributes.items()}


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
