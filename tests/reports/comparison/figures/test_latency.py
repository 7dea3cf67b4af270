"""What the latency figure is drawn from."""

import numpy as np
import pytest

from reports.comparison.figures.latency import MOST_POINTS, distribution, milliseconds, stage_shares
from reports.comparison.figures.style import Shown, shown
from tests.reports.comparison.figures.samples import bare_record, full_record, result, timings


def router(**served: object) -> Shown:
    return shown({"knn": result(full_record(timings={"served": served} if served else {}))})[0]


def test_rounds_are_pooled_in_ascending_order() -> None:
    rounds = [{"latency_seconds": [0.003, 0.001]}, {"latency_seconds": [0.002, 0.0]}]
    assert milliseconds(router(rounds=rounds)).tolist() == pytest.approx([1, 2, 3])
    assert milliseconds(router()).tolist() == []


def test_distribution_by_hand() -> None:
    x, y = distribution(np.array([1.0, 2.0, 2.0, 8.0]))
    assert x.tolist() == [1, 1, 2, 2, 8]
    assert y.tolist() == [0, 25, 50, 75, 100]


def test_a_long_distribution_keeps_both_ends() -> None:
    values = np.arange(1.0, 10_001.0)
    x, y = distribution(values)
    assert len(x) <= MOST_POINTS + 1
    assert (x[0], x[-1], y[-1]) == (1, 10_000, 100)


def test_shares_are_of_the_medians_and_add_up() -> None:
    # Medians: encode 6, search 2, rest of 10, 10 and 12 is 2, 2 and 2.
    stages = {"encode": [0.006, 0.006, 0.008], "search": [0.002, 0.002, 0.002]}
    shares = stage_shares(
        router(rounds=[{"latency_seconds": [0.010, 0.010, 0.012], "stage_seconds": stages}])
    )
    assert shares == pytest.approx({"encode": 60, "search": 20, "rest": 20})


def test_stages_longer_than_the_whole_leave_no_rest() -> None:
    rounds = [{"latency_seconds": [0.001], "stage_seconds": {"encode": [0.002]}}]
    assert stage_shares(router(rounds=rounds)) == pytest.approx({"encode": 100, "rest": 0})


def test_without_stages_there_are_no_shares() -> None:
    assert stage_shares(router(rounds=[{"latency_seconds": [0.001], "stage_seconds": {}}])) == {}
    assert stage_shares(shown({"knn": result(bare_record())})[0]) == {}
    assert timings()["served"]["rounds"]
