"""Comparisons of routers against hand-computed cases."""

import random
from dataclasses import replace

import pytest

from benchmarks.errors import BadInput
from benchmarks.stats.paired import against_constant, compare, difference_of_questions, pairwise
from benchmarks.stats.power import rows_needed
from common.settings import Statistics
from reports.record import Disagreement, Prediction, Verdict
from tests.benchmarks.helpers import row

QUICK = Statistics(resamples=100)

# True a, a, a, b, b, c; predicted a, a, b, b, c, c.
HAND = [row(*pair) for pair in ("aa", "aa", "ab", "bb", "bc", "cc")]


def answers(choices: str, labels: str) -> list[Prediction]:
    """A row a letter; a label of `-` is none."""
    return [
        row(None if label == "-" else label, choice, id_=f"q{number}")
        for number, (choice, label) in enumerate(zip(choices, labels, strict=True))
    ]


LABELS = "aaaaaaaabb--"
NAMED = {
    # Right: 8 of the first 8, and 1 of 2.
    "x": answers("aaaaaaaabaab", LABELS),
    # Right: 1 of the first 8, and 2 of 2.
    "y": answers("abbbbbbbbbbb", LABELS),
}


def test_a_pair_by_hand() -> None:
    (pair,) = pairwise(NAMED, QUICK, seed=0)
    assert (pair.first, pair.second, pair.n) == ("x", "y", 10)
    assert (pair.only_first, pair.only_second) == (7, 1)
    assert pair.difference == pytest.approx(0.6)
    # 1 + 8 of 256 ways, on both sides.
    assert pair.p_value == pair.p_adjusted == 18 / 256
    assert pair.verdict == Verdict.CANNOT_TELL
    assert pair.rows_needed == rows_needed(7, 1, 10)
    assert pair.ci_low < 0 < 0.6 < pair.ci_high


def test_a_pair_with_weights_by_hand() -> None:
    # The one question that y alone got right counts for 20.
    weights = [1, 1, 1, 1, 1, 1, 1, 1, 1, 20, 1, 1]
    named = {
        name: [replace(one, weight=weight) for one, weight in zip(rows, weights, strict=True)]
        for name, rows in NAMED.items()
    }
    (pair,) = pairwise(named, QUICK, seed=0)
    assert (pair.only_first, pair.only_second) == (7, 1)
    assert pair.difference == pytest.approx((7 - 20) / 29)
    assert pair.ci_low < pair.difference < pair.ci_high
    # 20 against at most 7: all signs come as far.
    assert pair.p_value == 1
    assert pair.verdict == Verdict.CANNOT_TELL
    assert pair.rows_needed is None
    (found,) = compare(named["x"], {"y": named["y"]}, QUICK, seed=0)
    assert (found.difference, found.p_adjusted, found.verdict) == (pair.difference, 1, pair.verdict)


def test_a_conversation_counts_as_one_question() -> None:
    # x alone is right on the ten turns of two conversations, y alone on the one of a third.
    labels, names = "a" * 11, [*"ppppp", *"qqqqq", "r"]
    named = {
        name: [replace(one, dialogue=dialogue) for one, dialogue in zip(rows, names, strict=True)]
        for name, rows in {"x": answers("a" * 10 + "b", labels), "y": answers("b" * 10 + "a", labels)}.items()
    }
    (pair,) = pairwise(named, QUICK, seed=0)
    assert (pair.difference, pair.weighted, pair.rows_needed) == (pytest.approx(9 / 11), True, None)
    # Of the signs of 5, 5 and 1, those of +++, ++- and their opposites come as far as 9: 4 of 8.
    assert pair.p_value == pytest.approx(1 / 2, abs=0.02)
    # The same turns by themselves: 11 and 1 of 4096, McNemar's.
    alone = {name: [replace(one, dialogue=None) for one in rows] for name, rows in named.items()}
    assert pairwise(alone, QUICK, seed=0)[0].p_value == pytest.approx(2 * 12 / 2**11)


def test_a_router_that_draws_is_compared_by_its_chances() -> None:
    labels = "aaaabbbb"
    named = {
        "x": answers("aaabbbba", labels),
        "y": answers("aaaaabbb", labels),
        "drawn": answers("a" * 8, labels),
    }
    named["drawn"] = [replace(one, chances={"a": 0.5, "b": 0.5}) for one in named["drawn"]]
    plain, pair, _ = pairwise(named, QUICK, seed=0)
    # Right are 6 of 8, and each by a half: of signs of eight equal gains 37 of 256 come as far on one side.
    assert (pair.difference, pair.only_first, pair.only_second) == (pytest.approx(0.25), 3, 1)
    assert pair.p_value == pytest.approx(2 * 37 / 256, abs=0.02)
    assert (pair.drawn, pair.weighted, pair.rows_needed) == (True, False, None)
    # The others are compared as before: y alone is right on 2, x alone on 1.
    assert (plain.only_first, plain.only_second, plain.p_value, plain.drawn) == (1, 2, 1.0, False)
    found = compare(named["x"], {"drawn": named["drawn"]}, QUICK, seed=0)
    assert [one.difference for one in found] == [pytest.approx(0.25)]
    constant = against_constant({"drawn": named["drawn"]}, QUICK, seed=0)
    assert constant is not None
    assert (constant.accuracy, constant.gains["drawn"].difference, constant.gains["drawn"].p_value) == (
        0.5,
        0,
        1,
    )


def test_where_two_disagree_and_who_was_right() -> None:
    named = {"x": answers("abcb", "aab-"), "y": answers("aaca", "aab-")}
    named["z"] = answers("bcac", "aab-")
    first, _, last = pairwise(named, QUICK, seed=0)
    (only,) = first.disagreements
    assert only == Disagreement("q1", "a question", "a", first="b", second="a", right="y")
    assert [(found.id, found.right) for found in last.disagreements] == [
        ("q0", "y"),
        ("q1", "y"),
        ("q2", None),
    ]


def test_verdicts_by_the_corrected_p() -> None:
    good, bad = "a" * 7, "b" * 7
    named = {"good": answers(good, good), "bad": answers(bad, good)}
    (pair,) = pairwise(named, QUICK, seed=0)
    # 2 of 128.
    assert (pair.p_value, pair.verdict) == (2 / 128, Verdict.BETTER)
    (back,) = pairwise(dict(reversed(named.items())), QUICK, seed=0)
    assert back.verdict == Verdict.WORSE
    # At 1 % it is not enough, nor is it at 5 % among ten pairs.
    (strict,) = pairwise(named, replace(QUICK, confidence=0.99), seed=0)
    assert strict.verdict == Verdict.CANNOT_TELL
    more = pairwise(named | {f"copy{i}": named["good"] for i in range(3)}, QUICK, seed=0)
    assert len(more) == 10
    assert more[0].p_adjusted == pytest.approx(10 * 2 / 128)
    assert more[0].verdict == Verdict.CANNOT_TELL


def test_rows_are_matched_by_id() -> None:
    shuffled = random.Random(0).sample(NAMED["y"], len(NAMED["y"]))
    assert [found.id for found in shuffled] != [found.id for found in NAMED["y"]]
    assert pairwise(NAMED | {"y": shuffled}, QUICK, 0) == pairwise(NAMED, QUICK, 0)


def test_other_questions_are_refused() -> None:
    with pytest.raises(BadInput, match=r"x and y .*: 2 of 12 are in the first alone, such as q10"):
        pairwise({"x": NAMED["x"], "y": NAMED["y"][:-2]}, QUICK, 0)
    with pytest.raises(BadInput, match=r"1 of 12 are in the second alone, such as q0"):
        pairwise({"x": NAMED["x"][1:], "y": NAMED["y"]}, QUICK, 0)
    relabelled = [replace(NAMED["y"][0], label="b"), *NAMED["y"][1:]]
    with pytest.raises(BadInput, match="q0 is a in the first and b in the second"):
        pairwise({"x": NAMED["x"], "y": relabelled}, QUICK, 0)
    doubled = [*NAMED["y"], NAMED["y"][0]]
    assert difference_of_questions(NAMED["x"], doubled) == "12 rows in the first and 13 in the second"


def test_ids_that_occur_twice_are_fine_in_one_order_only() -> None:
    rows = [row("a", "a"), row("a", "b"), row("a", "a", id_="other")]
    assert pairwise({"x": rows, "y": rows}, QUICK, 0)[0].n == 3
    with pytest.raises(BadInput, match="y: ids occur twice"):
        pairwise({"x": rows, "y": rows[::-1]}, QUICK, 0)
    other = [replace(rows[0], label="b"), *rows[1:]]
    assert difference_of_questions(rows, other) == "id is a in the first and b in the second"


def test_one_router_or_no_domain_is_nothing_to_compare() -> None:
    with pytest.raises(BadInput, match="two routers or more"):
        pairwise({"x": NAMED["x"]}, QUICK, 0)
    nowhere = [row(None, "a")]
    with pytest.raises(BadInput, match="no test question has a domain"):
        pairwise({"x": nowhere, "y": nowhere}, QUICK, 0)


def test_the_same_router_twice_cannot_be_told_apart() -> None:
    (pair,) = pairwise({"x": HAND, "y": list(HAND)}, QUICK, 0)
    # Six questions leave open that they differ on others: 1 - 0.025^(1/6).
    reach = pytest.approx(1 - 0.025 ** (1 / 6))
    assert (pair.difference, -pair.ci_low, pair.ci_high, pair.p_value) == (0, reach, reach, 1)
    assert (pair.verdict, pair.rows_needed, pair.disagreements) == (Verdict.CANNOT_TELL, None, [])


def test_compare_is_the_mean_paired_difference() -> None:
    right, wrong = row("a", "a"), row("a", "b")
    mine = [right, right, wrong, right, row(None, "a")]
    theirs = [wrong, right, right, wrong, row(None, "b")]
    # Nobody was answered: accuracy alone.
    (found,) = compare(mine, {"other": theirs}, QUICK, seed=0)
    # Gains 1, 0, -1, 1; the out-of-scope row counts nothing.
    assert (found.other, found.metric, found.difference, found.n) == ("other", "accuracy", 0.25, 4)
    assert found.ci_low <= found.difference <= found.ci_high
    assert compare(mine, {}, QUICK, seed=0) == []
    (back,) = compare(theirs, {"mine": mine}, QUICK, seed=0)
    assert (back.difference, back.ci_low, back.ci_high) == pytest.approx(
        (-0.25, -found.ci_high, -found.ci_low)
    )


def test_answers_are_compared_where_both_have_one() -> None:
    right, wrong = row("a", "a"), row("a", "b")
    mine = [replace(right, rougeL=0.75), replace(right, rougeL=0.5), replace(wrong, rougeL=0.25), right]
    theirs = [replace(right, rougeL=0.25), replace(wrong, rougeL=0.25), wrong, replace(wrong, rougeL=1.0)]
    foreign = [replace(row(None, "a"), rougeL=1.0)], [replace(row(None, "a"), rougeL=0.0)]
    accuracy_, answers = compare(mine + foreign[0], {"other": theirs + foreign[1]}, QUICK, seed=0)
    # Gains 0, 1, 0, 1.
    assert (accuracy_.metric, accuracy_.difference, accuracy_.n) == ("accuracy", 0.5, 4)
    # Gains 0.5 and 0.25; the third and fourth lack one side, the fifth has no domain.
    assert (answers.other, answers.metric) == ("other", "rougeL")
    assert (answers.difference, answers.n) == (pytest.approx(0.375), 2)
    # Two answers decide nothing: both signs are the same in half of the cases.
    assert (answers.ci_low, answers.ci_high, answers.verdict) == (-1, 1, Verdict.CANNOT_TELL)
    assert answers.p_adjusted == pytest.approx(1 / 2, abs=0.02)


def test_a_rouge_of_zero_is_an_answer() -> None:
    none, all_ = replace(row("a", "a"), rougeL=0.0), replace(row("a", "a"), rougeL=1.0)
    assert compare([none], {"other": [all_]}, QUICK, seed=0)[1].difference == -1.0


def test_compare_without_labelled_rows_says_nothing_it_cannot_write() -> None:
    rows = [row(None, "a")]
    with pytest.raises(ValueError, match="no row with a label"):
        compare(rows, {"other": rows}, QUICK, seed=0)


def test_answers_are_tested_as_accuracy_is_with_holm_over_the_pairs_that_have_any() -> None:
    def answered(rouge: float, n: int = 7) -> list[Prediction]:
        return [replace(row("a", "a", id_=f"q{i}"), rougeL=rouge if i < n else None) for i in range(8)]

    named = {"x": answered(0.5), "y": answered(0.25), "z": answered(0.25), "mute": answered(0, n=0)}
    pairs = {(pair.first, pair.second): pair for pair in pairwise(named, QUICK, 0)}
    better = pairs["x", "y"].rouge
    assert better is not None
    assert (better.n, better.difference) == (7, 0.25)
    # Seven of one sign: 2 / 128, three times that after the correction for three pairs.
    assert better.p_value == pytest.approx(2 / 128, abs=0.004)
    assert better.p_adjusted == pytest.approx(3 * better.p_value)
    # All gains are the same: others than were seen, at most 1 - (0.05 / 3 / 2)^(1 / 7) of them, may be 0.
    assert (better.verdict, better.ci_low) == (
        Verdict.BETTER,
        pytest.approx(0.25 * (0.05 / 3 / 2) ** (1 / 7)),
    )
    same = pairs["y", "z"].rouge
    assert same is not None
    assert (same.difference, same.p_value, same.verdict) == (0, 1, Verdict.CANNOT_TELL)
    assert same.ci_high == -same.ci_low == pytest.approx(1 - (0.05 / 3 / 2) ** (1 / 7))
    assert pairs["x", "mute"].rouge is None


def test_answers_count_as_their_weights_say() -> None:
    mine = [replace(row("a", "a", id_="q"), rougeL=1.0, weight=3.0), replace(row("a", "a"), rougeL=0.0)]
    theirs = [replace(one, rougeL=0.5) for one in mine]
    _, answers = compare(mine, {"other": theirs}, QUICK, seed=0)
    assert (answers.metric, answers.difference) == ("rougeL", pytest.approx((3 * 0.5 - 0.5) / 4))


def test_the_best_constant_is_the_domain_of_most_questions() -> None:
    # Right on 8 of 10; x is right on 9, having one of the two others; y on 3.
    found = against_constant(NAMED, QUICK, 0)
    assert found is not None
    assert (found.domain, found.accuracy, found.gains["x"].n) == ("a", 0.8, 10)
    assert {name: gain.difference for name, gain in found.gains.items()} == pytest.approx(
        {"x": 0.1, "y": -0.5}
    )
    # One question alone, and 2 against 7 (1 + 9 + 36 of 512 on both sides), twice for two routers.
    assert found.gains["x"].p_adjusted == 1
    assert found.gains["y"].p_adjusted == pytest.approx(2 * 2 * 46 / 512)
    heavy = {
        name: [replace(one, weight=9 if one.label == "b" else 1) for one in of] for name, of in NAMED.items()
    }
    weighted = against_constant(heavy, QUICK, 0)
    assert weighted is not None
    assert (weighted.domain, weighted.accuracy) == ("b", pytest.approx(18 / 26))
    assert against_constant({"x": [row(None, "a")]}, QUICK, 0) is against_constant({}, QUICK, 0) is None
