"""Questions that a router of a point is fitted on, and those that it is asked."""

from pathlib import Path

import pytest

from benchmarks.growth.point import GrownJob, fit_grown
from routers.base import Lessons, Router
from routers.encoder import SentenceEncoder
from routers.knn import KNNRouter
from tests.benchmarks.fakes import Expecting

QUERIES = ["my tyre is flat", "why do brakes squeal", "how long is a nap", "I dream a lot"]
LESSONS = Lessons(
    QUERIES,
    ["car", "car", "sleep", "sleep"],
    list("abcd"),
    [{"model": quality} for quality in (0.0, 0.25, 0.5, 1.0)],
)


def fitted(router: Router, stored: int, folder: Path) -> Router:
    fit_grown(GrownJob(router.spec(), LESSONS, stored, None, 0, str(folder / "router"), str(folder)))
    return Router.load(folder / "router")


def test_a_router_that_reads_text_learns_outcomes(tmp_path: Path) -> None:
    assert fitted(Expecting(), 6, tmp_path).models_ == ["model"]


def test_each_vector_has_the_outcomes_of_its_question(tmp_path: Path, minilm: str) -> None:
    router = fitted(KNNRouter(SentenceEncoder(minilm), k=1), 4, tmp_path)
    expected = router.infer(QUERIES).expected
    assert expected is not None
    assert expected[:, 0] == pytest.approx([0.0, 0.25, 0.5, 1.0])
