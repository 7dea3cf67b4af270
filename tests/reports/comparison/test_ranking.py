"""Ranking, and what is said of two routers either way round."""

import pytest

from tests.reports.comparison.samples import (
    changed,
    sample_contest,
    sample_pair,
    sample_pairs,
    sample_result,
    sample_results,
    with_weights,
)
from tests.reports.samples import fraction


def test_the_most_accurate_is_first_and_baselines_are_last() -> None:
    results = sample_results("centroid", "tfidf", "tinyllama", "knn")
    results["tfidf"] = changed(results["tfidf"], fraction("accuracy", 0.99))
    found = sample_contest(results)
    assert [record.router for record in found.records] == ["knn", "tinyllama", "centroid", "tfidf"]
    assert [record.router for record in found.candidates] == ["knn", "tinyllama", "centroid"]
    assert [record.router for record in found.baselines] == ["tfidf"]


def test_one_without_accuracy_is_last_of_its_kind() -> None:
    results = sample_results()
    results["knn"] = changed(results["knn"], without=["accuracy"])
    names = [record.router for record in sample_contest(results).records]
    assert names == ["tinyllama", "centroid", "knn", "tfidf"]


def test_only_baselines_are_candidates_then() -> None:
    found = sample_contest(sample_results("tfidf"), [])
    assert [record.router for record in found.candidates] == ["tfidf"]
    assert found.baselines == []


def test_two_of_one_router_go_by_their_names_here() -> None:
    results = {"knn k=5": sample_result("knn"), "knn k=20": sample_result("knn")}
    assert [record.router for record in sample_contest(results, []).records] == ["knn k=5", "knn k=20"]


def test_the_other_way_round() -> None:
    found = sample_contest(pairs=[sample_pair("knn", "tfidf", rougeL=[0.1, 0.05, 0.2])])
    turned = found.against("tfidf", "knn")
    assert turned is not None
    assert (turned.difference, turned.low, turned.high) == (-0.125, -0.1875, -0.0625)
    assert (turned.alone, turned.other_alone, turned.verdict) == (12, 42, "worse")
    assert turned.rouge == pytest.approx((-0.1, -0.2, -0.05))
    assert (turned.p, turned.p_alone) == (0.0003, 0.0001)
    assert found.beats("knn", "tfidf")
    assert not found.beats("tfidf", "knn")


def test_who_cannot_be_told_apart_nearest_to_being_better_first() -> None:
    found = sample_contest()
    unclear = found.unclear("knn", found.records)
    assert [(record.router, met.difference) for record, met in unclear] == [
        ("tinyllama", 0.02),
        ("centroid", 0.083),
    ]
    assert [record.router for record, _ in found.unclear("centroid", found.baselines)] == ["tfidf"]


def test_what_was_tested_how() -> None:
    assert sample_contest().test == "McNemar's exact test"
    assert sample_contest(pairs=with_weights(sample_pairs())).test == "a permutation test with weights"


def test_what_cannot_be_told_cannot_be_told_either_way() -> None:
    found = sample_contest(pairs=sample_pairs())
    assert not found.beats("knn", "tinyllama")
    assert not found.beats("tinyllama", "knn")
    assert sample_contest(pairs=[]).against("knn", "tfidf") is None
