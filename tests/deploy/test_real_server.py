"""The real server behind the real nginx, watched by the real Prometheus."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from routers.baselines import TfidfRouter
from tests.benchmarks.server.helpers import keep
from tests.conftest import CAR_HELD_OUT, SLEEP_HELD_OUT
from tests.deploy.helpers import (
    PATIENCE,
    Proxy,
    Reply,
    answers,
    ask,
    free_ports,
    needs,
    nginx,
    passed_on,
    running,
    wait_until,
)
from tests.deploy.prometheus_server import prometheus
from tests.deploy.queries import missing
from tests.deploy.test_grafana import expressions
from tests.deploy.test_prometheus import RULES

pytestmark = [needs("nginx", "nginx-light"), needs("prometheus", "prometheus"), pytest.mark.process]

KEYS = {"app": "key-of-the-app", "prometheus": "key-of-prometheus"}
APP = {"Authorization": f"Bearer {KEYS['app']}", "Content-Type": "application/json"}
QUESTIONS = [*CAR_HELD_OUT, *SLEEP_HELD_OUT]
CHAT = {"messages": [{"role": "user", "content": QUESTIONS[0]}], "route_only": True}
REQUESTS: list[tuple[str, str, object]] = [
    ("POST", "/v1/chat/completions", CHAT),
    ("POST", "/v1/chat/completions", {**CHAT, "stream": True}),
    ("POST", "/", {"query": QUESTIONS[1]}),
    ("POST", "/api/v1/classify/batch", {"texts": QUESTIONS}),
    ("GET", "/v1/models", None),
]
# Those that can be asked again elsewhere: of a stream the first words may have been passed on.
REPEATABLE = [request for request in REQUESTS if request[2] is None or "stream" not in str(request[2])]
# Questions in one turn of all.
ROUTED = 3 + len(QUESTIONS)
# Metrics with labels, of what is not asked here.
UNSEEN = {
    "router_derby_answer_seconds_bucket",
    "router_derby_cut_total",
    "router_derby_drift",
    "router_derby_errors_total",
    "router_derby_fallbacks_total",
    "router_derby_feedback_total",
    "router_derby_tokens_total",
}


class Service:
    """Two replicas of one run behind nginx; each can be started again."""

    def __init__(self, run: Path, folder: Path, stack: ExitStack) -> None:
        self.run, self.folder, self.stack = run, folder, stack
        self.ports = free_ports(2)
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        for port in self.ports:
            self.start(port)
        wait_until(lambda: all(answers(port, "/ready") for port in self.ports), "both replicas")
        self.proxy: Proxy = stack.enter_context(nginx(folder / "nginx", self.ports))

    def start(self, port: int) -> None:
        """Start a replica, which loads meanwhile."""
        arguments = [f"run={self.run}", f"port={port}", "threads=1", "feedback=null"]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "ROUTER_DERBY_API_KEYS": ",".join(f"{name}:{key}" for name, key in KEYS.items()),
        }
        self.processes[port] = self.stack.enter_context(
            running(
                [sys.executable, "-m", "benchmarks", "serve", *arguments],
                lambda: True,
                cwd=self.folder,
                env=environment,
            )
        )


@pytest.fixture(scope="module")
def service(
    questions: tuple[list[str], list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    run = keep(TfidfRouter().fit(*questions), tmp_path_factory.mktemp("kept") / "tfidf", experts=None)
    with ExitStack() as stack:
        yield Service(run, tmp_path_factory.mktemp("service"), stack)


def test_decisions_come_through_with_their_headers(service: Service) -> None:
    reply = ask(service.proxy.port, *REQUESTS[0], {**APP, "X-Request-ID": "order-66"})
    assert reply.headers["x-request-id"] == "order-66"
    assert reply.json()["routing"]["request_id"] == "order-66"
    assert reply.headers["x-vsr-selected-model"] == reply.json()["routing"]["domain"]
    # What the server says where something is wrong is not replaced by a page of nginx.
    refused = ask(service.proxy.port, *REQUESTS[0])
    assert refused.status == 401
    assert refused.json()["error"]["message"]


def test_prometheus_scrapes_the_replicas_and_has_every_metric(service: Service, tmp_path: Path) -> None:
    turns = 6
    for request in REQUESTS * turns:
        assert ask(service.proxy.port, *request, APP).status == 200
    with prometheus(tmp_path / "prometheus", service.ports, KEYS["prometheus"]) as watching:

        def decided() -> float:
            found = watching.values('sum(router_derby_decisions_total{job="router-derby"})')
            return float(found[0]["value"][1]) if found else 0.0

        # And the one of the test before.
        wait_until(lambda: decided() == turns * ROUTED + 1, "the decisions of both replicas")
        assert set(watching.health().values()) == {"up"}
        for expression in [*expressions(), *(rule["expr"] for rule in RULES.values())]:
            watching.values(expression)
        (count,) = watching.values('count(router_derby_router_info{job="router-derby"} == 1)')
        assert count["value"][1] == "2"
    key = {"Authorization": f"Bearer {KEYS['prometheus']}"}
    text = ask(service.ports[0], path="/metrics", headers=key).body.decode("utf-8")
    # Labels of what has not happened are not there yet, nor are metrics that have them.
    gone = {name for name in missing(expressions(), text) if "{" not in name}
    assert gone <= UNSEEN


def test_no_request_fails_while_replicas_are_killed_started_and_stopped(service: Service) -> None:
    first, second = service.ports
    before = len(service.proxy.logged())
    replies: list[Reply] = []
    done = Event()

    def client(number: int) -> None:
        while not done.is_set():
            replies.append(ask(service.proxy.port, *REPEATABLE[number % len(REPEATABLE)], APP))
            number += 1

    def served_by(port: int, since: int) -> bool:
        return any(line["tried"] == f"127.0.0.1:{port}" for line in service.proxy.logged()[since:])

    with ThreadPoolExecutor(4) as threads:
        clients = [threads.submit(client, number) for number in range(4)]
        try:
            wait_until(
                lambda: served_by(first, before) and served_by(second, before), "both replicas at work"
            )
            service.processes[first].send_signal(signal.SIGKILL)
            assert service.processes[first].wait(PATIENCE) == -signal.SIGKILL
            killed = len(service.proxy.logged())
            service.start(first)
            # While it loads it says 503.
            wait_until(lambda: answers(first, "/ready"), "the replica that was started again")
            wait_until(lambda: served_by(first, killed), "requests at the replica that was started again")
            # As when it is replaced by a newer one: it finishes what runs.
            service.processes[second].send_signal(signal.SIGTERM)
            assert service.processes[second].wait(PATIENCE) == 0
            stopped = len(service.proxy.logged())
            wait_until(
                lambda: len(service.proxy.logged()) >= stopped + 50, "requests at the one that is left"
            )
        finally:
            done.set()
        for one in clients:
            one.result()
    log = service.proxy.log(before + len(replies))
    assert {reply.status for reply in replies} == {200}
    assert passed_on(log[before:])
    assert {line["tried"].split(", ")[-1] for line in log[stopped + 10 :]} == {f"127.0.0.1:{first}"}
