"""Values of other types and sizes in sealed results: commands that read them say what is wrong."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.experiment.thresholds import wishes
from common.settings import Policy, Statistics
from reports.record import (
    Answering,
    AnswerSession,
    Candidate,
    CascadeResult,
    Comparison,
    Estimate,
    Fitting,
    Flip,
    HeldOutCounts,
    Leakage,
    LearningPoint,
    Shift,
    ThresholdResult,
    Timings,
    Tuning,
)
from reports.record_files import write_record
from tests.benchmarks.gate_samples import HOW, predictions, result, serving
from tests.benchmarks.helpers import in_process
from tests.reports.samples import write_sealed

VALUES: list[Any] = [None, "", "0.5", -1, 1e300, True, [], {}, "x" * 10_000, [[1]]]
N_MUTATIONS = 60

Place = tuple[str | int, ...]
# Number of a row, or None for the record; the place of a value in it; the new value.
Mutation = tuple[int | None, Place, Any]


def whole(folder: Path) -> None:
    """Write a result with something in every section; its figures need not follow."""
    counts, shift = HeldOutCounts(10, 8, 7), Shift("coverage", 0.8, 10, 0.5, 8, 0.3)
    estimate, wished = Estimate(0.5, 0.2, 0.8), wishes(Policy(coverage=0.8))
    rows = [replace(row, sent_on=True, changed={"typos": "a"}, labels=["a", "b"]) for row in predictions(8)]
    answers: dict[str, str | None] = {"a": "x", "b": None}
    answered = replace(rows[0], reference="x y", expert="a", answer="x", answers=answers)
    rows[0] = replace(answered, rouge1=0.5, rouge2=0.0, rougeL=0.5, answer_seconds=1.0, answer_tokens=3)
    rows[1] = replace(
        rows[1], outcomes={"a": 0.5}, expected={"a": 0.5}, history=["so"], dialogue="d", cut=True
    )
    made = result(rows, how=replace(HOW, refuses=True, statistics=Statistics(100))).record
    analyses = replace(
        made.analyses,
        leakage=Leakage("drop", 0.95, 1, 1, ["t0"], {"same": 1}, 0),
        tuning=Tuning(5, {"k": 3}, [Candidate({"k": 3}, 0.5, -0.5)]),
        thresholds=[ThresholdResult(wish, 0.5, {"coverage": estimate}, counts, [shift]) for wish in wished],
        cascade=CascadeResult(0.8, 0.2, None, estimate, estimate, [replace(shift, figure="sent_on")]),
        flipped={"typos": [Flip("q", "p", "a", "b")]},
        learning_curve=[LearningPoint(2, 4, 8, 0.5, [0.5, 0.5], 0.2, 0.8)],
        learned={"temperature": 1.5},
        cut_questions=1,
    )
    experts = Answering(2, 1, 1, AnswerSession(1.0, 2.0, 1, 3, 5))
    config = {
        "seed": 0,
        "router": {"name": "knn", "share": 0.2},
        "baselines": {"x": {"name": "x"}},
        "policy": {"coverage": 0.8},
        "guard": {"mode": "drop"},
        "learning_curve_sizes": [2],
    }
    write_record(
        folder,
        replace(
            made,
            config=config,
            analyses=analyses,
            timings=Timings(Fitting(1.0, 5), serving([3.0]), experts),
            comparisons=[Comparison("x", "accuracy", 0.1, 0.0, 0.2, 8, 0.5)],
        ),
        rows,
    )


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Places of all keys of a JSON value; of a list that of its first element alone."""
    if at:
        yield at
    inside: dict[Any, Any] = dict(enumerate(value[:1])) if isinstance(value, list) else {}
    for key, part in (value if isinstance(value, dict) else inside).items():
        yield from places(part, (*at, key))


def changed(content: Any, at: Place, value: Any) -> Any:
    content = deepcopy(content)
    inside = content
    for key in at[:-1]:
        inside = inside[key]
    inside[at[-1]] = value
    return content


@pytest.mark.parametrize("verb", ["verify", "diff", "check"])
def test_no_value_is_a_traceback(tmp_path: Path, verb: str) -> None:
    (tmp_path / "sound").mkdir()
    whole(tmp_path / "sound")
    record = json.loads((tmp_path / "sound" / "record.json").read_text(encoding="utf-8"))
    lines = (tmp_path / "sound" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    unsealed = [at for at in places(record) if "sha256" not in str(at[0])]
    mutations: list[Mutation] = [(None, at, value) for at in unsealed for value in VALUES]
    mutations += [(number, at, value) for number in (0, 1) for at in places(rows[number]) for value in VALUES]
    (tmp_path / "run").mkdir()
    arguments = {
        "verify": ["verify", "run"],
        "diff": ["diff", "run", "sound"],
        "check": ["check", "run", "--baseline", "sound"],
    }[verb]
    for number, at, value in random.Random(0).sample(mutations, N_MUTATIONS):
        if number is None:
            write_sealed(tmp_path / "run", changed(record, at, value), lines)
        else:
            line = json.dumps(changed(rows[number], at, value))
            write_sealed(tmp_path / "run", record, [*lines[:number], line, *lines[number + 1 :]])
        done = in_process(*arguments, cwd=tmp_path)
        assert "Traceback" not in done.stderr, (number, at, value, done.stderr)
        assert done.stdout + done.stderr, (number, at, value)
