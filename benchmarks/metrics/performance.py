"""Speed and memory metrics, derived from the raw values that `benchmarks.measure.latency` returned."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure.ratios import over_rounds, total, typical
from benchmarks.stats.bootstrap import bootstrap_rounds
from common.settings import Statistics
from reports.record import Metric, Unscored
from routers.stages import STAGES

MB = 1e6
MS = 1e3


def performance(
    served: dict[str, Any], trained: dict[str, Any], statistics: Statistics, seed: int
) -> tuple[list[Metric], list[Unscored]]:
    """Metrics of one served router, and those that could not be taken."""
    rounds = served["rounds"]

    def quantile(
        name: str,
        columns: Sequence[Sequence[float]],
        share: float,
        unit: str = "ms",
        scale: float = MS,
        best: bool = False,
    ) -> Metric:
        """Of values by round, all together."""
        interval = bootstrap_rounds(
            lambda resample: np.quantile(resample, share, axis=1),
            [np.array(column) for column in columns],
            resamples=statistics.resamples,
            confidence=statistics.confidence,
            seed=seed,
        )
        values = np.concatenate(columns)
        value = float(np.quantile(values, share))
        return Metric(
            name, value * scale, unit, best, "all", len(values), interval.low * scale, interval.high * scale
        )

    def over(name: str, unit: str, logs: NDArray[np.float64]) -> Metric:
        """One value a round, whose logarithms these are."""
        found = over_rounds(logs, statistics.confidence)
        return Metric(name, found.value, unit, False, "all", len(logs), found.low, found.high)

    def single(name: str, value: float, unit: str) -> Metric:
        return Metric(name, float(value), unit, False)

    def column(name: str) -> list[Any]:
        return [one[name] for one in rounds]

    latency, stages = column("latency_seconds"), column("stage_seconds")
    known = [name for name in STAGES if any(name in one for one in stages)]
    metrics = [
        quantile("latency_p50", latency, 0.50),
        quantile("latency_p95", latency, 0.95),
        quantile("latency_p99", latency, 0.99),
        *(quantile(f"{name}_p50", [one[name] for one in stages if name in one], 0.5) for name in known),
        quantile("reference_p50", column("reference_seconds"), 0.5),
        over("latency_p50_vs_reference", "×", typical(rounds)),
        over("latency_mean_vs_reference", "×", total(rounds)),
        over("first_query", "ms", np.log(np.array(column("first_query_seconds")) * MS)),
        over("load_time", "s", np.log(column("load_seconds"))),
        quantile(
            "throughput",
            [[served["batch_size"] / seconds for seconds in served["batch_seconds"]]],
            0.5,
            unit="queries/s",
            scale=1,
            best=True,
        ),
        single("peak_rss", served["peak_rss_bytes"] / MB, "MB"),
        single("peak_rss_vs_reference", served["peak_rss_bytes"] / served["reference_rss_bytes"], "×"),
        single("weights_size", served["weights_bytes"] / MB, "MB"),
        single("index_size", served["index_bytes"] / MB, "MB"),
        single("train_time", trained["train_seconds"], "s"),
        single("train_peak_rss", trained["train_peak_rss_bytes"] / MB, "MB"),
    ]
    unscored = [
        Unscored(f"{name}_p50", "this router has no such stage") for name in STAGES if name not in known
    ]
    if served["cuda_peak_bytes"] is None:
        unscored.append(Unscored("cuda_peak", "no CUDA device was used"))
    else:
        metrics.append(single("cuda_peak", served["cuda_peak_bytes"] / MB, "MB"))
    return metrics, unscored
