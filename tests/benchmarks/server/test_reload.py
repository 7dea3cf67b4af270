"""Another router takes over while the server runs."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from routers.baselines import MajorityRouter, TfidfRouter
from tests.benchmarks.helpers import wait_until
from tests.benchmarks.server import parrot
from tests.benchmarks.server.helpers import Client, keep, serving

Questions = tuple[list[str], list[str]]
ADMIN = {"ROUTER_DERBY_ADMIN_KEY": "root"}
BEARER = {"authorization": "Bearer root"}
OIL = "How often should the engine oil be changed?"


def reload(client: Client, **routers: Path) -> int:
    body = {"routers": {name: str(folder) for name, folder in routers.items()}}
    return client.post("/admin/reload", json=body, headers=BEARER).status_code


def chosen(client: Client) -> str:
    return str(client.post("/router", json={"query": OIL}).json()["selected_model"])


@pytest.fixture
def swapped(questions: Questions, tmp_path: Path) -> Path:
    """A router that takes cars for sleep."""
    labels = ["sleep" if label == "car" else "car" for label in questions[1]]
    return keep(TfidfRouter().fit(questions[0], labels), tmp_path / "swapped")


def test_another_router_takes_over(tfidf_run: Path, swapped: Path) -> None:
    with serving({"main": tfidf_run}, ADMIN) as client, ThreadPoolExecutor(1) as pool:
        assert chosen(client) == "car"
        # One that is being answered ends as it began.
        running = pool.submit(client.chat, f"{OIL} waits")
        wait_until(lambda: parrot.heard)
        assert reload(client, main=swapped) == 200
        assert chosen(client) == "sleep"
        parrot.released.set()
        assert running.result().json()["model"] == "car"
        text = client.get("/metrics").text
        assert 'router_derby_reloads_total{outcome="ok"} 1.0' in text


def test_no_request_fails_while_routers_change(tfidf_run: Path, swapped: Path) -> None:
    with serving({"main": tfidf_run}, ADMIN) as client, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(client.post, "/", json={"query": f"{OIL} {number}"}) for number in range(200)]
        for folder in (swapped, tfidf_run, swapped):
            assert reload(client, main=folder) == 200
        assert {one.result().status_code for one in asked} == {200}


@pytest.mark.parametrize("damage", ["missing", "cut", "not_json", "no_state", "questions"])
def test_a_damaged_router_is_refused(
    tfidf_run: Path, questions: Questions, tmp_path: Path, damage: str
) -> None:
    other = keep(MajorityRouter().fit(*questions), tmp_path / "other")
    home = other / "router"
    if damage == "missing":
        other = tmp_path / "nowhere"
    elif damage == "cut":
        state = home / "state.safetensors"
        state.write_bytes(state.read_bytes()[:-3])
    elif damage == "not_json":
        (home / "router.json").write_text("{")
    elif damage == "questions":
        (home / "questions.json").write_text("{")
    else:
        (home / "state.safetensors").unlink()
    with serving({"main": tfidf_run}, ADMIN) as client:
        answer = client.post("/admin/reload", json={"routers": {"main": str(other)}}, headers=BEARER)
        assert answer.status_code == 400
        assert str(tmp_path) not in answer.text
        assert chosen(client) == "car"
        assert 'router_derby_reloads_total{outcome="refused"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize("name", ["auto", "", "a/b", "a\nb"])
def test_a_name_that_no_router_can_have(tfidf_run: Path, name: str) -> None:
    with serving({"main": tfidf_run}, ADMIN) as client:
        body = {"routers": {name: str(tfidf_run)}}
        assert client.post("/admin/reload", json=body, headers=BEARER).status_code == 400
        assert chosen(client) == "car"


def test_only_an_administrator_may(tfidf_run: Path) -> None:
    keys = {**ADMIN, "ROUTER_DERBY_API_KEYS": "anna:first"}
    with serving({"main": tfidf_run}, keys) as client:
        assert client.post("/admin/reload", json={}).status_code == 401
        anna = {"authorization": "Bearer first"}
        assert client.post("/admin/reload", json={}, headers=anna).status_code == 403
        assert client.post("/admin/reload", json={}, headers=BEARER).status_code == 200
    with serving({"main": tfidf_run}) as client:
        assert client.post("/admin/reload", json={}).status_code == 403


def test_the_same_folder_is_read_again(questions: Questions, tmp_path: Path) -> None:
    run = keep(TfidfRouter().fit(*questions), tmp_path / "run")
    with serving({"main": run}, ADMIN) as client:
        before = client.chat(OIL, route_only=True).json()["routing"]["checksum"]
        labels = ["sleep" if label == "car" else "car" for label in questions[1]]
        keep(TfidfRouter().fit(questions[0], labels), run)
        assert client.post("/admin/reload", json={}, headers=BEARER).status_code == 200
        routing = client.chat(OIL, route_only=True).json()["routing"]
        assert routing["checksum"] != before
        assert routing["domain"] == "sleep"


def test_routers_of_the_same_experts_share_them(tfidf_run: Path, swapped: Path) -> None:
    with serving({"one": tfidf_run, "two": swapped}) as client:
        first, second = (served.loaded.pipeline for served in client.state.all())
    assert first.experts is not None
    assert first.experts is second.experts
    assert first.router is not second.router
