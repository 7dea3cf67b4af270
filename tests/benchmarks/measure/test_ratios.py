"""Latency beside the reference workload: by hand, and what it is meant to shrug off."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measure.latency import BLOCK
from benchmarks.measure.ratios import narrow_enough, over_rounds, total, typical
from reports.record import Round


def timed(*blocks: tuple[float, float]) -> Round:
    """A round of blocks, each with one latency and one time of the reference."""
    latency, reference = ([pair[side] for pair in blocks for _ in range(BLOCK)] for side in (0, 1))
    return Round(0.1, 0.1, latency, {}, reference)


def test_the_median_block_counts_and_all_time_counts_in_a_total() -> None:
    rounds = [timed((4, 2), (9, 3), (100, 1)), timed((5, 1))]
    assert np.exp(typical(rounds)) == pytest.approx([3, 5])
    assert np.exp(total(rounds)) == pytest.approx([113 / 6, 5])


def test_a_router_that_is_slow_on_some_questions_only_is_seen() -> None:
    before = [1.0, 1.0, 4.0] * (BLOCK // 3) + [1.0] * (BLOCK % 3)
    after = [1.0, 1.0, 8.0] * (BLOCK // 3) + [1.0] * (BLOCK % 3)
    rounds = [Round(0.1, 0.1, each, {}, [1.0] * BLOCK) for each in (before, after)]
    assert np.diff(typical(rounds)) == 0
    assert np.exp(np.diff(total(rounds))) == pytest.approx(sum(after) / sum(before))


def test_within_a_block_the_medians_count() -> None:
    latency = [1.5, *[2.0] * (BLOCK - 5), *[50.0] * 4]
    disturbed = Round(0.1, 0.1, latency, {}, [*[0.5] * (BLOCK - 1), 9.0])
    assert np.exp(typical([disturbed])) == pytest.approx([4])


@given(st.lists(st.floats(0.5, 20), min_size=1, max_size=8))
def test_a_machine_that_is_slower_for_a_while_changes_nothing(speeds: list[float]) -> None:
    rounds = [timed(*((3 * speed, 2 * speed) for speed in speeds))]
    for ratios in (typical, total):
        assert np.exp(ratios(rounds)) == pytest.approx([1.5])


def test_geometric_mean_and_student_by_hand() -> None:
    found = over_rounds(np.log([2.0, 8.0, 4.0]), 0.95)
    # Logarithms to base 2 are 1, 3, 2: mean 2, standard error 1/sqrt(3); t(0.975, 2) = 4.30265.
    reach = 4.302653 / math.sqrt(3)
    assert (found.value, found.low, found.high) == pytest.approx((4, 2 ** (2 - reach), 2 ** (2 + reach)))
    assert found.reach == pytest.approx(2**reach - 1)


def test_ratios_are_narrow_enough_at_the_precision_wanted() -> None:
    rounds = [timed((1.00, 1)), timed((1.02, 1)), timed((1.01, 1))]
    assert narrow_enough(rounds, 0.03, 0.95)
    assert not narrow_enough(rounds, 0.02, 0.95)
    # One round has no interval.
    alone = over_rounds(np.log([2.0]), 0.95)
    assert alone.value == pytest.approx(2)
    assert (alone.low, alone.high) == (None, None)
    assert not narrow_enough(rounds[:1], 0.99, 0.95)
