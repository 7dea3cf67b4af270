"""`router=url` asks our own server in each of its protocols, over a real connection."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from routers.base import RouterError
from routers.knn import KNNRouter
from routers.stages import collect_stages
from routers.url import UrlRouter
from routers.url_protocols import PROTOCOLS
from tests.benchmarks.server.test_processes import Server, started

pytestmark = pytest.mark.process
Questions = tuple[list[str], list[str]]


@pytest.fixture(scope="module")
def server(knn_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that wants a key."""
    keys = {"ROUTER_DERBY_API_KEYS": "me:sk-secret"}
    with started(tmp_path_factory.mktemp("served"), f"run={knn_run}", environment=keys) as found:
        yield found


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")


def router_of(server: Server, protocol: str, questions: Questions, api_key_env: str = "MY_KEY") -> UrlRouter:
    url = f"http://127.0.0.1:{server.port}"
    return UrlRouter(url, protocol, api_key_env=api_key_env, max_batch=5).fit(*questions)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_says_what_the_served_router_says(
    server: Server, knn: KNNRouter, questions: Questions, held_out: Questions, protocol: str
) -> None:
    router = router_of(server, protocol, questions)
    said, wanted = router.infer(held_out[0]), knn.infer(held_out[0])
    if protocol == "knn":
        # Its protocol rounds, and has similarities of neighbours in the place of probabilities.
        for row, found in zip(said.proba, knn.infer_with_hits(held_out[0])[1] or [], strict=True):
            votes = dict.fromkeys(knn.classes_, 0.0)
            for hit in found["hits"]:
                votes[hit["category"]] += max(hit["similarity"], 0)
            assert row == pytest.approx(np.array(list(votes.values())) / sum(votes.values()), abs=1e-4)
    else:
        assert said.proba == pytest.approx(wanted.proba, abs=1e-4)
        if protocol in ("own", "openai", "vsr"):
            assert said.confidence == pytest.approx(wanted.confidence, abs=1e-4)
    events = router.events()
    n = len(held_out[0])
    assert events["requests"] == ((n + 4) // 5 if protocol == "own" else n)
    assert (events["retries"], events["unnamed"]) == (0, 0)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_its_own_time_is_told_from_the_network(server: Server, questions: Questions, protocol: str) -> None:
    router = router_of(server, protocol, questions)
    with collect_stages() as times:
        router.infer(["why do my brakes squeal"])
    assert set(times) == {"server", "network"}
    assert all(times.values())


def test_a_wrong_key_is_refused_by_name(
    server: Server, questions: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-other")
    with pytest.raises(RouterError, match=r"HTTP 401: .*router\.api_key_env names") as caught:
        router_of(server, "own", questions).infer(["why"])
    assert "sk-other" not in str(caught.value)
