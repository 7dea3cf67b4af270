"""Runs whose experts answer a sample: what the record says, what is generated again, what is shown early."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module

from benchmarks.config import checked, compose_config, register
from benchmarks.datasets.base import Dataset, Example
from benchmarks.experiment.compare import compare
from benchmarks.experiment.run import run
from benchmarks.stats.paired import pairwise
from benchmarks.verify.verify import verify
from benchmarks.workers.in_process import InProcess
from reports.record import AnswerSample, Record
from reports.record_files import Result, read_result
from tests.benchmarks.helpers import MEASURED_ONCE, without

Sampled = Callable[..., Result]
N_QUESTIONS = 20
DOMAINS = ("car", "sleep")


def load(path: str, **_: Any) -> Dataset:
    """A data set loader: questions with references, as many of each domain, and two without."""
    test = [
        Example(f"{label}-{number}", f"{label} question {number}?", label, f"{label} says that.")
        for label in DOMAINS
        for number in range(N_QUESTIONS // 2)
    ]
    bare = [
        Example("car-bare", "Another?", "car"),
        Example("x-1", "Who?", None, "Me.", "out_of_scope"),
    ]
    train = [Example(f"t-{label}-{n}", f"{label} lesson {n}", label) for label in DOMAINS for n in range(4)]
    return Dataset("made", train, [*test, *bare])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def chosen(tmp_path: Path, log: Path, own_cache: Path) -> list[str]:
    """Overrides for a run whose experts keep a diary."""
    conf = tmp_path / "conf" / "experts"
    conf.mkdir(parents=True)
    text = f"name: diary\n_target_: tests.benchmarks.fakes.Diary\nlog: {log}\nquestions: 6\n"
    (conf / "diary.yaml").write_text(text, encoding="utf-8")
    data = ["dataset=files", f"dataset._target_={__name__}.load", "dataset.path=any", "guard=off"]
    own = [f"hydra.searchpath=[file://{conf.parent}]", "experts=diary"]
    return [*own, *data, *MEASURED_ONCE, "measure.enabled=false", *without("tfidf", "majority")]


@pytest.fixture
def sampled(tmp_path: Path, log: Path, chosen: list[str]) -> Sampled:
    """Run with the diary, which is emptied before; the result of the router."""

    def go(*overrides: str, routed: Any = None) -> Result:
        log.unlink(missing_ok=True)
        dropped = [] if routed else without("random")
        config = compose_config("run", [*chosen, *dropped, "router=majority", *overrides])
        run(config, tmp_path / "out", InProcess(), routed)
        return read_result(tmp_path / "out")

    return go


def generated(log: Path) -> int:
    return len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0


def n_of(record: Record, name: str) -> int:
    metric = record.metric(name)
    assert metric, name
    return metric.n


def test_the_record_says_what_was_sampled_and_its_figures_are_of_it(sampled: Sampled, log: Path) -> None:
    result = sampled()
    record = result.record
    assert record.sample == AnswerSample(6, N_QUESTIONS, 0, ("label", "slice"))
    assert generated(log) == 6 * 3
    for name in ("rougeL", "rougeL_oracle", "rougeL_regret", "rouge1_base", "answered", "generation_time"):
        assert n_of(record, name) == 6, name
    assert n_of(record, "accuracy") == N_QUESTIONS + 1
    answered = record.metric("answered")
    assert answered
    assert answered.value == 1
    assert sum(bool(row.answers) for row in result.predictions) == 6
    assert verify(result).differences == []


def test_verify_sees_a_sample_of_another_size(sampled: Sampled) -> None:
    result = sampled()
    experts = result.record.timings.experts
    assert experts
    assert experts.sample
    other = replace(experts, sample=replace(experts.sample, questions=7))
    changed = replace(result.record, timings=replace(result.record.timings, experts=other))
    (found,) = verify(replace(result, record=changed)).differences
    assert (found.metric, found.recorded, found.derived) == ("timings.experts.sample.questions", 7, 6)


def test_a_larger_sample_generates_only_the_difference(sampled: Sampled, log: Path) -> None:
    first = sampled()
    second = sampled("experts.questions=10")
    assert generated(log) == 4 * 3
    assert second.record.timings.experts
    assert second.record.timings.experts.from_cache == 6 * 3
    small, large = ({row.id for row in one.predictions if row.answers} for one in (first, second))
    assert small < large
    whole = sampled("experts.questions=all")
    assert generated(log) == 10 * 3
    assert whole.record.sample is None
    assert n_of(whole.record, "rougeL") == N_QUESTIONS
    assert n_of(sampled("experts.questions=1000").record, "rougeL") == N_QUESTIONS
    assert generated(log) == 0
    # Two samples are compared on the questions that both have.
    (pair,) = pairwise(
        {"a": second.predictions, "b": whole.predictions}, first.record.derivation.statistics, 0
    )
    assert (pair.n, pair.rouge and pair.rouge.difference) == (N_QUESTIONS + 1, 0)


def test_routing_is_shown_before_the_experts_answer(sampled: Sampled, log: Path) -> None:
    seen: list[tuple[Sequence[Record], int, int]] = []

    def routed(records: Sequence[Record], answers: int) -> None:
        seen.append((records, answers, generated(log)))

    result = sampled(routed=routed)
    ((records, answers, before),) = seen
    assert (answers, before) == (6 * 3, 0)
    assert [record.router for record in records] == ["majority", "random"]
    for record in records:
        assert record.metric("rougeL") is None
        assert record.timings.experts is None
    assert records[0].metric("accuracy") == result.record.metric("accuracy")
    # Nobody answers, or every answer is in the cache: the whole table comes at once.
    assert sampled("experts=none", routed=routed).record.metric("rougeL") is None
    assert sampled(routed=routed).record.metric("rougeL") is not None
    assert len(seen) == 1


def test_a_comparison_asks_for_all(chosen: list[str], tmp_path: Path, log: Path) -> None:
    register()
    entries = [*chosen, "compare.routers=[majority]"]
    with initialize_config_module("conf", version_base="1.3"):
        settings = checked(compose("compare", entries))
        majority, random = compare(settings, entries, tmp_path / "out", InProcess())
        fewer = compare(settings, [*entries, "experts.questions=4"], tmp_path / "fewer", InProcess())
    assert generated(log) == 3 * N_QUESTIONS
    for result in (majority, random):
        assert n_of(result.record, "rougeL") == N_QUESTIONS
        assert "compare" not in result.record.config
        assert result.record.config["experts"]["questions"] == "all"
    assert n_of(fewer[0].record, "rougeL") == 4
