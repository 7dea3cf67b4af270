"""Speed and memory metrics, derived from the raw values that `benchmarks.measure` returned."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats import bootstrap
from conf.schema import Statistics
from reports.record import Metric, Unscored
from routers.stages import STAGES

MB = 1e6
MS = 1e3


def performance(
    served: dict[str, Any], trained: dict[str, Any], statistics: Statistics, seed: int
) -> tuple[list[Metric], list[Unscored]]:
    """Metrics of one served router, and those that could not be taken."""
    latency = np.array(served["latency_seconds"])
    reference = np.array(served["reference_seconds"])
    batches = np.array(served["batch_seconds"])

    def quantile(
        name: str, values: NDArray[Any], share: float, unit: str = "ms", scale: float = MS, best: bool = False
    ) -> Metric:
        interval = bootstrap(
            lambda resample: np.quantile(values[resample], share, axis=1),
            len(values),
            resamples=statistics.resamples,
            confidence=statistics.confidence,
            seed=seed,
        )
        value = float(np.quantile(values, share))
        return Metric(
            name, value * scale, unit, best, "all", len(values), interval.low * scale, interval.high * scale
        )

    def single(name: str, value: float, unit: str) -> Metric:
        return Metric(name, float(value), unit, False)

    stages = served["stage_seconds"]
    reference_p50 = float(np.quantile(reference, 0.5))
    metrics = [
        quantile("latency_p50", latency, 0.50),
        quantile("latency_p95", latency, 0.95),
        quantile("latency_p99", latency, 0.99),
        *(quantile(f"{name}_p50", np.array(stages[name]), 0.5) for name in STAGES if name in stages),
        quantile("reference_p50", reference, 0.5),
        quantile("latency_p50_vs_reference", latency, 0.5, unit="×", scale=1 / reference_p50),
        single("first_query", served["first_query_seconds"] * MS, "ms"),
        single("load_time", served["load_seconds"], "s"),
        quantile("throughput", served["batch_size"] / batches, 0.5, unit="queries/s", scale=1, best=True),
        single("peak_rss", served["peak_rss_bytes"] / MB, "MB"),
        single("weights_size", served["weights_bytes"] / MB, "MB"),
        single("index_size", served["index_bytes"] / MB, "MB"),
        single("train_time", trained["train_seconds"], "s"),
        single("train_peak_rss", trained["train_peak_rss_bytes"] / MB, "MB"),
    ]
    unscored = [
        Unscored(f"{name}_p50", "this router has no such stage") for name in STAGES if name not in stages
    ]
    if served["cuda_peak_bytes"] is None:
        unscored.append(Unscored("cuda_peak", "no CUDA device was used"))
    else:
        metrics.append(single("cuda_peak", served["cuda_peak_bytes"] / MB, "MB"))
    return metrics, unscored
