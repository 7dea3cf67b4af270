"""Speed and memory metrics from raw values made by hand."""

import math
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.metrics.performance import performance
from common.settings import Statistics
from reports.reasons import Reason
from reports.record import Fitting, Metric, Round, Serving, Unscored
from tests.benchmarks.metrics.samples import interval

# 1 ms ... 120 ms over two rounds: the p-th percentile is 1 + 1.19 p.
FIRST = Round(
    load_seconds=0.25,
    first_query_seconds=0.003,
    latency_seconds=[number / 1000 for number in range(1, 61)],
    stage_seconds={"encode": [0.001, 0.002, 0.009], "decide": [0.00001] * 3},
    reference_seconds=[0.002] * 60,
)
SECOND = Round(
    load_seconds=0.16,
    first_query_seconds=0.012,
    latency_seconds=[number / 1000 for number in range(61, 121)],
    stage_seconds={"encode": [0.002, 0.003, 0.002], "decide": [0.00001] * 3},
    reference_seconds=[0.002] * 60,
)
SERVED = Serving(
    batch_seconds=[0.5, 0.25, 1.0],
    batch_size=10,
    peak_rss_bytes=200_000_000,
    reference_rss_bytes=50_000_000,
    index_bytes=1_500_000,
    weights_bytes=90_000_000,
    rounds=[FIRST, SECOND],
)
TRAINED = Fitting(train_seconds=12.5, train_peak_rss_bytes=300_000_000)


def derived(**changes: Any) -> tuple[dict[str, Metric], list[Unscored]]:
    metrics, unscored = performance(replace(SERVED, **changes), TRAINED, Statistics(resamples=200), seed=0)
    assert len({metric.name for metric in metrics}) == len(metrics)
    return {metric.name: metric for metric in metrics}, unscored


@pytest.mark.parametrize(
    ("name", "value", "unit", "n"),
    [
        ("latency_p50", 60.5, "ms", 120),
        ("latency_p95", 1 + 1.19 * 95, "ms", 120),
        ("latency_p99", 1 + 1.19 * 99, "ms", 120),
        ("encode_p50", 2, "ms", 6),
        ("decide_p50", 0.01, "ms", 6),
        ("reference_p50", 2, "ms", 120),
        # The medians of the rounds' blocks are 30.5 ms and 90.5 ms.
        ("latency_p50_vs_reference", math.sqrt(30.5 * 90.5) / 2, "×", 2),
        # The means are the same, as it happens.
        ("latency_mean_vs_reference", math.sqrt(30.5 * 90.5) / 2, "×", 2),
        ("first_query", 6, "ms", 2),
        ("load_time", 0.2, "s", 2),
        ("throughput", 20, "queries/s", 3),
        ("peak_rss", 200, "MB", 1),
        ("peak_rss_vs_reference", 4, "×", 1),
        ("weights_size", 90, "MB", 1),
        ("index_size", 1.5, "MB", 1),
        ("train_time", 12.5, "s", 1),
        ("train_peak_rss", 300, "MB", 1),
    ],
)
def test_hand_computed(name: str, value: float, unit: str, n: int) -> None:
    found = derived()[0][name]
    assert (found.value, found.unit, found.n, found.slice) == (pytest.approx(value), unit, n, "all")
    assert found.higher_is_better is (name == "throughput")


def test_the_table_above_is_complete() -> None:
    assert len(derived()[0]) == 17


def test_quantiles_have_intervals_in_their_own_unit() -> None:
    metrics, _ = derived()
    for name in ("latency_p50", "latency_p95", "encode_p50", "throughput", "latency_p50_vs_reference"):
        low, high = interval(metrics[name])
        assert low <= metrics[name].value <= high
    assert metrics["reference_p50"].ci_low == pytest.approx(2)
    # Student's t with one degree of freedom reaches 12.706 standard errors of log(0.25) and log(0.16).
    reach = math.exp(12.7062 * math.log(0.25 / 0.16) / 2)
    assert interval(metrics["load_time"]) == pytest.approx((0.2 / reach, 0.2 * reach), rel=1e-4)


def test_one_round_has_no_interval_over_rounds() -> None:
    metrics, _ = derived(rounds=[FIRST])
    for name in ("latency_p50_vs_reference", "first_query", "load_time"):
        assert (metrics[name].n, metrics[name].ci_low, metrics[name].ci_high) == (1, None, None)
    assert metrics["latency_p50"].ci_low is not None


def test_stages_that_a_router_does_not_have_are_unscored() -> None:
    metrics, unscored = derived()
    reasons = {entry.name: entry.reason for entry in unscored}
    stages = dict.fromkeys(("tokenise_p50", "search_p50"), Reason.NO_SUCH_STAGE)
    assert reasons == {**stages, "cuda_peak": Reason.NO_CUDA_DEVICE}
    assert not set(reasons) & set(metrics)


def test_recall_of_an_approximate_index_is_a_mean_over_questions() -> None:
    metrics, unscored = derived(neighbour_recall=[1.0, 0.5, 1.0, 0.75])
    found = metrics["recall_at_k"]
    assert (found.value, found.unit, found.n, found.higher_is_better) == (0.8125, "fraction", 4, True)
    low, high = interval(found)
    assert 0.5 <= low < 0.8125 < high <= 1
    # Of an exact one, or of a router without any, there is nothing to say.
    assert "recall_at_k" not in {*derived()[0], *(entry.name for entry in unscored)}


def test_cuda_memory_when_there_was_any() -> None:
    metrics, unscored = derived(cuda_peak_bytes=4_000_000_000)
    assert (metrics["cuda_peak"].value, metrics["cuda_peak"].unit) == (4000, "MB")
    assert "cuda_peak" not in {entry.name for entry in unscored}


def test_events_of_a_router_that_asks_a_server_are_shares() -> None:
    events = {"requests": 40, "retries": 2, "questions": 50, "unnamed": 1, "repeated": 10, "changed": 0}
    spent = {"counted": 20, "tokens": 500, "usd": 0.001}
    metrics, _ = derived(events={**events, **spent})
    wanted = {
        "retries": (0.05, "fraction", 40),
        "changed_answers": (0, "fraction", 10),
        "unnamed_answers": (0.02, "fraction", 50),
        "routing_tokens": (25, "tokens", 20),
        "routing_cost": (pytest.approx(0.05), "USD/1k questions", 20),
    }
    found = {name: (metrics[name].value, metrics[name].unit, metrics[name].n) for name in wanted}
    assert found == wanted
    assert not any(metrics[name].higher_is_better for name in wanted)
    # Nothing was asked again, no price is known, and no other router has any of it.
    some, _ = derived(events={**events, "repeated": 0, "counted": 20, "tokens": 500})
    assert set(wanted) - set(some) == {"changed_answers", "routing_cost"}
    none, unscored = derived()
    assert not set(wanted) & {*none, *(entry.name for entry in unscored)}


def test_time_of_a_server_and_of_the_network() -> None:
    times = {"server": [0.001, 0.002, 0.003], "network": [0.0004] * 3}
    metrics, _ = derived(rounds=[replace(FIRST, stage_seconds=times)])
    assert (metrics["server_p50"].value, metrics["network_p50"].value) == pytest.approx((2, 0.4))
    metrics, unscored = derived()
    assert not {"server_p50", "network_p50"} & {*metrics, *(entry.name for entry in unscored)}
