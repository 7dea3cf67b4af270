"""The table of metrics: unique, described, documented, and found by the names of a record."""

import math
from dataclasses import replace

import pytest

from benchmarks.metrics.document import PAGE, with_metrics
from benchmarks.metrics.table import TABLE, entry_of, glossary
from reports.metric_info import Group
from reports.record import Metric, Unscored
from reports.record_files import read_record
from tests.benchmarks.helpers import row
from tests.benchmarks.metrics.samples import computed, metric
from tests.reports.samples import sample_record

UNITS = {
    *("fraction", "F1", "ms", "s", "MB", "queries/s", "tokens/s", "×"),
    *("USD/M tokens", "USD/1k questions", "tokens", "p"),
}


def test_every_metric_is_described_once() -> None:
    assert len({entry.name for entry in TABLE}) == len(TABLE)
    for entry in TABLE:
        assert entry.title
        assert entry.description
        assert not entry.description.endswith(".")
        assert entry.unit in UNITS


def test_every_committed_figure_is_within_the_bounds_of_its_metric() -> None:
    folders = [path.parent for path in (PAGE.parent.parent / "reports" / "baselines").glob("*/*/record.json")]
    assert folders
    for folder in folders:
        for one in read_record(folder).metrics:
            entry = entry_of(one.name)
            assert entry is not None
            assert entry.bounds.low <= one.value <= entry.bounds.high, one


def test_bounds_are_those_of_the_unit_unless_a_metric_has_its_own() -> None:
    expected = {
        "accuracy": (0, 1),
        "latency_p50": (0, math.inf),
        "cost": (0, math.inf),
        "rougeL": (0, 1),
        # One expert's answer minus another's.
        "rougeL_gain": (-1, 1),
        "apgr": (-math.inf, math.inf),
        "cost_saved": (-math.inf, 1),
    }
    for name, bounds in expected.items():
        entry = entry_of(name)
        assert entry is not None
        assert entry.bounds == bounds
    # All of the probability on one wrong domain: 1² for that, and 1² for the right one.
    found = computed([row("a", "b", 1.0)])
    brier = entry_of("brier")
    assert brier is not None
    assert metric(found, "brier").value == brier.bounds.high == 2


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("accuracy", "accuracy"),
        ("accuracy_typos", "accuracy_*"),
        ("rougeL_always:car", "rougeL_always:*"),
        ("rougeL_base", "rougeL_base"),
        ("quality_always:gpt-4", "quality_always:*"),
        ("calls_for_50_oracle", "calls_for_50_oracle"),
        ("invented", None),
    ],
)
def test_a_name_of_a_record_finds_its_entry(name: str, entry: str | None) -> None:
    found = entry_of(name)
    assert (found.name if found else None) == entry


def test_the_glossary_describes_every_name_in_table_order() -> None:
    metrics = [
        Metric("invented", 1.0, "apples", False),
        Metric("rougeL_always:car", 0.5, "F1", True),
        Metric("accuracy", 0.5, "fraction", True),
    ]
    record = replace(sample_record(metrics=metrics), unscored=[Unscored("ece", "no_rows")])
    found = glossary([record, record])
    assert list(found) == ["accuracy", "rougeL_always:car", "ece", "invented"]
    assert found["accuracy"].first
    assert found["rougeL_always:car"].title == "ROUGE-L (always car)"
    assert found["rougeL_always:car"].group == Group.ANSWERS
    assert (found["invented"].unit, found["invented"].higher_is_better) == ("apples", False)


def test_the_committed_page_is_the_generated_one() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_metrics(page), "run `make docs`"
