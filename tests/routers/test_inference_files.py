"""Outputs of routers come back from a file as they were, absent parts included."""

from pathlib import Path

import numpy as np

from routers.base import Inference
from routers.inference_files import concatenate, load_inferences, save_inferences

PLAIN = Inference(np.array([[0.25, 0.75]], dtype=np.float32), np.array([0.5], dtype=np.float32))
FULL = Inference(
    np.array([[0.1, 0.9], [0.4, 0.6]], dtype=np.float32),
    np.array([0.5, 0.25], dtype=np.float32),
    np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32),
    np.array([True, False]),
    np.array([False, True]),
    np.array([[0.5, 0.5], [0.25, 0.75]], dtype=np.float32),
)


def same(one: Inference, other: Inference) -> None:
    for array, expected in zip(one, other, strict=True):
        if expected is None:
            assert array is None
        else:
            assert array is not None
            assert array.dtype == expected.dtype
            np.testing.assert_array_equal(array, expected)


def test_several_come_back_in_order(tmp_path: Path) -> None:
    # Twelve: the tenth must not come between the first and the second.
    found = [PLAIN._replace(confidence=np.array([n / 16], dtype=np.float32)) for n in range(11)] + [FULL]
    save_inferences(found, tmp_path / "outputs")
    for one, other in zip(load_inferences(tmp_path / "outputs", 12), found, strict=True):
        same(one, other)


def test_however_an_array_lies_in_memory(tmp_path: Path) -> None:
    turned = FULL._replace(proba=np.asfortranarray(FULL.proba), expected=FULL.expected[:, ::-1])  # type: ignore[index]
    save_inferences([turned], tmp_path / "outputs")
    same(load_inferences(tmp_path / "outputs", 1)[0], turned)


def test_parts_together() -> None:
    same(concatenate([FULL._replace(sent_on=None)]), FULL._replace(sent_on=None))
    whole = concatenate([FULL, FULL])
    same(whole, Inference(*(np.concatenate([array, array]) for array in FULL)))
    assert concatenate([PLAIN, PLAIN]).expected is None
