"""Cost and quality of a router's choices against hand-computed cases."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.metrics.cost_quality import OF_TWO, CostQuality, cost_quality
from benchmarks.metrics.routellm import Deferral, apgr, selections
from benchmarks.stats.bootstrap import bootstrap
from common.settings import Statistics
from reports.record import Prediction

QUICK = Statistics(resamples=100)
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


def values(found: CostQuality) -> dict[str, float]:
    return {metric.name: metric.value for metric in found.metrics}


def reasons(found: CostQuality) -> dict[str, str]:
    return {entry.name: entry.reason for entry in found.unscored}


def test_two_models_by_hand() -> None:
    found = cost_quality(HAND, TWO, QUICK, seed=0)
    assert found.unscored == []
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
        }
    )


def test_curves_by_hand() -> None:
    curves = cost_quality(HAND, TWO, QUICK, seed=0).curves
    assert (curves["weak"], curves["strong"]) == ("small", "large")
    assert curves["models"] == {
        "small": {"price": 1, "quality": 0.25},
        "large": {"price": 5, "quality": 0.75},
    }
    # RouteLLM's eleven points, in per cent; deciles of four rows meet some shares more than once.
    points = [[0, 25], [25, 50], [50, 75], [75, 75], [100, 75]]
    assert [
        point for i, point in enumerate(curves["deferral"]) if point not in curves["deferral"][:i]
    ] == points
    assert len(curves["deferral"]) == 11
    assert curves["deferral_random"] == [[0, 25], [100, 75]]
    assert [curves["deferral_oracle"][share] for share in (0, 25, 50, 100)] == [
        [0, 25],
        [25, 50],
        [50, 75],
        [100, 75],
    ]
    # From the strong model alone to the weak one.
    assert curves["cost_quality"] == [[5, 0.75], [4, 0.75], [3, 0.75], [2, 0.5], [1, 0.25]]
    # The point between the two ends is on their line: a corner or not, by the last bit.
    assert [curves["hull"][0], curves["hull"][-1]] == [[1, 0.25], [3, 0.75]]
    assert curves["hull_zero"] == curves["hull_random"] == [[1, 0.25], [5, 0.75]]


def test_units_and_directions() -> None:
    by_name = {metric.name: metric for metric in cost_quality(HAND, TWO, QUICK, seed=0).metrics}
    lower = {name for name, metric in by_name.items() if not metric.higher_is_better}
    assert lower == {name for name in by_name if name.startswith(("cost", "calls_for"))}
    priced = {name for name, metric in by_name.items() if metric.unit == "USD/M tokens"}
    assert priced == {name for name in by_name if name.startswith("cost")}
    assert {by_name[name].unit for name in by_name.keys() - priced} == {"fraction"}
    assert {metric.n for metric in by_name.values()} == {4}
    with_interval = {name for name, metric in by_name.items() if metric.ci_low is not None}
    assert with_interval == {"quality", "apgr", "aiq"}


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
    found = cost_quality(MANY, THREE, QUICK, seed=0)
    # Means: tiny 1/3, mid 5/6, big 1/2: the pair is the cheapest and the best, which is not the dearest.
    assert (found.curves["weak"], found.curves["strong"]) == ("tiny", "mid")
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
    assert found.curves["hull"] == [
        pytest.approx([1, 1 / 3]),
        pytest.approx([4 / 3, 2 / 3]),
        pytest.approx([5 / 3, 5 / 6]),
        pytest.approx([8 / 3, 1]),
    ]
    areas = 1 / 3 * 1 / 2 + 1 / 3 * 3 / 4 + 1 * 11 / 12 + (5 - 8 / 3) * 1
    assert got["aiq"] == pytest.approx(areas / 4)
    assert got["aiq_oracle"] == pytest.approx(areas / 4)
    # Zero: tiny and mid, then flat: more than mid costs is not worth it.
    assert got["aiq_zero"] == got["aiq_random"] == pytest.approx((7 / 12 + 3 * 5 / 6) / 4)


def test_the_oracle_asks_the_cheapest_of_the_best() -> None:
    rows = [
        of_three("a", (0.5, 0.5, 0.5), (0, 0, 0), "big"),
        of_three("b", (0.0, 1.0, 1.0), (0, 0, 0), "big"),
    ]
    got = values(cost_quality(rows, THREE, QUICK, seed=0))
    assert (got["quality_oracle"], got["cost_oracle"]) == (0.75, 1.5)


def test_rows_count_by_weight() -> None:
    weighted = [replace(entry, weight=3.0 if entry.id == "a" else 1.0) for entry in HAND]
    repeated = [*HAND, HAND[0], HAND[0]]
    ours = cost_quality(weighted, TWO, QUICK, seed=0)
    theirs = values(cost_quality(repeated, TWO, QUICK, seed=0))
    same = [name for name in theirs if name.startswith(("quality", "cost"))]
    assert len(same) == 10
    assert {name: values(ours)[name] for name in same} == pytest.approx({name: theirs[name] for name in same})
    # Shares 0, 1/6, 2/6, 3/6, 1 of quality 3/6, 4/6, 5/6, 5/6, 5/6.
    assert values(ours)["auc_deferral"] == pytest.approx((7 / 12 + 9 / 12 + 5 / 6 + 3 * 5 / 6) / 6)
    assert values(ours)["auc_deferral_oracle"] == pytest.approx(theirs["auc_deferral_oracle"])


def test_rows_without_outcomes_are_left_out() -> None:
    foreign = asked("x", "small", None, {"small": 1.0})
    assert values(cost_quality([*HAND, foreign], TWO, QUICK, 0)) == values(cost_quality(HAND, TWO, QUICK, 0))
    nothing = cost_quality([foreign], TWO, QUICK, 0)
    assert (nothing.metrics, nothing.curves) == ([], {})
    assert set(reasons(nothing)) == {"quality", "cost", "aiq", *OF_TWO}


def test_without_a_price_quality_is_all_there_is() -> None:
    found = cost_quality(HAND, {"small": 1.0}, QUICK, 0)
    assert {metric.name.split("_")[0] for metric in found.metrics} == {"quality"}
    assert reasons(found) == dict.fromkeys(["cost", "aiq", *OF_TWO], "the data set has no price of large")


def test_where_the_dearer_model_is_no_better_there_is_no_gap() -> None:
    rows = [of_two("a", 1, 0, 0.1), of_two("b", 0, 1, 0.9)]
    found = cost_quality(rows, TWO, QUICK, 0)
    assert reasons(found) == dict.fromkeys(
        [name for name in OF_TWO if name != "auc_deferral"],
        "large is not better than small: there is no gap to recover",
    )
    # The router is right both times: from 0.5 up to 1 at half of the calls, and down again.
    assert values(found)["auc_deferral"] == pytest.approx(0.75)
    assert values(found)["aiq"] == pytest.approx(0.875)


def test_where_the_cheapest_model_is_the_best_there_is_nothing_to_defer_to() -> None:
    found = cost_quality([of_three("a", (1.0, 0.5, 0.5), (1, 0, 0), "tiny")], THREE, QUICK, 0)
    assert set(reasons(found)) == set(OF_TWO)
    assert values(found)["aiq"] == 1


def test_models_of_one_price_have_no_trade_off() -> None:
    found = cost_quality(HAND, {"small": 1.0, "large": 1.0}, QUICK, 0)
    assert reasons(found)["aiq"] == "all models have the same price"
    assert values(found)["cost"] == 1


def test_a_router_that_tells_nothing_apart_is_chance() -> None:
    rows = [replace(entry, scores={"small": 1.0, "large": 0.0}, predicted="small") for entry in HAND]
    got = values(cost_quality(rows, TWO, QUICK, 0))
    assert (got["apgr"], got["aiq"], got["calls_for_50"]) == pytest.approx((0.5, 0.5, 0.5))


def test_models_that_no_label_names_have_no_score() -> None:
    rows = [replace(entry, scores={"small": 1.0}, predicted="small") for entry in HAND]
    assert values(cost_quality(rows, TWO, QUICK, 0))["apgr"] == pytest.approx(0.5)


def test_outcomes_that_do_not_fit_are_unscored_with_the_reason() -> None:
    partial = asked("x", "small", {"small": 1.0}, {})
    found = cost_quality([*HAND, partial], TWO, QUICK, 0)
    assert found.metrics == []
    assert set(reasons(found).values()) == {"the outcome of large is known for some test questions only"}
    found = cost_quality([replace(HAND[0], predicted="other")], TWO, QUICK, 0)
    assert set(reasons(found).values()) == {"the router chose other, whose outcome is not known"}


def drawn(n: int, seed: int = 0) -> list[Prediction]:
    generator = np.random.default_rng(seed)
    hard = generator.random(n)
    small, large = generator.random(n) > hard, generator.random(n) > hard / 2
    score = np.clip(hard + generator.normal(0, 0.2, n), 0, 1)
    return [
        of_two(str(i), float(small[i]), float(large[i]), float(score[i]), weight=1.0 + i % 2)
        for i in range(n)
    ]


def test_intervals_are_bootstrapped_over_the_rows() -> None:
    rows = drawn(80)
    by_name = {metric.name: metric for metric in cost_quality(rows, TWO, QUICK, seed=5).metrics}
    weights = np.array([entry.weight for entry in rows])
    small, large = (np.array([(entry.outcomes or {})[model] for entry in rows]) for model in TWO)
    chosen = np.where([entry.predicted == "large" for entry in rows], large, small)
    selected = selections(np.array([entry.scores["large"] - entry.scores["small"] for entry in rows]))

    def mean(resample: Any) -> Any:
        return (chosen * weights)[resample].sum(axis=1) / weights[resample].sum(axis=1)

    def recovered(resample: Any) -> Any:
        found = []
        for taken in resample:
            share, low, high = (
                weights[taken] @ part[taken] / weights[taken].sum() for part in (selected, small, large)
            )
            answers = np.where(selected, large[:, None], small[:, None])[taken]
            curve = Deferral(100 * share, 100 * weights[taken] @ answers / weights[taken].sum())
            found.append(float(apgr(curve, 100 * low, 100 * high)))
        return np.array(found)

    for name, statistic in (("quality", mean), ("apgr", recovered)):
        expected = bootstrap(statistic, len(rows), resamples=100, confidence=0.95, seed=5)
        got = by_name[name]
        assert (got.ci_low, got.ci_high) == pytest.approx(expected, abs=1e-5)
        assert expected.low < got.value < expected.high


def test_intervals_narrow_with_more_rows_and_hold_the_value() -> None:
    few, many = (cost_quality(drawn(n), TWO, QUICK, seed=1).metrics for n in (100, 2500))
    for name in ("quality", "apgr", "aiq"):
        widths = []
        for metrics in (few, many):
            (metric,) = [entry for entry in metrics if entry.name == name]
            assert metric.ci_low is not None
            assert metric.ci_high is not None
            assert metric.ci_low < metric.value < metric.ci_high
            widths.append(metric.ci_high - metric.ci_low)
        # Five times.
        assert 3 < widths[0] / widths[1] < 8


def test_the_seed_fixes_the_intervals() -> None:
    rows = drawn(60)
    first, again, other = (cost_quality(rows, TWO, QUICK, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.metrics != other.metrics
    assert values(first) == values(other)


def test_the_order_of_the_rows_changes_no_value() -> None:
    rows = drawn(60)
    ours, theirs = (values(cost_quality(part, TWO, QUICK, 0)) for part in (rows, rows[::-1]))
    assert ours == pytest.approx(theirs)


def test_everything_can_be_written() -> None:
    for rows, prices in ((HAND, TWO), (MANY, THREE)):
        json.dumps(cost_quality(rows, prices, QUICK, 0)._asdict()["curves"], allow_nan=False)
