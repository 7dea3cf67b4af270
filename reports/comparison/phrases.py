"""Parts of what the verdict says of a router."""

from collections.abc import Callable, Iterator, Sequence

from reports.comparison.cells import written
from reports.comparison.conditions import MOST_NAMES
from reports.comparison.ranking import Contest
from reports.comparison.tables.families import points
from reports.record import Metric, Record


def limited(lines: Sequence[str], rest: Callable[[int], str]) -> Iterator[str]:
    """`MOST_NAMES` of them, and one line in the place of the others if those are more than one."""
    shown = len(lines) if len(lines) == MOST_NAMES + 1 else MOST_NAMES
    yield from lines[:shown]
    if lines[shown:]:
        yield rest(len(lines) - shown)


def points_of(contest: Contest, name: str, other: str) -> str:
    """By how much the first is more accurate, with its interval; empty where the two were not compared."""
    found = contest.against(name, other)
    return points(found.difference, found.low, found.high) if found else ""


def percent_of(metric: Metric, unit: str = " %") -> str:
    """A fraction times 100 with its interval."""
    text = f"{written(100 * metric.value, 1)}{unit}"
    if metric.ci_low is not None and metric.ci_high is not None:
        text += f" [{written(100 * metric.ci_low, 1)}, {written(100 * metric.ci_high, 1)}]"
    return text


def unit_of(speed: Metric) -> str:
    return "ms" if speed.name == "latency_p50" else "× the reference"


def recovered(record: Record) -> tuple[str, Metric | None]:
    """The figure of quality over cost: APGR, or AIQ where there is none."""
    found = record.metric("apgr")
    return ("APGR", found) if found else ("AIQ", record.metric("aiq"))
