"""Conclusions from the figures of a growth: at which sizes latency, memory and recall become a problem.

Each kind of conclusion is a code with one template.
"""

from collections.abc import Iterator
from enum import Enum
from itertools import pairwise
from math import exp, inf, log
from typing import NamedTuple

from reports.growth.model import Axis, Growth
from reports.growth.tables import noun
from reports.text.cells import figure_text

# Latencies in ms: below the first a user notices nothing, above the second a user notices the wait.
LIMITS = (10, 100)
# A figure with a smaller exponent counts as constant.
FLAT = 0.05
# Largest extrapolated size that is stated, as a multiple of the largest measured one.
FURTHEST = 10_000
GOOD_RECALL = 0.95
MB = 1e6
GB = 1e9


class Code(Enum):
    """Meaning of a statement, and the template of its sentence."""

    ALWAYS_OVER = (
        "The median of one question is above {limit} ms from {value} {noun} on, the smallest measured."
    )
    PASSES = "The median of one question passes {limit} ms at about {value} {noun}."
    WOULD_PASS = (
        "The median of one question would pass {limit} ms at about {value} {noun}, if it goes on growing as "
        "between the two largest measured (size to the power of {exponent})."
    )
    STAYS = (
        "With {noun} the median of one question stays under {limit} ms up to {value}, the largest measured."
    )
    MEMORY_OVER = "At {value} {noun} its memory is more than half of this machine's {memory} GB."
    MEMORY_PASSES = (
        "Its memory, {peak} MB at {value} {noun}, would be all of this machine's {memory} GB at about {full}."
    )
    MEMORY_STAYS = "Its memory hardly grows with {noun}: {peak} MB at {value}, the largest measured."
    RECALL_FALLS = "It finds {recall} % of the nearest at {value} {noun}, and {best} % at the fewest."
    RECALL_STAYS = "It finds at least {recall} % of the nearest at every number of {noun}."
    BEST_BATCH = "It routes most at {value} {noun}: {rate} a second, {gain} times as many as at {least}."
    NO_BATCH = "Several at once are no faster than {value} {noun}: {rate} a second."
    THREADS = "{value} threads make one question {gain} times as fast as {least}."
    CUT = "Questions are cut at {value} {noun}, so that longer ones cost no more and count no more."
    IN_A_SERVER = (
        "The vectors lie in a server, whose memory is not part of the figures: its table has {table} MB at "
        "{value} {noun}."
    )
    NOT_ENCODED = (
        "Encoding comes on top of the fit time: {minutes} minutes for {value} questions at {rate} a second."
    )
    NOT_MEASURED = "Missing at {value} {noun}: {why}."
    DOES_NOT_APPLY = "Not measured along {noun}: {why}."


class Statement(NamedTuple):
    """A conclusion: its code, and the figures for its sentence."""

    code: Code
    details: dict[str, float | str]

    @property
    def message(self) -> str:
        """Sentence of the statement."""
        return self.code.value.format(**{name: _text(value) for name, value in self.details.items()})


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else figure_text(value)


def statements(growth: Growth) -> list[Statement]:
    """All conclusions, by axis, latency first."""
    found = [one for axis in growth.axes for one in _of_axis(growth, axis)]
    missing = [
        Statement(Code.DOES_NOT_APPLY, {"noun": noun(growth, Axis(one.name)), "why": one.sentence})
        for one in growth.not_measured
    ]
    return [*found, *missing]


def _of_axis(growth: Growth, axis: Axis) -> Iterator[Statement]:
    if axis in (Axis.STORED, Axis.DOMAINS, Axis.LENGTH):
        yield from _latency(growth, axis)
        yield from _memory(growth, axis)
    if axis == Axis.STORED:
        yield from _recall(growth, axis)
        yield from _elsewhere(growth, axis)
        yield from _encoding(growth, axis)
    if axis == Axis.LENGTH and growth.made.cut_at is not None:
        yield Statement(Code.CUT, {"value": growth.made.cut_at, "noun": noun(growth, axis)})
    if axis == Axis.BATCH:
        yield from _batch(growth, axis)
    if axis == Axis.THREADS:
        yield from _threads(growth, axis)
    for point in growth.on(axis):
        if point.missing:
            details: dict[str, float | str] = {
                "value": point.value,
                "noun": noun(growth, axis, point.value),
                "why": point.missing.sentence,
            }
            yield Statement(Code.NOT_MEASURED, details)


def _latency(growth: Growth, axis: Axis) -> Iterator[Statement]:
    points = growth.measured(axis, "latency_p50")
    if not points:
        return
    (least, fastest), (most, slowest) = points[0], points[-1]
    over = [limit for limit in LIMITS if fastest > limit]
    said: dict[str, float | str] = {"noun": noun(growth, axis)}
    if over:
        yield Statement(Code.ALWAYS_OVER, {**said, "limit": over[-1], "value": least})
    for limit in LIMITS[len(over) :]:
        crossing = crossed(points, limit)
        if crossing is not None:
            yield Statement(Code.PASSES, {**said, "limit": limit, "value": crossing})
            continue
        last = growth.exponent(axis, "latency_p50")
        grows = last is not None and last.last_step > FLAT and not growth.is_cut(axis, most)
        beyond = most * (limit / slowest) ** (1 / last.last_step) if last and grows else inf
        if last and beyond <= FURTHEST * most:
            more = {"limit": limit, "value": _rounded(beyond), "exponent": last.last_step}
            yield Statement(Code.WOULD_PASS, {**said, **more})
        else:
            yield Statement(Code.STAYS, {**said, "limit": limit, "value": most})
        # Higher limits are reached later still.
        return


def crossed(points: list[tuple[int, float]], limit: float) -> int | None:
    """Size at which a figure rises above `limit`; None where it does not.

    Between two measured points the logarithms are interpolated linearly.
    """
    for (below, before), (above, after) in pairwise(points):
        if before <= limit < after:
            share = log(limit / before) / log(after / before)
            return _rounded(exp(log(below) + share * log(above / below)))
    return None


def _rounded(size: float) -> int:
    """Size to two significant digits; an interpolated size has no more."""
    return int(float(f"{size:.2g}"))


def _memory(growth: Growth, axis: Axis) -> Iterator[Statement]:
    points = growth.measured(axis, "peak_rss")
    machine = growth.provenance.machine.memory_gb
    if not points or not machine:
        return
    size, peak = points[-1]
    said: dict[str, float | str] = {
        "noun": noun(growth, axis),
        "value": size,
        "memory": machine,
        "peak": peak,
    }
    if peak * MB > machine * GB / 2:
        yield Statement(Code.MEMORY_OVER, said)
        return
    # Longer questions than the router reads take no more.
    if len(points) < 2 or growth.is_cut(axis, size):
        return
    full = _full(points, machine * GB / MB)
    if full is None or full > FURTHEST * size:
        yield Statement(Code.MEMORY_STAYS, said)
    else:
        yield Statement(Code.MEMORY_PASSES, {**said, "full": _rounded(full)})


def _full(points: list[tuple[int, float]], limit: float) -> float | None:
    """Size at which memory reaches `limit`; None where it does not grow.

    Memory is extrapolated linearly from the two largest sizes; `points` has two or more.
    """
    (size, less), (larger, more) = points[-2:]
    if more / less < (larger / size) ** FLAT:
        return None
    return larger + (limit - more) * (larger - size) / (more - less)


def _recall(growth: Growth, axis: Axis) -> Iterator[Statement]:
    points = growth.measured(axis, "recall_at_k")
    if not points:
        return
    size, worst = min(points, key=lambda point: point[1])
    said: dict[str, float | str] = {"noun": noun(growth, axis), "value": size, "recall": 100 * worst}
    if worst >= GOOD_RECALL:
        yield Statement(Code.RECALL_STAYS, said)
    else:
        yield Statement(Code.RECALL_FALLS, {**said, "best": 100 * points[0][1]})


def _elsewhere(growth: Growth, axis: Axis) -> Iterator[Statement]:
    for point in reversed(growth.on(axis)):
        index = point.fitting.learned.get("index", {}) if point.fitting else {}
        if "table_bytes" in index:
            details = {"table": index["table_bytes"] / MB, "value": point.value, "noun": noun(growth, axis)}
            yield Statement(Code.IN_A_SERVER, details)
            return


def _encoding(growth: Growth, axis: Axis) -> Iterator[Statement]:
    points = growth.measured(axis, "throughput")
    if growth.made.noise is not None and points:
        size, rate = points[-1][0], points[0][1]
        details: dict[str, float | str] = {"minutes": size / rate / 60, "value": size, "rate": rate}
        yield Statement(Code.NOT_ENCODED, details)


def _batch(growth: Growth, axis: Axis) -> Iterator[Statement]:
    points = growth.measured(axis, "throughput")
    if len(points) > 1:
        size, rate = max(points, key=lambda point: point[1])
        least, rate_of_least = points[0]
        said: dict[str, float | str] = {"value": size, "rate": rate, "noun": noun(growth, axis, size)}
        if size == least:
            yield Statement(Code.NO_BATCH, said)
        else:
            yield Statement(Code.BEST_BATCH, {**said, "gain": rate / rate_of_least, "least": least})


def _threads(growth: Growth, axis: Axis) -> Iterator[Statement]:
    points = growth.measured(axis, "latency_p50")
    if len(points) > 1:
        (least, slow), (most, fast) = points[0], points[-1]
        yield Statement(Code.THREADS, {"value": most, "gain": slow / fast, "least": least})
