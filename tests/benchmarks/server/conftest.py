"""Kept routers that several files serve, and clients of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from routers.baselines import TfidfRouter
from routers.encoder import SentenceEncoder
from routers.knn import KNNRouter
from tests.benchmarks.server import parrot
from tests.benchmarks.server.helpers import Client, keep, serving

Questions = tuple[list[str], list[str]]


@pytest.fixture(autouse=True)
def silent() -> None:
    """No parrot has heard anything yet."""
    parrot.heard.clear()
    parrot.abandoned.clear()
    parrot.released.clear()


@pytest.fixture(scope="session")
def tfidf_run(questions: Questions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep(TfidfRouter().fit(*questions), tmp_path_factory.mktemp("kept") / "tfidf")


@pytest.fixture(scope="session")
def knn(questions: Questions, encoder: SentenceEncoder) -> KNNRouter:
    return KNNRouter(encoder, k=5).fit(*questions, [f"q{row}" for row in range(len(questions[0]))])


@pytest.fixture(scope="session")
def knn_run(knn: KNNRouter, questions: Questions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = {f"q{row}": text for row, text in enumerate(questions[0])}
    return keep(knn, tmp_path_factory.mktemp("kept") / "knn", questions=texts)


@pytest.fixture(scope="module")
def client(tfidf_run: Path, knn_run: Path) -> Iterator[Client]:
    """A server of a router without neighbours, `tfidf`, the first one, and one with them, `knn`."""
    with serving({"tfidf": tfidf_run, "knn": knn_run}) as found:
        yield found
