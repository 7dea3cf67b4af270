"""The server's speed, beside that of the router in this process: `python -m tests.perf.server RUN [KEY=VALUE
...]`.

RUN is a result folder; KEY=VALUE go to `serve`. In turns: blocks of questions one at a time over HTTP and in
process; then blocks of batches in process and of `wrk` with 32 connections. With `soak=SECONDS share=0.8` it
sends questions at that share of the server's throughput instead, at random moments whether or not the server
keeps up (open loop), and prints latencies from the moment a question was due.
"""

import asyncio
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np

ROUNDS, BLOCK, BATCH, CLIENTS, SECONDS = 10, 30, 64, 32, 5
# Connections of the open loop; a question waits for a free one.
CONNECTIONS = 256


def main(run: str, *arguments: str) -> None:
    from benchmarks.config import compose_settings
    from benchmarks.datasets.load import load_dataset

    ours = ("dataset", "soak", "share")
    given = dict(
        argument.split("=", 1) for argument in arguments if argument.split("=")[0] in ("soak", "share")
    )
    data = [argument for argument in arguments if argument.startswith("dataset")]
    rest = [argument for argument in arguments if not argument.startswith(ours)]
    queries = [example.query for example in load_dataset(compose_settings("run", data).dataset).test]
    random.Random(0).shuffle(queries)
    with _server(run, rest) as (port, pid):
        if "soak" in given:
            _soak(port, pid, queries, float(given["soak"]), float(given.get("share", 0.8)))
        else:
            _compare(run, port, queries)


def _compare(run: str, port: int, queries: Sequence[str]) -> None:
    from benchmarks.pipeline import load_run

    pipeline = load_run(run, experts=False)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        singles: dict[str, list[float]] = {"in process": [], "server": []}
        for turn in range(ROUNDS):
            block = [queries[(turn * BLOCK + place) % len(queries)] for place in range(BLOCK)]
            for name in random.Random(turn).sample(sorted(singles), 2):
                for query in block:
                    start = time.perf_counter()
                    if name == "server":
                        _ask(connection, query)
                    else:
                        pipeline.route([query])
                    singles[name].append(time.perf_counter() - start)
    inside, outside = (1e3 * median(singles[name]) for name in ("in process", "server"))
    print(f"p50 in process {inside:.2f} ms, over the server {outside:.2f} ms, {outside - inside:.2f} ms more")
    rates, served = [], []
    for turn in range(3):
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            pipeline.route([queries[(done + place) % len(queries)] for place in range(BATCH)])
            done += BATCH
        rates.append(done / (time.perf_counter() - start))
        served.append(_wrk(port, queries, CLIENTS, SECONDS))
        print(f"  turn {turn}: {rates[-1]:.0f}/s in process, {served[-1]:.0f}/s over the server", flush=True)
    share = 100 * median(served) / median(rates)
    print(f"{CLIENTS} clients: {median(served):.0f}/s, {share:.0f} % of the {median(rates):.0f}/s in process")


def _soak(port: int, pid: int, queries: Sequence[str], seconds: float, share: float) -> None:
    _wrk(port, queries, CLIENTS, SECONDS)
    capacity = _wrk(port, queries, CLIENTS, 2 * SECONDS)
    rate = share * capacity
    before = _memory(pid)
    found = asyncio.run(_open_loop(port, queries, rate, seconds))
    statuses = Counter(status for status, _ in found)
    fine = [latency for status, latency in found if status == 200]
    p50, p95, p99 = 1e3 * np.quantile(fine, [0.5, 0.95, 0.99])
    print(
        f"capacity {capacity:.0f}/s; {seconds:g} s at {rate:.0f}/s ({share:g} of it): {len(found)} requests"
    )
    print(
        f"  p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms of those answered; statuses {dict(statuses)}"
    )
    print(f"  memory {before / 1e6:.0f} MB at the start, {_memory(pid) / 1e6:.0f} MB at the end")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        start = time.perf_counter()
        _ask(connection, queries[0])
        print(f"  the next question is answered in {1e3 * (time.perf_counter() - start):.1f} ms")


async def _open_loop(
    port: int, queries: Sequence[str], rate: float, seconds: float
) -> list[tuple[int | str, float]]:
    """Status and latency of every request; its clock runs from the moment it was due."""
    draw = random.Random(0)
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(None)
    found: list[tuple[int | str, float]] = []

    async def ask(query: str, due: float) -> None:
        connection = await free.get()
        try:
            reader, writer = connection or await asyncio.open_connection("127.0.0.1", port)
            writer.write(_request(query))
            status, closing = await _read(reader)
            connection = None if closing else (reader, writer)
        except (OSError, asyncio.IncompleteReadError) as error:
            status, connection = type(error).__name__, None
        free.put_nowait(connection)
        found.append((status, time.perf_counter() - due))

    start, due = time.perf_counter(), 0.0
    tasks = set()
    while due < seconds:
        due += draw.expovariate(rate)
        wait = start + due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(ask(draw.choice(queries), start + due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return found


async def _read(reader: asyncio.StreamReader) -> tuple[int | str, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = re.search(r"content-length: (\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)
    return int(head.split()[1]), "connection: close" in head


def _request(query: str) -> bytes:
    body = json.dumps({"query": query}).encode()
    return (
        b"POST /router HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
        % (
            len(body),
            body,
        )
    )


def _ask(connection: socket.socket, query: str) -> None:
    connection.sendall(_request(query))
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
    while len(body) < length:
        body += connection.recv(65536)


def _wrk(port: int, queries: Sequence[str], clients: int, seconds: int) -> float:
    """Requests a second of `wrk`, all answered with 200."""
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing: apt-get install wrk")
    bodies = ",\n".join(json.dumps(json.dumps({"query": query})) for query in queries)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            "local bodies = {" + bodies + "}\nlocal n = 0\nwrk.method = 'POST'\n"
            "wrk.headers['content-type'] = 'application/json'\n"
            "request = function()\n n = n % #bodies + 1\n return wrk.format(nil, nil, nil, bodies[n])\nend\n"
        )
        script.flush()
        done = subprocess.run(
            [
                "wrk",
                "-t1",
                f"-c{clients}",
                f"-d{seconds}s",
                "-s",
                script.name,
                f"http://127.0.0.1:{port}/router",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(done.stdout)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])  # type: ignore[index]


def _memory(pid: int) -> int:
    """Resident bytes of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in [str(pid), *children])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def _server(run: str, arguments: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Port and process of a server that is ready."""
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "serve",
        f"run={run}",
        "port=0",
        "route_only=true",
        "feedback=null",
    ]
    process = subprocess.Popen(
        [*command, "log.file=/dev/null", "limits.concurrent=4096", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        start = time.perf_counter()
        assert process.stdout
        line = process.stdout.readline()
        print(f"ready after {time.perf_counter() - start:.1f} s: {line.split('   ')[0]}")
        found = re.search(r":(\d+)", line.removeprefix("serving at http:"))
        assert found
        yield int(found[1]), process.pid
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
