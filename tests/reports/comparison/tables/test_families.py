"""Classifier beside embedding router, each figure worked out by hand."""

import pytest

from reports.comparison.tables.families import families_table
from reports.reasons import Reason
from reports.record import Metric, Provenance, Timings, Unscored
from reports.record_files import Result
from reports.table import Cell
from tests.reports.comparison.samples import (
    changed,
    sample_ranking,
    sample_result,
    sample_results,
    sample_timings,
)


def cell(result: Result, key: str) -> Cell:
    table = families_table(sample_ranking({"it": result}, []))
    assert table is not None
    return table.rows[0].cells[[column.key for column in table.columns].index(key)]


KNN = sample_result("knn")


def test_candidates_with_their_kind() -> None:
    table = families_table(sample_ranking())
    assert table is not None
    assert [(row.name, row.note.partition(":")[0]) for row in table.rows] == [
        ("knn", "embedding"),
        ("tinyllama", "classifier"),
        ("centroid", "embedding"),
    ]
    assert families_table(sample_ranking(sample_results("tfidf"), [])) is None


def test_figures_that_follow_from_others() -> None:
    # 2 threads × 1,000 ÷ 150 a second.
    assert cell(KNN, "core_seconds").value == pytest.approx(2000 / 150)
    # 150 a second, where one after the other at 10 ms makes 100.
    assert cell(KNN, "batch_gain").value == pytest.approx(1.5)
    # The mean of the raw timings, whatever the p50 is said to be.
    assert cell(changed(KNN, timings=sample_timings(5.0)), "batch_gain").value == pytest.approx(0.75)
    # A quarter of 92 MB over 560 questions.
    assert cell(KNN, "index_bytes").value == pytest.approx(23e6 / 560)
    assert cell(KNN, "disk").value == 92


@pytest.mark.parametrize(
    ("result", "key"),
    [
        # What a classifier saves does not grow with the questions.
        (sample_result("tinyllama"), "index_bytes"),
        (changed(KNN, provenance=Provenance(threads=2)), "index_bytes"),
        (changed(KNN, timings=Timings()), "batch_gain"),
        (changed(KNN, Metric("throughput", 0.0, "queries/s", True)), "core_seconds"),
        # Threads do not count the part of a GPU.
        (changed(KNN, Metric("cuda_peak", 500.0, "MB", False)), "core_seconds"),
    ],
)
def test_figures_that_cannot_be_known(result: Result, key: str) -> None:
    assert cell(result, key) == Cell()


def test_a_speed_that_was_not_measured_has_the_reason_of_its_record() -> None:
    reason = Unscored("latency_p50", Reason.NOT_MEASURED)
    names = ["latency_p50", "throughput", "weights_size", "index_size"]
    bare = changed(KNN, without=names, unscored=[reason])
    for key in ("core_seconds", "batch_gain", "disk"):
        assert cell(bare, key).missing == reason
