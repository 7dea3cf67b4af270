"""A drawn figure as SVG and PNG: the same figure, the same bytes."""

import re
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from reports.comparison.figures.style import DPI, plain
from reports.comparison.model import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

# Verdana has DejaVu's widths, which the layout is made for; other fonts are narrower.
FONTS = "'DejaVu Sans', Verdana, Arial, sans-serif"
_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


def render(drawing: "Drawing", name: str, title: str, caption: str, alt: str) -> Figure:
    """The drawing in both formats, under `styled()`; no other `name` has its ids."""
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
    return Figure(name, title, caption, alt, _inlined(svg.getvalue().decode(), alt), png.getvalue())


def _inlined(svg: str, alt: str) -> str:
    """matplotlib's SVG as one element that can stand in a page among others, or alone in a file.

    Without declaration, metadata, style sheet (which would reach the whole page) and the ids of groups, which
    are the same in every figure.
    """
    _, _, content = svg.partition("</metadata>")
    content = re.sub(r"<style.*?</style>|(?<=<g) id=\"[^\"]*\"", "", content, flags=re.DOTALL)
    content = content.replace("font-family: 'DejaVu Sans', sans-serif", f"font-family: {FONTS}")
    width, height = _SIZE.findall(svg)[0]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}" width="{width}pt" height="{height}pt" role="img" focusable="false" '
        f'aria-label="{escape(alt)}" stroke-linejoin="round" stroke-linecap="butt">{content}'
    )
