"""Real processes: started, killed, reloaded and stopped, and what a client sees of it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from routers.baselines import TfidfRouter
from routers.knn import KNNRouter
from tests.benchmarks.helpers import in_process, wait_until
from tests.benchmarks.server.helpers import keep, serving
from tests.conftest import CAR, SLEEP

pytestmark = pytest.mark.process
Questions = tuple[list[str], list[str]]
OIL = "How often should the engine oil be changed?"


class Server(NamedTuple):
    """A server process."""

    process: "subprocess.Popen[str]"
    port: int
    log: Path

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        """Status and JSON of an answer, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            given = {"content-type": "application/json", **(headers or {})}
            connection.request("POST", path, json.dumps(body), given)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Lines of the log about one kind of event."""
        rows = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [row for row in rows if row["event"] == name]


@contextmanager
def started(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """A server over the command line, ready to be asked."""
    log = folder / "log.jsonl"
    command = [sys.executable, "-m", "benchmarks", "serve", "port=0", "threads=1", "feedback=null"]
    process = subprocess.Popen(
        [*command, f"log.file={log}", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127.0.0.1:(\d+)", line)
        assert found, line + (process.stderr.read() if process.stderr else "")
        yield Server(process, int(found[1]), log)
    finally:
        process.terminate()
        process.wait()
        # Whoever is left would keep the pipes open.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


def scores(server: Server, texts: Sequence[str]) -> list[float]:
    found = []
    for text in texts:
        status, body = server.post("/router", {"query": text})
        assert status == 200
        found.append(body["routing"]["scores"]["car"])
    return found


def test_decisions_do_not_depend_on_processes_or_batches(knn: KNNRouter, tmp_path: Path) -> None:
    run = keep(knn, tmp_path / "run", experts=None)
    texts = [*CAR, *SLEEP]
    with serving({"run": run}) as client:
        answers = [client.post("/router", json={"query": text}).json() for text in texts]
        alone = [answer["routing"]["scores"]["car"] for answer in answers]
        results = client.post("/api/v1/classify/batch", json={"texts": texts}).json()["results"]
        together = [one["routing"]["scores"]["car"] for one in results]
    with started(tmp_path, "run=run", "workers=2") as server:
        wait_until(lambda: len(server.events("loaded")) == 2)
        spread = scores(server, texts)
    assert together == pytest.approx(alone, abs=1e-6)
    assert spread == pytest.approx(alone, abs=1e-6)


def test_a_process_that_is_killed_is_started_again_also_over_a_folder_that_was_damaged(
    questions: Questions, tmp_path: Path
) -> None:
    run = keep(TfidfRouter().fit(*questions), tmp_path / "run")
    with started(tmp_path, f"run={run}", "workers=2") as server:
        wait_until(lambda: len(server.events("loaded")) == 2)
        pids = {row["process"] for row in server.events("loaded")}
        assert len(pids) == 2
        os.kill(min(pids), signal.SIGKILL)
        # The other one answers meanwhile; a connection that the dead one had may have to be made again.
        for _ in range(20):
            assert server.post("/router", {"query": OIL})[0] == 200
        wait_until(lambda: len(server.events("loaded")) == 3)
        assert [row["status"] for row in server.events("process_died")] == [-signal.SIGKILL]

        # Those that serve are not stopped by files that nobody can load.
        state = run / "router" / "state.safetensors"
        whole = state.read_bytes()
        state.write_bytes(b"damaged")
        os.kill(max(pids), signal.SIGKILL)
        # The killed one, and the one that was to take its place.
        wait_until(lambda: len(server.events("process_died")) == 3)
        assert server.post("/router", {"query": OIL})[0] == 200
        state.write_bytes(whole)
        wait_until(lambda: len(server.events("loaded")) == 4)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait() == 0


def test_every_process_reloads(questions: Questions, tfidf_run: Path, tmp_path: Path) -> None:
    labels = ["sleep" if label == "car" else "car" for label in questions[1]]
    keep(TfidfRouter().fit(questions[0], labels), tmp_path / "swapped")
    admin = {"ROUTER_DERBY_ADMIN_KEY": "root"}
    with started(tmp_path, f"routers.main={tfidf_run}", "workers=2", environment=admin) as server:
        wait_until(lambda: len(server.events("loaded")) == 2)
        asked = {"routers": {"main": str(tmp_path / "swapped")}}
        status, body = server.post("/admin/reload", asked, {"authorization": "Bearer root"})
        assert status == 200
        wait_until(
            lambda: (
                len({row["process"] for row in server.events("loaded") if row["routers"] == body["routers"]})
                == 2
            )
        )
        assert {server.post("/router", {"query": OIL})[1]["selected_model"] for _ in range(20)} == {"sleep"}


def test_a_signal_reads_the_folder_again(questions: Questions, tmp_path: Path) -> None:
    run = keep(TfidfRouter().fit(*questions), tmp_path / "run")
    with started(tmp_path, f"run={run}") as server:
        labels = ["sleep" if label == "car" else "car" for label in questions[1]]
        keep(TfidfRouter().fit(questions[0], labels), run)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(server.events("loaded")) == 2)
        assert server.post("/router", {"query": OIL})[1]["selected_model"] == "sleep"
        (run / "router" / "state.safetensors").write_bytes(b"damaged")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.events("reload_refused"))
        assert server.post("/router", {"query": OIL})[1]["selected_model"] == "sleep"
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_lets_what_runs_end(tfidf_run: Path, tmp_path: Path, workers: int) -> None:
    question = " ".join(["engine oil slowly", *map(str, range(50))])
    with started(tmp_path, f"run={tfidf_run}", f"workers={workers}") as server, ThreadPoolExecutor(1) as pool:
        messages = [{"role": "user", "content": question}]
        running = pool.submit(server.post, "/v1/chat/completions", {"messages": messages})
        wait_until(lambda: server.events("routed"))
        server.process.send_signal(signal.SIGTERM)
        if workers > 1:
            # Nobody connects to a queue that nobody reads.
            wait_until(lambda: not reachable(server.port))
        status, body = running.result()
        assert (status, body["choices"][0]["message"]["content"]) == (200, f"car 0: {question}")
        assert server.process.wait() == 0


def test_processes_end_with_their_supervisor(tfidf_run: Path, tmp_path: Path) -> None:
    with started(tmp_path, f"run={tfidf_run}", "workers=2") as server:
        wait_until(lambda: len(server.events("loaded")) == 2)
        pids = [row["process"] for row in server.events("loaded")]
        server.process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


@pytest.mark.parametrize(
    "arguments",
    [("run=nowhere",), ("routers.a=nowhere",), (), ("host=0.0.0.0", "run=RUN"), ("keys=nowhere", "run=RUN")],
)
def test_what_cannot_be_served_is_one_line(
    tfidf_run: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    given = [argument.replace("RUN", str(tfidf_run)) for argument in arguments]
    done = in_process("serve", "port=0", *given, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_damaged_router_ends_the_start(tfidf_run: Path, questions: Questions, tmp_path: Path) -> None:
    run = keep(TfidfRouter().fit(*questions), tmp_path / "run")
    (run / "router" / "state.safetensors").write_bytes(b"damaged")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "serve", "port=0", f"run={run}", "workers=2", "log.file=log"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
