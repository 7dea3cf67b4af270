"""Report of a growth: Markdown, and a figure as SVG and PNG."""

from pathlib import Path

from benchmarks.growth.figures import glossary
from reports.growth.figure import draw_growth
from reports.growth.markdown import to_markdown
from reports.growth.model import Growth


def write_report(growth: Growth, folder: Path) -> None:
    """Write `report.md`, and `growth.svg` and `growth.png` where a point was measured."""
    figure = draw_growth(growth)
    if figure:
        (folder / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8")
        (folder / f"{figure.name}.png").write_bytes(figure.png)
    (folder / "report.md").write_text(to_markdown(growth, glossary(), figure), encoding="utf-8")
