"""A comparison report from results: compared in pairs, drawn, and written in every form."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.metrics.table import glossary
from benchmarks.records.folders import comparable, named
from benchmarks.stats.paired import against_constant, pairwise
from common.progress import say
from common.settings import Statistics
from reports.comparison.build import build_report
from reports.comparison.figures.all import draw_figures
from reports.comparison.model import Report
from reports.comparison.ranking import BASELINE
from reports.comparison.render.html import to_html
from reports.comparison.render.json import to_json
from reports.comparison.render.markdown import to_markdown
from reports.record_files import Result
from reports.text.statistics import Paired
from reports.text.unicode import harmless


def write_report(results: Sequence[Result], folder: Path, statistics: Statistics, seed: int) -> Report:
    """Compare those that belong with the first one; write `report.md`, `report.html`, `report.json` and each
    figure as SVG and PNG into an existing folder."""
    kept, skipped = comparable(results)
    for one in skipped:
        say(harmless(f"left out {one.folder}: {one.reason.message}"))
    by_name = named(kept)
    rows = {name: result.predictions for name, result in by_name.items() if result.record.is_scored}
    pairs = pairwise(rows, statistics, seed) if len(rows) > 1 else []
    candidates = {name: of for name, of in rows.items() if by_name[name].record.family != BASELINE} or rows
    report = build_report(
        by_name,
        pairs,
        Paired(statistics.confidence),
        glossary([result.record for result in kept]),
        skipped,
        draw_figures(by_name, pairs),
        against_constant(candidates, statistics, seed),
    )
    for figure in report.figures:
        (folder / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8")
        (folder / f"{figure.name}.png").write_bytes(figure.png)
    texts = {"md": to_markdown(report), "json": to_json(report), "html": to_html(report)}
    for ending, text in texts.items():
        (folder / f"report.{ending}").write_text(text, encoding="utf-8")
    return report
