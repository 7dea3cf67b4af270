"""Who is asked what in an examination, when nobody is, and what the answers took."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.answers.collect import Panel
from benchmarks.answers.performance import (
    AllAnswered,
    answering_performance,
    ask_all,
    check_policy,
    panel_for,
)
from benchmarks.assets.weights import locate
from benchmarks.datasets.base import Dataset, Example
from benchmarks.errors import BadInput
from benchmarks.schema.experts import NoExperts, OpenAIExperts
from common.settings import Policy
from experts.base import BASE, Answer
from reports.record import Metric, Prediction, Unscored
from tests.benchmarks.helpers import add_adapter, base_model, local_experts, row

TRAIN = [
    Example("car-1", "Which oil?", "car", "The right one."),
    Example("sleep-1", "Why do I snore?", "sleep", "Ask a doctor."),
]
TEST = [
    Example("car-9", "Which tyre?", "car", "A round one."),
    Example("sleep-9", "How long a nap?", "sleep", "Twenty minutes.", "overlap"),
    Example("car-8", "Which brake?", "car"),
    Example("x-9", "What is the capital of Peru?", None, "Lima.", "out_of_scope"),
]
DATASET = Dataset("small", TRAIN, TEST)


@pytest.mark.parametrize("fallback", ["best_guess", "abstain", "car", "sleep"])
def test_a_fallback_is_a_rule_or_a_domain(fallback: str) -> None:
    check_policy(Policy(threshold=0.5, fallback=fallback), ["car", "sleep"])


@pytest.mark.parametrize("fallback", ["legal", "base", "Car", ""])
def test_another_fallback_is_refused_with_what_there_is(fallback: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_policy(Policy(fallback=fallback), ["car", "sleep"])
    assert str(caught.value) == f"policy.fallback={fallback}: not one of best_guess, abstain, car, sleep"


def test_without_experts_there_is_nobody_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert panel_for(NoExperts(), DATASET) is None
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("reference", [None, ""])
def test_without_references_nobody_is_asked_and_one_is_told(
    capsys: pytest.CaptureFixture[str], reference: str | None
) -> None:
    # The reference of what is out of scope is not enough.
    bare = [example if example.label is None else replace(example, reference=reference) for example in TEST]
    endpoint = OpenAIExperts(base_url="http://localhost/v1")
    assert panel_for(endpoint, Dataset("bare", TRAIN, bare)) is None
    said = capsys.readouterr().err
    assert said == "data set bare has no reference answers: the experts are not asked\n"


def test_an_endpoint_needs_no_adapter() -> None:
    models: dict[str, str | None] = {"car": "m", "sleep": "m"}
    panel = panel_for(OpenAIExperts(base_url="http://localhost/v1", models=models), DATASET)
    assert panel is not None
    assert (panel.name, panel.train_ids) == ("openai", {})


def test_adapters_trained_on_other_questions_may_be_examined(tmp_path: Path, packaged: Path) -> None:
    base, adapters = base_model(tmp_path / "base"), tmp_path / "adapters"
    add_adapter(adapters, "car", locate(base).sha256, ("car-1",))
    add_adapter(adapters, "sleep", locate(base).sha256, ("sleep-1",))
    panel = panel_for(local_experts(base, adapters), DATASET)
    assert panel is not None
    assert panel.train_ids == {"car": {"car-1"}, "sleep": {"sleep-1"}}


# Also of the other domain's questions, and of those without a reference: a leak is a leak.
@pytest.mark.parametrize("leaked", ["sleep-9", "car-9", "car-8"])
def test_an_adapter_trained_on_a_test_question_is_refused(
    tmp_path: Path, packaged: Path, leaked: str
) -> None:
    base, adapters = base_model(tmp_path / "base"), tmp_path / "adapters"
    add_adapter(adapters, "car", locate(base).sha256, ("car-1",))
    add_adapter(adapters, "sleep", locate(base).sha256, ("sleep-1", leaked))
    with pytest.raises(BadInput) as caught:
        panel_for(local_experts(base, adapters), DATASET)
    # By the question's own part of the id: it may have had another domain when it was learned.
    queries = [example.query for example in TEST if example.id.partition("-")[2] == leaked.partition("-")[2]]
    said = "the adapter for domain 'sleep' was trained on 1 of these test questions, as "
    assert any(str(caught.value).startswith(f"{said}{query!r}; ") for query in queries)
    assert "python -m benchmarks train" in str(caught.value)


def diary(tmp_path: Path) -> Panel:
    spec = {"_target_": "tests.benchmarks.fakes.Diary", "log": str(tmp_path / "log")}
    return Panel("fake", spec, use_cache=True)


def test_everyone_answers_every_question_that_has_a_reference(
    tmp_path: Path, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    panel = diary(tmp_path)
    found = ask_all(panel, DATASET, threads=1)
    log = Counter((tmp_path / "log").read_text(encoding="utf-8").splitlines())
    # The base model is asked as the right domain's: its instruction names the domain.
    assert log == {
        "car: Which tyre?": 1,
        "sleep: Which tyre?": 1,
        "car/base: Which tyre?": 1,
        "car: How long a nap?": 1,
        "sleep: How long a nap?": 1,
        "sleep/base: How long a nap?": 1,
    }
    assert {key: answer.text for key, answer in found.answers.items()} == {
        ("car", "car-9"): "car says Which tyre?",
        ("sleep", "car-9"): "sleep says Which tyre?",
        (BASE, "car-9"): "car/base says Which tyre?",
        ("car", "sleep-9"): "car says How long a nap?",
        ("sleep", "sleep-9"): "sleep says How long a nap?",
        (BASE, "sleep-9"): "sleep/base says How long a nap?",
    }
    assert found.panel is panel
    session = found.timings.pop("session")
    assert found.timings == {"asked": 6, "from_cache": 0, "unanswered": 0}
    assert (session["generated"], session["tokens"]) == (6, 24)
    assert "missing" not in capsys.readouterr().err


def test_failures_are_counted_and_said(
    tmp_path: Path, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = replace(DATASET, test=[replace(TEST[0], query="Which one fails?"), TEST[1]])
    found = ask_all(diary(tmp_path), dataset, threads=1)
    assert found.timings["unanswered"] == 3
    assert [key for key, answer in found.answers.items() if answer.text is None] == [
        ("car", "car-9"),
        ("sleep", "car-9"),
        (BASE, "car-9"),
    ]
    said = capsys.readouterr().err.splitlines()
    assert "3 of 6 answers are missing, the first because: the expert is ill" in said


SESSION = {"load_seconds": 1.5, "peak_rss_bytes": 800_000_000, "cuda_peak_bytes": None}
GIVEN = {
    ("car", "1"): Answer("x", tokens=30, seconds=0.5),
    ("sleep", "1"): Answer("x", tokens=1000, seconds=100.0),
    ("car", "2"): Answer("x", tokens=10, seconds=1.5),
    ("sleep", "3"): Answer("x", tokens=None, seconds=4.0),
    ("car", "4"): Answer(None, error="no", tokens=None, seconds=50.0),
}


def routed(id_: str, expert: str | None, answer: str | None = "x") -> Prediction:
    return replace(row("car", "car", id_=id_), expert=expert, answer=answer)


ROUTED = [routed("1", "car"), routed("2", "car"), routed("3", "sleep"), routed("4", "car", None)]


def performance(
    rows: list[Prediction], session: dict[str, object] | None
) -> tuple[dict[str, Metric], list[Unscored]]:
    panel = Panel("fake", {}, use_cache=True)
    metrics, unscored = answering_performance(rows, AllAnswered(panel, GIVEN, {"session": session}))
    return {metric.name: metric for metric in metrics}, unscored


def test_what_answering_took_by_hand() -> None:
    # The abstained one and the failed one took nothing that an answer was got for.
    found, unscored = performance([*ROUTED, routed("5", None, None)], SESSION)
    assert unscored == []
    assert {name: (metric.value, metric.unit, metric.n) for name, metric in found.items()} == {
        "generation_time": (pytest.approx((0.5 + 1.5 + 4) / 3), "s", 3),
        # Of the two whose tokens are known.
        "generation_throughput": (pytest.approx(40 / 2), "tokens/s", 2),
        "experts_load_time": (1.5, "s", 1),
        "experts_peak_rss": (800, "MB", 1),
    }
    better = {name for name, metric in found.items() if metric.higher_is_better}
    assert better == {"generation_throughput"}


def test_what_the_cache_answered_took_what_it_took_then() -> None:
    found, unscored = performance(ROUTED, None)
    assert set(found) == {"generation_time", "generation_throughput"}
    assert [(entry.name, entry.slice) for entry in unscored] == [
        ("experts_load_time", "all"),
        ("experts_peak_rss", "all"),
    ]
    assert all("cache" in entry.reason for entry in unscored)


def test_a_gpu_has_a_peak_of_its_own() -> None:
    found, _ = performance(ROUTED, {**SESSION, "cuda_peak_bytes": 2_000_000_000})
    assert (found["experts_cuda_peak"].value, found["experts_cuda_peak"].unit) == (2000, "MB")


def test_no_answer_has_no_time() -> None:
    found, _ = performance([routed("4", "car", None), routed("5", None, None)], SESSION)
    assert set(found) == {"experts_load_time", "experts_peak_rss"}


def test_answers_of_unknown_length_have_no_throughput() -> None:
    found, _ = performance([routed("3", "sleep")], SESSION)
    assert found["generation_time"].value == 4
    assert "generation_throughput" not in found
