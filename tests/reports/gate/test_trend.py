"""The page of several runs."""

from dataclasses import replace
from pathlib import Path

from benchmarks.metrics.table import glossary
from reports.gate.trend import to_html, trend_table
from reports.record import Git, Metric, Provenance
from reports.record_files import Result
from tests.reports.samples import fraction, sample_record


def run(day: int, accuracy: float, latency: float | None = None) -> Result:
    timed = [] if latency is None else [Metric("latency_p50", latency, "ms", False, ci_low=1.0, ci_high=9.0)]
    record = sample_record(
        "knn <b>",
        provenance=Provenance(git=Git(f"{day}" * 40)),
        metrics=[replace(fraction("accuracy", accuracy), ci_low=accuracy - 0.01, ci_high=None), *timed],
    )
    return Result(Path(f"main/2026-01-0{day}_03-04-05_knn"), record, [])


RUNS = [run(1, 0.9), run(2, 0.95, 5.0), run(3, 0.94, 6.0)]
GLOSSARY = glossary(result.record for result in RUNS)


def test_the_newest_run_stands_on_top_and_what_was_not_measured_is_empty() -> None:
    table = trend_table(RUNS, GLOSSARY)
    assert [column.title for column in table.columns] == ["date", "commit", "Accuracy", "Latency"]
    assert [row.name for row in table.rows] == [result.folder.name for result in reversed(RUNS)]
    assert [cell.value for cell in table.rows[0].cells] == ["2026-01-03 03:04", "3333333", 0.94, 6.0]
    assert table.rows[2].cells[3].value is None


def test_the_page_needs_nothing_and_holds_every_run() -> None:
    page = to_html(RUNS, GLOSSARY)
    assert page == to_html(RUNS, GLOSSARY)
    assert "<title>Trend: knn &lt;b&gt; on" in page
    assert page.count('<th scope="row">') == 3
    assert "Accuracy from 90.0 to 94.0 %; Latency from 5.00 to 6.00 ms" in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org/", "")


def test_one_run_is_a_page_too() -> None:
    assert "<figcaption>1 run, from" in to_html(RUNS[:1], GLOSSARY)
