"""The splits, weights and scores of fine-tuning, computed by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from common.progress import Event, listening
from routers.classifier_training import (
    balanced_accuracy,
    class_weights,
    progress_callback,
)


def test_class_weights_by_hand() -> None:
    weights = class_weights(np.array([0, 0, 0, 1]), 3)
    assert weights == pytest.approx([4 / (2 * 3), 4 / (2 * 1), 0])
    assert weights.dtype == np.float32


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
