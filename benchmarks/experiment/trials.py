"""Many routers fitted and asked in one process, for analyses of quality: nothing here is timed.

Sentence vectors are kept in the cache, so a text is encoded once for all trials and all runs.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.datasets.base import Example
from benchmarks.inferences import load_inferences
from benchmarks.workers.launch import run_isolated
from common.files import cache_dir
from routers.base import Inference


class Trial(NamedTuple):
    """A router to build from `spec`, fit on `train` and ask `queries`."""

    spec: dict[str, Any]
    train: Sequence[Example]
    queries: Sequence[str]


class Outcome(NamedTuple):
    """What the router of a trial said; columns of `inference.proba` are `classes`, of `expected` `models`."""

    classes: list[str]
    models: list[str]
    inference: Inference


def run_trials(trials: Sequence[Trial], threads: int, title: str) -> list[Outcome]:
    """The outcomes, in order, from one fresh process.

    Raises:
        BadInput: a router cannot be built or fitted.
    """
    questions = list({example.id: example for trial in trials for example in trial.train}.values())
    queries = list(dict.fromkeys(query for trial in trials for query in trial.queries))
    row_of, column_of = _positions(example.id for example in questions), _positions(queries)
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        file = Path(scratch, "answers.safetensors")
        payload = {
            "questions": fit_arguments(questions),
            "queries": queries,
            # Rows, not texts: many trials share most of their questions.
            "trials": [
                {
                    "spec": trial.spec,
                    "train": [row_of[example.id] for example in trial.train],
                    "asked": [column_of[query] for query in trial.queries],
                }
                for trial in trials
            ],
            "vectors": str(vectors_folder()),
            "answers": str(file),
        }
        facts = run_isolated("trials", payload, threads, title)
        said = load_inferences(file, len(trials))
    return [Outcome(fact["classes"], fact["models"], found) for fact, found in zip(facts, said, strict=True)]


def ask_saved(saved: Path, queries: Sequence[str], threads: int, title: str) -> Inference:
    """What the router saved in `saved` says to `queries`, from a fresh process without a clock."""
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        file = Path(scratch, "answers.safetensors")
        payload = {
            "folder": str(saved),
            "queries": list(queries),
            "vectors": str(vectors_folder()),
            "answers": str(file),
        }
        run_isolated("infer", payload, threads, title)
        return load_inferences(file, 1)[0]


def _positions(names: Iterable[str]) -> dict[str, int]:
    return {name: position for position, name in enumerate(names)}


def vectors_folder() -> Path:
    return cache_dir() / "vectors"


def fit_arguments(examples: Sequence[Example]) -> dict[str, Any]:
    """The arguments of `Router.fit`, as JSON; outcomes only where there are any."""
    arguments: dict[str, Any] = {
        "queries": [example.query for example in examples],
        "labels": [example.label for example in examples],
        "ids": [example.id for example in examples],
    }
    if any(example.outcomes for example in examples):
        arguments["outcomes"] = [dict(example.outcomes or {}) for example in examples]
    return arguments
