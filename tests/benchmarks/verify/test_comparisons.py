"""Comparisons of a record follow from the rows of both routers."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.stats.paired import compare
from benchmarks.verify.comparisons import check_comparisons
from reports.record import Comparison, Verdict
from reports.record_files import Result, write_record
from tests.benchmarks.gate_samples import QUICK, predictions, result

ROWS = [replace(row, rougeL=0.5, answers={}) for row in predictions(60, wrong=range(12))]
THEIRS = [replace(row, rougeL=0.25, answers={}) for row in predictions(60, wrong=range(20))]
ACCURACY, ROUGE = compare(ROWS, {"x": THEIRS}, QUICK, 0)
# Bootstrap intervals, and ROUGE-L without a test.
OLD_ACCURACY = replace(ACCURACY, ci_low=0.1)
OLD_ROUGE = replace(ROUGE, ci_low=0.1, p_adjusted=None, verdict=None)


@pytest.mark.parametrize(
    ("version", "comparisons", "differing"),
    [
        (5, [ACCURACY, ROUGE], []),
        (5, [ACCURACY, OLD_ROUGE], [("rougeL", field) for field in ("p_adjusted", "verdict", "ci_low")]),
        (4, [OLD_ACCURACY, OLD_ROUGE], []),
        # What was computed alike is compared.
        (4, [replace(OLD_ACCURACY, verdict=Verdict.WORSE), OLD_ROUGE], [("accuracy", "verdict")]),
        (4, [OLD_ACCURACY, replace(OLD_ROUGE, difference=0.1)], [("rougeL", "difference")]),
    ],
)
def test_intervals_and_tests_are_those_of_the_schema_version(
    tmp_path: Path, version: int, comparisons: list[Comparison], differing: list[tuple[str, str]]
) -> None:
    record = replace(result(ROWS).record, comparisons=comparisons, schema_version=version)
    other = tmp_path / "baselines" / "x"
    other.mkdir(parents=True)
    write_record(other, replace(record, router="x", comparisons=[]), THEIRS)
    found = check_comparisons(Result(tmp_path, record, ROWS))
    assert (found.n_comparisons, found.not_derived) == (2, [])
    assert [(one.metric, one.field) for one in found.differences] == differing
