"""A whole run, small: no test question is learned from, and everything configured is in the record."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.config import compose_config
from benchmarks.datasets.base import Dataset, Example, fold
from benchmarks.datasets.leakage import PairsJob
from benchmarks.errors import BadInput
from benchmarks.experiment.fit import FitJob
from benchmarks.experiment.fit_batch import FitBatchJob, InferJob
from benchmarks.experiment.run import run
from benchmarks.experiment.thresholds import ThresholdJob
from benchmarks.measure.latency import RoundJob, ServeJob
from reports.reasons import Reason
from reports.record import Leakage, Record, Timings, Verdict, Wish
from reports.record_files import read_predictions, read_record, write_record
from routers.encoder import SentenceEncoder
from tests.benchmarks.helpers import BASELINES, FAST, environment, without
from tests.benchmarks.stand_ins import Recording
from tests.conftest import CAR, CAR_HELD_OUT, OUT_OF_SCOPE, OVERLAP, SLEEP, SLEEP_HELD_OUT

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
QUALITY = (*FAST, "measure.enabled=false")
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
    """A data set loader; `path` is `planted`, `validated`, `long` or `clean`."""
    train = [Example(f"t-{n}", text, "car") for n, text in enumerate(CAR)]
    train += [Example(f"s-{n}", text, "sleep") for n, text in enumerate(SLEEP)]
    test = [Example(f"c-{n}", text, "car") for n, text in enumerate((*CAR_HELD_OUT, NEAR))]
    test += [Example(f"z-{n}", text, "sleep") for n, text in enumerate(SLEEP_HELD_OUT)]
    test += [Example(f"o-{n}", text, label, slice="overlap") for n, (text, label, _) in enumerate(OVERLAP)]
    test += [Example(f"f-{n}", text, None, slice="out_of_scope") for n, text in enumerate(OUT_OF_SCOPE)]
    validation = [Example(f"v-{n}", f"{text} Or not?", "car") for n, text in enumerate(CAR[:8])]
    validation += [Example(f"w-{n}", f"{text} Or not?", "sleep") for n, text in enumerate(SLEEP[:8])]
    if path == "long":
        test.append(Example("l-0", "Do my brakes squeal? " * 100, "car"))
    if path == "planted":
        train += [Example(f"p-{n}", text, "car") for n, text in enumerate(PLANTED)]
        validation.append(Example("p-9", VALIDATED, "sleep"))
    return Dataset("questions", train, test, validation=[] if path == "clean" else validation)


@pytest.fixture
def workers() -> Recording:
    return Recording()


@pytest.fixture
def fresh_cache(cache: Path, encoder: SentenceEncoder, own_cache: Path) -> Path:
    """A cache of the test's own with nothing in it but the exported encoder."""
    own_cache.mkdir()
    (own_cache / "encoders").symlink_to(cache / "encoders")
    return own_cache


@pytest.fixture
def run_on(tmp_path: Path, fresh_cache: Path, workers: Recording) -> Callable[..., Record]:
    """Run on a variant of the data set, without baselines unless they are named; the router's record."""

    def go(variant: str, *overrides: str, baselines: tuple[str, ...] = ()) -> Record:
        dropped = without(*(name for name in BASELINES if name not in baselines))
        config = compose_config("run", [*QUALITY, *LOADER, f"dataset.path={variant}", *dropped, *overrides])
        return run(config, tmp_path / "out", workers)[0]

    return go


def test_a_question_that_is_longer_than_the_router_reads_is_counted(
    run_on: Callable[..., Record], tmp_path: Path
) -> None:
    assert run_on("long", "router=centroid").analyses.cut_questions == 1
    assert [row.id for row in read_predictions(tmp_path / "out") if row.cut] == ["l-0"]


def test_a_router_that_is_a_baseline_does_not_run_beside_itself(
    run_on: Callable[..., Record], tmp_path: Path
) -> None:
    def beside() -> list[str]:
        return sorted(folder.name for folder in (tmp_path / "out" / "baselines").iterdir())

    others = {one.other for one in run_on("clean", "router=tfidf", baselines=BASELINES).comparisons}
    assert others == {"majority", "random"}
    assert beside() == ["majority", "random"]
    # With settings of its own it is another router.
    others = {
        one.other for one in run_on("clean", "router=tfidf", "router.c=1", baselines=BASELINES).comparisons
    }
    assert others == {"majority", "random", "tfidf"}


def lessons(job: Any) -> list[str]:
    """The texts that a job learns, calibrates or tunes with; its type must be known here."""
    match job:
        case FitJob():
            return [*job.lessons.queries, *(job.held_out or ([], []))[0]]
        case FitBatchJob():
            return job.lessons.queries
        # They use a router that is fitted, or look for leakage.
        case PairsJob() | InferJob() | ThresholdJob() | ServeJob() | RoundJob() | None:
            return []
    raise AssertionError(f"does {job} learn from the test?")


def learned(workers: Recording) -> set[str]:
    return {fold(text) for call in workers.calls for text in lessons(call.job)}


def queries_tested(variant: str) -> set[str]:
    return {fold(example.query) for example in load(variant).test}


def test_no_test_question_reaches_fitting_tuning_or_calibration(
    run_on: Callable[..., Record], workers: Recording, tmp_path: Path
) -> None:
    record = run_on("clean", "router=centroid", "measure.enabled=true", "measure.rounds=2", *EVERYTHING)
    assert set(workers.names) == {
        *("near_duplicates", "fit_all", "fit_and_save", "choose"),
        *("serve", "time_again", "reference_memory"),
    }
    titles = [call.title for call in workers.calls if isinstance(call.job, FitBatchJob)]
    assert titles == ["centroid: tuning", "centroid: learning curve"]
    for call in workers.calls:
        if isinstance(call.job, FitJob | FitBatchJob):
            assert {fold(text) for text in lessons(call.job)} == {fold(text) for text in (*CAR, *SLEEP)}
    assert not learned(workers) & queries_tested("clean")
    # Tuning serves none either: the best settings are not those that are best on the test.
    (tuning,) = [call.job for call in workers.calls if call.title == "centroid: tuning"]
    assert not {fold(text) for text in tuning.queries} & queries_tested("clean")
    analyses = record.analyses
    assert analyses.tuning
    assert analyses.thresholds
    assert analyses.leakage == Leakage("refuse", 0.95, repeated=0)
    assert analyses.learning_curve[-1].n_train == len(CAR) + len(SLEEP)
    # Its probabilities were calibrated on a fifth of the training questions.
    assert record.timings.trained
    assert record.timings.trained.learned["held_out"] == 8
    assert record.timings.served
    assert len(record.timings.served.rounds) == 2
    # What `run` returns is what it wrote.
    assert read_record(tmp_path / "out") == record


def test_a_planted_test_question_is_refused_before_anything_is_learned(
    run_on: Callable[..., Record], workers: Recording, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="guard=drop") as refusal:
        run_on("planted", "router=knn", *EVERYTHING)
    for text in (*PLANTED, VALIDATED, NEAR):
        assert repr(text) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert workers.names == ["near_duplicates"]
    assert not (tmp_path / "out").exists()


def test_a_planted_test_question_is_dropped_and_reaches_nothing(
    run_on: Callable[..., Record], workers: Recording
) -> None:
    record = run_on("planted", "router=tfidf", "guard=drop", *EVERYTHING)
    assert {"fit_all", "fit_and_save"} < set(workers.names)
    # The rest of both parts was learned from: the data set's own validation part calibrates.
    clean = load("validated")
    assert learned(workers) == {fold(example.query) for example in (*clean.train, *clean.validation)}
    assert not learned(workers) & (queries_tested("planted") | {fold(text) for text in (*PLANTED, VALIDATED)})
    assert record.analyses.leakage
    assert record.analyses.leakage.dropped_ids == ["p-0", "p-1", "p-9"]
    assert record.analyses.leakage.dropped == 3


def test_with_the_leakage_check_off_this_file_sees_it_leak(
    run_on: Callable[..., Record], workers: Recording
) -> None:
    record = run_on("planted", "router=tfidf", "guard=off", "calibration=temperature")
    assert {fold(PLANTED[0]), fold(VALIDATED)} <= learned(workers) & queries_tested("planted")
    assert record.analyses.leakage == Leakage("off")


def test_a_baseline_that_cannot_reach_the_policy_stops_nobody(
    run_on: Callable[..., Record], tmp_path: Path
) -> None:
    record = run_on("clean", "router=centroid", "policy.accuracy=0.6", baselines=("majority",))
    assert record.metric("coverage")
    baseline = read_record(tmp_path / "out" / "baselines" / "majority")
    for name in ("coverage", "selective_accuracy"):
        assert baseline.metric(name) is None
        missing = baseline.missing(name)
        assert missing
        assert missing.reason == Reason.ACCURACY_NOT_SHOWN
        assert "accuracy of 0.6" in missing.sentence
    assert baseline.metric("accuracy")


def test_a_policy_out_of_the_chosen_routers_reach_is_one_line(
    run_on: Callable[..., Record], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"accuracy of 0\.99 with probability 0\.9 ") as refusal:
        run_on("clean", "router=majority", "policy.accuracy=0.99")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


RUN = """
import sys
from pathlib import Path
from benchmarks.config import compose_config
from benchmarks.experiment.run import run
from benchmarks.workers.in_process import InProcess
run(compose_config("run", sys.argv[2:]), Path(sys.argv[1]), InProcess())
"""


@pytest.mark.process
def test_the_same_seed_gives_the_same_bytes_in_two_processes_with_two_caches(
    cache: Path, shared_qna: Path, encoder: SentenceEncoder, tmp_path: Path
) -> None:
    overrides = ("dataset=files", f"dataset.path={shared_qna}", "router=knn", *QUALITY)
    folders = []
    for name in ("first", "second"):
        home = tmp_path / name
        (home / "cache").mkdir(parents=True)
        (home / "cache" / "encoders").symlink_to(cache / "encoders")
        folders.append(home / "out")
        subprocess.run(
            [sys.executable, "-c", RUN, str(folders[-1]), *overrides, *without(*BASELINES)],
            env=environment(ROUTER_DERBY_CACHE=str(home / "cache")),
            cwd=ROOT,
            check=True,
        )
    one, other = ((folder / "predictions.jsonl").read_bytes() for folder in folders)
    assert one == other
    assert one.count(b"\n") == 12
    assert read_record(folders[0]).metrics == read_record(folders[1]).metrics


def test_the_built_in_data_has_no_leakage_and_sets_of_domains(tmp_path: Path) -> None:
    config = compose_config("run", [*QUALITY, *without(*BASELINES), "router=tfidf", "multilabel=true"])
    (record,) = run(config, tmp_path / "out", Recording())
    assert record.analyses.leakage == Leakage("refuse", 0.95, repeated=0)
    slices = {entry.slice for entry in record.metrics if entry.name == "jaccard"}
    assert slices == {"all", "standard", "overlap"}
    assert any(row.labels for row in read_predictions(tmp_path / "out"))


def test_the_record_has_all_that_was_configured_and_reads_back_equal(
    run_on: Callable[..., Record], tmp_path: Path
) -> None:
    configured = ("policy.coverage=0.8", "policy.fallback=abstain", "multilabel=true", "robustness=true")
    out = tmp_path / "out"
    run_on("clean", "router=knn", *configured, baselines=("tfidf", "majority"))
    for folder in (out, out / "baselines" / "tfidf"):
        record, rows = read_record(folder), read_predictions(folder)
        for name in (
            *("ece", "ece_by_chance", "brier", "aurc", "aurc_confidence"),
            *("coverage", "selective_accuracy", "subset_accuracy", "jaccard"),
        ):
            assert record.metric(name), name
        assert record.metric("out_of_scope_recall", "out_of_scope")
        # The threshold was chosen on questions of the training part, for a share of them.
        (own, *usual) = record.analyses.thresholds
        assert own.wish == Wish("confidence", coverage=0.8)
        assert 0 < own.threshold < 1
        assert record.derivation.policy.threshold == own.threshold
        assert record.derivation.refuses
        assert len(usual) == 10
        labelled = [row for row in rows if row.label is not None]
        accepted = [row for row in labelled if row.confidence >= own.threshold]
        coverage, accuracy = record.metric("coverage"), record.metric("selective_accuracy")
        assert coverage
        assert accuracy
        assert coverage.value == pytest.approx(len(accepted) / len(labelled))
        right = sum(row.predicted == row.label for row in accepted)
        assert accuracy.value == pytest.approx(right / len(accepted))
        # Neither speed nor memory, with the reason.
        assert not [entry for entry in record.metrics if entry.unit not in ("fraction", "F1", "p")]
        missing = record.missing("latency_p50")
        assert missing
        assert missing.reason == Reason.NOT_MEASURED
        trained = record.timings.trained
        assert trained is not None
        assert (trained.untimed, trained.train_seconds, trained.train_peak_rss_bytes) == (True, 0, 0)
        assert record.timings == Timings(trained)
        # Whatever is written can be read, and is then the same.
        write_record(tmp_path, record, rows)
        assert read_record(tmp_path) == record
        assert read_predictions(tmp_path) == rows
        for file in ("record.json", "predictions.jsonl"):
            assert (tmp_path / file).read_bytes() == (folder / file).read_bytes()
    record = read_record(out)
    # Robustness is for the chosen router alone, as are comparisons with the others.
    assert all(row.changed for row in read_predictions(out) if row.label is not None)
    assert not any(row.changed for row in read_predictions(out / "baselines" / "tfidf"))
    verdicts = {entry.other: entry.verdict for entry in record.comparisons if entry.metric == "accuracy"}
    assert set(verdicts) == {"tfidf", "majority"}
    assert set(verdicts.values()) <= set(Verdict)
    assert read_record(out / "baselines" / "tfidf").comparisons == []


def test_fewer_training_questions_a_domain(run_on: Callable[..., Record], workers: Recording) -> None:
    record = run_on("clean", "router=tfidf", "train_per_domain=3")
    (job,) = [call.job for call in workers.calls if isinstance(call.job, FitJob)]
    assert (job.lessons.labels.count("car"), job.lessons.labels.count("sleep")) == (3, 3)
    assert record.provenance.dataset.train
    assert record.provenance.dataset.train.by_label == {"car": 3, "sleep": 3}
