"""Held-out questions, which never reach the inner router; thresholds of six rows by hand."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routers.base import Router, RouterError
from routers.baselines import MajorityRouter, TfidfRouter
from routers.calibrated import METHODS, CalibratedRouter, HeldOut
from routers.cascade import CascadeRouter
from tests.routers.spies import Saying

Rows = tuple[list[str], list[str]]
QUERIES = [f"{label} {row}" for row in range(10) for label in ("car", "sleep")]
LABELS = [query.split()[0] for query in QUERIES]
TOLD = {query: (0.8, 0.2) if query[0] == "c" else (0.3, 0.7) for query in QUERIES}
# Six held-out questions, all put down as cars: confidence, top probability, whether that is right.
SIX = {
    "a": (0.9, 0.6, True),
    "b": (0.8, 0.9, True),
    "c": (0.7, 0.7, False),
    "d": (0.6, 0.8, True),
    "e": (0.5, 0.95, False),
    "f": (0.5, 0.65, False),
}
READ_AND_CHOOSE = """
import sys
from pathlib import Path
from routers.calibrated import HeldOut
print(HeldOut.load(Path(sys.argv[1])).threshold_for(coverage=0.5))
assert not {"torch", "onnxruntime", "sklearn"} & set(sys.modules)
"""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Saying, "fits", [])


@pytest.fixture
def six() -> HeldOut:
    confidence, probability, right = zip(*SIX.values(), strict=True)
    numbers = np.array(confidence, np.float32), np.array(probability, np.float32)
    return HeldOut(*numbers, np.array(right))


@pytest.mark.parametrize("method", METHODS)
def test_held_out_questions_never_reach_the_inner_fit(method: str) -> None:
    outcomes = [{"small": float(row)} for row in range(20)]
    ids = [f"id {query}" for query in QUERIES]
    router = CalibratedRouter(Saying(TOLD), method, fraction=0.3, seed=1)
    router.fit(QUERIES, LABELS, ids, outcomes)
    (fit,) = Saying.fits
    held_out = [query for query in QUERIES if query not in fit.queries]
    assert [query.split()[0] for query in held_out].count("car") == 3
    assert len(held_out) == len(router.held_out_.right) == 6
    assert len(fit.queries) == 14
    assert fit.ids == [f"id {query}" for query in fit.queries]
    assert fit.outcomes == [[float(QUERIES.index(query))] for query in fit.queries]
    assert router.models_ == ["small"]


def test_confidence_expected_and_sent_on_pass_through() -> None:
    confidence = {query: row / 20 for row, query in enumerate(QUERIES)}
    cheap = Saying(TOLD, confidence, {query: (confidence[query],) for query in QUERIES})
    inner = CascadeRouter(cheap, Saying(dict.fromkeys(QUERIES, (0.1, 0.9))), threshold=0.75)
    outcomes = [{"small": 1.0}] * 20
    router = CalibratedRouter(inner).fit(QUERIES, LABELS, outcomes=outcomes)
    plain = inner.fit(QUERIES, LABELS, outcomes=outcomes).infer(QUERIES)
    said = router.infer(QUERIES)
    assert said.sent_on is not None
    assert said.expected is not None
    assert said.confidence == pytest.approx(list(confidence.values()))
    assert said.expected[:, 0] == pytest.approx(list(confidence.values()))
    assert said.sent_on.tolist() == [query[0] == "s" for query in QUERIES]
    assert np.array_equal(said.proba.argmax(axis=1), plain.proba.argmax(axis=1))
    assert not np.allclose(said.proba, plain.proba)


@pytest.mark.parametrize(
    ("coverage", "threshold"), [(1.0, 0.5), (0.7, 0.5), (4 / 6, 0.6), (0.5, 0.7), (0.1, 0.9)]
)
def test_the_threshold_of_a_coverage(six: HeldOut, coverage: float, threshold: float) -> None:
    assert six.threshold_for(coverage=coverage) == pytest.approx(threshold)


@pytest.mark.parametrize(
    ("accuracy", "threshold"),
    # Kept from 0.9 on 1 of 1 right, 0.8: 2 of 2, 0.7: 2 of 3, 0.6: 3 of 4, 0.5: 3 of 6.
    [(0.5, 0.5), (0.51, 0.6), (0.75, 0.6), (0.76, 0.8), (1.0, 0.8)],
)
def test_the_threshold_of_an_accuracy(six: HeldOut, accuracy: float, threshold: float) -> None:
    assert six.threshold_for(accuracy=accuracy) == pytest.approx(threshold)


def test_thresholds_of_the_probability(six: HeldOut) -> None:
    # Right by falling probability: no, yes, yes, no, no, yes.
    assert six.threshold_for(coverage=0.5, score="probability") == pytest.approx(0.8)
    assert six.threshold_for(accuracy=0.6, score="probability") == pytest.approx(0.8)
    with pytest.raises(RouterError, match=r"accuracy of 0.9 on the 6 held-out .* is 0.6667, from 0.8 on$"):
        six.threshold_for(accuracy=0.9, score="probability")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "give coverage or accuracy"),
        ({"coverage": 0.5, "accuracy": 0.5}, "give coverage or accuracy"),
        ({"coverage": 0.0}, r"coverage=0\.0: must be in"),
        ({"accuracy": 1.1}, r"accuracy=1\.1: must be in"),
        ({"coverage": 0.5, "score": "margin"}, "score 'margin' is not one of confidence, probability"),
    ],
)
def test_refused_questions_about_thresholds(six: HeldOut, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(RouterError, match=message):
        six.threshold_for(**asked)


@pytest.mark.parametrize("method", METHODS)
def test_what_was_held_out_is_read_without_the_router(method: str, questions: Rows, tmp_path: Path) -> None:
    router = CalibratedRouter(TfidfRouter(), method).fit(*questions)
    router.save(tmp_path / "router")
    (tmp_path / "router" / "parts" / "router" / "router.json").unlink()
    with pytest.raises(RouterError):
        Router.load(tmp_path / "router")
    found = HeldOut.load(tmp_path / "router")
    assert np.array_equal(found.confidence, router.held_out_.confidence)
    assert np.array_equal(found.probability, router.held_out_.probability)
    assert np.array_equal(found.right, router.held_out_.right)
    assert (found.confidence.dtype, found.right.dtype) == (np.float32, bool)
    for asked in ({"coverage": 0.5}, {"accuracy": 0.5, "score": "probability"}):
        assert found.threshold_for(**asked) == router.held_out_.threshold_for(**asked)


@pytest.mark.process
def test_reading_what_was_held_out_imports_nothing_heavy(questions: Rows, tmp_path: Path) -> None:
    router = CalibratedRouter(TfidfRouter()).fit(*questions)
    router.save(tmp_path / "router")
    ran = subprocess.run(
        [sys.executable, "-c", READ_AND_CHOOSE, str(tmp_path / "router")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout) == router.held_out_.threshold_for(coverage=0.5)


def test_a_router_that_holds_nothing_out_is_refused_by_name(tmp_path: Path) -> None:
    MajorityRouter().fit(["a", "b"], ["car", "sleep"]).save(tmp_path / "router")
    with pytest.raises(RouterError, match=f"^the router saved in {tmp_path}/router holds no questions out"):
        HeldOut.load(tmp_path / "router")
    with pytest.raises(RouterError, match=f"^cannot load the router saved in {tmp_path}/nowhere"):
        HeldOut.load(tmp_path / "nowhere")
