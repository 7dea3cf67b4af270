"""What runs in a fresh process: fitting, serving, training, answering.

Started by `benchmarks.workers.launch`.

Nothing heavy is imported here: what a task loads is what its memory figure counts.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from time import monotonic, perf_counter
from typing import Any

from benchmarks.errors import EXIT_BAD_INPUT, BadInput
from benchmarks.measure.memory import cuda_peak, peak_rss
from benchmarks.workers.launch import EVENT
from common.files import read_json
from common.progress import Event, Listener, listening, progress
from experts.base import ExpertError, Request
from routers.base import Router, RouterError, build
from routers.vector_cache import kept_vectors

SECONDS_BETWEEN_EVENTS = 0.1


def fit(payload: dict[str, Any]) -> dict[str, Any]:
    """Build a router from its specification, fit it, save it."""
    router = build(payload["spec"])
    if not isinstance(router, Router):
        raise RouterError(f"{payload['spec'].get('_target_')} is not a routers.base.Router")
    router.load_pretrained()
    start = perf_counter()
    with kept_vectors(payload["vectors"]):
        router.fit(**payload["questions"])
    seconds = perf_counter() - start
    router.save(Path(payload["folder"]))
    return {
        "train_seconds": seconds,
        "train_peak_rss_bytes": peak_rss(),
        "weights_sha256": router.weights_sha256(),
        "learned": router.facts(),
    }


def serve(payload: dict[str, Any]) -> dict[str, Any]:
    """Load a saved router and serve queries with the clock and the scales running."""
    from benchmarks.measure.latency import measure

    folder, answers = Path(payload["folder"]), Path(payload["answers"])
    return measure(folder, payload["queries"], payload["timed"], payload["settings"], answers)


def serve_again(payload: dict[str, Any]) -> dict[str, Any]:
    """Load the same router in a process of its own and time it once more."""
    from benchmarks.measure.latency import measure_again

    return measure_again(Path(payload["folder"]), payload["timed"], payload["settings"])


def reference_memory(_payload: dict[str, Any]) -> int:
    """What a process with nothing but the reference workload needs."""
    from benchmarks.measure import latency as measure

    return measure.reference_memory()


def infer(payload: dict[str, Any]) -> None:
    """Load a saved router and ask it, without a measurement."""
    from benchmarks.inferences import save_inferences
    from routers.inference import promised

    router = Router.load(Path(payload["folder"]))
    with kept_vectors(payload["vectors"]):
        save_inferences([promised(router, payload["queries"])], Path(payload["answers"]))


def thresholds(payload: dict[str, Any]) -> list[float]:
    """What a saved `routers.calibrated.CalibratedRouter` chose on its held-out questions."""
    from routers.calibrated import HeldOut

    held_out = HeldOut.load(Path(payload["folder"]))
    return [held_out.threshold_for(**asked) for asked in payload["wanted"]]


def trials(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Fit and ask one router after the other; see `benchmarks.experiment.trials`."""
    from benchmarks.inferences import save_inferences
    from routers.inference import promised

    facts, said = [], []
    for number, trial in enumerate(payload["trials"]):
        progress("trials", number, len(payload["trials"]))
        arguments = {
            name: [values[row] for row in trial["train"]] for name, values in payload["questions"].items()
        }
        with kept_vectors(payload["vectors"]):
            router = build(trial["spec"]).fit(**arguments)
            said.append(promised(router, [payload["queries"][row] for row in trial["asked"]]))
        facts.append({"classes": router.classes_, "models": router.models_})
    save_inferences(said, Path(payload["answers"]))
    return facts


def near_duplicates(payload: dict[str, Any]) -> list[tuple[int, int, float]]:
    """Pairs of texts from two lists whose vectors are close; see `benchmarks.datasets.leakage`."""
    from benchmarks.datasets.leakage import close_pairs

    encoder = build(payload["encoder"])
    with kept_vectors(payload["vectors"]):
        ours, theirs = encoder.encode(payload["train"]), encoder.encode(payload["test"])
    return close_pairs(ours, theirs, payload["threshold"])


def convert(payload: dict[str, Any]) -> None:
    """Write a GGUF model as float32 safetensors with its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    folder, gguf, target = payload["folder"], payload["gguf"], payload["target"]
    quantised = AutoModelForCausalLM.from_pretrained(folder, gguf_file=gguf, dtype=torch.float32)
    config = quantised.config
    # save_pretrained refuses a model that still calls itself quantised.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(quantised.state_dict())
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(folder, gguf_file=gguf).save_pretrained(target)


def train(payload: dict[str, Any]) -> dict[str, Any]:
    """Train one adapter and write it into a folder."""
    from experts.train import Recipe
    from experts.train import train as train_adapter

    pairs = [(question, answer) for question, answer in payload["pairs"]]
    trained = train_adapter(
        payload["model"], pairs, Recipe(**payload["recipe"]), Path(payload["folder"]), progress
    )
    return {**asdict(trained), "peak_rss_bytes": peak_rss(), "cuda_peak_bytes": cuda_peak()}


def answer(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer questions, writing each group to the cache as soon as it is there."""
    from benchmarks.answers.cache import AnswerCache, writable
    from benchmarks.answers.collect import build_experts

    cache = AnswerCache(Path(payload["cache"]))
    rows = [(key, identity, Request(*request)) for key, identity, request in payload["rows"]]
    experts = build_experts(payload["experts"])
    progress("loading", 0, len(rows))
    start = perf_counter()
    experts.load()
    loaded = perf_counter()
    failed, tokens, done = [], 0, 0
    for group in experts.generate([request for _, _, request in rows]):
        whole = [(rows[row], found) for row, found in group if found.text is not None]
        cache.write((key, identity, request.question, found) for (key, identity, request), found in whole)
        failed += [
            (rows[row][0], found._replace(error=writable(str(found.error))))
            for row, found in group
            if found.text is None
        ]
        done, tokens = done + len(group), tokens + sum(found.tokens or 0 for _, found in group)
        progress(f"{tokens / (perf_counter() - loaded):.0f} tokens/s", done, len(rows))
    return {
        "load_seconds": loaded - start,
        "generate_seconds": perf_counter() - loaded,
        "generated": done - len(failed),
        "tokens": tokens,
        "failed": failed,
        "peak_rss_bytes": peak_rss(),
        "cuda_peak_bytes": cuda_peak(),
    }


TASKS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "fit": fit,
    "serve": serve,
    "serve_again": serve_again,
    "reference_memory": reference_memory,
    "infer": infer,
    "thresholds": thresholds,
    "trials": trials,
    "near_duplicates": near_duplicates,
    "convert": convert,
    "train": train,
    "answer": answer,
}


def _reporter() -> Listener:
    """A listener that passes events on to `benchmarks.workers.launch`, progress not too often."""
    last = 0.0

    def report(event: Event) -> None:
        nonlocal last
        if event.done is None or monotonic() - last > SECONDS_BETWEEN_EVENTS:
            print(EVENT + json.dumps(event), flush=True)
            last = monotonic()

    return report


def _end_with_parent() -> None:
    """Leave when the process that holds the other end of standard input is gone, however it ended."""
    # Not sys.stdin: a thread that waits in a buffered read can stop Python from ending.
    while os.read(0, 1):
        pass
    os._exit(1)


def main(job_path: str) -> int:
    Thread(target=_end_with_parent, daemon=True).start()
    job = read_json(Path(job_path))
    result = Path(job["result"])
    try:
        with listening(_reporter()):
            answer, status = TASKS[job["task"]](job["payload"]), 0
        # Nothing written means that the task did not come to its end.
        answer = {} if answer is None else answer
    except (BadInput, RouterError, ExpertError) as error:
        answer, status = str(error), EXIT_BAD_INPUT
    result.write_text(json.dumps(answer), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
