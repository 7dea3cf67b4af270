"""Results in the format of pytest-benchmark, for tools that draw its figures over time.

`pytest-benchmark compare` reads it, and so does github-action-benchmark (`tool: pytest`), which plots `ops`
under `fullname`.
"""

import json
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.record import Record, Result
from reports.text.dates import date_of

# The pytest-benchmark whose format this is.
FORMAT_VERSION = "5.3.1"
# Where neither the folder nor one above it is named after a date; the same result gives the same file.
NO_DATE = "1970-01-01T00:00:00"
EXTRA_INFO = ("accuracy", "peak_rss", "latency_p50_vs_reference", "peak_rss_vs_reference")


def to_pytest_benchmark(results: Sequence[Result]) -> str:
    """JSON with one benchmark a measured router: the latency of single questions in seconds, every timing.

    Machine, commit and date are the first result's: give it results of one run. One that was not measured has
    no benchmark. `extra_info` has metrics of the record by their names there, peak memory in MB.
    """
    measured = [(result, timings) for result in results if (timings := _latencies(result.record))]
    names = _distinct([result.record.router for result, _ in measured])
    benchmarks = [
        _benchmark(result.record, name, timings)
        for (result, timings), name in zip(measured, names, strict=True)
    ]
    provenance = results[0].record.provenance if results else {}
    content = {
        "machine_info": _machine(provenance),
        "commit_info": _commit(provenance),
        "benchmarks": benchmarks,
        "datetime": _date(results[0].folder) if results else NO_DATE,
        "version": FORMAT_VERSION,
    }
    return json.dumps(content, allow_nan=False, indent=1) + "\n"


def _latencies(record: Record) -> list[float]:
    """Of all rounds, in the order taken; none where nothing was measured."""
    rounds = record.timings.get("served", {}).get("rounds", [])
    return [seconds for one in rounds for seconds in one["latency_seconds"]]


def _distinct(names: Sequence[str]) -> list[str]:
    """The second of a name gets `-2` or the next free number: two lines of one name would be drawn as one."""
    distinct: list[str] = []
    for name in names:
        free, number = name, 1
        while free in distinct:
            number += 1
            free = f"{name}-{number}"
        distinct.append(free)
    return distinct


def _benchmark(record: Record, router: str, seconds: Sequence[float]) -> dict[str, Any]:
    dataset = record.provenance.get("dataset", {}).get("name", "")
    metrics = {name: record.metric(name) for name in EXTRA_INFO}
    return {
        "group": dataset or None,
        "name": f"test_route[{router}]",
        "fullname": f"router-derby/{dataset}::test_route[{router}]",
        "params": {"router": router},
        "param": router,
        "extra_info": {name: metric.value for name, metric in metrics.items() if metric},
        "options": {},
        "stats": _stats(seconds),
    }


def _stats(seconds: Sequence[float]) -> dict[str, Any]:
    """As pytest-benchmark defines them; `iqr` is the distance of the quartiles.

    Outliers are beyond one standard deviation from the mean, and beyond 1.5 times the `iqr` from the
    quartiles (Tukey, 1977); `ld15iqr` and `hd15iqr` are the lowest and highest value within these fences.
    """
    ordered = sorted(seconds)
    count, total = len(ordered), sum(seconds)
    mean = statistics.mean(seconds)
    stddev = statistics.stdev(seconds) if count > 1 else 0.0
    q1, q3 = _quantile(ordered, 0.25), _quantile(ordered, 0.75)
    iqr = q3 - q1
    low, high = q1 - 1.5 * iqr, q3 + 1.5 * iqr
    beyond_stddev = _outside(ordered, mean - stddev, mean + stddev)
    beyond_iqr = _outside(ordered, low, high)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": stddev,
        "rounds": count,
        "median": statistics.median(ordered),
        "iqr": iqr,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": beyond_iqr,
        "stddev_outliers": beyond_stddev,
        "outliers": f"{beyond_stddev};{beyond_iqr}",
        # Rounding can put a fence past the values when all are the same.
        "ld15iqr": ordered[min(bisect_left(ordered, low), count - 1)],
        "hd15iqr": ordered[max(bisect_right(ordered, high) - 1, 0)],
        "ops": count / total if total else 0,
        "total": total,
        "data": list(seconds),
        "iterations": 1,
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Interpolated at `share * n − 1/2` from the first, type 5 of Hyndman & Fan (1996).

    For quartiles that is what pytest-benchmark does in three cases: the median of a half where n is even,
    else weights of 1/4 and 3/4, one way or the other.
    """
    place = min(max(share * len(ordered) - 0.5, 0), len(ordered) - 1)
    below = int(place)
    weight = place - below
    if weight == 0:
        return ordered[below]
    return (1 - weight) * ordered[below] + weight * ordered[below + 1]


def _outside(values: Sequence[float], low: float, high: float) -> int:
    return sum(value < low or value > high for value in values)


def _machine(provenance: dict[str, Any]) -> dict[str, Any]:
    """Empty text for what a record does not hold: the name of the machine, its instruction set."""
    machine = provenance.get("machine", {})
    system, _, release = machine.get("system", "").partition(" ")
    return {
        "node": "",
        "processor": machine.get("cpu") or "",
        "machine": "",
        # torch runs on no other.
        "python_implementation": "CPython",
        "python_version": provenance.get("python", ""),
        "system": system,
        "release": release,
        "cpu": {"brand_raw": machine.get("cpu") or "", "count": machine.get("cores")},
        "memory_gb": machine.get("memory_gb"),
        "gpu": machine.get("gpu"),
    }


def _commit(provenance: dict[str, Any]) -> dict[str, Any]:
    """With pytest-benchmark's own words for what is not known."""
    git = provenance.get("git", {})
    return {
        "id": git.get("commit") or "unversioned",
        "time": None,
        "author_time": None,
        "dirty": bool(git.get("dirty")),
        "project": "router-derby",
        "branch": "(unknown)",
    }


def _date(folder: Path) -> str:
    found = date_of(folder)
    return found.isoformat() if found else NO_DATE
