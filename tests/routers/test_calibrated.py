"""Held-out questions, which never reach the inner router; thresholds of six rows by hand."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from routers.base import Router, RouterError
from routers.baselines import MajorityRouter, RandomRouter, TfidfRouter
from routers.calibrated import METHODS, CalibratedRouter, HeldOut, OutOfReach
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
print(HeldOut.load(Path(sys.argv[1])).for_coverage(0.5).threshold)
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


def test_chances_pass_through_where_the_draw_stays_the_most_probable() -> None:
    labels = ["a"] * 30 + ["b"] * 10
    queries = [f"question {number}" for number in range(40)]
    for method, known in (("temperature", True), ("none", True), ("isotonic", False)):
        said = CalibratedRouter(RandomRouter(), method).fit(queries, labels).infer(queries)
        assert (said.chances is not None) == known
        if said.chances is not None:
            assert said.chances == pytest.approx(np.array([[0.75, 0.25]] * 40), abs=0.03)


@pytest.mark.parametrize(
    ("coverage", "choice"),
    # The k-th highest of six, k the least whole number of at least 7 · coverage; the last two are equal.
    [
        (1.0, (0.0, 6, 3)),
        (0.7, (0.5, 6, 3)),
        (4 / 7, (0.6, 4, 3)),
        (0.5, (0.6, 4, 3)),
        (3 / 7, (0.7, 3, 2)),
        (0.1, (0.9, 1, 1)),
    ],
)
def test_the_threshold_of_a_coverage(six: HeldOut, coverage: float, choice: tuple[float, int, int]) -> None:
    assert six.for_coverage(coverage) == pytest.approx(choice)


def test_a_coverage_is_reached_on_average() -> None:
    # Even scores: a threshold t accepts the share 1 - t of new questions; its mean is 16 / 20 for 19 of them.
    generator = np.random.default_rng(3)
    accepted = []
    for _ in range(2000):
        scores = generator.random(19).astype(np.float32)
        accepted.append(1 - HeldOut(scores, scores, np.ones(19, bool)).for_coverage(0.8).threshold)
    assert np.mean(accepted) == pytest.approx(0.8, abs=0.006)


@pytest.mark.parametrize(
    ("accuracy", "level", "choice"),
    # From 0.9 on 1 of 1 right, 0.8: 2 of 2, 0.7: 2 of 3, 0.6: 3 of 4, 0.5: 3 of 6.
    # An error of 0.3 leaves one sequence, which begins at 0.8 (p = 0.25) and is lost at 0.7 (p = 0.5).
    # One of 0.4 makes two, from 0.8 (p = 0.09) and 0.7 (0.216); 0.6 (0.0837) and 0.5 (0.2557) are won too.
    [(0.5, 0.7, (0.8, 2, 2)), (0.3, 0.6, (0.5, 6, 3))],
)
def test_the_threshold_of_an_accuracy(
    six: HeldOut, accuracy: float, level: float, choice: tuple[float, int, int]
) -> None:
    assert six.for_accuracy(accuracy, level) == pytest.approx(choice)


def test_thresholds_of_the_probability(six: HeldOut) -> None:
    # Right by falling probability: no, yes, yes, no, no, yes.
    assert six.for_coverage(0.4, "probability") == pytest.approx((0.8, 3, 2))
    # From 0.8 on 2 of 3 are right: of 0.325 the tail is 3 p² - 2 p³ = 0.2482, and half of 0.5 can be spent.
    with pytest.raises(OutOfReach, match=r"accuracy of 0.9 with 50 % confidence on 6 held-out") as caught:
        six.for_accuracy(0.9, 0.5, "probability")
    assert caught.value.nearest == pytest.approx((0.8, 3, 2))
    assert caught.value.best == pytest.approx(0.325)
    # 0.9^7 = 0.478.
    assert caught.value.fewest == 7


@pytest.mark.parametrize("score", ["margin", ""])
def test_another_score_is_refused(six: HeldOut, score: str) -> None:
    with pytest.raises(RouterError, match=f"score '{score}' is not one of confidence, probability"):
        six.for_coverage(0.5, score)


@pytest.mark.parametrize(
    ("accuracy", "level", "named"), [(1.0, 0.9, "accuracy"), (0.9, 0.0, "confidence_level")]
)
def test_another_share_is_refused(six: HeldOut, accuracy: float, level: float, named: str) -> None:
    with pytest.raises(RouterError, match=f"^{named}=.*: must be between 0 and 1"):
        six.for_accuracy(accuracy, level)
    with pytest.raises(RouterError, match=r"coverage=0\.0: must be in"):
        six.for_coverage(0.0)


def test_isotonic_maps_do_not_see_the_question_that_they_are_judged_on() -> None:
    # The top probability says nothing of who is right. Maps that have seen the answers say otherwise.
    generator = np.random.default_rng(5)
    queries = [f"{label} {row}" for row in range(200) for label in ("car", "sleep")]
    told = {query: (top, 1 - top) for query, top in zip(queries, generator.random(400), strict=True)}
    router = CalibratedRouter(Saying(told), "isotonic", fraction=0.5)
    router.fit(queries, [query.split()[0] for query in queries])
    assert router.held_out_.right.mean() == pytest.approx(0.5, abs=0.07)


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
    assert found.for_coverage(0.5, "probability") == router.held_out_.for_coverage(0.5, "probability")


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
    assert json.loads(ran.stdout) == router.held_out_.for_coverage(0.5).threshold


def test_a_router_that_holds_nothing_out_is_refused_by_name(tmp_path: Path) -> None:
    MajorityRouter().fit(["a", "b"], ["car", "sleep"]).save(tmp_path / "router")
    with pytest.raises(RouterError, match=f"^the router saved in {tmp_path}/router holds no questions out"):
        HeldOut.load(tmp_path / "router")
    with pytest.raises(RouterError, match=f"^cannot load the router saved in {tmp_path}/nowhere"):
        HeldOut.load(tmp_path / "nowhere")
