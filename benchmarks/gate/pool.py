"""Several runs of one code, such as the last ones of main, as one baseline that a single bad run cannot move.

Every figure is that of the run in the middle: the median, and no mean, which one run far away would move.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.gate.check import refusals
from benchmarks.gate.outcomes import GATED
from benchmarks.gate.performance import LATENCY, other_machine
from benchmarks.gate.quality import PRIMARY
from benchmarks.metrics.performance import PerformanceMetric
from benchmarks.records.folders import is_result, read_results
from reports.gate.results import Code, Remark
from reports.record import Record
from reports.record_files import Result


@dataclass(frozen=True)
class Pool:
    """Several results as one baseline.

    Attributes:
        quality: the result in the middle by the primary metric, with its predictions.
        speed: the record in the middle by latency, with the median memory and sizes of all.
        notes: which results these are, and which were left out.
    """

    quality: Result
    speed: Record
    notes: list[Remark]


def results_in(folder: Path) -> list[Path]:
    """Result folders in a folder, by name: those of `run` have their date for a name."""
    return sorted(path for path in folder.glob("*") if is_result(path)) if folder.is_dir() else []


def of_other_runs(run: Result, results: Iterable[Result]) -> list[Result]:
    """The results without the run itself, or a copy of it: its record, which holds raw times, is no other
    run's."""
    return [result for result in results if result.record != run.record]


def history(run: Result, folder: Path) -> list[Result]:
    """The run, and before it the results of others in the folder that it can be compared with.

    Raises:
        BadInput: one of them is no whole result.
    """
    others = of_other_runs(run, read_results(results_in(folder)))
    return [*(result for result in others if not refusals(run, result)), run]


def pool(run: Result, results: Sequence[Result]) -> Pool | list[Remark]:
    """The results that the run can be compared with as one baseline; the refusals of the last where there is
    none."""
    usable: list[Result] = []
    notes: list[Remark] = []
    last: list[Remark] = []
    for result in results:
        last = refusals(run, result)
        if last:
            notes.append(Remark(Code.LEFT_OUT, {"folder": str(result.folder), "refusal": last[0]}))
        else:
            usable.append(result)
    if not usable:
        return last
    quality = _middle(usable, PRIMARY)
    here = [result for result in usable if not other_machine(run.record, result.record)] or usable
    timed = _middle(here, (LATENCY,))
    of_speed = {
        name: statistics.median(values)
        for name, entry in GATED.items()
        if isinstance(entry, PerformanceMetric) and name != LATENCY
        if (values := [found.value for result in here if (found := result.record.metric(name))])
    }
    metrics = [
        replace(metric, value=of_speed.get(metric.name, metric.value)) for metric in timed.record.metrics
    ]
    chosen = {"results": len(usable), "quality": str(quality.folder), "speed": str(timed.folder)}
    return Pool(quality, replace(timed.record, metrics=metrics), [Remark(Code.POOLED, chosen), *notes])


def _middle(results: Sequence[Result], names: Sequence[str]) -> Result:
    """The result in the middle by the first of these metrics that all have, of an even number the better one;
    the last where they share none."""
    for name in names:
        found = [result.record.metric(name) for result in results]
        values = [metric.value if metric.higher_is_better else -metric.value for metric in found if metric]
        if len(values) == len(results):
            order = sorted(range(len(results)), key=lambda place: (values[place], place))
            return results[order[len(order) // 2]]
    return results[-1]
