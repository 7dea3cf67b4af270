"""RouteLLM's measures: by hand, against what RouteLLM's own code gave, and on its data where it is there."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.metrics.routellm import (
    Deferral,
    apgr,
    auc,
    calls_for,
    deferral,
    optimal,
    selections,
    thresholds,
)

MMLU = Path(__file__).resolve().parents[4] / "shared" / "data" / "routellm" / "mmlu_responses.csv"

Arrays = tuple[Any, Any, Any]


def synthetic(seed: int, n: int) -> Arrays:
    """Scores that tell something of which questions are hard, and who answers them right."""
    generator = np.random.default_rng(seed)
    hard = generator.random(n)
    weak = generator.random(n) < 0.9 - 0.7 * hard
    strong = generator.random(n) < 0.95 - 0.3 * hard
    return hard + generator.normal(0, 0.3, n), weak.astype(float), strong.astype(float)


# What RouteLLM's MMLU.evaluate, MMLU.get_optimal_accuracy and generate_results gave for `synthetic`, run with
# pandas 3.1.1 and numpy 2.4.6: by threshold the share of strong calls and the accuracy in per cent, the share
# for 20, 50 and 80 % of the gap, AUC, APGR, and the best accuracy with 0, 10, 20 and 100 % of strong calls.
GOLDEN: dict[tuple[int, int], dict[str, Any]] = {
    (0, 500): {
        "share": [100.0, 90.0, 80.0, 70.0, 60.0, 50.0, 40.0, 30.0, 20.0, 10.0, 0.0],
        "quality": [77.6, 75.8, 73.0, 70.8, 68.6, 66.8, 64.2, 61.0, 57.8, 54.2, 50.4],
        "calls": [14.555555555555564, 39.37499999999999, 76.18181818181823],
        "auc": 65.62,
        "apgr": 0.5595588235294113,
        "optimal": [50.4, 60.4, 70.4, 87.0],
    },
    (1, 1001): {
        "share": [
            *(100.0, 90.00999000999002, 80.01998001998003, 69.93006993006993, 60.039960039960036),
            *(50.049950049950056, 39.960039960039964, 29.97002997002997, 20.07992007992008),
            *(10.08991008991009, 0.0),
        ],
        "quality": [
            *(81.41858141858141, 80.51948051948052, 77.92207792207793, 76.12387612387612),
            *(74.32567432567433, 71.72827172827174, 68.93106893106892, 65.53446553446554),
            *(61.738261738261734, 58.94105894105894, 53.94605394605395),
        ],
        "calls": [11.873840445269018, 36.287242169595146, 68.83116883116887],
        "auc": 70.33925115843199,
        "apgr": 0.5967123785305607,
        "optimal": [53.94605394605395, 63.94605394605395, 73.94605394605395, 90.20979020979021],
    },
    (2, 237): {
        "share": [
            *(100.0, 89.87341772151899, 79.74683544303798, 70.042194092827, 59.91561181434599),
            *(50.210970464135016, 40.08438818565401, 29.957805907172997, 20.253164556962027),
            *(10.126582278481013, 0.0),
        ],
        "quality": [
            *(81.43459915611815, 81.0126582278481, 79.74683544303798, 76.37130801687763),
            *(74.26160337552743, 71.30801687763713, 70.042194092827, 68.35443037974683),
            *(65.40084388185655, 61.60337552742617, 57.80590717299579),
        ],
        "calls": [12.601969057665261, 37.55274261603382, 71.01265822784816],
        "auc": 71.76200395235807,
        "apgr": 0.5906419529837251,
        "optimal": [57.80590717299579, 67.80590717299577, 77.80590717299577, 88.60759493670885],
    },
}


def exactly(value: Any) -> Any:
    return pytest.approx(value, rel=0, abs=1e-9)


@pytest.mark.parametrize(("seed", "n"), GOLDEN)
def test_as_routellm_computes_them(seed: int, n: int) -> None:
    score, weak, strong = synthetic(seed, n)
    golden = GOLDEN[seed, n]
    curve = deferral(score, weak, strong)
    assert curve.share.tolist() == exactly(golden["share"][::-1])
    assert curve.quality.tolist() == exactly(golden["quality"][::-1])
    low, high = 100 * weak.mean(), 100 * strong.mean()
    assert [calls_for(part, curve, low, high) for part in (0.2, 0.5, 0.8)] == exactly(golden["calls"])
    assert float(auc(curve)) == exactly(golden["auc"])
    assert float(apgr(curve, low, high)) == exactly(golden["apgr"])
    best = np.interp([0, 10, 20, 100], *optimal(weak, strong, np.ones(n)))
    assert best.tolist() == exactly(golden["optimal"])


@pytest.mark.skipif(not MMLU.exists(), reason="the public data is not beside this checkout")
def test_as_routellm_computes_them_on_its_own_data() -> None:
    with MMLU.open(encoding="utf-8", newline="") as file:
        answers = [line[2:4] for line in csv.reader(file)][1:]
    weak, strong = np.array([[float(right == "True") for right in line] for line in answers]).T
    assert len(weak) == 14_037
    curve = deferral(np.random.default_rng(0).random(len(weak)), weak, strong)
    low, high = 100 * weak.mean(), 100 * strong.mean()
    # From RouteLLM's own functions on the same scores, as above.
    assert (low, high) == exactly((68.09147253686685, 80.58702001852248))
    assert curve.share[1] == exactly(10.002137208805301)
    assert curve.quality[1] == exactly(69.21706917432499)
    calls = [calls_for(part, curve, low, high) for part in (0.2, 0.5, 0.8)]
    assert calls == exactly([21.169468467407988, 49.44478339965839, 77.7949005649903])
    assert float(auc(curve)) == exactly(74.37623875296467)
    assert float(apgr(curve, low, high)) == exactly(0.50296045253914)
    best = np.interp([10, 20], *optimal(weak, strong, np.ones(len(weak))))
    assert best.tolist() == exactly([78.09147253686686, 85.87304979696516])


def test_thresholds_are_deciles() -> None:
    # Eleven rows: each decile is a row; 0.3, 0.6 and 0.7 have no exact binary form and lie a trifle above.
    found = thresholds(np.arange(11.0))
    assert found.tolist() == pytest.approx(list(range(11)))
    assert (found[[3, 6, 7]] > [3, 6, 7]).all()
    assert found[[0, 1, 2, 4, 5, 8, 9, 10]].tolist() == [0, 1, 2, 4, 5, 8, 9, 10]


def test_a_row_at_the_threshold_goes_to_the_strong_model_but_not_at_the_last() -> None:
    selected = selections(np.array([0.0, 10.0]))
    # Thresholds 0, 1, …, 10: the dearer row at all but the last, the cheaper one at the first alone.
    assert selected[0].tolist() == [False] * 10 + [True]
    assert selected[1].tolist() == [False] + [True] * 10


def test_a_curve_by_hand() -> None:
    # The strong model helps the second row alone, which has the higher score.
    curve = deferral(np.array([0.0, 10.0]), np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    assert curve.share.tolist() == [0] + [50] * 9 + [100]
    assert curve.quality.tolist() == [50] + [100] * 10
    # A ramp from 50 to 100 over half of the width, then 100.
    assert float(auc(curve)) == 87.5
    assert float(apgr(curve, 50, 100)) == 0.75
    assert calls_for(0.5, curve, 50, 100) == 25


def test_ties_leave_fewer_thresholds() -> None:
    # The seventh of eleven limits lies between the sixth row and the seventh, 0.4 of the way.
    scores = np.array([0.0] * 6 + [1.0] * 4)
    assert thresholds(scores).tolist() == pytest.approx([0, 0.4, 1])
    assert (100 * selections(scores).mean(axis=0)).tolist() == [0, 40, 100]
    # Nothing is told apart: both ends remain, and chance.
    assert thresholds(np.full(4, 0.3)).tolist() == [0.3]
    flat = deferral(np.full(4, 0.3), np.array([1.0, 0, 0, 0]), np.array([1.0, 1, 0, 1]))
    assert flat.share.tolist() == [0, 100]
    assert flat.quality.tolist() == [25, 75]
    assert float(apgr(flat, 25, 75)) == 0.5


def test_quality_that_falls_is_interpolated_as_it_comes() -> None:
    curve = Deferral(np.array([0.0, 50.0, 100.0]), np.array([20.0, 70.0, 60.0]))
    assert calls_for(0.5, curve, 20, 60) == 20
    assert float(apgr(curve, 20, 60)) == pytest.approx((0.5 * 45 + 0.5 * 65 - 20) / 40)


def test_without_a_gap_there_is_none_to_recover() -> None:
    curve = Deferral(np.array([0.0, 100.0]), np.array([50.0, 50.0]))
    assert np.isnan(apgr(curve, 50, 50))
    assert np.isnan(apgr(curve, 60, 50))


def test_many_curves_at_once() -> None:
    share = np.array([[0.0, 50.0, 100.0], [0.0, 40.0, 100.0]])
    quality = np.array([[0.0, 100.0, 100.0], [0.0, 40.0, 100.0]])
    assert auc(Deferral(share, quality)).tolist() == [75, 50]
    found = apgr(Deferral(share, quality), quality[:, 0], quality[:, -1])
    assert found.tolist() == pytest.approx([0.75, 0.5])


def test_the_best_by_hand() -> None:
    # Gains 0.5, 0, -1 and 0.25; the weak model's mean is 0.5.
    weak, strong = np.array([0.5, 0.25, 1.0, 0.25]), np.array([1.0, 0.25, 0.0, 0.5])
    share, quality = optimal(weak, strong, np.ones(4))
    assert share.tolist() == [0, 25, 50, 100]
    assert quality.tolist() == [50, 62.5, 68.75, 68.75]
    # The first row counts twice.
    share, quality = optimal(weak, strong, np.array([2.0, 1, 1, 1]))
    assert share.tolist() == [0, 40, 60, 100]
    assert quality.tolist() == pytest.approx([50, 70, 75, 75])


rows = st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), min_size=2, max_size=60)


@given(rows)
def test_no_router_is_above_the_best(drawn: list[tuple[int, bool, bool]]) -> None:
    score, weak, strong = np.array(drawn, dtype=float).T
    curve = deferral(score, weak, strong)
    assert (curve.share[0], curve.share[-1]) == (0, 100)
    assert (np.diff(curve.share) >= 0).all()
    assert (curve.quality <= np.interp(curve.share, *optimal(weak, strong, np.ones(len(weak)))) + 1e-9).all()


@given(rows)
def test_only_the_order_of_the_scores_matters(drawn: list[tuple[int, bool, bool]]) -> None:
    score, weak, strong = np.array(drawn, dtype=float).T
    # Doubling is exact.
    first, second = (deferral(given_, weak, strong) for given_ in (score, 2 * score))
    assert first.share.tolist() == second.share.tolist()
    assert first.quality.tolist() == second.quality.tolist()
