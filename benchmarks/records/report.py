"""A comparison report from results: compared in pairs, drawn, and written in every form."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.records.folders import comparable, named
from benchmarks.stats.paired import answers_gain, pairwise
from common.progress import say
from common.settings import Statistics
from reports.comparison.build import build_report
from reports.comparison.figures.all import draw_figures
from reports.comparison.model import Report
from reports.comparison.render.html import to_html
from reports.comparison.render.json import to_json
from reports.comparison.render.markdown import to_markdown
from reports.record import Result
from reports.terminal.console import harmless
from reports.text.statistics import Paired


def write_report(results: Sequence[Result], folder: Path, statistics: Statistics, seed: int) -> Report:
    """Compare those that belong with the first one; write `report.md`, `report.html`, `report.json` and each
    figure as SVG and PNG into an existing folder."""
    kept, skipped = comparable(results)
    for one in skipped:
        say(harmless(f"left out {one.folder}: {one.reason}"))
    entrants = named(kept)
    figures = draw_figures(entrants)
    paired = Paired(statistics.confidence, statistics.resamples)
    report = build_report(entrants, _pairs(entrants, statistics, seed), paired, skipped, figures)
    for figure in figures:
        (folder / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8")
        (folder / f"{figure.name}.png").write_bytes(figure.png)
    for name, text in (("md", to_markdown(report)), ("json", to_json(report)), ("html", to_html(report))):
        (folder / f"report.{name}").write_text(text, encoding="utf-8")
    return report


def _pairs(entrants: Mapping[str, Result], statistics: Statistics, seed: int) -> list[dict[str, Any]]:
    """Every two of them; none of a single one."""
    if len(entrants) < 2:
        return []
    rows = {name: result.predictions for name, result in entrants.items()}
    return [
        {**asdict(pair), "rougeL": answers_gain(rows[pair.first], rows[pair.second], statistics, seed)}
        for pair in pairwise(rows, statistics, seed)
    ]
