"""Sections of records: what follows from the rows and the configuration, and what does not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.experiment.thresholds import wishes
from benchmarks.verify.sections import check_sections
from common.settings import Policy
from reports.reasons import Reason
from reports.record import (
    SCHEMA_VERSION,
    CascadeResult,
    Estimate,
    HeldOutCounts,
    Leakage,
    Record,
    Shift,
    ThresholdResult,
    Tuning,
    Wish,
)
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


@pytest.mark.parametrize(("version", "reason"), [(SCHEMA_VERSION, Reason.REFUSED), (4, Reason.OLDER_SCHEMA)])
def test_thresholds_are_not_derived_as_another_version_chose_them(
    chosen: Result, version: int, reason: Reason
) -> None:
    older = replace(chosen, record=replace(chosen.record, schema_version=version))
    missing = {one.code: one.why for one in check_sections(older).not_derived}
    assert missing[Missing.THRESHOLDS] == reason


def test_a_tuning_without_candidates_is_none(chosen: Result) -> None:
    analyses = replace(chosen.record.analyses, tuning=Tuning(5, {"k": 3}, []))
    found = check_sections(replace(chosen, record=replace(chosen.record, analyses=analyses)))
    assert "analyses.tuning.chosen" in {one.metric for one in found.differences}


def found(result: Result, **analyses: Any) -> set[str]:
    """Names of the analyses that do not follow, of the result with these."""
    record = replace(result.record, analyses=replace(result.record.analyses, **analyses))
    differences = check_sections(replace(result, record=record)).differences
    return {one.metric for one in differences if one.metric.startswith("analyses.")}


def configured(result: Result, **settings: Any) -> Result:
    record: Record = result.record
    return replace(result, record=replace(record, config={**record.config, **settings}))


KINDS, PAIRS, REPEATED = (f"analyses.leakage.{name}" for name in ("kinds", "pairs", "repeated"))


@pytest.mark.parametrize(
    ("changes", "betrayed"),
    [
        ({}, set()),
        ({"kinds": {"same": 1, "near_in_meaning": 1}}, {PAIRS}),
        ({"kinds": {"same": 2, "alike": 1}}, {KINDS}),
        ({"kinds": {"same": 3, "contained": 0}}, {KINDS}),
        # Questions 1 and 3 say the same in other letters.
        ({"repeated": 0}, {REPEATED}),
        ({"repeated": 3}, set()),
        ({"repeated": 4}, {REPEATED}),
        ({"repeated": None}, {REPEATED}),
        ({"mode": "off", "pairs": 0, "kinds": {}, "dropped": 0, "dropped_ids": [], "repeated": None}, set()),
        ({"mode": "off", "pairs": 0, "kinds": {}, "dropped": 0, "dropped_ids": []}, {REPEATED}),
    ],
)
def test_counts_of_leaks_follow_from_each_other_and_the_questions(
    changes: dict[str, Any], betrayed: set[str]
) -> None:
    first, *rows = predictions(4)
    same = [
        replace(one, query=query)
        for one, query in zip(rows, ("Is it me?", "Or not", "is it ME"), strict=True)
    ]
    made = replace(result([first, *same]), folder=Path("nowhere"))
    leakage = Leakage("drop", 0.95, 3, 2, ["a", "b"], {"same": 2, "near_in_meaning": 1}, 1)
    assert found(made, leakage=replace(leakage, **changes)) == betrayed


def cascade(**changes: Any) -> CascadeResult:
    """A cascade chosen for a share of 0.2 that sent on 2 of 10 questions, and 5 of the 10 of the test."""
    # Fisher's exact test of 2 of 10 against 5 of 10: the tables with 0, 1, 2 and 5, 6, 7 of the 7 on one side
    # have C(10, k) C(10, 7 - k) / C(20, 7): 120, 2100 and 11340, twice, of 77520.
    shift = Shift("sent_on", 0.2, 10, 0.5, 10, 27120 / 77520)
    sent_on, lost = Estimate(0.5, 0.18708602844739855, 0.8129139715526015), Estimate(0.0, -0.1, 0.1)
    return replace(CascadeResult(0.8, 0.2, None, sent_on, lost, [shift]), **changes)


@pytest.mark.parametrize(
    ("changes", "betrayed"),
    [
        ({}, set()),
        ({"share": 0.5}, {"analyses.cascade.share"}),
        ({"loss": 0.01}, {"analyses.cascade.loss"}),
        ({"shifts": []}, {"analyses.cascade.shifts"}),
        ({"shifts": [Shift("sent_on", 0.2, 10, 0.5, 10, 0.9)]}, {"analyses.cascade.shifts"}),
        ({"shifts": [Shift("sent_on", 0.25, 10, 0.5, 10, 27120 / 77520)]}, {"analyses.cascade.shifts"}),
        ({"shifts": [Shift("sent_on", -2.0, -10, 0.5, 10, 0.3)]}, {"analyses.cascade.shifts"}),
        ({"sent_on": Estimate(0.4, 0.2, 0.6)}, {"analyses.cascade.sent_on"}),
    ],
)
def test_a_cascade_was_chosen_as_configured_and_its_shift_follows_from_its_counts(
    changes: dict[str, Any], betrayed: set[str]
) -> None:
    rows = [replace(row, sent_on=number < 5) for number, row in enumerate(predictions(10))]
    router = {"name": "knn", "threshold": None, "share": 0.2, "loss": 0.01}
    made = configured(replace(result(rows), folder=Path("nowhere")), router=router)
    assert found(made, cascade=cascade(**changes)) == betrayed


def test_a_threshold_that_was_given_was_chosen_for_nothing() -> None:
    rows = [replace(row, sent_on=number < 5) for number, row in enumerate(predictions(10))]
    router = {"name": "knn", "threshold": 0.8, "share": None, "loss": 0.01}
    made = configured(replace(result(rows), folder=Path("nowhere")), router=router)
    assert found(made, cascade=cascade(share=None, shifts=[])) == set()
    assert found(made, cascade=cascade(share=None)) == {"analyses.cascade.shifts"}


@pytest.mark.parametrize(
    "counts", [HeldOutCounts(10, 11, 5), HeldOutCounts(-1, 5, 5), HeldOutCounts(10, 5, 6)]
)
def test_counts_that_no_held_out_questions_give(chosen: Result, counts: HeldOutCounts) -> None:
    (threshold,) = chosen.record.analyses.thresholds
    thresholds = [replace(threshold, wish=wish, held_out=counts) for wish in wishes(Policy())]
    assert "analyses.thresholds[0].held_out" in found(chosen, thresholds=thresholds)


def test_thresholds_are_those_that_were_wished_for(chosen: Result) -> None:
    (threshold,) = chosen.record.analyses.thresholds
    usual = wishes(Policy())
    for wished in (usual[:-1], [replace(usual[0], coverage=0.6), *usual[1:]]):
        thresholds = [replace(threshold, wish=wish) for wish in wished]
        assert "analyses.thresholds" in found(chosen, thresholds=thresholds)
    right = [replace(threshold, wish=wish) for wish in usual]
    assert "analyses.thresholds" not in found(chosen, thresholds=right)
    # Nothing was held out, unless the configuration says so.
    assert "analyses.thresholds" not in found(chosen, thresholds=[])
    assert "analyses.thresholds" in found(configured(chosen, calibration="temperature"), thresholds=[])
