"""Facts in a few words, and what has to be known first."""

from pathlib import Path
from typing import Any

import pytest

from reports.comparison.conditions import comparable_speed, facts, notices
from reports.comparison.model import Skipped
from reports.record import Result
from tests.reports.comparison.samples import (
    SKIPPED,
    changed,
    elsewhere,
    sample_contest,
    sample_provenance,
    sample_result,
    sample_results,
)


def with_provenance(name: str, answers: bool = False, **changes: Any) -> Result:
    provenance = {**sample_provenance(name, answers), **changes}
    return sample_result(name, answers, provenance=provenance)


def noted(*changed_: Result, **kept: Any) -> list[str]:
    results = sample_results(**kept) | {result.record.router: result for result in changed_}
    return notices(sample_contest(results), [])


def test_facts() -> None:
    results = sample_results()
    assert facts(sample_contest(results), results) == [
        "3 routers and 1 baseline",
        "5 test questions with a domain, 1 without",
        "560 training questions",
        "2 domains: car, sleep",
        "2 cores of AMD EPYC, 2 threads",
        "commit 0123456",
        "packaged weights",
    ]


def test_facts_do_not_say_of_all_what_holds_for_some() -> None:
    results = sample_results("knn", "centroid") | {
        "knn": with_provenance("knn", threads=1, git={"commit": None, "dirty": None})
    }
    found = facts(sample_contest(results), results)
    assert "several machines or thread counts" in found
    assert "several commits" in found


def test_alike_there_is_nothing_to_note() -> None:
    assert noted() == []
    assert noted(answers=True) == []


def test_another_machine() -> None:
    other = {"cpu": "Xeon", "cores": 1, "gpu": ["H100", "L4"]}
    assert noted(with_provenance("knn", machine=other)) == [
        "Measured with different machines, compare p50 ÷ reference, not milliseconds: 1 core of Xeon, H100, "
        "L4 (knn); 2 cores of AMD EPYC (tinyllama, centroid and tfidf)."
    ]


def test_another_machine_does_not_matter_to_what_was_not_measured() -> None:
    result = changed(with_provenance("knn", machine={"cpu": "Xeon", "cores": 1}), without=["latency_p50"])
    assert noted(result) == []


def test_threads_reference_commit_and_changes() -> None:
    (threads,) = noted(with_provenance("knn", threads=1))
    assert threads.endswith(
        "their speeds do not compare: 1 thread (knn); 2 threads (tinyllama, centroid and tfidf)."
    )
    (reference,) = noted(with_provenance("knn", reference_workload=2))
    assert "version 2 (knn); version 1 (" in reference
    commits, dirty = noted(with_provenance("knn", git={"commit": "f" * 40, "dirty": True}))
    assert commits.startswith("Not all of the same code: commit fffffff with changes (knn); commit 0123456 (")
    assert dirty.endswith("uncommitted changes, so that no commit says what ran: knn.")


@pytest.mark.parametrize(
    ("unlike", "compares"),
    [
        ([], "latency_p50"),
        (["machines"], "latency_p50_vs_reference"),
        (["versions of the reference workload"], "latency_p50"),
        (["thread counts"], None),
        (["machines", "versions of the reference workload"], None),
    ],
)
def test_which_speed_compares(unlike: list[str], compares: str | None) -> None:
    other = sample_result("knn")
    for what in unlike:
        other = elsewhere(other, what)
    assert comparable_speed([sample_result("tinyllama").record, other.record]) == compares


def test_no_advice_to_compare_multiples_of_two_references() -> None:
    machines, references = noted(
        with_provenance("knn", machine={"cpu": "Xeon", "cores": 1}, reference_workload=2)
    )
    assert machines.startswith("Measured with different machines, their milliseconds do not compare: ")
    assert "their p50 ÷ reference do not compare" in references


def test_the_guard_of_a_router_not_of_a_baseline() -> None:
    off = {"guard": {"mode": "off"}}
    (notice,) = noted(sample_result("knn", config=off), sample_result("tfidf", config=off))
    assert notice == (
        "The leakage guard was off, so that test questions may also stand in the training data: knn."
    )


def test_other_training_questions() -> None:
    dataset = {"name": "car_sleep", "train": {"ids_sha256": "9" * 64, "by_label": {"car": 5, "sleep": 5}}}
    (notice,) = noted(with_provenance("tinyllama", dataset=dataset))
    assert notice == (
        "They did not learn from the same training questions: 560 (ids 1111111) (knn, centroid and tfidf); "
        "10 (ids 9999999) (tinyllama)."
    )


def test_other_experts() -> None:
    (notice,) = noted(with_provenance("knn", True, experts={}), answers=True)
    assert notice.startswith("Not all asked the same experts")


def test_what_was_left_out() -> None:
    assert notices(sample_contest(), SKIPPED) == ["1 result was left out; the report lists the reason."]
    assert notices(sample_contest(), SKIPPED * 2) == ["2 results were left out; the report lists the reason."]


def test_a_twin_is_not_left_out() -> None:
    reason = "the same router with the same predictions as outputs/run/knn/baselines/tfidf"
    twin = Skipped(Path("outputs/run/svm/baselines/tfidf"), reason)
    assert notices(sample_contest(), [twin, twin]) == []
    assert notices(sample_contest(), [twin, *SKIPPED]) == [
        "1 result was left out; the report lists the reason."
    ]
