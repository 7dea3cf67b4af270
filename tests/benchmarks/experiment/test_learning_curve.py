"""Subsets of the training questions, and accuracy against their size."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.datasets.base import Dataset, Example
from benchmarks.experiment.learning_curve import learning_curve, subset
from benchmarks.experiment.trials import Outcome, Trial
from routers.base import Inference

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


class Told:
    """In the place of `run_trials`: right on as many test questions as the number of the trial says."""

    def __init__(self, right: Sequence[int]) -> None:
        self.right = right
        self.trials: list[Trial] = []

    def __call__(self, trials: Sequence[Trial], threads: int, title: str) -> list[Outcome]:
        self.trials = list(trials)
        labels = [0, 1, 1]
        outcomes = []
        for right in self.right:
            said = [label if row < right else 1 - label for row, label in enumerate(labels)]
            proba = np.eye(2, dtype=np.float32)[said]
            outcomes.append(Outcome(["a", "b"], [], Inference(proba, proba[:, 0])))
        return outcomes


@pytest.mark.parametrize("size", [1, 2, 4, 10])
def test_a_subset_has_so_many_of_each_label_or_all(size: int) -> None:
    counts = Counter(example.label for example in subset(TRAIN, size, seed=0))
    assert counts == {"a": min(size, 6), "b": min(size, 3)}


def test_a_subset_keeps_the_order_and_does_not_depend_on_it() -> None:
    chosen = subset(TRAIN, 2, seed=0)
    assert chosen == [example for example in TRAIN if example in chosen]
    assert set(subset(TRAIN[::-1], 2, seed=0)) == set(chosen)


def test_the_seed_draws_the_subset() -> None:
    drawn = {tuple(example.id for example in subset(TRAIN, 2, seed)) for seed in range(8)}
    assert len(drawn) > 4
    assert subset(TRAIN, 2, seed=3) == subset(TRAIN, 2, seed=3)


def test_the_points_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told([1, 2, 3, 3, 2])
    monkeypatch.setattr("benchmarks.experiment.learning_curve.run_trials", told)
    # 6 and 9 are the whole split, which comes last anyhow; 1 stands twice.
    first, second, last = learning_curve("fake", SPEC, DATASET, [4, 1, 6, 1, 9], 2, threads=1, seed=5)
    assert [trial.train for trial in told.trials] == [
        subset(TRAIN, 1, 5),
        subset(TRAIN, 1, 6),
        subset(TRAIN, 4, 5),
        subset(TRAIN, 4, 6),
        TRAIN,
    ]
    assert {tuple(trial.queries) for trial in told.trials} == {("one", "two", "three")}
    # Student's t of one degree of freedom has its 97.5 % point at 12.7062; the spread of 1/3 and 2/3
    # is their distance over the root of 2, that of their mean half their distance.
    reach = 12.7062 * (1 / 3) / 2
    assert first == {
        "per_domain": 1,
        "n_train": 2,
        "n_test": 3,
        "accuracy": pytest.approx(1 / 2),
        "ci_low": pytest.approx(1 / 2 - reach, abs=1e-4),
        "ci_high": pytest.approx(1 / 2 + reach, abs=1e-4),
        "values": pytest.approx([1 / 3, 2 / 3]),
    }
    assert (second["per_domain"], second["n_train"], second["values"]) == (4, 7, [1, 1])
    assert (second["ci_low"], second["ci_high"]) == (1, 1)
    assert (last["per_domain"], last["n_train"], last["values"]) == (6, 9, [pytest.approx(2 / 3)])
    assert (last["ci_low"], last["ci_high"]) == (None, None)


def test_without_sizes_there_is_the_whole_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.experiment.learning_curve.run_trials", Told([3]))
    (only,) = learning_curve("fake", SPEC, DATASET, [], 2, threads=1, seed=0)
    assert (only["n_train"], only["accuracy"]) == (9, 1)


def test_a_test_question_counts_by_its_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = [Example("t-1", "one", "a", weight=3), *TEST[1:]]
    monkeypatch.setattr("benchmarks.experiment.learning_curve.run_trials", Told([1]))
    curve = learning_curve("fake", SPEC, Dataset("small", TRAIN, heavy), [], 2, threads=1, seed=0)
    assert curve[0]["accuracy"] == pytest.approx(3 / 5)


def test_classes_in_another_order_or_fewer_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(trials: Sequence[Trial], threads: int, title: str) -> list[Outcome]:
        proba = np.array([[0.1, 0.9], [0.9, 0.1], [0.1, 0.9]], dtype=np.float32)
        return [Outcome(["b", "a"], [], Inference(proba, proba[:, 0]))]

    monkeypatch.setattr("benchmarks.experiment.learning_curve.run_trials", other)
    (only,) = learning_curve("fake", SPEC, DATASET, [], 2, threads=1, seed=0)
    assert only["accuracy"] == pytest.approx(2 / 3)
