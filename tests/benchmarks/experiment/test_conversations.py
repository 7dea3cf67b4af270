"""Runs on dialogues: what is served is what the policy reads, and every analysis reads it so."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.config import compose_config
from benchmarks.datasets.base import Dataset, Example
from benchmarks.experiment.learning_curve import learning_curve
from benchmarks.experiment.robustness import serve_changed
from benchmarks.experiment.router_folder import DECISION
from benchmarks.experiment.run import run
from benchmarks.measure.latency import ServeJob
from benchmarks.pipeline import load_run
from benchmarks.verify.verify import verify
from benchmarks.workers.in_process import InProcess
from common.files import read_json, write_json
from common.settings import Context, Policy
from reports.record import Prediction, Record
from reports.record_files import read_predictions, read_result
from routers.base import Router
from routers.context import Reading
from tests.benchmarks.fakes import Shouted
from tests.benchmarks.helpers import BASELINES, FAST, without
from tests.benchmarks.stand_ins import Recording

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_cache")]

CHOSEN = (*FAST, "router=tfidf", "dataset=car_sleep_dialogues", "dataset.split=tune", "guard=off")
QUALITY = (*CHOSEN, "measure.enabled=false", *without(*BASELINES))
TEXTS = (("tyre brake often", "car"), ("dream pillow nap", "sleep"))


def run_with(
    folder: Path, *overrides: str, workers: Recording | None = None
) -> tuple[Record, list[Prediction]]:
    (record, *_) = run(compose_config("run", [*QUALITY, *overrides]), folder, workers or Recording())
    return record, read_predictions(folder)


def scores(rows: Sequence[Prediction]) -> list[list[float]]:
    return [list(row.scores.values()) for row in rows]


@pytest.mark.parametrize("context", ["last", "window", "sticky"])
def test_a_record_has_the_accuracy_of_each_kind_of_turn(tmp_path: Path, context: str) -> None:
    record, rows = run_with(tmp_path / "run", f"policy.context={context}", "policy.window=3")
    by_kind = {one.slice: one for one in record.metrics if one.name == "accuracy"}
    assert set(by_kind) == {"all", "first", "follow_up", "switch"}
    for kind, metric in by_kind.items():
        inside = [row for row in rows if kind in ("all", row.slice)]
        assert metric.n == len(inside)
        assert metric.value == pytest.approx(np.mean([row.predicted == row.label for row in inside]))
        assert metric.ci_low is not None
        assert metric.ci_high is not None
        assert metric.ci_low <= metric.value <= metric.ci_high
    assert record.derivation.policy.conversation == Context(context, window=3)
    assert verify(read_result(tmp_path / "run")).differences == []
    # What was served is what the router says of the texts that the policy reads, carried.
    pipeline = load_run(tmp_path / "run")
    assert pipeline.policy.conversation == Context(context, window=3)
    reading = Reading.of(pipeline.policy.conversation, [row.messages for row in rows])
    wanted = reading.carried(pipeline.router.infer(reading.texts))
    assert np.array(scores(rows)) == pytest.approx(wanted.proba, abs=1e-5)
    assert [row.confidence for row in rows] == pytest.approx(wanted.confidence, abs=1e-5)


def test_a_first_message_is_routed_alike_by_every_policy_and_others_are_not(tmp_path: Path) -> None:
    found = {
        context: run_with(tmp_path / context, f"policy.context={context}")[1]
        for context in ("last", "window", "sticky")
    }
    for rows in found.values():
        assert [bool(row.history) for row in rows] == [row.slice != "first" for row in rows]
        assert all(row.dialogue for row in rows)
    first, later = (
        {
            context: scores([row for row in rows if (row.slice == "first") == is_first])
            for context, rows in found.items()
        }
        for is_first in (True, False)
    )
    assert first["last"] == first["window"] == first["sticky"]
    assert later["last"] != later["window"] != later["sticky"] != later["last"]


def test_what_is_timed_is_what_is_read(tmp_path: Path) -> None:
    workers = Recording()
    run_with(tmp_path / "run", "policy.context=window", "measure.enabled=true", workers=workers)
    (job,) = [call.job for call in workers.calls if isinstance(call.job, ServeJob)]
    rows = read_predictions(tmp_path / "run")
    assert job.queries == Reading.of(Context("window"), [row.messages for row in rows]).texts
    assert sorted(job.timed) == sorted(job.queries)


def test_a_folder_of_an_older_run_has_the_usual_context(tmp_path: Path) -> None:
    run_with(tmp_path / "run", "policy.context=last", "policy.fallback=abstain")
    file = tmp_path / "run" / "router" / DECISION
    content = read_json(file)
    for name in ("context", "window", "stay"):
        del content["policy"][name]
    write_json(file, content)
    assert load_run(tmp_path / "run").policy == Policy(fallback="abstain")


@pytest.fixture
def shouted(tmp_path: Path) -> Path:
    Router.save(Shouted().fit(["x", "y"], ["car", "sleep"]), tmp_path / "router")
    return tmp_path / "router"


def test_changed_questions_keep_their_history(shouted: Path) -> None:
    row = Prediction("1", "AND HOW OFTEN", "sleep", "sleep", 1.0, {}, "follow_up", history=["why?"])
    for context, best in ((Context("last"), "sleep"), (Context("window"), "car")):
        (found,) = serve_changed("fake", shouted, [row], ["car", "sleep"], context, InProcess(), 0)
        assert found.changed is not None
        # Beside a small letter of the message before, it is no longer shouted.
        assert found.changed["punctuation"] == best


def test_a_learning_curve_reads_the_history() -> None:
    train = [Example(f"{label}-{n}", f"{text} {n}", label) for n in range(4) for text, label in TEXTS]
    tested = [Example("f", "often", "sleep", history=("dream pillow nap",), slice="follow_up")]
    dataset = Dataset("small", train, tested)
    spec: dict[str, Any] = {"_target_": "routers.baselines.TfidfRouter"}
    for context, accuracy in ((Context("last"), 0), (Context("window"), 1)):
        points = learning_curve("tfidf", spec, dataset, [2], 2, context, InProcess(), 0)
        assert [point.accuracy for point in points] == [accuracy, accuracy]
