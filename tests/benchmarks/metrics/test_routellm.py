"""RouteLLM's measures: by hand, and against what RouteLLM's own code gave."""

from typing import Any

import numpy as np
import pytest

from benchmarks.metrics.routellm import (
    Deferral,
    apgr,
    auc,
    calls_for,
    optimal,
    selections,
    thresholds,
)

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
}


def deferral(scores: Any, weak: Any, strong: Any) -> Deferral:
    """The curve of a router with these scores, of answers of quality `weak` and `strong`."""
    selected = selections(scores)
    quality = np.where(selected, strong[:, None], weak[:, None])
    return Deferral(100 * selected.mean(axis=0), 100 * quality.mean(axis=0))


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
    assert np.unique(thresholds(scores)).tolist() == pytest.approx([0, 0.4, 1])
    assert np.unique(100 * selections(scores).mean(axis=0)).tolist() == [0, 40, 100]
    # Nothing is told apart: both ends remain, and chance.
    assert set(thresholds(np.full(4, 0.3)).tolist()) == {0.3}
    flat = deferral(np.full(4, 0.3), np.array([1.0, 0, 0, 0]), np.array([1.0, 1, 0, 1]))
    assert flat.share.tolist() == [0, 100]
    assert flat.quality.tolist() == [25, 75]
    assert float(apgr(flat, 25, 75)) == 0.5


def test_the_tied_rows_at_the_top_are_a_point() -> None:
    # As of a router that draws: no limit lies between the two scores.
    scores = np.array([-1.0] * 5 + [1.0] * 6)
    assert set(thresholds(scores).tolist()) == {-1, 1}
    weak, strong = np.zeros(11), np.array([1.0] * 5 + [0.0] * 6)
    curve = deferral(scores, weak, strong)
    assert curve.share.tolist() == pytest.approx([0, 600 / 11, 100])
    assert curve.quality.tolist() == pytest.approx([0, 0, 500 / 11])
    assert float(apgr(curve, 0, 500 / 11)) == pytest.approx(5 / 22)


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
