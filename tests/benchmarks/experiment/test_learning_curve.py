"""Subsets of the training questions, and accuracy against their size."""

from collections import Counter
from dataclasses import astuple, replace

import numpy as np
import pytest

from benchmarks.datasets.base import Dataset, Example, by_content, subset
from benchmarks.experiment.fit_batch import FitOutput
from benchmarks.experiment.learning_curve import learning_curve
from benchmarks.stats.shares import clopper_pearson
from common.settings import Context
from reports.record import LearningPoint
from routers.base import Inference
from tests.benchmarks.stand_ins import ToldFit, ToldFits

SPEC = {"_target_": "routers.baselines.MajorityRouter"}
TRAIN = [
    Example(f"{label}-{n}", f"{label} {n}", label)
    for label, count in (("a", 6), ("b", 3))
    for n in range(count)
]
TEST = [
    Example("t-1", "one", "a"),
    Example("t-2", "two", "b"),
    Example("t-3", "three", "b"),
    Example("t-4", "four", None, slice="out_of_scope"),
]
DATASET = Dataset("small", TRAIN, TEST)

pytestmark = pytest.mark.usefixtures("own_cache")


def right_on(*right: int, classes: str = "ab") -> ToldFits:
    """The first so many test questions are right, of each fit in turn."""

    def tell(number: int, _: ToldFit) -> FitOutput:
        best = [
            (label if row < right[number] else "ba"["ab".index(label)]) for row, label in enumerate("abb")
        ]
        proba = np.eye(2, dtype=np.float32)[[classes.index(label) for label in best]]
        return FitOutput(list(classes), [], Inference(proba, proba[:, 0]))

    return ToldFits(tell=tell)


def curve(
    workers: ToldFits, sizes: list[int], dataset: Dataset = DATASET, seed: int = 0
) -> list[LearningPoint]:
    return learning_curve("fake", SPEC, dataset, sizes, 2, Context(), workers, seed)


@pytest.mark.parametrize("size", [1, 2, 4, 10])
def test_a_subset_has_so_many_of_each_label_or_all_in_their_order(size: int) -> None:
    chosen = subset(TRAIN, size, seed=0)
    assert Counter(example.label for example in chosen) == {"a": min(size, 6), "b": min(size, 3)}
    assert chosen == [example for example in TRAIN if example in chosen]
    assert set(subset(TRAIN[::-1], size, seed=0)) == set(chosen)


def test_the_seed_draws_the_subset() -> None:
    drawn = {tuple(example.id for example in subset(TRAIN, 2, seed)) for seed in range(8)}
    assert len(drawn) > 4
    assert subset(TRAIN, 2, seed=3) == subset(TRAIN, 2, seed=3)


def test_the_points_by_hand() -> None:
    workers = right_on(1, 2, 3, 3, 2)
    # 6 and 9 are the whole split, which comes last anyhow; 1 stands twice.
    first, second, last = curve(workers, [4, 1, 6, 1, 9], seed=5)
    parts = [subset(TRAIN, size, seed) for size in (1, 4) for seed in (5, 6)]
    assert [fit.lessons.ids for fit in workers.fits] == [
        [example.id for example in by_content(part)] for part in (*parts, TRAIN)
    ]
    assert {tuple(fit.queries) for fit in workers.fits} == {("one", "two", "three")}
    # The variance of the test's three questions is 1/4 / 3. That of the mean of 1/3 and 2/3 is (1/6)² times
    # the square of 12.7062 / 1.96, the quantiles of Student's t of one degree of freedom and of the normal.
    size = (1 / 4) / (1 / 12 + (1 / 6) ** 2 * (12.7062 / 1.95996) ** 2)
    assert first.values == pytest.approx([1 / 3, 2 / 3])
    (low,), (high,) = clopper_pearson(np.array([0.5]), np.array([size]), 0.95)
    assert astuple(replace(first, values=[])) == (
        *(1, 2, 3, pytest.approx(1 / 2), []),
        *(pytest.approx(low, abs=1e-5), pytest.approx(high, abs=1e-5)),
    )
    assert second == LearningPoint(4, 7, 3, 1, [1, 1], pytest.approx(0.025 ** (1 / 3)), 1)
    # Of one draw the test's error remains: two right of three.
    assert (last.per_domain, last.n_train, last.n_test, len(last.values)) == (6, 9, 3, 1)
    (low,), (high,) = clopper_pearson(np.array([2 / 3]), np.array([3]), 0.95)
    figures = (last.accuracy, last.ci_low, last.ci_high)
    assert figures == (pytest.approx(2 / 3), pytest.approx(low), pytest.approx(high))


def test_an_interval_has_the_tests_error_whatever_the_draws_say() -> None:
    # Draws that agree leave the error of the three questions.
    point = curve(right_on(2, 2, 3), [1])[0]
    assert point.values == pytest.approx([2 / 3, 2 / 3])
    assert point.ci_low is not None
    assert point.ci_low < 0.1


def test_without_sizes_there_is_the_whole_split() -> None:
    limits = (pytest.approx(0.025 ** (1 / 3)), 1)
    assert curve(right_on(3), []) == [LearningPoint(6, 9, 3, 1, [1], *limits)]


def test_a_test_question_counts_by_its_weight() -> None:
    heavy = replace(DATASET, test=[replace(TEST[0], weight=3), *TEST[1:]])
    assert curve(right_on(1), [], heavy)[0].accuracy == pytest.approx(3 / 5)


def test_a_router_that_draws_is_right_by_its_chances() -> None:
    def tell(number: int, _: ToldFit) -> FitOutput:
        drawn = np.eye(2, dtype=np.float32)[[0, 0, 0]]
        chances = np.array([[0.75, 0.25]] * 3, dtype=np.float32)
        return FitOutput(["a", "b"], [], Inference(drawn, drawn[:, 0], chances=chances))

    (whole,) = curve(ToldFits(tell=tell), [])
    assert whole.values == [pytest.approx((0.75 + 0.25 + 0.25) / 3)]


def test_classes_may_be_in_another_order() -> None:
    assert curve(right_on(2, classes="ba"), [])[0].accuracy == pytest.approx(2 / 3)
