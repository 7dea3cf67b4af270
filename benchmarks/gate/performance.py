"""Latency, memory and size of a run against its baseline's."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.gate.outcomes import GATED, beyond, missing, only_in_run, result
from benchmarks.measure.ratios import total
from benchmarks.metrics.performance import PerformanceMetric
from benchmarks.stats.bootstrap import difference_interval
from reports.gate.results import Code, GateResult, Outcome, Remark
from reports.record import Metric, Provenance, Record

LATENCY = "latency_mean_vs_reference"
MEMORY = "peak_rss_vs_reference"
# How a process starts moves the fastest routers by tenths: a change of less than this share of the reference
# workload's time says nothing of the code.
LEAST_LATENCY = 0.01
# The reference workload is made of it: another version changes what a multiple of the workload means.
SAME_PACKAGES = ("numpy",)


def performance_results(run: Record, baseline: Record, tolerances: Mapping[str, float]) -> list[GateResult]:
    """One result for each tested metric of either side; timings and memory of another kind of machine are
    skipped."""
    different = other_machine(run, baseline)
    results = []
    for entry in GATED.values():
        if not isinstance(entry, PerformanceMetric) or entry.gate is None:
            continue
        before, after = baseline.metric(entry.name), run.metric(entry.name)
        tolerance = tolerances.get(entry.name, entry.gate.share or 0.0)
        if before is None:
            results += [only_in_run(after)] if after is not None else []
        # There may be no GPU to measure there; but a run that measured nothing has something missing.
        elif different and not entry.gate.any_machine and run.metric(LATENCY) is not None:
            results.append(result(before, after, tolerance, Outcome.SKIPPED, reason=different))
        elif after is None:
            results.append(missing(before, run, tolerance))
        elif entry.name == LATENCY:
            results.append(_latency(run, baseline, before, after, tolerance))
        else:
            results.append(_exact(before, after, tolerance))
    return results


def other_machine(run: Record, baseline: Record) -> Remark | None:
    """Differences that make their timings incomparable; None without one."""
    here, there = _machine(run.provenance), _machine(baseline.provenance)
    differences = [
        {"name": name, "baseline": there[name], "run": here[name]}
        for name in here
        if here[name] != there[name]
    ]
    return Remark(Code.OTHER_MACHINE, {"differences": differences}) if differences else None


def _machine(provenance: Provenance) -> dict[str, Any]:
    """Traits that two machines must share for their timings and peak memory to be compared."""
    machine = provenance.machine
    return {
        "CPU": machine.cpu,
        "CPU version": machine.cpu_version,
        "cores": machine.cores,
        "GPU": machine.gpu,
        "threads": provenance.threads,
        "reference workload": provenance.reference_workload,
        "Python": ".".join(provenance.python.split(".")[:2]),
        **{name: provenance.packages.get(name) for name in SAME_PACKAGES},
    }


def _latency(run: Record, baseline: Record, before: Metric, after: Metric, tolerance: float) -> GateResult:
    """By Welch's interval over the processes of both sides."""
    ours, theirs = (
        total(record.timings.served.rounds if record.timings.served else []) for record in (run, baseline)
    )
    if min(len(ours), len(theirs)) < 2:
        return result(before, after, tolerance, Outcome.MISSING, reason=Remark(Code.ONE_PROCESS))
    interval = difference_interval(ours, theirs, baseline.derivation.statistics.confidence)
    change, low, high = (
        float(np.expm1(figure)) for figure in (ours.mean() - theirs.mean(), interval.low, interval.high)
    )
    reason = None
    if beyond(change, tolerance) and change * before.value < LEAST_LATENCY:
        outcome, reason = Outcome.SKIPPED, Remark(Code.TOO_FAST, {"least": LEAST_LATENCY})
    elif beyond(change, tolerance) and low > 0:
        outcome = Outcome.REGRESSION
    elif beyond(change, tolerance):
        outcome, reason = Outcome.SKIPPED, Remark(Code.TOO_NOISY)
    else:
        outcome = Outcome.IMPROVED if high < 0 and beyond(-change, tolerance) else Outcome.PASSED
    figures = {"change": change, "ci_low": low, "ci_high": high, "n": len(ours)}
    return result(before, after, tolerance, outcome, reason=reason, **figures)


def _exact(before: Metric, after: Metric, tolerance: float) -> GateResult:
    """By the figure itself, which repeats: no interval."""
    change = after.value / before.value - 1 if before.value else float(after.value > 0)
    outcome = Outcome.REGRESSION if beyond(change, tolerance) else Outcome.PASSED
    if beyond(-change, tolerance):
        outcome = Outcome.IMPROVED
    return result(before, after, tolerance, outcome, change=change)
