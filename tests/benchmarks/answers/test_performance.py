"""Time and memory of answering, by hand."""

from dataclasses import replace

import pytest

from benchmarks.metrics.performance import answering_performance
from reports.reasons import Reason
from reports.record import Answering, AnswerSession, Metric, Prediction, Unscored
from tests.benchmarks.helpers import row

SESSION = AnswerSession(1.5, 160.0, 4, 1040, 800_000_000)


def routed(
    id_: str, expert: str | None, seconds: float | None = None, tokens: int | None = None
) -> Prediction:
    """A row with an answer that took so long, or without one."""
    text = None if seconds is None else "x"
    one = row("car", "car", id_=id_)
    return replace(one, expert=expert, answer=text, answer_seconds=seconds, answer_tokens=tokens)


ROUTED = [
    routed("1", "car", 0.5, 30),
    routed("2", "car", 1.5, 10),
    routed("3", "sleep", 4.0),
    routed("4", "car"),
]


def performance(
    rows: list[Prediction], session: AnswerSession | None
) -> tuple[dict[str, Metric], list[Unscored]]:
    metrics, unscored = answering_performance(rows, Answering(5, 0, 1, session))
    return {metric.name: metric for metric in metrics}, unscored


def test_what_answering_took_by_hand() -> None:
    # The abstained one and the failed one took nothing that an answer was got for.
    found, unscored = performance([*ROUTED, routed("5", None)], SESSION)
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
    assert {entry.reason for entry in unscored} == {Reason.ANSWERS_CACHED}


def test_a_gpu_has_a_peak_of_its_own() -> None:
    found, _ = performance(ROUTED, replace(SESSION, cuda_peak_bytes=2_000_000_000))
    assert (found["experts_cuda_peak"].value, found["experts_cuda_peak"].unit) == (2000, "MB")


def test_no_answer_has_no_time() -> None:
    found, _ = performance([routed("4", "car"), routed("5", None)], SESSION)
    assert set(found) == {"experts_load_time", "experts_peak_rss"}


def test_answers_of_unknown_length_have_no_throughput() -> None:
    found, _ = performance([routed("3", "sleep", 4.0)], SESSION)
    assert found["generation_time"].value == 4
    assert "generation_throughput" not in found
