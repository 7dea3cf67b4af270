"""`verify` as a user runs it: exit codes, the figures that it names, and damaged folders."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.metrics.compute import compute_metrics
from benchmarks.records.provenance import ids_sha256
from benchmarks.stats.paired import compare
from reports.reasons import Reason
from reports.record import (
    DatasetUsed,
    Derivation,
    Git,
    Provenance,
    Split,
    Timings,
    Unscored,
    WeightsUsed,
)
from reports.record_files import Result, read_result, write_record
from tests.benchmarks.gate_samples import QUICK, predictions, result
from tests.benchmarks.helpers import in_process

ROWS = predictions(40, wrong=range(8))
HOW = Derivation(["a", "b"], 0, QUICK)


def quality_alone() -> Result:
    """A result whose every figure and section follows from its rows."""
    made = result(ROWS)
    found = compute_metrics(ROWS, HOW)
    by_slice = {name: sum(row.slice == name for row in ROWS) for name in ("standard", "overlap")}
    test = Split(ids_sha256(row.id for row in ROWS), by_slice=by_slice)
    train = Split("ab" * 32, by_label={"a": 9, "b": 9})
    provenance = Provenance(
        git=Git("c" * 40, dirty=False), seed=0, dataset=DatasetUsed("made", train=train, test=test)
    )
    record = replace(
        made.record,
        metrics=found.metrics,
        unscored=[*found.unscored, Unscored("latency_p50", Reason.NOT_MEASURED)],
        curves=found.curves,
        timings=Timings(),
        comparisons=[],
        provenance=replace(provenance, weights=WeightsUsed()),
    )
    return replace(made, record=record)


def line_with(output: str, *parts: str) -> bool:
    """Tell whether a line of the output has all of the parts."""
    return any(all(part in line for part in parts) for line in output.splitlines())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = quality_alone()
    (tmp_path / "run").mkdir()
    write_record(tmp_path / "run", made.record, made.predictions)
    return tmp_path


def test_a_whole_folder(folder: Path) -> None:
    done = in_process("verify", "run", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert line_with(done.stdout, "run: ", str(len(quality_alone().record.metrics)))
    assert "INCOMPLETE" not in done.stdout


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
    assert line_with(done.stdout, "better: ", "DIFFER")
    assert not line_with(done.stdout, "run: ", "DIFFER")
    assert line_with(done.stdout, "accuracy", "overlap", "0.95", "0.75")


def compared(folder: Path, difference: float = 0.0) -> None:
    """A run with one baseline, and what it says of it; `difference` is added to that."""
    made, other = quality_alone(), predictions(40, wrong=range(20))
    comparisons = compare(made.predictions, {"majority": other}, QUICK, 0)
    said = [replace(one, difference=one.difference + difference) for one in comparisons]
    baseline = folder / "run" / "baselines" / "majority"
    baseline.mkdir(parents=True, exist_ok=True)
    found = compute_metrics(other, HOW)
    unscored = [*found.unscored, Unscored("latency_p50", Reason.NOT_MEASURED)]
    record = replace(made.record, metrics=found.metrics, unscored=unscored, curves=found.curves)
    write_record(baseline, replace(record, confusion_matrix=found.confusion_matrix), other)
    write_record(folder / "run", replace(made.record, comparisons=said), made.predictions)


def test_a_run_brings_its_baselines_and_what_it_says_of_them(folder: Path) -> None:
    compared(folder)
    done = in_process("verify", "run", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert line_with(done.stdout, "run: ", "1 comparison")
    assert line_with(done.stdout, "run/baselines/majority: ")
    # A comparison holds its results in a folder.
    (folder / "whole").mkdir()
    shutil.move(folder / "run", folder / "whole" / "results" / "knn")
    whole = in_process("verify", "whole", cwd=folder)
    assert whole.returncode == 0
    assert line_with(whole.stdout, "whole/results/knn/baselines/majority: ")


def test_a_boast_over_a_baseline_is_found(folder: Path) -> None:
    compared(folder, difference=0.5)
    done = in_process("verify", "run", cwd=folder)
    assert done.returncode == 1
    assert line_with(done.stdout, "majority", "0.8", "0.3")


def test_a_baseline_that_is_not_there_or_damaged_is_said(folder: Path) -> None:
    compared(folder)
    (folder / "run" / "baselines" / "majority" / "predictions.jsonl").write_text("")
    done = in_process("verify", "run", cwd=folder)
    assert done.returncode == 2
    assert "run/baselines/majority/predictions.jsonl" in done.stderr
    shutil.rmtree(folder / "run" / "baselines")
    done = in_process("verify", "run", cwd=folder)
    assert done.returncode == 3
    assert line_with(done.stdout, "INCOMPLETE", "majority")


def test_what_differs_outweighs_what_is_not_there(folder: Path) -> None:
    compared(folder)
    shutil.rmtree(folder / "run" / "baselines")
    made = quality_alone()
    (folder / "other").mkdir()
    turned = [replace(row, confidence=1.5) for row in made.predictions]
    write_record(folder / "other", made.record, turned)
    assert in_process("verify", "run", "other", cwd=folder).returncode == 1


def test_one_of_two_compared_runs_is_checked_where_the_other_is_missing(folder: Path) -> None:
    compared(folder, difference=0.5)
    record = read_result(folder / "run").record
    (boast,) = record.comparisons
    write_record(folder / "run", replace(record, comparisons=[boast, replace(boast, other="gone")]), ROWS)
    done = in_process("verify", "run", cwd=folder)
    assert done.returncode == 1
    assert line_with(done.stdout, "majority", "0.8", "0.3")
    assert line_with(done.stdout, "INCOMPLETE", "for run", "gone")


def test_a_compared_run_on_other_questions(folder: Path) -> None:
    compared(folder)
    place = folder / "run" / "baselines" / "majority"
    other = read_result(place)
    write_record(place, other.record, [replace(row, weight=2.0) for row in other.predictions])
    done = in_process("verify", "run", cwd=folder)
    assert line_with(done.stdout, "INCOMPLETE", "for run", "majority", "q0", "weight")


def test_a_signature_is_asked_for(folder: Path) -> None:
    minisign = pytest.importorskip("minisign")
    pair = minisign.KeyPair.generate()
    key = pair.public_key.to_base64().decode()
    done = in_process("verify", "run", "--signed-by", key, cwd=folder)
    assert done.returncode == 1
    assert "record.json.minisig" in done.stdout
    record = folder / "run" / "record.json"
    signature = bytes(pair.secret_key.sign(record.read_bytes()))
    record.with_name("record.json.minisig").write_bytes(signature)
    done = in_process("verify", "run", "--signed-by", key, cwd=folder)
    assert done.returncode == 0
    assert in_process("verify", "run", "--signed-by", "nobody", cwd=folder).returncode == 2


def test_an_id_cannot_say_that_all_is_well(folder: Path) -> None:
    made = quality_alone()
    *others, last = made.predictions
    liar = replace(last, id="q\nrun: all 35 metrics follow", scores={"a": 0.9, "b": 0.1})
    write_record(folder / "run", made.record, [*others, liar])
    done = in_process("verify", "run", cwd=folder)
    assert done.returncode == 1
    assert [
        line for line in done.stdout.splitlines() if line.startswith("run: ")
    ] == done.stdout.splitlines()[:1]
    assert line_with(done.stdout, "run: ", "DIFFER")


def test_one_that_cannot_be_read_stops_no_other(folder: Path) -> None:
    done = in_process("verify", "nowhere", "run", cwd=folder)
    assert done.returncode == 2
    assert line_with(done.stdout, "run: ")
    assert "nowhere" in done.stderr


DAMAGES = {
    ("record.json", "remove"): "record.json cannot be read: No such file or directory",
    ("record.json", "cut"): "record.json is not a result record",
    ("record.json", "edit"): "record.json was edited after it was written",
    ("predictions.jsonl", "edit"): "predictions.jsonl is not the file that record.json was written with",
    ("record.json", "age"): "record.json has schema version 1",
}
EDITED = ("predictions.jsonl", "edit")
OTHER_VERBS = ("check", "check --update", "diff", "report")


@pytest.mark.parametrize(
    ("file", "damage", "verb"),
    [*((*damage, "verify") for damage in DAMAGES), *((*EDITED, verb) for verb in OTHER_VERBS)],
)
def test_a_damaged_folder_is_named_and_refused(folder: Path, file: str, damage: str, verb: str) -> None:
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
    # 2 of `check` is a verdict, and there is none on what cannot be made a baseline.
    assert done.returncode == (3 if verb == "check --update" else 2)
    said = " ".join((done.stdout + done.stderr).split())
    assert DAMAGES[file, damage] in said
    assert f"run/{file}" in said
    assert "Traceback" not in said
    assert not (folder / "new").exists()
    assert not list(folder.glob("outputs/*/*"))
