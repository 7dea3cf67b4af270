"""Write the tables of docs/scale.md: `python docs/scale.py "LABEL=FOLDER" …`, with a folder of `grow` each.

The first has measured figures, the second the same extrapolated to `A_DAY` questions a day and `STORED`
stored ones. The page explains each line.
"""

import re
import sys
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import NamedTuple

from reports.growth.files import read_growth
from reports.growth.model import Axis, Growth
from reports.text.cells import figure_text
from reports.text.markdown import grid, inline

PAGE = Path(__file__).with_name("scale.md")
A_DAY, STORED = 1e9, 1e8
# Questions in the busiest hour, as a multiple of the average.
PEAK = 3
BUSIEST = A_DAY / 86_400 * PEAK
# Sizes beyond are not written down.
FURTHEST = 1e12
# Price of an hour in US dollars, of a core and of 10⁹ bytes of memory. Put in your own.
CORE, GIGABYTE = 0.04, 0.005
NOTHING = "–"


class Line(NamedTuple):
    """Row of a table; its value is None where it was not measured."""

    name: str
    value: Callable[[Growth], float | None]


def last(growth: Growth, figure: str) -> tuple[int, float] | None:
    """Largest number of stored questions with a figure, and the figure."""
    found = growth.measured(Axis.STORED, figure)
    return found[-1] if found else None


def value(growth: Growth, figure: str) -> float | None:
    """Figure at the largest number of stored questions."""
    found = last(growth, figure)
    return found[1] if found else None


def each(growth: Growth, figure: str) -> float | None:
    """Increase of a figure per stored question, between the two largest numbers of them."""
    found = growth.measured(Axis.STORED, figure)
    if len(found) < 2:
        return None
    (size, less), (larger, more) = found[-2:]
    return max(0.0, (more - less) / (larger - size))


def exponent(growth: Growth, figure: str) -> float | None:
    """Exponent of the last step of a figure."""
    found = growth.exponent(Axis.STORED, figure)
    return found.last_step if found else None


def carried(growth: Growth, figure: str) -> float | None:
    """Figure at STORED, by the exponent of the last step."""
    found, power = last(growth, figure), exponent(growth, figure)
    return found[1] * (STORED / found[0]) ** power if found and power is not None else None


def rate(growth: Growth) -> float | None:
    """Questions a second of one machine at the best batch size, with the data set stored."""
    found = growth.measured(Axis.BATCH, "throughput")
    return max(rate for _, rate in found) if found else None


def encoding(growth: Growth) -> float | None:
    """Machines for the busiest hour, without the time of search."""
    best = rate(growth)
    return ceil(BUSIEST / best) if best else None


def machines(growth: Growth) -> float | None:
    """Machines for the busiest hour, each of which searches among STORED, one process a core."""
    best, search = rate(growth), carried(growth, "search_p50")
    cores = growth.provenance.machine.cores or 1
    return ceil(BUSIEST * (1 / best + search / 1e3 / cores)) if best and search is not None else None


def balance(growth: Growth) -> float | None:
    """Number of stored questions at which search takes as long as everything else; None beyond `FURTHEST`."""
    found, power = last(growth, "search_p50"), exponent(growth, "search_p50")
    whole, search = (growth.measured(Axis.STORED, name) for name in ("latency_p50", "search_p50"))
    if not found or not power or power <= 0 or whole[0][1] <= search[0][1]:
        return None
    among = found[0] * ((whole[0][1] - search[0][1]) / found[1]) ** (1 / power)
    # The exponent of a graph is next to nothing, and its inverse then no number of questions.
    return float(f"{among:.1g}") if among <= FURTHEST else None


def added(growth: Growth, figure: str) -> float | None:
    """Figure at STORED, by linear extrapolation."""
    found, more = last(growth, figure), each(growth, figure)
    return found[1] + more * (STORED - found[0]) if found and more is not None else None


def cost(growth: Growth) -> float | None:
    """Price of a day of the machines in US dollars; each holds all stored questions in memory."""
    count, held, cores = machines(growth), added(growth, "peak_rss"), growth.provenance.machine.cores
    return count * 24 * ((cores or 1) * CORE + held / 1e3 * GIGABYTE) if count and held else None


def divided(found: float | None, by: float) -> float | None:
    """Quotient; None where the figure is missing."""
    return None if found is None else found / by


MEASURED = (
    Line("largest number stored", lambda one: (last(one, "latency_p50") or (None,))[0]),
    Line("p50 there, ms", lambda one: value(one, "latency_p50")),
    Line("of it search, ms", lambda one: value(one, "search_p50")),
    Line("search, exponent of the last step", lambda one: exponent(one, "search_p50")),
    Line("recall of neighbours there, %", lambda one: divided(value(one, "recall_at_k"), 0.01)),
    Line("memory for one more stored question, bytes", lambda one: divided(each(one, "peak_rss"), 1e-6)),
    Line("disk for one more, bytes", lambda one: divided(each(one, "index_size"), 1e-6)),
    Line("load there, s", lambda one: value(one, "load_time")),
    Line("load for a million more, s", lambda one: divided(each(one, "load_time"), 1e-6)),
    Line("build there, s", lambda one: value(one, "train_time")),
    Line("build, exponent of the last step", lambda one: exponent(one, "train_time")),
    Line("questions a second at the best batch", rate),
)
CARRIED = (
    Line("machines for 10⁹ questions a day, search not counted", encoding),
    Line("search takes as long as all else among, stored", balance),
    Line("search among 10⁸, ms", lambda one: carried(one, "search_p50")),
    Line("machines for 10⁹ a day among 10⁸", machines),
    Line("memory of each, 10⁹ bytes", lambda one: divided(added(one, "peak_rss"), 1e3)),
    Line("disk of each, 10⁹ bytes", lambda one: divided(each(one, "index_size"), 1 / STORED * 1e3)),
    Line("load, minutes", lambda one: divided(added(one, "load_time"), 60)),
    Line("build, hours", lambda one: divided(carried(one, "train_time"), 3600)),
    Line(
        "encode 10⁸ once on one machine, hours",
        lambda one: STORED / best / 3600 if (best := rate(one)) else None,
    ),
    Line("US dollars a day", cost),
)


def table(lines: tuple[Line, ...], growths: dict[str, Growth]) -> str:
    """Markdown table with a column for each growth."""
    rows = [[line.name, *(_text(line.value(one)) for one in growths.values())] for line in lines]
    return grid(["", *map(inline, growths)], rows, [True] * len(growths))


def _text(found: float | None) -> str:
    return NOTHING if found is None else figure_text(found)


def assumptions() -> str:
    """Sentence with the assumed load and prices."""
    return (
        f"Assumed: {A_DAY:,.0f} questions a day, in the busiest hour {PEAK} times as many as on average, "
        f"which are {BUSIEST:,.0f} a second; {STORED:,.0f} stored questions; {CORE:g} US dollars an hour for "
        f"a core and {GIGABYTE:g} for 10⁹ bytes of memory."
    )


def conditions(growths: dict[str, Growth]) -> Iterator[str]:
    """Sentences on the machine and code of each growth."""
    for label, growth in growths.items():
        machine = growth.provenance.machine
        yield (
            f"{label}: {machine.cpu}, {machine.cores} cores, {growth.provenance.threads} threads, "
            f"commit {', '.join(growth.commits) or 'unknown'}."
        )


def main(words: list[str]) -> None:
    """Replace the generated parts of the page."""
    growths: dict[str, Growth] = {}
    for word in words:
        label, _, folder = word.partition("=")
        growth = read_growth(Path(folder))
        if growth is None:
            raise SystemExit(f"{folder}: no growth there")
        growths[label] = growth
    text = PAGE.read_text(encoding="utf-8")
    parts = {
        "measured": f"{table(MEASURED, growths)}\n\n{inline(' '.join(conditions(growths)))}",
        "assumed": assumptions(),
        "carried": table(CARRIED, growths),
    }
    for name, content in parts.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        text = re.sub(
            pattern, lambda found, new=content: f"{found[1]}\n{new}\n\n{found[2]}", text, flags=re.DOTALL
        )
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
