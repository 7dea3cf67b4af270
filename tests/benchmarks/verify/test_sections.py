"""Sections of records that cannot be derived from their folder alone."""

from dataclasses import replace

import pytest

from benchmarks.verify.sections import check_sections
from reports.record import SCHEMA_VERSION, HeldOutCounts, ThresholdResult, Tuning, Wish
from reports.record_files import Result
from reports.verification import Missing
from tests.benchmarks.gate_samples import predictions, result


@pytest.fixture
def chosen() -> Result:
    """A result with a threshold that was chosen, and no kept router."""
    made = result(predictions(4))
    threshold = ThresholdResult(Wish("confidence", coverage=0.5), 0.5, {}, HeldOutCounts(10, 5, 5))
    analyses = replace(made.record.analyses, thresholds=[threshold])
    return replace(made, record=replace(made.record, analyses=analyses))


@pytest.mark.parametrize(("version", "reason"), [(SCHEMA_VERSION, "router"), (4, "schema 5")])
def test_thresholds_are_not_derived_as_another_version_chose_them(
    chosen: Result, version: int, reason: str
) -> None:
    older = replace(chosen, record=replace(chosen.record, schema_version=version))
    missing = {one.code: one.details for one in check_sections(older).not_derived}
    assert reason in str(missing[Missing.THRESHOLDS]["error"])


def test_a_tuning_without_candidates_is_none(chosen: Result) -> None:
    analyses = replace(chosen.record.analyses, tuning=Tuning(5, {"k": 3}, []))
    found = check_sections(replace(chosen, record=replace(chosen.record, analyses=analyses)))
    assert "analyses.tuning.chosen" in {one.metric for one in found.differences}
