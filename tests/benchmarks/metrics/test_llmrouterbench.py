"""LLMRouterBench's scores by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.metrics.llmrouterbench import gain, gap, saved


def one(*values: float) -> NDArray[np.float64]:
    return np.array(values)


def test_gain_and_gap_are_shares_of_what_they_compare_with() -> None:
    assert gain(one(0.66, 0.54), one(0.6, 0.6)) == pytest.approx([0.1, -0.1])
    assert gap(one(0.66, 0.8), one(0.8, 0.8)) == pytest.approx([0.175, 0])
    assert np.isnan(gain(one(0.5), one(0.0)))


def test_cost_saved_is_of_the_cheapest_setting_that_is_as_good() -> None:
    cost, quality = np.array([[1.0, 2.0, 3.0, 5.0]]), np.array([[0.2, 0.7, 0.6, 0.9]])
    assert saved(cost, quality, one(4.0), one(0.6)) == pytest.approx([0.5])
    # As good as the best setting alone, which is dearer than the model.
    assert saved(cost, quality, one(4.0), one(0.9)) == pytest.approx([-0.25])
    assert np.isnan(saved(cost, quality, one(4.0), one(0.95)))
    # The last digit of a sum decides nothing.
    assert saved(cost, quality, one(4.0), one(0.7 + 1e-15)) == pytest.approx([0.5])
