"""Cells of a report's tables: figures in the column's unit, and the reason where there is none."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from reports.comparison.model import Cell
from reports.record import Record

Key = TypeVar("Key")

NONE = "–"
UNKNOWN = "its record does not have it"


def written(value: float, digits: int | None = None) -> str:
    """With `digits` after the point; else three significant ones, thousands apart and never an exponent."""
    if digits is None:
        # Rounded first: 9.996 has one digit before the point, but is written with two.
        size = abs(float(f"{value:.3g}"))
        digits = max(0, 2 - math.floor(math.log10(size))) if size else 0
    text = f"{value:,.{min(digits, 6)}f}"
    # Not "-0.0".
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def number(
    value: float,
    low: float | None = None,
    high: float | None = None,
    digits: int | None = None,
    interval: bool = False,
    signed: bool = False,
) -> Cell:
    """A figure; its interval is also shown where `interval` asks for it and there is one."""

    def shown(part: float) -> str:
        return ("+" if signed and part > 0 else "") + written(part, digits)

    text = shown(value)
    if interval and low is not None and high is not None:
        text += f" [{shown(low)}, {shown(high)}]"
    return Cell(text, value, low, high)


def words(text: str) -> Cell:
    """What is not a figure."""
    return Cell(text)


def nothing(why: str = UNKNOWN) -> Cell:
    return Cell(NONE, why=why)


def metric_cell(
    record: Record,
    name: str,
    slice_: str = "all",
    scale: float = 1.0,
    digits: int | None = None,
    interval: bool = False,
    instead: str | None = None,
) -> Cell:
    """A metric times `scale`; where it is missing, the reason given for it or for `instead`."""
    metric = record.metric(name, slice_)
    if metric is None:
        return nothing(why(record, name, slice_, instead))
    low, high = (None if end is None else scale * end for end in (metric.ci_low, metric.ci_high))
    return number(scale * metric.value, low, high, digits, interval)


def percent_cell(record: Record, name: str, slice_: str = "all", interval: bool = True) -> Cell:
    """A fraction times 100."""
    return metric_cell(record, name, slice_, 100, 1, interval)


def why(record: Record, name: str, slice_: str = "all", instead: str | None = None) -> str:
    """Why a metric is missing."""
    # A run that measured no speed says so once, of `latency_p50`.
    other = record.reason(instead) if instead and record.metric(instead) is None else None
    return record.reason(name, slice_) or other or UNKNOWN


def gpu_cell(record: Record) -> Cell:
    """Whether serving used a GPU, and how much of its memory in MB."""
    peak = record.metric("cuda_peak")
    if peak is not None and peak.value > 0:
        return Cell(f"yes, {written(peak.value)} MB", peak.value)
    reason = record.reason("cuda_peak")
    if peak is not None or (reason and "no CUDA device" in reason):
        return words("no")
    return nothing(why(record, "cuda_peak", instead="latency_p50"))


def disk_cell(record: Record) -> Cell:
    """Pretrained files that serving reads and the saved router together, in MB."""
    parts = [record.metric(name) for name in ("weights_size", "index_size")]
    known = [part.value for part in parts if part is not None]
    if len(known) < len(parts):
        return nothing(why(record, "weights_size", instead="latency_p50"))
    return number(sum(known))


def listed(names: Iterable[str], most: int | None = None) -> str:
    """`a, b and c`; with `most` of 2 and four names `a, b and 2 others`."""
    *others, last = names
    if most is not None and len(others) > most:
        others, last = others[:most], f"{len(others) + 1 - most} others"
    return f"{', '.join(others)} and {last}" if others else last


def grouped(records: Sequence[Record], key: Callable[[Record], Key]) -> dict[Key, list[str]]:
    """Names of the routers by what they have in common, in the order in which it occurs."""
    found: dict[Key, list[str]] = {}
    for record in records:
        found.setdefault(key(record), []).append(record.router)
    return found
