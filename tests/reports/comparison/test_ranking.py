"""Ranking, and pairs either way round."""

from dataclasses import replace

from reports.comparison.ranking import difference
from reports.record import Estimate, Verdict
from tests.reports.comparison.samples import (
    changed,
    sample_difference,
    sample_pair,
    sample_ranking,
    sample_results,
)
from tests.reports.samples import fraction


def test_the_most_accurate_is_first_and_baselines_are_last() -> None:
    results = sample_results("centroid", "tfidf", "tinyllama", "knn")
    results["tfidf"] = changed(results["tfidf"], fraction("accuracy", 0.99))
    found = sample_ranking(results)
    assert [record.router for record in found.records] == ["knn", "tinyllama", "centroid", "tfidf"]
    assert [record.router for record in found.candidates] == ["knn", "tinyllama", "centroid"]
    assert [record.router for record in found.baselines] == ["tfidf"]


def test_a_pair_the_other_way_round() -> None:
    rouge = sample_difference(0.1, 0.05, 0.2, Verdict.BETTER)
    found = sample_ranking(pairs=[sample_pair("knn", "tfidf", rouge=rouge)])
    turned = found.pair("tfidf", "knn")
    assert turned is not None
    assert difference(turned) == Estimate(-0.125, -0.1875, -0.0625)
    assert (turned.only_first, turned.only_second, turned.verdict) == (12, 42, Verdict.WORSE)
    assert turned.rouge == sample_difference(-0.1, -0.2, -0.05, Verdict.WORSE)
    assert found.n_pairs == 1
    assert (turned.p_adjusted, turned.p_value) == (0.0003, 0.0001)
    assert found.beats("knn", "tfidf")
    assert not found.beats("tfidf", "knn")
    assert found.answers_better("knn", "tfidf")
    assert not found.answers_better("tfidf", "knn")


def test_differences_that_are_not_significant_nearest_to_being_better_first() -> None:
    found = sample_ranking()
    unclear = found.unclear("knn", found.records)
    assert [(record.router, pair.difference) for record, pair in unclear] == [
        ("tinyllama", 0.02),
        ("centroid", 0.083),
    ]
    assert not found.beats("knn", "tinyllama")
    assert not found.beats("tinyllama", "knn")
    assert sample_ranking(pairs=[]).pair("knn", "tfidf") is None


def test_one_weighted_pair_makes_the_questions_weighted() -> None:
    assert not sample_ranking().weighted
    assert sample_ranking(pairs=[replace(sample_pair("knn", "tfidf"), weighted=True)]).weighted
