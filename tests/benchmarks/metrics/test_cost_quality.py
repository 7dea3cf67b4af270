"""Cost and quality of a router's choices against hand-computed cases."""

import math
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.metrics.compute import Computed
from benchmarks.metrics.table import QUALITY
from reports.metric_info import Group
from reports.reasons import Reason
from reports.record import CostCurves, Metric, ModelPoint, Prediction
from tests.benchmarks.metrics import samples
from tests.benchmarks.metrics.samples import computed

GAP = ("apgr", "calls_for_20", "calls_for_50", "calls_for_80")
OF_TWO = (*GAP, "auc_deferral")
NAMED = ("quality", "cost", "aiq", "gain_over_best", "gap_to_oracle", "arena_score", "cost_saved", *OF_TWO)
TWO = {"small": 1.0, "large": 5.0}


def asked(
    id_: str, predicted: str, outcomes: dict[str, float] | None, scores: dict[str, float], **changes: Any
) -> Prediction:
    label = max(outcomes, key=outcomes.__getitem__) if outcomes else "small"
    return Prediction(
        id_, "q", label, predicted, 0.5, scores, "standard", **{"outcomes": outcomes, **changes}
    )


def of_two(id_: str, small: float, large: float, p_large: float, **changes: Any) -> Prediction:
    """The router asks the large model where that is the more probable."""
    predicted = "large" if p_large > 0.5 else "small"
    outcomes = {"small": small, "large": large}
    return asked(id_, predicted, outcomes, {"large": p_large, "small": 1 - p_large}, **changes)


# The large model helps with the second and the fourth.
HAND = [of_two("a", 1, 1, 0.1), of_two("b", 0, 1, 0.9), of_two("c", 0, 0, 0.4), of_two("d", 0, 1, 0.6)]


def cost_quality(rows: list[Prediction], prices: dict[str, float], seed: int = 0) -> Computed:
    return computed(rows, sorted(prices), seed, prices=prices)


def metrics(found: Computed) -> list[Metric]:
    entries = [entry for entry in QUALITY if entry.group == Group.COST]
    return [one for one in found.metrics if any(entry.describes(one.name) for entry in entries)]


def values(found: Computed) -> dict[str, float]:
    return {metric.name: metric.value for metric in metrics(found)}


def reasons(found: Computed) -> dict[str, str]:
    missing = {name: reason for (name, _), reason in samples.reasons(found).items()}
    return {name: missing[name] for name in NAMED if name in missing}


def curves(found: Computed) -> CostCurves:
    assert found.curves.cost_quality is not None
    return found.curves.cost_quality


def test_two_models_by_hand() -> None:
    found = cost_quality(HAND, TWO)
    assert reasons(found) == {}
    assert values(found) == pytest.approx(
        {
            # It asks the large model for the second and the fourth, as the oracle does.
            "quality": 0.75,
            "quality_oracle": 0.75,
            "quality_random": 0.5,
            "quality_always:small": 0.25,
            "quality_always:large": 0.75,
            "cost": 3,
            "cost_oracle": 3,
            "cost_random": 3,
            "cost_always:small": 1,
            "cost_always:large": 5,
            # Shares 0, 25, 50, 75 and 100 %: quality 0.25, 0.5, 0.75, 0.75 and 0.75.
            "auc_deferral": 0.625,
            "apgr": 0.75,
            "calls_for_20": 0.1,
            "calls_for_50": 0.25,
            "calls_for_80": 0.4,
            "auc_deferral_oracle": 0.625,
            "apgr_oracle": 0.75,
            "calls_for_20_oracle": 0.1,
            "calls_for_50_oracle": 0.25,
            "calls_for_80_oracle": 0.4,
            "auc_deferral_random": 0.5,
            "apgr_random": 0.5,
            "calls_for_20_random": 0.2,
            "calls_for_50_random": 0.5,
            "calls_for_80_random": 0.8,
            # The same curve, from 1 to 5 dollars.
            "aiq": 0.625,
            "aiq_oracle": 0.625,
            "aiq_random": 0.5,
            "aiq_zero": 0.5,
            # As good as the large model alone, and as the best of both, for 3 dollars in place of 5.
            "gain_over_best": 0,
            "gap_to_oracle": 0,
            "cost_saved": 0.4,
            "arena_score": arena(0.75, 3),
        }
    )


def arena(accuracy: float, cost: float) -> float:
    """RouterArena's score of a cost within its limits."""
    cheap = (math.log2(200) - math.log2(cost)) / (math.log2(200) - math.log2(0.0044))
    return 1.1 * accuracy * cheap / (0.1 * accuracy + cheap)


def test_curves_by_hand() -> None:
    drawn = curves(cost_quality(HAND, TWO))
    assert (drawn.weak, drawn.strong) == ("small", "large")
    assert drawn.models == {"small": ModelPoint(1, 0.25), "large": ModelPoint(5, 0.75)}
    # RouteLLM's eleven points, in per cent; deciles of four rows meet some shares more than once.
    assert len(drawn.deferral) == 11
    assert sorted({*drawn.deferral}) == [(0, 25), (25, 50), (50, 75), (75, 75), (100, 75)]
    assert drawn.deferral_random == [(0, 25), (100, 75)]
    best = [(0, 25), (25, 50), (50, 75), (100, 75)]
    assert [drawn.deferral_oracle[share] for share in (0, 25, 50, 100)] == best
    # From the strong model alone to the weak one.
    assert drawn.cost_quality == [(5, 0.75), (4, 0.75), (3, 0.75), (2, 0.5), (1, 0.25)]
    # The point between the two ends is on their line: a corner or not, by the last bit.
    assert [drawn.hull[0], drawn.hull[-1]] == [(1, 0.25), (3, 0.75)]
    assert drawn.hull_zero == drawn.hull_random == [(1, 0.25), (5, 0.75)]


THREE = {"tiny": 1.0, "mid": 2.0, "big": 5.0}


def of_three(
    id_: str, outcomes: tuple[float, ...], expected: tuple[float, ...], predicted: str
) -> Prediction:
    # The scores say the opposite: what the router expects is what counts.
    scores = dict(zip(THREE, [-value for value in expected], strict=True))
    return asked(
        id_,
        predicted,
        dict(zip(THREE, outcomes, strict=True)),
        scores,
        expected=dict(zip(THREE, expected, strict=True)),
    )


MANY = [
    of_three("a", (1.0, 1.0, 0.0), (0.9, 0.5, 0.5), "tiny"),
    of_three("b", (0.0, 0.5, 1.0), (0.1, 0.6, 0.7), "big"),
    of_three("c", (0.0, 1.0, 0.5), (0.2, 0.8, 0.3), "mid"),
]


def test_three_models_by_hand() -> None:
    found = cost_quality(MANY, THREE)
    # Means: tiny 1/3, mid 5/6, big 1/2: the pair is the cheapest and the best, which is not the dearest.
    assert (curves(found).weak, curves(found).strong) == ("tiny", "mid")
    got = values(found)
    assert got["quality"] == got["quality_oracle"] == 1
    assert got["cost"] == pytest.approx(8 / 3)
    assert got["quality_random"] == pytest.approx((1 / 3 + 5 / 6 + 1 / 2) / 3)
    assert got["cost_random"] == pytest.approx(8 / 3)
    assert got["quality_always:mid"] == pytest.approx(5 / 6)
    # Gains to mid: -0.4, 0.5, 0.6: quality by share 1/3, 2/3, 5/6, 5/6.
    assert got["auc_deferral"] == pytest.approx((1 / 2 + 3 / 4 + 5 / 6) / 3)
    assert got["apgr"] == pytest.approx(((1 / 2 + 3 / 4 + 5 / 6) / 3 - 1 / 3) / (1 / 2))
    # As λ rises: tiny, big, mid; from 0.1 / 3 tiny, mid, mid; from 0.5 tiny, tiny, mid; from 0.6 tiny alone.
    corners = [(1, 1 / 3), (4 / 3, 2 / 3), (5 / 3, 5 / 6), (8 / 3, 1)]
    assert curves(found).hull == [pytest.approx(corner) for corner in corners]
    areas = 1 / 3 * 1 / 2 + 1 / 3 * 3 / 4 + 1 * 11 / 12 + (5 - 8 / 3) * 1
    assert got["aiq"] == pytest.approx(areas / 4)
    assert got["aiq_oracle"] == pytest.approx(areas / 4)
    # Against mid alone, 5/6 for 2 dollars; the router reaches that for 5/3.
    assert got["gain_over_best"] == pytest.approx(1 / (5 / 6) - 1)
    assert got["gap_to_oracle"] == 0
    assert got["cost_saved"] == pytest.approx(1 - (5 / 3) / 2)
    assert got["arena_score"] == pytest.approx(arena(1, 8 / 3))
    # Zero: tiny and mid, then flat: more than mid costs is not worth it.
    assert got["aiq_zero"] == got["aiq_random"] == pytest.approx((7 / 12 + 3 * 5 / 6) / 4)


def test_a_router_that_is_worse_than_the_best_model() -> None:
    # It always asks tiny, and expects nothing of the others: 1/2 where mid alone has 3/4 and the best 1.
    rows = [
        of_three("a", (1.0, 0.5, 0.0), (1, 0, 0), "tiny"),
        of_three("b", (0.0, 1.0, 0.5), (1, 0, 0), "tiny"),
    ]
    found = cost_quality(rows, THREE)
    assert values(found)["gain_over_best"] == pytest.approx(-1 / 3)
    assert values(found)["gap_to_oracle"] == pytest.approx(1 / 2)
    (unreached,) = [one for one in found.unscored if one.name == "cost_saved"]
    assert (unreached.reason, unreached.details) == (Reason.NEVER_AS_GOOD, {"model": "mid"})


def test_its_own_choice_is_a_setting_too() -> None:
    # What it expects sends both to the dearest; it chose mid, as good and cheaper.
    rows = [of_three(name, (0.0, 1.0, 1.0), (0, 0, 1), "mid") for name in "ab"]
    assert values(cost_quality(rows, THREE))["cost_saved"] == 0
    dearer = {"tiny": 1.0, "mid": 5.0, "big": 2.0}
    # By price tiny, big, mid: big is the best single model, and reached for 2 as well.
    assert values(cost_quality(rows, dearer))["cost_saved"] == 0


def test_answers_for_nothing_have_no_arena_score() -> None:
    found = cost_quality(HAND, {"small": 0.0, "large": 0.0})
    assert samples.reasons(found)["arena_score", "all"] == Reason.NO_COST
    free = cost_quality([of_two("a", 1, 0, 0.1), of_two("b", 1, 1, 0.1)], {"small": 0.0, "large": 1.0})
    assert samples.reasons(free)["cost_saved", "all"] == Reason.DIVISION_BY_ZERO


def test_the_best_single_model_stays_that_of_all_rows_in_every_resample() -> None:
    found = cost_quality(HAND, TWO)
    (gain,) = [one for one in metrics(found) if one.name == "gain_over_best"]
    # On the rows a, b, c, d the router is as good as the large model, whichever rows are drawn: they do not
    # show how far it may be from it on others.
    assert (gain.value, gain.ci_low, gain.ci_high) == (0, None, None)


def test_a_router_that_always_asks_the_cheap_model_may_ask_another() -> None:
    rows = [of_two(str(number), 1, 1, 0.1) for number in range(30)]
    found = {one.name: one for one in metrics(cost_quality(rows, TWO))}
    other = 1 - 0.025 ** (1 / 30)
    assert (found["cost"].value, *samples.interval(found["cost"])) == (1, 1, pytest.approx(1 + 4 * other))
    assert (found["quality"].value, *samples.interval(found["quality"])) == (1, pytest.approx(1 - other), 1)


def test_the_oracle_asks_the_cheapest_of_the_best() -> None:
    rows = [
        of_three("a", (0.5, 0.5, 0.5), (0, 0, 0), "big"),
        of_three("b", (0.0, 1.0, 1.0), (0, 0, 0), "big"),
    ]
    got = values(cost_quality(rows, THREE))
    assert (got["quality_oracle"], got["cost_oracle"]) == (0.75, 1.5)


def test_rows_count_by_weight() -> None:
    weighted = [replace(entry, weight=3.0 if entry.id == "a" else 1.0) for entry in HAND]
    repeated = [*HAND, HAND[0], HAND[0]]
    ours = cost_quality(weighted, TWO)
    theirs = values(cost_quality(repeated, TWO))
    same = [name for name in theirs if name.startswith(("quality", "cost"))]
    assert len(same) == 11
    assert {name: values(ours)[name] for name in same} == pytest.approx({name: theirs[name] for name in same})
    # Shares 0, 1/6, 2/6, 3/6, 1 of quality 3/6, 4/6, 5/6, 5/6, 5/6.
    assert values(ours)["auc_deferral"] == pytest.approx((7 / 12 + 9 / 12 + 5 / 6 + 3 * 5 / 6) / 6)
    assert values(ours)["auc_deferral_oracle"] == pytest.approx(theirs["auc_deferral_oracle"])


def test_rows_without_outcomes_are_left_out() -> None:
    foreign = asked("x", "small", None, {"small": 1.0})
    assert values(cost_quality([*HAND, foreign], TWO)) == values(cost_quality(HAND, TWO))
    nothing = cost_quality([foreign], TWO)
    assert (metrics(nothing), nothing.curves.cost_quality, reasons(nothing)) == ([], None, {})


def test_without_a_price_quality_is_all_there_is() -> None:
    found = computed(HAND, sorted(TWO), prices={"small": 1.0})
    assert {metric.name.split("_")[0] for metric in metrics(found)} == {"quality", "gain", "gap"}
    assert reasons(found) == dict.fromkeys(
        ["cost", "aiq", "cost_saved", "arena_score", *OF_TWO], Reason.NO_PRICE
    )


def test_where_the_dearer_model_is_no_better_there_is_no_gap() -> None:
    found = cost_quality([of_two("a", 1, 0, 0.1), of_two("b", 0, 1, 0.9)], TWO)
    assert reasons(found) == dict.fromkeys(GAP, Reason.NO_GAP)
    # The router is right both times: from 0.5 up to 1 at half of the calls, and down again.
    assert values(found)["auc_deferral"] == pytest.approx(0.75)
    assert values(found)["aiq"] == pytest.approx(0.875)


def test_where_the_cheapest_model_is_the_best_there_is_nothing_to_defer_to() -> None:
    found = cost_quality([of_three("a", (1.0, 0.5, 0.5), (1, 0, 0), "tiny")], THREE)
    assert values(found)["cost_saved"] == 0
    assert reasons(found) == dict.fromkeys(OF_TWO, Reason.NOTHING_TO_DEFER_TO)
    assert values(found)["aiq"] == 1
    assert curves(found).deferral == []


def test_models_of_one_price_have_no_trade_off() -> None:
    found = cost_quality(HAND, {"small": 1.0, "large": 1.0})
    assert reasons(found)["aiq"] == reasons(found)["cost_saved"] == Reason.ONE_PRICE
    assert values(found)["cost"] == 1


def test_models_that_no_label_names_have_no_score() -> None:
    rows = [replace(entry, scores={"small": 1.0}, predicted="small") for entry in HAND]
    assert values(cost_quality(rows, TWO))["apgr"] == pytest.approx(0.5)


def test_outcomes_that_do_not_fit_are_unscored_with_the_reason() -> None:
    partial = asked("x", "small", {"small": 1.0}, {"small": 1.0})
    found = cost_quality([*HAND, partial], TWO)
    assert metrics(found) == []
    assert set(reasons(found).values()) == {Reason.OUTCOME_MISSING}
    details = next(one.details for one in found.unscored if one.name == "quality")
    assert details == {"id": "x", "model": "large"}
    lost = replace(HAND[0], label="other", predicted="other", scores={"other": 1.0})
    found = computed([lost], ["other"], prices=TWO)
    assert set(reasons(found).values()) == {Reason.NOT_AMONG_OUTCOMES}


def test_the_calls_that_recover_a_part_of_the_gap_have_an_interval() -> None:
    # The strong model helps with half of the questions, and the router finds most of these.
    rows = [
        of_two(str(number), 0, number % 2, (number * 7 % 40) / 100 + (0.5 if number % 2 else 0.3))
        for number in range(80)
    ]
    found = {metric.name: metric for metric in metrics(cost_quality(rows, TWO))}
    for name in GAP:
        low, high = samples.interval(found[name])
        assert low < found[name].value < high
        assert high - low < 0.25
    # What it is compared with has none.
    assert found["calls_for_50_oracle"].ci_low is None
