"""The splits, weights and scores of fine-tuning, computed by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.progress import Event, listening
from routers.classifier_training import (
    balanced_accuracy,
    class_weights,
    progress_callback,
    stratified_holdout,
)

TARGETS = st.lists(st.integers(0, 3), min_size=1, max_size=60).map(np.array)


def test_class_weights_by_hand() -> None:
    weights = class_weights(np.array([0, 0, 0, 1]), 3)
    assert weights == pytest.approx([4 / (2 * 3), 4 / (2 * 1), 0])
    assert weights.dtype == np.float32


@given(TARGETS)
def test_every_class_weighs_the_same_in_total(targets: np.ndarray) -> None:
    weights = class_weights(targets, 4)
    totals = np.bincount(targets, minlength=4) * weights
    seen = np.unique(targets)
    assert totals[seen] == pytest.approx(np.full(len(seen), len(targets) / len(seen)))
    assert weights.sum() == pytest.approx(weights[seen].sum())


def test_holdout_takes_the_fraction_of_each_class() -> None:
    targets = np.array([0] * 10 + [1] * 20 + [2])
    train, valid = stratified_holdout(targets, 0.2, seed=0)
    assert np.bincount(targets[train]).tolist() == [8, 16, 1]
    assert np.bincount(targets[valid]).tolist() == [2, 4, 1]
    assert set(train) & set(valid) == {30}
    assert set(train) | set(valid) == set(range(31))


@given(TARGETS, st.floats(0.01, 0.99), st.integers(0, 99))
def test_holdout_shares_only_classes_of_one_row(targets: np.ndarray, fraction: float, seed: int) -> None:
    train, valid = stratified_holdout(targets, fraction, seed)
    assert set(targets[train]) == set(targets[valid]) == set(targets)
    assert train.tolist() == sorted(set(train))
    assert valid.tolist() == sorted(set(valid))
    counts = np.bincount(targets, minlength=4)
    assert all(counts[targets[row]] == 1 for row in set(train) & set(valid))
    assert set(train) | set(valid) == set(range(len(targets)))


def test_holdout_depends_on_the_seed() -> None:
    targets = np.array([0, 1] * 30)
    splits = [stratified_holdout(targets, 0.2, seed)[1].tolist() for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]


def test_balanced_accuracy_by_hand() -> None:
    assert balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])) == pytest.approx(5 / 6)
    assert balanced_accuracy(np.array([0, 0, 2]), np.array([1, 1, 2])) == pytest.approx(1 / 2)
    assert balanced_accuracy(np.array([1]), np.array([0])) == 0.0


def test_progress_tells_the_score_from_the_first_evaluation_on() -> None:
    heard: list[Event] = []
    callback = progress_callback("training")
    with listening(heard.append):
        callback.on_step_end(None, SimpleNamespace(global_step=1, max_steps=2), None)
        callback.on_evaluate(
            None, SimpleNamespace(epoch=1.0), None, metrics={"eval_balanced_accuracy": 0.8125}
        )
        callback.on_step_end(None, SimpleNamespace(global_step=2, max_steps=2), None)
    reached = "training, epoch 1 reached 0.812 on validation"
    assert heard == [Event("training", 1, 2), Event(reached, 2, 2)]
