"""Raw timings: in how many processes a speed was measured, and what a question took on average."""

from reports.comparison.model import Cell
from reports.record import Metric, Record

# One process says nothing of how much the next would differ.
LEAST_PROCESSES = 2


def latencies(record: Record) -> list[list[float]]:
    """Seconds a question, a list for each process that it was measured in; empty where it was not."""
    rounds = record.timings.get("served", {}).get("rounds", [])
    return [one["latency_seconds"] for one in rounds if one.get("latency_seconds")]


def repeated(record: Record) -> bool:
    """Whether its latency was measured in more than one process."""
    return len(latencies(record)) >= LEAST_PROCESSES


def separate(lower: Cell | Metric, higher: Cell | Metric) -> bool:
    """Whether the interval of the first ends before that of the second begins."""
    (_, end), (beginning, _) = _interval(lower), _interval(higher)
    return end is not None and beginning is not None and end < beginning


def _interval(found: Cell | Metric) -> tuple[float | None, float | None]:
    return (found.ci_low, found.ci_high) if isinstance(found, Metric) else (found.low, found.high)
