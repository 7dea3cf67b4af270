"""Speed and memory metrics from raw values made by hand."""

from typing import Any

import pytest

from benchmarks.performance import performance
from conf.schema import Statistics
from reports.record import Metric, Unscored

SERVED: dict[str, Any] = {
    "load_seconds": 0.25,
    "first_query_seconds": 0.003,
    "batch_seconds": [0.5, 0.25, 1.0],
    "batch_size": 10,
    "peak_rss_bytes": 200_000_000,
    "cuda_peak_bytes": None,
    # 1 ms ... 101 ms: the p-th percentile is p + 1.
    "latency_seconds": [number / 1000 for number in range(1, 102)],
    "stage_seconds": {"encode": [0.001, 0.002, 0.009], "decide": [0.00001] * 3},
    "reference_seconds": [0.002] * 10,
    "index_bytes": 1_500_000,
    "weights_bytes": 90_000_000,
}
TRAINED: dict[str, Any] = {"train_seconds": 12.5, "train_peak_rss_bytes": 300_000_000}


def derived(**changes: Any) -> tuple[dict[str, Metric], list[Unscored]]:
    metrics, unscored = performance({**SERVED, **changes}, TRAINED, Statistics(resamples=200), seed=0)
    assert len({metric.name for metric in metrics}) == len(metrics)
    return {metric.name: metric for metric in metrics}, unscored


@pytest.mark.parametrize(
    ("name", "value", "unit", "n"),
    [
        ("latency_p50", 51, "ms", 101),
        ("latency_p95", 96, "ms", 101),
        ("latency_p99", 100, "ms", 101),
        ("encode_p50", 2, "ms", 3),
        ("decide_p50", 0.01, "ms", 3),
        ("reference_p50", 2, "ms", 10),
        ("latency_p50_vs_reference", 25.5, "×", 101),
        ("first_query", 3, "ms", 1),
        ("load_time", 0.25, "s", 1),
        ("throughput", 20, "queries/s", 3),
        ("peak_rss", 200, "MB", 1),
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
    assert len(derived()[0]) == 15


def test_quantiles_have_intervals_in_their_own_unit() -> None:
    metrics, _ = derived()
    for name in ("latency_p50", "latency_p95", "encode_p50", "throughput", "latency_p50_vs_reference"):
        found = metrics[name]
        assert found.ci_low is not None
        assert found.ci_high is not None
        assert found.ci_low <= found.value <= found.ci_high
    assert metrics["reference_p50"].ci_low == pytest.approx(2)
    assert metrics["load_time"].ci_low is None


def test_stages_that_a_router_does_not_have_are_unscored() -> None:
    metrics, unscored = derived()
    reasons = {entry.name: entry.reason for entry in unscored}
    assert set(reasons) == {"tokenise_p50", "search_p50", "cuda_peak"}
    assert all(reasons.values())
    assert not set(reasons) & set(metrics)


def test_cuda_memory_when_there_was_any() -> None:
    metrics, unscored = derived(cuda_peak_bytes=4_000_000_000)
    assert (metrics["cuda_peak"].value, metrics["cuda_peak"].unit) == (4000, "MB")
    assert "cuda_peak" not in {entry.name for entry in unscored}
