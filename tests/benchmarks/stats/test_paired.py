"""Comparisons of routers against hand-computed cases, against scipy, and against chance."""

import json
import random
from dataclasses import asdict, replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from benchmarks.errors import BadInput
from benchmarks.stats.paired import (
    compare,
    difference_of_questions,
    holm,
    mcnemar,
    pairwise,
    rows_needed,
    signs_test,
)
from common.settings import Statistics
from reports.record import Prediction
from tests.benchmarks.helpers import row

QUICK = Statistics(resamples=100)

# True a, a, a, b, b, c; predicted a, a, b, b, c, c.
HAND = [row(*pair) for pair in ("aa", "aa", "ab", "bb", "bc", "cc")]

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def answers(choices: str, labels: str) -> list[Prediction]:
    """A row a letter; a label of `-` is none."""
    return [
        row(None if label == "-" else label, choice, id_=f"q{number}")
        for number, (choice, label) in enumerate(zip(choices, labels, strict=True))
    ]


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (0, 5, 2 / 32),
        (6, 0, 2 / 64),
        # 1 + 10 + 45 of 1,024 ways, on both sides.
        (8, 2, 112 / 1024),
        (3, 3, 1.0),
        (20_000, 0, 0.0),
    ],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p: float) -> None:
    assert mcnemar(only_first, only_second) == p


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test_of_scipy(only_first: int, only_second: int) -> None:
    n = only_first + only_second
    theirs = binomtest(only_first, n, 0.5).pvalue if n else 1.0
    assert mcnemar(only_first, only_second) == pytest.approx(theirs, rel=1e-9)
    assert mcnemar(only_second, only_first) == mcnemar(only_first, only_second)


def test_mcnemar_of_many_rows() -> None:
    assert mcnemar(7_100, 6_900) == pytest.approx(binomtest(6_900, 14_000, 0.5).pvalue, rel=1e-9)


def test_holm_by_hand() -> None:
    # 3 * 0.01, then 2 * 0.03, then 1 * 0.04, which may not be below the one before.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]


@given(p_values)
def test_holm_only_raises_and_keeps_the_order(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(p <= raised <= 1 for p, raised in zip(values, adjusted, strict=True))
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [adjusted[index] for index in order] == sorted(adjusted)
    assert adjusted[order[0]] == min(1.0, len(values) * values[order[0]])


def test_rows_needed_by_hand() -> None:
    # ψ = 0.2, δ = 0.1: (1.95996 * 0.447214 + 0.841621 * 0.435890)² / 0.01 = 154.6.
    assert rows_needed(15, 5, 100) == rows_needed(5, 15, 100) == 155
    # Twice the rows with the same shares need no more.
    assert rows_needed(30, 10, 200) == 155
    # All discordant rows on one side: (1.95996 * 0.316228 + 0.841621 * 0.3)² / 0.01 = 76.1.
    assert rows_needed(10, 0, 100) == 77
    assert rows_needed(15, 5, 100, alpha=0.01) > 155
    assert rows_needed(15, 5, 100, power=0.9) > 155


def test_without_a_difference_no_number_of_rows_is_enough() -> None:
    assert rows_needed(7, 7, 100) is None
    assert rows_needed(0, 0, 100) is None


def test_that_many_rows_are_enough_in_about_eight_cases_of_ten() -> None:
    drawn = np.random.default_rng(0).multinomial(155, [0.15, 0.05, 0.8], size=1000)
    found = np.mean([mcnemar(int(first), int(second)) <= 0.05 for first, second, _ in drawn])
    # The exact test is a little careful.
    assert 0.70 < found < 0.85


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
    assert pair.verdict == "cannot tell at n=10"
    assert pair.rows_needed == rows_needed(7, 1, 10)
    assert pair.ci_low < 0.6 < pair.ci_high


def test_signs_by_hand() -> None:
    gains = np.array([5.0, 0.0, 2.0, 1.0, -1.0])
    ways = [abs(sum(signs * gains[[0, 2, 3, 4]])) for signs in product((1, -1), repeat=4)]
    share = sum(way >= 7 for way in ways) / len(ways)
    assert signs_test(gains, seed=0) == pytest.approx(share, abs=0.02)
    assert signs_test(-gains, seed=1) == pytest.approx(share, abs=0.02)
    assert signs_test(np.zeros(4), seed=0) == 1
    assert signs_test(np.ones(200), seed=0) == 1 / 10_001


@given(st.integers(0, 12), st.integers(0, 12))
def test_of_equal_gains_it_is_mcnemars_test(only_first: int, only_second: int) -> None:
    gains = np.array([1.0] * only_first + [-1.0] * only_second + [0.0] * 5)
    assert signs_test(gains, seed=0) == pytest.approx(mcnemar(only_first, only_second), abs=0.03)


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
    assert pair.verdict == "cannot tell at n=10"
    assert pair.rows_needed is None
    (found,) = compare(named["x"], {"y": named["y"]}, QUICK, seed=0)
    assert (found.difference, found.p_adjusted, found.verdict) == (pair.difference, 1, pair.verdict)


def test_weights_alike_change_nothing_but_the_test() -> None:
    named = {name: [replace(one, weight=3.0) for one in rows] for name, rows in NAMED.items()}
    (pair,), (plain,) = (pairwise(some, QUICK, seed=0) for some in (named, NAMED))
    assert (pair.difference, pair.ci_low, pair.ci_high) == pytest.approx(
        (plain.difference, plain.ci_low, plain.ci_high)
    )
    assert pair.p_value == pytest.approx(plain.p_value, abs=0.01)


def test_the_interval_is_that_of_a_records_comparison() -> None:
    (pair,) = pairwise(NAMED, QUICK, seed=3)
    (found,) = compare(NAMED["x"], {"y": NAMED["y"]}, QUICK, seed=3)
    assert (pair.difference, pair.ci_low, pair.ci_high) == (found.difference, found.ci_low, found.ci_high)


def test_where_two_disagree_and_who_was_right() -> None:
    named = {"x": answers("abcb", "aab-"), "y": answers("aaca", "aab-")}
    named["z"] = answers("bcac", "aab-")
    first, _, last = pairwise(named, QUICK, seed=0)
    (only,) = first.disagreements
    assert asdict(only) == {
        "id": "q1",
        "query": "a question",
        "label": "a",
        "first": "b",
        "second": "a",
        "right": "y",
    }
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
    assert (pair.p_value, pair.verdict) == (2 / 128, "better")
    (back,) = pairwise(dict(reversed(named.items())), QUICK, seed=0)
    assert back.verdict == "worse"
    # At 1 % it is not enough, nor is it at 5 % among ten pairs.
    (strict,) = pairwise(named, replace(QUICK, confidence=0.99), seed=0)
    assert strict.verdict == "cannot tell at n=7"
    more = pairwise(named | {f"copy{i}": named["good"] for i in range(3)}, QUICK, seed=0)
    assert len(more) == 10
    assert more[0].p_adjusted == pytest.approx(10 * 2 / 128)
    assert more[0].verdict == "cannot tell at n=7"


def test_pairs_come_in_the_order_of_the_routers() -> None:
    named = dict.fromkeys(("z", "a", "m"), NAMED["x"])
    assert [(pair.first, pair.second) for pair in pairwise(named, QUICK, 0)] == [
        ("z", "a"),
        ("z", "m"),
        ("a", "m"),
    ]


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
    assert (pair.difference, pair.ci_low, pair.ci_high, pair.p_value) == (0, 0, 0, 1)
    assert (pair.verdict, pair.rows_needed, pair.disagreements) == ("cannot tell at n=6", None, [])


def test_a_pair_can_be_written() -> None:
    (pair,) = pairwise(NAMED, QUICK, 0)
    assert json.loads(json.dumps(asdict(pair), allow_nan=False)) == asdict(pair)


def chance(seed: int, labels: str, skill: float = 0.0) -> list[Prediction]:
    """A router that knows the answer with a probability and else draws it."""
    generator = random.Random(seed)
    drawn = [label if generator.random() < skill else generator.choice("abc") for label in labels]
    return answers("".join(drawn), labels)


def test_routers_that_draw_at_random_are_seldom_called_different() -> None:
    labels = "abc" * 40
    verdicts = [
        pairwise({"x": chance(2 * seed, labels), "y": chance(2 * seed + 1, labels)}, QUICK, seed)[0].verdict
        for seed in range(200)
    ]
    called = sum(verdict in ("better", "worse") for verdict in verdicts)
    # 5 % of 200 are 10; the exact test keeps below that.
    assert called <= 13


def test_so_are_five_of_them_at_once() -> None:
    labels = "abc" * 40
    families = [
        pairwise({str(i): chance(100 + 5 * seed + i, labels) for i in range(5)}, QUICK, seed)
        for seed in range(40)
    ]
    # Ten pairs each: without the correction about a quarter of the families would have one.
    wrong = sum(any(pair.verdict in ("better", "worse") for pair in family) for family in families)
    assert wrong <= 5
    assert sum(any(pair.p_value <= 0.05 for pair in family) for family in families) > wrong


def test_routers_that_differ_are_called_different() -> None:
    labels = "abc" * 40
    for seed in range(10):
        named = {"x": chance(seed, labels, skill=0.6), "y": chance(1000 + seed, labels)}
        assert pairwise(named, QUICK, seed)[0].verdict == "better"


def test_compare_is_the_mean_paired_difference() -> None:
    right, wrong = row("a", "a"), row("a", "b")
    mine = [right, right, wrong, right, row(None, "a")]
    theirs = [wrong, right, right, wrong, row(None, "b")]
    # Nobody was answered: accuracy alone.
    (found,) = compare(mine, {"other": theirs}, QUICK, seed=0)
    # Gains 1, 0, -1, 1; the out-of-scope row counts nothing.
    assert (found.other, found.metric, found.difference, found.n) == ("other", "accuracy", 0.25, 4)
    assert found.ci_low <= found.difference <= found.ci_high
    (back,) = compare(theirs, {"mine": mine}, QUICK, seed=0)
    assert (back.difference, back.ci_low, back.ci_high) == pytest.approx(
        (-0.25, -found.ci_high, -found.ci_low)
    )


def test_compare_is_paired() -> None:
    # Both are right half of the time, on the same rows: an unpaired interval would not be a point.
    rows = [row("a", "a"), row("a", "b")] * 20
    (found,) = compare(rows, {"twin": list(rows)}, QUICK, seed=0)
    assert (found.difference, found.ci_low, found.ci_high) == (0, 0, 0)


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
    assert 0.25 <= answers.ci_low < 0.375 < answers.ci_high <= 0.5


def test_a_rouge_of_zero_is_an_answer() -> None:
    none, all_ = replace(row("a", "a"), rougeL=0.0), replace(row("a", "a"), rougeL=1.0)
    assert compare([none], {"other": [all_]}, QUICK, seed=0)[1].difference == -1.0


def test_compare_refuses_other_questions() -> None:
    with pytest.raises(ValueError, match="zip"):
        compare(HAND, {"other": HAND[:-1]}, QUICK, seed=0)


def test_compare_without_labelled_rows_says_nothing_it_cannot_write() -> None:
    rows = [row(None, "a")]
    with pytest.raises(ValueError, match="no row with a label"):
        compare(rows, {"other": rows}, QUICK, seed=0)
