"""Facts, notices, and which speeds compare."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.comparison.conditions import (
    comparable_speed,
    facts,
    notices,
    separate,
)
from reports.comparison.model import Skipped, Statement, state
from reports.comparison.sentences import Code
from reports.record import Answering, AnswerSample, Metric, Timings
from reports.record_files import Result
from reports.text.statistics import Paired
from tests.reports.comparison.samples import (
    PAIRED,
    SKIPPED,
    codes,
    sample_provenance,
    sample_ranking,
    sample_result,
    sample_results,
    statement,
)


def elsewise(name: str, answers: bool = False, **changes: Any) -> Result:
    return sample_result(name, answers, provenance=sample_provenance(name, answers, **changes))


def noted(*others: Result, answers: bool = False, skipped: list[Skipped] | None = None) -> list[Statement]:
    results = sample_results(answers=answers) | {result.record.router: result for result in others}
    return list(notices(sample_ranking(results), skipped or [], PAIRED))


def test_facts_of_alike_results() -> None:
    results = sample_results()
    found = list(facts(sample_ranking(results), results))
    assert [(one.code, one.details) for one in found] == [
        (Code.ROUTERS, {"counts": {"router": 3, "baseline": 1}}),
        (Code.QUESTIONS, {"inside": 5, "outside": 1}),
        (Code.TRAINING_QUESTIONS, {"n": 560}),
        (Code.DOMAINS, {"n": 2, "names": ["car", "sleep"]}),
        (Code.MACHINE, {"machine": "2 cores of AMD EPYC", "threads": "2 threads"}),
        (Code.COMMIT, {"commit": "commit 0123456"}),
        (Code.WEIGHTS, {"names": ["packaged"]}),
    ]


def test_another_machine() -> None:
    (found,) = noted(elsewise("knn", machine={"cpu": "Xeon", "cores": 1, "gpu": ["H100", "L4"]}))
    assert found.code == Code.DIFFERENT_MACHINES
    assert found.details == {
        "groups": {
            "1 core of Xeon, H100, L4": ["knn"],
            "2 cores of AMD EPYC": ["tinyllama", "centroid", "tfidf"],
        },
        "instead": "p50 ÷ reference",
    }


def test_threads_commits_and_changes() -> None:
    (threads,) = noted(elsewise("knn", threads=1))
    assert (threads.code, list(threads.details["groups"])) == (
        Code.DIFFERENT_THREADS,
        ["1 thread", "2 threads"],
    )
    commits, dirty = noted(elsewise("knn", git={"commit": "f" * 40, "dirty": True}))
    assert list(commits.details["groups"]) == ["commit fffffff with changes", "commit 0123456"]
    assert (dirty.code, dirty.details) == (Code.UNCOMMITTED_RUNS, {"routers": ["knn"]})


def test_leakage_of_a_router_not_of_a_baseline() -> None:
    # A record of schema 2 has the setting under another name.
    off = {"leakage": {"mode": "off"}}, {"guard": {"mode": "off"}}
    found = noted(
        sample_result("knn", config=off[0]),
        sample_result("centroid", config=off[1]),
        sample_result("tfidf", config=off[0]),
    )
    assert statement(found, Code.LEAKAGE_UNCHECKED) == {"routers": ["knn", "centroid"]}


def test_other_training_questions_and_other_experts() -> None:
    dataset = {"name": "car_sleep", "train": {"ids_sha256": "9" * 64, "by_label": {"car": 5, "sleep": 5}}}
    (found,) = noted(elsewise("tinyllama", dataset=dataset))
    assert (found.code, list(found.details["groups"])) == (
        Code.DIFFERENT_TRAINING,
        ["560 (ids 1111111)", "10 (ids 9999999)"],
    )
    assert codes(noted(elsewise("knn", True, experts={}), answers=True)) == [Code.DIFFERENT_EXPERTS]


def test_other_samples_of_the_questions() -> None:
    def sampled(name: str, questions: int) -> Result:
        found = sample_result(name, True)
        experts = Answering(3 * questions, 0, 0, sample=AnswerSample(questions, 240, 5, ("label", "slice")))
        return replace(found, record=replace(found.record, timings=Timings(experts=experts)))

    (found,) = noted(sampled("knn", 48), sampled("tinyllama", 96), answers=True)
    assert found.code == Code.DIFFERENT_SAMPLES
    groups = found.details["groups"]
    assert (groups["48 of 240 (seed 5)"], groups["96 of 240 (seed 5)"]) == (["knn"], ["tinyllama"])
    assert len(groups) == 3


def test_results_left_out_are_counted_but_not_a_baseline_that_every_run_has() -> None:
    twin = Skipped(Path("outputs/run/svm/baselines/tfidf"), state(Code.SAME_RESULT, first="outputs/run/knn"))
    assert statement(noted(skipped=SKIPPED * 2), Code.LEFT_OUT) == {"n": 2}
    assert statement(noted(skipped=[twin, *SKIPPED]), Code.LEFT_OUT) == {"n": 1}
    assert noted(skipped=[twin, twin]) == []


def test_another_confidence_of_the_pairs() -> None:
    (found,) = notices(sample_ranking(), [], Paired(0.9))
    assert (found.code, found.details) == (Code.DIFFERENT_CONFIDENCE, {"own": [0.95], "pairs": [0.9]})
    # Nothing is said of pairs where there are none.
    assert list(notices(sample_ranking(sample_results("knn"), []), [], Paired(0.9))) == []


@pytest.mark.parametrize(
    ("unlike", "compares"),
    [
        ({}, "latency_p50"),
        ({"machine": {"cpu": "old"}}, "latency_p50_vs_reference"),
        ({"reference_workload": 2}, "latency_p50"),
        ({"threads": 8}, None),
        ({"machine": {"cpu": "old"}, "reference_workload": 2}, None),
    ],
)
def test_which_speed_compares(unlike: dict[str, Any], compares: str | None) -> None:
    records = [sample_result("tinyllama").record, elsewise("knn", **unlike).record]
    assert comparable_speed(records) == compares


@pytest.mark.parametrize(
    ("end", "beginning", "apart"),
    [(2.0, 2.1, True), (2.0, 2.0, False), (None, 2.1, False), (2.0, None, False)],
)
def test_intervals_apart(end: float | None, beginning: float | None, apart: bool) -> None:
    lower = Metric("latency_p50", 1.5, "ms", False, ci_low=1, ci_high=end)
    higher = Metric("latency_p50", 3, "ms", False, ci_low=beginning, ci_high=4)
    assert separate(lower, higher) == apart
    assert not separate(higher, lower)
