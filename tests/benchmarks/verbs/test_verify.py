"""`verify` as a user runs it: codes, words, and damaged folders."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.derive import Derivation, derive
from reports.record import Result, write_record
from tests.benchmarks.gate_samples import QUICK, predictions, result
from tests.benchmarks.helpers import in_process

ROWS = predictions(40, wrong=range(8))


def quality_alone() -> Result:
    """A result whose every figure follows from its rows."""
    made = result(ROWS)
    found = derive(ROWS, Derivation(["a", "b"], 0, QUICK))
    record = replace(made.record, metrics=found.metrics, timings={}, analyses=found.curves)
    return replace(made, record=record)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = quality_alone()
    (tmp_path / "run").mkdir()
    write_record(tmp_path / "run", made.record, made.predictions)
    return tmp_path


def test_a_whole_folder(folder: Path) -> None:
    done = in_process("verify", "run", cwd=folder)
    n_metrics = len(quality_alone().record.metrics)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"run: all {n_metrics} metrics follow from the predictions and timings\n"


def test_a_figure_that_does_not_follow(folder: Path) -> None:
    made = quality_alone()
    metrics = [
        replace(metric, value=0.95) if (metric.name, metric.slice) == ("accuracy", "overlap") else metric
        for metric in made.record.metrics
    ]
    (folder / "better").mkdir()
    write_record(folder / "better", replace(made.record, metrics=metrics), made.predictions)
    done = in_process("verify", "run", "better", cwd=folder)
    assert done.returncode == 1
    first, second, third = done.stdout.splitlines()
    assert first.startswith("run: all ")
    assert second == (
        f"better: 1 of {len(metrics)} metrics DIFFER from what the predictions and timings give:"
    )
    assert third == "  accuracy of overlap: recorded 0.95, derived 0.75"


def test_one_that_cannot_be_read_stops_no_other(folder: Path) -> None:
    done = in_process("verify", "nowhere", "run", cwd=folder)
    assert done.returncode == 2
    assert done.stdout.startswith("run: all ")
    assert "nowhere/record.json cannot be read" in done.stderr


@pytest.mark.parametrize(
    ("file", "damage", "words"),
    [
        ("record.json", "remove", "record.json cannot be read: No such file or directory"),
        ("predictions.jsonl", "remove", "predictions.jsonl cannot be read: No such file or directory"),
        ("record.json", "cut", "record.json is not a result record"),
        ("predictions.jsonl", "cut", "predictions.jsonl is not the file that record.json was written with"),
        ("record.json", "edit", "record.json was edited after it was written"),
        ("predictions.jsonl", "edit", "predictions.jsonl is not the file that record.json was written with"),
        ("record.json", "age", "record.json has schema version 1, this reads 2; an older Router Derby wrote"),
    ],
)
@pytest.mark.parametrize("verb", ["verify", "check", "check --update", "diff", "report"])
def test_a_damaged_folder_is_named_and_refused(
    folder: Path, file: str, damage: str, words: str, verb: str
) -> None:
    made = quality_alone()
    (folder / "sound").mkdir()
    write_record(folder / "sound", made.record, made.predictions)
    path = folder / "run" / file
    if damage == "remove":
        path.unlink()
    elif damage == "age":
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, "schema_version": 1}))
    else:
        text = path.read_text()
        path.write_text(text[: len(text) // 2] if damage == "cut" else text.replace("overlap", "standard", 1))
    arguments = {
        "verify": ["verify", "run"],
        "check": ["check", "run", "--baseline", "sound"],
        "check --update": ["check", "run", "--baseline", "new", "--update"],
        "diff": ["diff", "run", "sound"],
        "report": ["report", "runs=[sound,run]"],
    }[verb]
    done = in_process(*arguments, cwd=folder)
    assert done.returncode == 2
    said = " ".join((done.stdout + done.stderr).split())
    assert words in said
    assert f"run/{file}" in said
    assert "Traceback" not in said
    assert not (folder / "new").exists()
    assert not list(folder.glob("outputs/*/*"))


def test_help() -> None:
    done = in_process("verify", "--help", cwd=Path())
    assert done.returncode == 0
    assert "exit codes: 0 every figure follows, 1 some differ, 2 a folder cannot be read" in done.stdout
