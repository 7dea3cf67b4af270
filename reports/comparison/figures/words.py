"""Figures and lists of names in sentences."""

from collections.abc import Iterable, Sequence

from reports.comparison.cells import listed
from reports.comparison.figures.style import Shown
from reports.record import Metric


def percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def interval(metric: Metric, scale: float = 1.0, digits: int = 1) -> str:
    """` [low, high]` of a metric that has one, else nothing."""
    if metric.ci_low is None or metric.ci_high is None:
        return ""
    return f" [{scale * metric.ci_low:.{digits}f}, {scale * metric.ci_high:.{digits}f}]"


def counted(numbers: Iterable[int]) -> str:
    """`240`, or `200 to 240` where they differ."""
    known = sorted(set(numbers))
    return f"{known[0]:,}" if len(known) == 1 else f"{known[0]:,} to {known[-1]:,}"


def left_out(routers: Sequence[Shown], drawn: Sequence[Shown], metric: str, otherwise: str) -> str:
    """Who is not in a figure and why, as a sentence that begins with a space; nothing when all are in it.

    Args:
        metric: the name under which a record says why it was not taken.
        otherwise: the reason where the record gives none.
    """
    by_reason: dict[str, list[str]] = {}
    for router in routers:
        if router not in drawn:
            by_reason.setdefault(router.record.reason(metric) or otherwise, []).append(router.name)
    parts = [f"{listed(names)} ({reason})" for reason, names in by_reason.items()]
    return f" Not shown: {'; '.join(parts)}." if parts else ""
