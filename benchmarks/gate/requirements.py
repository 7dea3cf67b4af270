"""Requirements of a run that need no baseline, such as `accuracy>=0.8` or `latency_p95<=20ms`."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from benchmarks.errors import BadInput
from benchmarks.gate.outcomes import kind_of, why_missing
from benchmarks.metrics.entry import Entry
from benchmarks.metrics.table import TABLE, entry_of
from benchmarks.stats.bootstrap import Interval
from reports.gate.results import Code, GateResult, Outcome, Remark
from reports.record import ALL, Metric, Record

_FORM = re.compile(r"(?P<name>[^\[\]<>=\s]+)(?:\[(?P<slice>.+)\])?\s*(?P<sign>>=|<=)\s*(?P<limit>\S.*)")
_LIMIT = re.compile(r"(?P<figure>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>.*)")
# By a record's unit, the units that a limit may be given in, and how many of the record's each is.
_UNITS: Mapping[str, Mapping[str, float]] = {
    "fraction": {"": 1.0, "%": 0.01},
    "F1": {"": 1.0},
    "p": {"": 1.0},
    "ms": {"ms": 1.0, "s": 1000.0, "us": 0.001, "µs": 0.001},
    "s": {"s": 1.0, "ms": 0.001},
    "MB": {"MB": 1.0, "GB": 1000.0, "kB": 0.001},
    "×": {"": 1.0, "x": 1.0, "×": 1.0},
}
_EXAMPLE = "such as 'accuracy>=0.8' or 'latency_p95<=20ms', in quotes: a shell takes > for a file"


@dataclass(frozen=True)
class Requirement:
    """A limit of one metric.

    Attributes:
        text: as it was given.
        slice: None for the metric of all its questions.
        at_least: whether the metric may not be below the limit, or not above it.
        limit: in the metric's unit.
    """

    text: str
    metric: str
    slice: str | None
    at_least: bool
    limit: float

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def parse_requirement(text: str) -> Requirement:
    """A requirement as it is typed: metric, `>=` or `<=`, limit and unit.

    Raises:
        BadInput: it has another form, no metric has the name, the unit is another, or every run meets the
            limit, or none can.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise BadInput(f"--require {text}: expected NAME>=LIMIT or NAME<=LIMIT, {_EXAMPLE}")
    name, at_least = found["name"], found["sign"] == ">="
    entry = entry_of(name)
    if entry is None:
        raise BadInput(f"--require {text}: no metric {name!r}{near(name, [one.name for one in TABLE])}")
    if at_least != entry.higher_is_better:
        better, sign = ("higher", ">=") if entry.higher_is_better else ("lower", "<=")
        raise BadInput(f"--require {text}: of {name} {better} is better: write {name}{sign}LIMIT")
    limit = _limit(text, name, found["limit"], entry.unit)
    _check_decides(text, name, limit, entry)
    return Requirement(text.strip(), name, found["slice"], at_least, limit)


def near(name: str, known: Sequence[str]) -> str:
    """`; did you mean a, b?` of the known names that are nearly `name`; empty where none is."""
    found = get_close_matches(name, known, n=3)
    return f"; did you mean {', '.join(found)}?" if found else "; docs/record.md lists them"


def _limit(text: str, name: str, typed: str, unit: str) -> float:
    units = _UNITS.get(unit, {unit: 1.0})
    found = _LIMIT.fullmatch(typed)
    if found is None:
        raise BadInput(f"--require {text}: {typed!r} is no number")
    if found["unit"] not in units:
        named = " or ".join(dict.fromkeys(known or "no unit" for known in units))
        given = f"not in {found['unit']!r}" if found["unit"] else "which has to be named"
        raise BadInput(f"--require {text}: {name} is given in {named}, {given}")
    limit = float(found["figure"]) * units[found["unit"]]
    if not math.isfinite(limit):
        raise BadInput(f"--require {text}: {typed!r} is too large")
    return limit


def _check_decides(text: str, name: str, limit: float, entry: Entry) -> None:
    """Raises BadInput for a limit that the values of the metric cannot be on both sides of."""
    low, high = entry.bounds
    at_least = entry.higher_is_better
    if (limit <= low) if at_least else (limit >= high):
        found, wanted = "every run meets it", "miss"
    elif (limit > high) if at_least else (limit < low):
        found, wanted = "no run can meet it", "meet"
    else:
        return
    # The likeliest slip.
    in_percent = f"; {limit:g} % is {limit / 100:g}" if entry.unit == "fraction" and limit > 1 else ""
    raise BadInput(
        f"--require {text}: {found}, as {name} {_span(entry.bounds)}; name a limit that a run can "
        f"{wanted}{in_percent}"
    )


def _span(bounds: Interval) -> str:
    if math.isinf(bounds.high):
        return f"is at least {bounds.low:g}"
    if math.isinf(bounds.low):
        return f"is at most {bounds.high:g}"
    return f"is from {bounds.low:g} to {bounds.high:g}"


def requirement_results(requirements: Sequence[Requirement], run: Record) -> list[GateResult]:
    """One result for each requirement; it is missing where the run does not have the metric."""
    return [_result(requirement, run) for requirement in requirements]


def _result(required: Requirement, run: Record) -> GateResult:
    metric = _metric(required, run)
    entry = entry_of(required.metric)
    assert entry is not None
    outcome, reason, unscored = Outcome.PASSED, None, None
    if metric is None:
        outcome = Outcome.MISSING
        slices = sorted({one.slice for one in run.metrics if one.name == required.metric})
        place = required.metric, required.slice or ALL
        if slices:
            reason = Remark(Code.NO_SUCH_SLICE, {"metric": required.metric, "slices": slices})
            unscored = run.missing(*place)
        else:
            reason = Remark(Code.NOT_MEASURED)
            unscored = why_missing(run, *place)
    elif not required.is_met(metric.value):
        outcome = Outcome.UNMET
    return GateResult(
        metric=required.metric,
        slice=metric.slice if metric else required.slice or ALL,
        kind=kind_of(required.metric),
        unit=entry.unit,
        higher_is_better=entry.higher_is_better,
        outcome=outcome,
        tolerance=0.0,
        reason=reason,
        unscored=unscored,
        run=metric.value if metric else None,
        n=metric.n if metric else None,
        required=required.text,
    )


def _metric(required: Requirement, run: Record) -> Metric | None:
    """The metric of that slice; without one that of all questions, or the only one of the name."""
    if required.slice is not None:
        return run.metric(required.metric, required.slice)
    named = [metric for metric in run.metrics if metric.name == required.metric]
    return run.metric(required.metric) or (named[0] if len(named) == 1 else None)
