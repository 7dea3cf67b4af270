"""Results in the format of pytest-benchmark, for tools that draw its figures over time.

`pytest-benchmark compare` reads it, and so does github-action-benchmark (`tool: pytest`), which plots `ops`
under `fullname`. Its statistics are pytest-benchmark's own, which has to be installed.
"""

import json
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from common.checks import ConfigError
from reports.comparison.conditions import latencies
from reports.record import Provenance, Record
from reports.record_files import Result
from reports.text.dates import date_of

# Where neither the folder nor one above it is named after a date; the same result gives the same file.
NO_DATE = "1970-01-01T00:00:00"
EXTRA_INFO = ("accuracy", "peak_rss", "latency_p50_vs_reference", "peak_rss_vs_reference")
_NOT_INSTALLED = (
    "--pytest-benchmark needs the package pytest-benchmark: pip install 'router-derby[pytest-benchmark]'"
)


def to_pytest_benchmark(results: Sequence[Result]) -> str:
    """JSON with one benchmark a measured router: the latency of single questions in seconds, every timing.

    Machine, commit and date are the first result's: give it results of one run. One that was not measured has
    no benchmark. `extra_info` has metrics of the record by their names there, peak memory in MB.

    Raises:
        ConfigError: pytest-benchmark is not installed.
    """
    try:
        from pytest_benchmark import __version__
    except ImportError as error:
        raise ConfigError(_NOT_INSTALLED) from error

    measured = [
        (result.record, list(chain.from_iterable(latencies(result.record))))
        for result in results
        if latencies(result.record)
    ]
    provenance = results[0].record.provenance if results else Provenance()
    date = date_of(results[0].folder) if results else None
    content = {
        "machine_info": _machine(provenance),
        "commit_info": _commit(provenance),
        "benchmarks": [_benchmark(record, timings) for record, timings in measured],
        "datetime": date.isoformat() if date else NO_DATE,
        "version": __version__,
    }
    return json.dumps(content, allow_nan=False, indent=1) + "\n"


def _benchmark(record: Record, seconds: Sequence[float]) -> dict[str, Any]:
    from pytest_benchmark.stats import Stats

    new_stats: Callable[[], Any] = Stats
    statistics = new_stats()
    for value in seconds:
        statistics.update(value)
    dataset, router = record.provenance.dataset.name, record.router
    metrics = {name: record.metric(name) for name in EXTRA_INFO}
    return {
        "group": dataset,
        "name": f"test_route[{router}]",
        "fullname": f"router-derby/{dataset}::test_route[{router}]",
        "params": {"router": router},
        "param": router,
        "extra_info": {name: metric.value for name, metric in metrics.items() if metric},
        "options": {},
        "stats": {**statistics.as_dict(), "data": list(seconds), "iterations": 1},
    }


def _machine(provenance: Provenance) -> dict[str, Any]:
    """Empty text for what a record does not hold: the name of the machine, its instruction set."""
    machine = provenance.machine
    system, _, release = machine.system.partition(" ")
    return {
        "node": "",
        "processor": machine.cpu,
        "machine": "",
        # torch runs on no other.
        "python_implementation": "CPython",
        "python_version": provenance.python,
        "system": system,
        "release": release,
        "cpu": {"brand_raw": machine.cpu, "count": machine.cores},
        "memory_gb": machine.memory_gb,
        "gpu": machine.gpu,
    }


def _commit(provenance: Provenance) -> dict[str, Any]:
    """With pytest-benchmark's own words for what is not known."""
    return {
        "id": provenance.git.commit or "unversioned",
        "time": None,
        "author_time": None,
        "dirty": bool(provenance.git.dirty),
        "project": "router-derby",
        "branch": "(unknown)",
    }
