"""Which router, by the rule; its evidence and every doubt."""

from dataclasses import replace
from typing import Any

import pytest

from reports.comparison.model import Verdict
from reports.comparison.verdict import verdict
from reports.record import Metric, Result
from tests.reports.comparison.samples import (
    changed,
    elsewhere,
    in_one_process,
    sample_contest,
    sample_pair,
    sample_pairs,
    sample_provenance,
    sample_result,
    sample_results,
    unclear_pair,
    with_weights,
)
from tests.reports.samples import fraction


def given(results: dict[str, Result] | None = None, pairs: list[dict[str, Any]] | None = None) -> Verdict:
    return verdict(sample_contest(results, pairs))


def test_the_fastest_of_the_leaders_that_beat_every_baseline() -> None:
    assert given().sentence == (
        "Take knn: 83.3 % [78.3, 87.3] right on 240 questions, 10.0 ms a question (p50) and 240 MB of "
        "memory; no other router is more accurate beyond doubt, and it is the fastest of knn and "
        "tinyllama: of those that no router beats, only they are more accurate than every baseline beyond "
        "doubt."
    )


def test_without_a_baseline_to_beat_the_fastest_leader() -> None:
    found = given(sample_results("knn", "tinyllama", "centroid"))
    assert found.router == "centroid"
    assert found.sentence.endswith(
        "it is the fastest of knn, tinyllama and centroid, which cannot be ranked beyond doubt."
    )


def test_a_faster_one_that_is_beaten_is_not_taken() -> None:
    pairs = [sample_pair("knn", "centroid"), unclear_pair("knn", "tinyllama")]
    found = given(sample_results("knn", "tinyllama", "centroid"), pairs)
    assert found.router == "knn"
    assert found.evidence[0] == "More accurate beyond doubt than centroid (+12.5 points [+6.2, +18.8])."


def test_better_than_every_other() -> None:
    pairs = [sample_pair("tinyllama", other) for other in ("knn", "centroid", "tfidf")]
    found = given(pairs=pairs)
    assert found.router == "tinyllama"
    assert found.sentence.endswith("; it is more accurate than every other beyond doubt.")
    assert [doubt for doubt in found.doubts if "cannot be told apart" in doubt] == []


@pytest.mark.parametrize(
    ("baseline_pairs", "ending"),
    [
        (
            [sample_pair("knn", "tfidf"), unclear_pair("centroid", "tfidf")],
            "more accurate than every baseline beyond doubt.",
        ),
        # centroid is the faster one.
        (
            [unclear_pair("knn", "tfidf"), sample_pair("tfidf", "centroid")],
            "beaten by no baseline; but it cannot be told apart from the baseline tfidf by accuracy.",
        ),
    ],
    ids=["that-beats-the-baseline", "that-no-baseline-beats"],
)
def test_the_only_leader(baseline_pairs: list[dict[str, Any]], ending: str) -> None:
    pairs = [unclear_pair("knn", "centroid"), *baseline_pairs]
    found = given(sample_results("knn", "centroid", "tfidf"), pairs)
    assert found.router == "knn"
    assert found.sentence.endswith(f", and of those that no router beats, it alone is {ending}")


def test_the_most_accurate_where_speed_is_unknown() -> None:
    results = sample_results("knn", "tinyllama", "centroid")
    results["tinyllama"] = changed(results["tinyllama"], without=["latency_p50"])
    found = given(results)
    assert found.router == "knn"
    assert "it is the most accurate of knn, tinyllama and centroid" in found.sentence
    assert (
        "The speed of tinyllama was not measured, so that speed played no part in the choice." in found.doubts
    )


def slower(result: Result, p50: float, low: float, high: float) -> Result:
    return changed(result, Metric("latency_p50", p50, "ms", False, "all", 200, low, high))


def test_speed_within_the_noise_does_not_decide_against_accuracy() -> None:
    results = sample_results("knn", "centroid")
    results["knn"] = slower(results["knn"], 7.01, 6.0, 8.0)
    results["centroid"] = slower(results["centroid"], 7.0, 6.0, 8.0)
    found = given(results, [unclear_pair("knn", "centroid")])
    assert found.router == "knn"
    assert found.sentence.endswith(
        "and it is the most accurate of knn and centroid, which cannot be ranked beyond doubt."
    )
    assert "faster" not in found.doubts[0]


def test_the_most_accurate_among_the_fastest() -> None:
    results = sample_results("knn", "tinyllama", "centroid")
    # Its interval begins where that of centroid (6.3 to 7.7) ends; tinyllama is far off.
    results["knn"] = slower(results["knn"], 8.0, 7.7, 8.5)
    found = given(results)
    assert found.router == "knn"
    assert "it is among the fastest of knn, tinyllama and centroid, which" in found.sentence


@pytest.mark.parametrize(
    "what", [["thread counts"], ["machines", "versions of the reference workload"]], ids=" and ".join
)
def test_speeds_that_do_not_compare_play_no_part(what: list[str]) -> None:
    results = sample_results("knn", "tinyllama", "centroid")
    for one in what:
        results["tinyllama"] = elsewhere(results["tinyllama"], one)
    found = given(results)
    assert found.router == "knn"
    said = (
        f"Speeds come from different {' and '.join(what)}, so that speed played no part in the choice: see "
        "the notices."
    )
    assert said in found.doubts
    assert [line for line in found.evidence if "tinyllama" in line and "fast" in line] == []


def test_milliseconds_of_one_machine_compare_whatever_the_reference() -> None:
    results = sample_results("knn", "tinyllama")
    results["tinyllama"] = elsewhere(results["tinyllama"], "versions of the reference workload")
    found = given(results)
    assert found.sentence.endswith("the fastest of knn and tinyllama, which cannot be ranked beyond doubt.")
    assert found.evidence[0].startswith("Against tinyllama: 13.0 times as fast (10.0 against 130 ms)")
    assert [doubt for doubt in found.doubts if "Speeds" in doubt] == []


def test_a_speed_of_one_process_is_no_evidence_and_a_doubt() -> None:
    results = sample_results("knn", "tinyllama")
    results["tinyllama"] = in_one_process(results["tinyllama"])
    found = given(results)
    assert found.evidence == [
        "Against tinyllama: 240 against 1,100 MB of memory, 92.0 against 545 MB on disk."
    ]
    assert (
        "The speed of tinyllama was measured in one process, so that it is not beyond doubt: set "
        "measure.rounds to 2 or more." in found.doubts
    )
    assert not [doubt for doubt in given().doubts if "one process" in doubt]


def test_of_questions_with_weights_nobody_knows_how_many_would_be_needed() -> None:
    pairs = [sample_pair("knn", other) for other in ("tinyllama", "tfidf")]
    pairs.append(unclear_pair("knn", "centroid", rows_needed=None))
    found = given(sample_results(), with_weights(pairs))
    assert found.doubts[0].startswith(
        "centroid cannot be told apart from knn by accuracy: knn is 2.0 points ahead [-2.5, +7.0], but not "
        "beyond doubt (p = 0.511, 1.00 after the correction for all pairs)"
    )
    assert [line for line in found.evidence if "More accurate" in line] != []


def test_on_different_machines_the_multiple_of_the_reference_counts() -> None:
    results = sample_results("knn", "centroid")
    slow = {**sample_provenance("knn"), "machine": {"cpu": "old", "cores": 1}}
    multiple = Metric("latency_p50_vs_reference", 1.0, "×", False, "all", 200, 0.9, 1.1)
    results["knn"] = changed(results["knn"], multiple, provenance=slow)
    found = given(results)
    assert found.router == "knn"
    assert found.evidence[0].startswith(
        "Against centroid: 3.50 times as fast (1.00 against 3.50 × the reference)"
    )
    assert "Speeds come from different machines: see the notices." in found.doubts


def test_evidence_of_speed_memory_and_answers() -> None:
    found = given(sample_results(answers=True), sample_pairs(answers=True))
    assert found.evidence == [
        "More accurate beyond doubt than tfidf (+12.5 points [+6.2, +18.8]).",
        "Against tinyllama: 13.0 times as fast (10.0 against 130 ms), 240 against 1,100 MB of memory, 92.0 "
        "against 545 MB on disk.",
        "Answers of the experts that it chose: ROUGE-L 42.8 [32.5, 75.0] × 100; always asking the right one "
        "would add 2.8 [-7.5, 75.0]. Beyond doubt better answers than with tinyllama, centroid and tfidf.",
    ]


def test_a_speed_that_overlaps_and_memory_that_hardly_differs_are_no_evidence() -> None:
    results = sample_results("knn", "centroid")
    results["centroid"] = changed(
        results["centroid"], Metric("latency_p50", 9.9, "ms", False, "all", 200, 9.0, 11.0)
    )
    assert given(results).evidence == []


def test_who_cannot_be_told_apart_and_what_it_would_take() -> None:
    tinyllama, centroid = given().doubts[:2]
    assert tinyllama == (
        "tinyllama cannot be told apart from knn by accuracy: knn is 2.0 points ahead [-2.5, +7.0] on 240 "
        "questions, and about 2,786 would be needed if that is the true difference."
    )
    assert centroid.endswith("; it is the faster one (7.00 against 10.0 ms).")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"rows_needed": None, "difference": 0.0},
            "tinyllama cannot be told apart from knn by accuracy: they are equally accurate on the 240 "
            "questions.",
        ),
        # A sum of weights, rounded.
        ({"rows_needed": None, "difference": -1e-17}, "they are equally accurate on the 240 questions."),
        ({"difference": -0.02}, "knn is 2.0 points behind"),
        (
            {"rows_needed": 200, "p_value": 0.02, "p_adjusted": 0.06},
            "[-2.5, +7.0], but not beyond doubt (p = 0.0200, 0.0600 after the correction for all pairs).",
        ),
        (
            {"rows_needed": None, "p_value": 0.56, "p_adjusted": 0.56},
            "[-2.5, +7.0], but not beyond doubt (p = 0.560).",
        ),
    ],
)
def test_other_ways_of_not_knowing(changes: dict[str, Any], said: str) -> None:
    found = given(sample_results("knn", "tinyllama"), [unclear_pair("knn", "tinyllama", **changes)])
    assert said in found.doubts[0]


def test_a_baseline_that_cannot_be_told_apart_is_named_as_one() -> None:
    found = given(sample_results("knn", "tfidf"), [unclear_pair("knn", "tfidf")])
    assert found.doubts[0].startswith("The baseline tfidf cannot be told apart from knn by accuracy")
    assert found.doubts[0].endswith("difference. Something this simple may be enough here.")
    assert found.sentence.endswith(
        "; no other router is more accurate beyond doubt; but it cannot be told apart from the baseline "
        "tfidf by accuracy."
    )


def test_that_nothing_beats_a_baseline_is_the_first_doubt_and_in_the_sentence() -> None:
    pairs = [
        unclear_pair("knn", "centroid", difference=-0.05),
        unclear_pair("knn", "tfidf"),
        unclear_pair("centroid", "tfidf"),
    ]
    found = given(sample_results("knn", "centroid", "tfidf"), pairs)
    assert found.router == "centroid"
    assert found.sentence.endswith(
        "which cannot be ranked beyond doubt; but it cannot be told apart from the baseline tfidf by "
        "accuracy."
    )
    baseline, candidate = found.doubts[:2]
    assert baseline.startswith("The baseline tfidf cannot be told apart from centroid")
    assert candidate.startswith("knn cannot be told apart from centroid")


def many(n: int) -> tuple[dict[str, Result], list[dict[str, Any]]]:
    """knn and `n` like it, none better than another: as accurate, eleven times as slow."""
    results = sample_results("knn")
    for k in range(n):
        results[f"r{k}"] = slower(sample_result("knn"), 110.0, 100.0, 120.0)
    names = list(results)
    return results, [unclear_pair(name, other) for k, name in enumerate(names) for other in names[k + 1 :]]


def test_of_many_only_some_are_named() -> None:
    found = given(*many(5))
    assert found.evidence == [
        *[f"Against r{k}: 11.0 times as fast (10.0 against 110 ms)." for k in range(3)],
        "It is faster or smaller than 2 other routers, too: see the tables.",
    ]
    doubts = [doubt for doubt in found.doubts if "told apart" in doubt]
    assert [doubt.partition(" ")[0] for doubt in doubts[:3]] == ["r0", "r1", "r2"]
    assert doubts[3:] == ["2 others cannot be told apart from knn by accuracy either: see the tables."]


def test_one_more_takes_no_more_room_than_saying_that_there_is_one() -> None:
    found = given(*many(4))
    assert [line.partition(":")[0] for line in found.evidence] == [f"Against r{k}" for k in range(4)]
    assert len([doubt for doubt in found.doubts if "told apart" in doubt]) == 4


def cost_quality(name: str, *metrics: str) -> Result:
    return changed(
        sample_result(name),
        *(fraction(metric, 0.706, low=0.658, high=0.76) for metric in metrics),
        *(fraction(f"{metric}_random", 0.5) for metric in metrics),
    )


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (
            ["aiq", "apgr", "quality"],
            "APGR 70.6 % [65.8, 76.0], where choosing at random has 50.0 %; quality 70.6 % [65.8, 76.0].",
        ),
        (["aiq"], "AIQ 70.6 % [65.8, 76.0], where choosing at random has 50.0 %."),
    ],
)
def test_between_models_accuracy_is_not_all(metrics: list[str], said: str) -> None:
    results = {"knn": cost_quality("knn", *metrics), "tfidf": sample_result("tfidf")}
    found = given(results, [unclear_pair("knn", "tfidf")])
    assert found.evidence == [f"Choosing between models: {said}"]
    assert found.doubts[0].endswith("would be needed if that is the true difference.")


def as_accurate_as_knn(name: str) -> Result:
    accuracy = sample_result("knn").record.metric("accuracy")
    assert accuracy is not None
    return changed(sample_result(name), accuracy)


def test_equally_accurate_ones_are_not_called_more_accurate() -> None:
    results = sample_results("knn") | {"tinyllama": as_accurate_as_knn("tinyllama")}
    # Speed is within the noise.
    results["tinyllama"] = slower(results["tinyllama"], 9.9, 9.0, 10.9)
    found = given(results, [unclear_pair("knn", "tinyllama", difference=0.0, rows_needed=None)])
    assert found.router == "tinyllama"
    assert found.sentence.endswith(", and it is as accurate as knn; the lower p50 decided.")


def test_two_of_three_equally_accurate() -> None:
    results = sample_results("centroid") | {"tinyllama": as_accurate_as_knn("tinyllama")}
    results |= sample_results("knn")
    results = {name: changed(result, without=["latency_p50"]) for name, result in results.items()}
    found = given(results, [unclear_pair("knn", "tinyllama"), unclear_pair("knn", "centroid")])
    assert found.router == "knn"
    assert found.sentence.endswith(
        ", and it is among the most accurate of tinyllama, knn and centroid, which cannot be ranked beyond "
        "doubt; tinyllama is as accurate, and less memory decided."
    )


def test_a_baseline_that_is_better_is_the_first_doubt() -> None:
    pairs = [unclear_pair("knn", "centroid"), sample_pair("tfidf", "knn"), sample_pair("tfidf", "centroid")]
    found = given(sample_results("knn", "centroid", "tfidf"), pairs)
    assert found.router == "centroid"
    assert found.sentence.endswith("; but the baseline tfidf is more accurate beyond doubt.")
    assert found.doubts[0].startswith("The baseline tfidf is more accurate beyond doubt (+12.5 points")


def test_better_answers_of_another() -> None:
    pairs = [unclear_pair("knn", "tinyllama", rougeL=[-0.02, -0.03, -0.01])]
    found = given(sample_results("knn", "tinyllama", answers=True), pairs)
    assert "The answers are better beyond doubt with tinyllama (ROUGE-L)." in found.doubts


def test_a_poor_slice() -> None:
    said = "On the overlap questions it is weaker: 67.0 % [62.0, 71.0] right on 100."
    assert said in given().doubts
    results = sample_results()
    # Reaches up to the accuracy on all questions.
    results["knn"] = changed(results["knn"], fraction("accuracy", 0.8, "overlap", 0.7, 0.833))
    assert not [doubt for doubt in given(results).doubts if "overlap" in doubt]
    # Less than 5 points below, however sure.
    results["knn"] = changed(results["knn"], fraction("accuracy", 0.79, "overlap", 0.78, 0.8))
    assert not [doubt for doubt in given(results).doubts if "overlap" in doubt]


def test_a_poor_slice_without_a_column() -> None:
    results = sample_results()
    parts = [fraction("accuracy", 0.5, name, 0.4, 0.6) for name in "abcde"]
    results["knn"] = changed(results["knn"], *parts)
    assert "On the e questions it is weaker: 50.0 % [40.0, 60.0] right on 40." in given(results).doubts


def test_few_questions() -> None:
    results = sample_results("knn")
    results["knn"] = changed(results["knn"], fraction("accuracy", 0.8, low=0.7, high=0.9))
    said = "There are only 40 test questions with a domain, which give its accuracy to about ±10 points."
    assert said in given(results, []).doubts
    assert not [doubt for doubt in given().doubts if "only" in doubt]


def test_few_questions_without_a_mistake() -> None:
    results = sample_results("knn")
    results["knn"] = changed(results["knn"], fraction("accuracy", 1.0, low=1.0, high=1.0))
    said = (
        "There are only 40 test questions with a domain, and without a mistake in them up to 8 % may still "
        "be wrong."
    )
    assert said in given(results, []).doubts


def test_uncommitted_changes() -> None:
    dirty = {**sample_provenance("knn"), "git": {"commit": "f" * 40, "dirty": True}}
    found = given({**sample_results(), "knn": sample_result("knn", provenance=dirty)})
    assert "It ran from uncommitted changes, so that nobody can run the same code again." in found.doubts


@pytest.mark.parametrize(("coverage", "says"), [(0.2, True), (1.0, False)])
def test_a_threshold_that_refuses_is_a_doubt(coverage: float, says: bool) -> None:
    policy = {"threshold": 0.5, "score": "confidence", "fallback": "abstain"}
    results = sample_results()
    knn = changed(results["knn"], fraction("coverage", coverage))
    derivation = {**knn.record.derivation, "policy": policy}
    results["knn"] = replace(knn, record=replace(knn.record, derivation=derivation))
    doubts = [doubt for doubt in given(results).doubts if "threshold" in doubt]
    said = (
        "Its accuracy counts the best guess for every question, but knn with threshold 0.5 by confidence "
        "accepts 20.0 % of the questions with a domain; the rest are not answered."
    )
    assert doubts == ([said] if says else [])


@pytest.mark.parametrize(("ece", "poor"), [(0.04, False), (0.049, False), (0.051, True)])
def test_poor_calibration(ece: float, poor: bool) -> None:
    # By chance 3.0 points.
    results = sample_results()
    results["knn"] = changed(results["knn"], Metric("ece", ece, "fraction", False, "all", 240))
    assert bool([doubt for doubt in given(results).doubts if "probabilities" in doubt]) == poor


def test_one_alone() -> None:
    found = given(sample_results("knn"), [])
    assert found.sentence == (
        "Only knn: 83.3 % [78.3, 87.3] right on 240 questions, 10.0 ms a question (p50) and 240 MB of "
        "memory; there is nothing to compare it with."
    )
    assert found.doubts[-1].startswith("Nothing was compared")


def test_only_baselines() -> None:
    results = {"tfidf": sample_result("tfidf"), "other": sample_result("tfidf")}
    results["other"] = changed(results["other"], fraction("accuracy", 0.5))
    found = given(results, [sample_pair("tfidf", "other")])
    assert found.sentence.startswith("Only baselines were compared; of them, take tfidf: 71.2 %")


def test_nothing_measured_at_all() -> None:
    bare = changed(sample_result("knn"), without=["accuracy", "latency_p50", "peak_rss"])
    found = given({"knn": bare}, [])
    assert found.sentence == "Only knn: accuracy unknown; there is nothing to compare it with."
    assert "The speed of knn was not measured." in found.doubts
