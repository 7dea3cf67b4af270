"""A whole run, small: no test question is learned from, and everything asked for is in the record."""

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module

from benchmarks.assets.packages import register as register_resolvers
from benchmarks.datasets.base import Dataset, Example, fold
from benchmarks.errors import EXIT_BAD_INPUT, BadInput
from benchmarks.experiment.run import run
from benchmarks.schema import register as register_schemas
from benchmarks.workers import launch as isolate
from benchmarks.workers.main import TASKS
from common.files import sha256_file
from reports.record import Record, read_predictions, read_record, write_record
from routers.base import RouterError
from routers.encoder import SentenceEncoder
from tests.benchmarks.helpers import BASELINES, derby, json_file, results, without
from tests.conftest import CAR, CAR_HELD_OUT, OUT_OF_SCOPE, OVERLAP, SLEEP, SLEEP_HELD_OUT

QUALITY = ("experts=none", "measure.enabled=false", "measure.threads=1", "statistics.resamples=100")
LOADER = ("dataset=files", f"dataset._target_={__name__}.load")
EVERYTHING = (
    *("tune=true", "calibration=temperature", "learning_curve=true"),
    *("learning_curve_sizes=[2]", "learning_curve_draws=2"),
)
# A training question word for word but for case and space, one reordered, and one to validate on.
PLANTED = ("  THE BRAKES squeal on cold mornings", "When should a car's timing belt be replaced?")
VALIDATED = "I CANNOT fall asleep before midnight"
NEAR = "When should the timing belt of a car be replaced?"


def load(path: str, **_: Any) -> Dataset:
    """In the place of a data set's loader; `path` is `planted`, `validated` or `clean`."""
    train = [Example(f"t-{n}", text, "car") for n, text in enumerate(CAR)]
    train += [Example(f"s-{n}", text, "sleep") for n, text in enumerate(SLEEP)]
    test = [Example(f"c-{n}", text, "car") for n, text in enumerate((*CAR_HELD_OUT, NEAR))]
    test += [Example(f"z-{n}", text, "sleep") for n, text in enumerate(SLEEP_HELD_OUT)]
    test += [Example(f"o-{n}", text, label, slice="overlap") for n, (text, label, _) in enumerate(OVERLAP)]
    test += [Example(f"f-{n}", text, None, slice="out_of_scope") for n, text in enumerate(OUT_OF_SCOPE)]
    validation = [Example(f"v-{n}", f"{text} Or not?", "car") for n, text in enumerate(CAR[:8])]
    validation += [Example(f"w-{n}", f"{text} Or not?", "sleep") for n, text in enumerate(SLEEP[:8])]
    if path == "planted":
        train += [Example(f"p-{n}", text, "car") for n, text in enumerate(PLANTED)]
        validation.append(Example("p-9", VALIDATED, "sleep"))
    return Dataset("questions", train, test, validation=[] if path == "clean" else validation)


Job = tuple[str, dict[str, Any]]


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Title and content of every job that a worker process would be given; it is done in this one."""
    found: list[Job] = []

    def spy(command: list[str], environment: dict[str, str], title: str) -> int:
        job = json_file(Path(command[-1]))
        found.append((title, job))
        status = 0
        try:
            answer = TASKS[job["task"]](job["payload"]) or {}
        except RouterError as error:
            answer, status = str(error), EXIT_BAD_INPUT
        Path(job["result"]).write_text(json.dumps(answer), encoding="utf-8")
        return status

    monkeypatch.setattr(isolate, "_run", spy)
    # 90 MB that do not change, once a router otherwise.
    monkeypatch.setattr("routers.encoder.sha256_file", lru_cache(sha256_file))
    return found


@pytest.fixture(scope="module", autouse=True)
def hydra() -> Iterator[None]:
    register_schemas()
    register_resolvers()
    with initialize_config_module("conf", version_base="1.3"):
        yield


@pytest.fixture
def fresh_cache(cache: Path, encoder: SentenceEncoder, own_cache: Path) -> Path:
    """A cache of the test's own with nothing in it but the exported encoder."""
    own_cache.mkdir()
    (own_cache / "encoders").symlink_to(cache / "encoders")
    return own_cache


@pytest.fixture
def judge(tmp_path: Path, fresh_cache: Path, jobs: list[Job]) -> Callable[..., Record]:
    def go(*overrides: str, baselines: tuple[str, ...] = ()) -> Record:
        dropped = without(*(name for name in BASELINES if name not in baselines))
        return run(compose("run", [*QUALITY, *LOADER, *dropped, *overrides]), tmp_path / "out")[0]

    return go


def lessons(job: dict[str, Any]) -> list[str]:
    """The texts that a job learns, calibrates or tunes with; it must be one of those known here."""
    payload = job["payload"]
    match job["task"]:
        case "fit":
            held_out, _ = payload["questions"].get("held_out", [[], []])
            return [*payload["questions"]["queries"], *held_out]
        case "trials":
            return [str(text) for text in payload["questions"]["queries"]]
        # They find a learned router, or look for leaks.
        case "near_duplicates" | "infer" | "thresholds":
            return []
    raise AssertionError(f"does the task {job['task']} learn from the test?")


def learned(jobs: list[Job]) -> set[str]:
    return {fold(text) for _, job in jobs for text in lessons(job)}


def asked_of(which: str) -> set[str]:
    return {fold(example.query) for example in load(which).test}


def test_no_test_question_reaches_fitting_tuning_or_calibration(
    judge: Callable[..., Record], jobs: list[Job], tmp_path: Path
) -> None:
    record = judge("dataset.path=clean", "router=centroid", *EVERYTHING)
    tasks = [job["task"] for _, job in jobs]
    assert {"near_duplicates", "trials", "fit", "infer", "thresholds"} == set(tasks)
    titles = [title for title, job in jobs if job["task"] == "trials"]
    assert titles == ["centroid: tuning", "centroid: learning curve"]
    for title, job in jobs:
        if job["task"] in ("fit", "trials"):
            assert {fold(text) for text in lessons(job)} == {fold(text) for text in (*CAR, *SLEEP)}, title
    assert not learned(jobs) & asked_of("clean")
    # Tuning asks none either: the best settings are not those that are best on the test.
    (tuning,) = [job for title, job in jobs if title == "centroid: tuning"]
    assert not {fold(text) for text in tuning["payload"]["queries"]} & asked_of("clean")
    assert {"tuning", "learning_curve", "learned", "guard", "thresholds"} <= set(record.analyses)
    assert record.analyses["learning_curve"][-1]["n_train"] == len(CAR) + len(SLEEP)
    # Its probabilities were calibrated on a fifth of the training questions.
    assert record.analyses["learned"]["held_out"] == 8
    # What `run` returns is what it wrote.
    assert read_record(tmp_path / "out") == record


def test_a_planted_test_question_is_refused_before_anything_is_learned(
    judge: Callable[..., Record], jobs: list[Job], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="guard=drop") as refusal:
        judge("dataset.path=planted", "router=knn", *EVERYTHING)
    for text in (*PLANTED, VALIDATED, NEAR):
        assert repr(text) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert {job["task"] for _, job in jobs} == {"near_duplicates"}
    assert not (tmp_path / "out").exists()


def test_a_planted_test_question_is_dropped_and_reaches_nothing(
    judge: Callable[..., Record], jobs: list[Job]
) -> None:
    record = judge("dataset.path=planted", "router=tfidf", "guard=drop", *EVERYTHING)
    assert {"trials", "fit"} < {job["task"] for _, job in jobs}
    assert not learned(jobs) & (asked_of("planted") | {fold(text) for text in (*PLANTED, VALIDATED)})
    # The rest of both parts was learned from: the data set's own validation part calibrates.
    clean = load("validated")
    assert learned(jobs) == {fold(example.query) for example in (*clean.train, *clean.validation)}
    assert record.analyses["guard"]["dropped_ids"] == ["p-0", "p-1", "p-9"]
    assert record.analyses["guard"]["dropped"] == 3


def test_without_the_guard_this_file_would_see_it_leak(judge: Callable[..., Record], jobs: list[Job]) -> None:
    judge("dataset.path=planted", "router=tfidf", "guard=off", "calibration=temperature")
    assert {fold(PLANTED[0]), fold(VALIDATED)} <= learned(jobs) & asked_of("planted")


def test_a_baseline_that_cannot_reach_the_policy_stops_nobody(
    judge: Callable[..., Record], tmp_path: Path
) -> None:
    judge("dataset.path=clean", "router=tfidf", "policy.accuracy=0.8", baselines=("majority",))
    record = read_record(tmp_path / "out")
    coverage = record.metric("coverage")
    assert coverage is not None
    baseline = read_record(tmp_path / "out" / "baselines" / "majority")
    assert baseline.metric("coverage") is None
    reasons = {entry.name: entry.reason for entry in baseline.unscored}
    assert "accuracy of 0.8" in reasons["coverage"] == reasons["selective_accuracy"]
    assert baseline.metric("accuracy") is not None


def test_a_policy_that_cannot_be_had_is_one_line(judge: Callable[..., Record], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"accuracy of 0\.99.*: the best is 0\.5") as refusal:
        judge("dataset.path=clean", "router=majority", "policy.accuracy=0.99")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


COMMAND = ("run", "dataset=files", "router=knn", *without("majority", "random"), *QUALITY)


@pytest.fixture(scope="module")
def twice(
    cache: Path, shared_qna: Path, encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Result folders of two runs of one command, each in processes and with a cache of its own."""
    folders = []
    for name in ("first", "second"):
        home = tmp_path_factory.mktemp(name)
        (home / "cache").mkdir()
        (home / "cache" / "encoders").symlink_to(cache / "encoders")
        done = derby(*COMMAND, f"dataset.path={shared_qna}", cwd=home, ROUTER_DERBY_CACHE=str(home / "cache"))
        assert done.returncode == 0, done.stderr
        (folder,) = results(home)
        folders.append(folder)
    return folders


def test_the_same_seed_gives_the_same_bytes(twice: list[Path]) -> None:
    first, second = twice
    for part in (".", "baselines/tfidf"):
        one, other = ((folder / part / "predictions.jsonl").read_bytes() for folder in (first, second))
        assert one == other
        assert one.count(b"\n") == 12
        metrics = [read_record(folder / part).metrics for folder in (first, second)]
        assert metrics[0] == metrics[1]


def test_the_built_in_data_is_clean_and_can_be_judged_by_sets(tmp_path: Path, jobs: list[Job]) -> None:
    config = compose("run", [*QUALITY, *without(*BASELINES), "router=tfidf", "multilabel=true"])
    (record,) = run(config, tmp_path / "out")
    assert record.analyses["guard"] == {"mode": "refuse", "near_duplicate": 0.95, "pairs": 0, "dropped": 0}
    slices = {entry.slice for entry in record.metrics if entry.name == "jaccard"}
    assert slices == {"all", "standard", "overlap"}
    assert any(row.labels for row in read_predictions(tmp_path / "out"))


def test_the_record_has_all_that_was_asked_for(judge: Callable[..., Record], tmp_path: Path) -> None:
    asked = ("policy.coverage=0.8", "policy.fallback=abstain", "multilabel=true")
    out = tmp_path / "out"
    judge("dataset.path=clean", "router=knn", *asked, baselines=("tfidf",))
    for folder in (out, out / "baselines" / "tfidf"):
        record, rows = read_record(folder), read_predictions(folder)
        for name in (
            *("ece", "ece_by_chance", "brier", "aurc", "aurc_confidence"),
            *("coverage", "selective_accuracy", "subset_accuracy", "jaccard"),
        ):
            assert record.metric(name) is not None, name
        assert record.metric("out_of_scope_recall", "out_of_scope") is not None
        # The threshold was chosen on questions of the training part, for a share of them.
        (own, *usual) = record.analyses["thresholds"]
        assert own["asked"] == {"score": "confidence", "coverage": 0.8, "accuracy": None}
        assert 0 < own["threshold"] < 1
        assert len(usual) == 10
        labelled = [row for row in rows if row.label is not None]
        accepted = [row for row in labelled if row.confidence >= own["threshold"]]
        coverage, accuracy = record.metric("coverage"), record.metric("selective_accuracy")
        assert coverage is not None
        assert accuracy is not None
        assert coverage.value == pytest.approx(len(accepted) / len(labelled))
        assert accuracy.value == pytest.approx(
            sum(row.predicted == row.label for row in accepted) / len(accepted)
        )
        # Neither speed nor memory, with the reason.
        assert not [entry for entry in record.metrics if entry.unit not in ("fraction", "F1")]
        assert {entry.name: entry.reason for entry in record.unscored}["latency_p50"].startswith(
            "measure.enabled=false"
        )
        assert record.timings == {}
        # Whatever is written can be read, and is then the same.
        write_record(tmp_path, record, rows)
        assert read_record(tmp_path) == record
        assert read_predictions(tmp_path) == rows
        for file in ("record.json", "predictions.jsonl"):
            assert (tmp_path / file).read_bytes() == (folder / file).read_bytes()
