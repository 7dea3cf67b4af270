"""Tables of a growth: one an axis, and the exponents."""

from collections.abc import Callable, Iterator

from reports.growth.model import Axis, Exponent, Growth, Point
from reports.metric_info import Glossary
from reports.reasons import Reason
from reports.record import Unscored
from reports.table import Cell, Column, Row, Table, figure
from reports.text.cells import counted, metric_column
from reports.text.statistics import interval_of

# Noun for the values of each axis, in the singular and the plural.
NOUNS = {
    Axis.STORED: ("stored question", "stored questions"),
    Axis.DOMAINS: ("domain", "domains"),
    Axis.LENGTH: ("token a question", "tokens a question"),
    Axis.THREADS: ("thread", "threads"),
    Axis.BATCH: ("question a batch", "questions a batch"),
}


def noun(growth: Growth, axis: Axis, value: int = 2) -> str:
    """Noun for `value` of an axis, such as `stored questions`."""
    text = NOUNS[axis][0 if value == 1 else 1]
    return text.replace("token", growth.made.unit.removesuffix("s")) if axis == Axis.LENGTH else text


def axis_table(growth: Growth, axis: Axis, glossary: Glossary) -> Table:
    """Table with a row for each value and a column for each metric that any point has."""
    known = {metric.name for one in growth.points for metric in one.metrics}
    glossary = {name: info for name, info in glossary.items() if name in known}
    rows = [
        Row(f"{point.value:,}", _cells(point, glossary), _note(growth, point)) for point in growth.on(axis)
    ]
    others = ", ".join(
        f"{growth.defaults[other]:,} {noun(growth, other, growth.defaults[other])}"
        for other in Axis
        if other != axis and not (axis == Axis.DOMAINS and other == Axis.STORED)
    )
    title = f"{growth.router} by {noun(growth, axis)}"
    about = [f"The others stay at {others}.", *_about(growth, axis)]
    return Table(axis, title, list(map(metric_column, glossary.values())), rows, noun(growth, axis), about)


def _cells(point: Point, glossary: Glossary) -> list[Cell]:
    found = {metric.name: metric for metric in point.metrics}
    return [figure(found[name]) if name in found else Cell(missing=point.missing) for name in glossary]


def _note(growth: Growth, point: Point) -> str:
    return "cut" if growth.is_cut(point.axis, point.value) else ""


def _about(growth: Growth, axis: Axis) -> Iterator[str]:
    made = growth.made
    if axis in (Axis.STORED, Axis.DOMAINS):
        first = (
            f"The {made.real:,} training questions come first, in a seeded order, then variations of them:"
        )
        if made.noise is not None:
            yield (
                f"{first} a real vector plus seeded noise with the covariance of the real ones and a length "
                f"from 0 to {made.noise:g}, brought to length 1 again. The fit time is that of the index "
                "alone: nothing is encoded for it."
            )
        else:
            yield f"{first} some words of each are replaced by words of others."
    if axis == Axis.DOMAINS:
        yield (
            f"Always {made.domain_questions:,} stored questions are dealt out to the domains in turn, "
            "whatever they ask: domains overlap entirely, which is the worst case for a router that draws "
            "borders between them."
        )
    if axis == Axis.LENGTH:
        yield "Questions are made of words of the test questions, in a seeded order."
        if made.cut_at is not None:
            yield f"The router cuts questions at {made.cut_at:,}; longer ones are not part of the exponents."


def exponents_table(growth: Growth, glossary: Glossary) -> Table:
    """Table of fitted exponents, with a row for each metric and a column for each axis."""
    title = f"Exponents of growth [{interval_of(growth.confidence)}]"
    about = [
        "A figure grows as size to this power: 0 does not grow, 1 doubles with twice the size. Fitted by "
        "least squares on the logarithms; intervals are Student's t."
    ]

    def cell(one: Exponent) -> Cell:
        return Cell(one.value, one.ci_low, one.ci_high)

    return Table("exponents", title, *_exponents(growth, glossary, cell), "figure", about)


def last_steps_table(growth: Growth, glossary: Glossary) -> Table:
    """Table of the exponents between the two largest values of each axis."""
    about = [
        "Of the two largest values of each axis alone. A figure with a constant part, such as the time of "
        "the encoder or the memory of its weights, grows by this power in the end, and by less at first."
    ]
    found = _exponents(growth, glossary, lambda one: Cell(one.last_step))
    return Table("last_step", "Exponents of the last step", *found, "figure", about)


def _exponents(
    growth: Growth, glossary: Glossary, cell: Callable[[Exponent], Cell]
) -> tuple[list[Column], list[Row]]:
    """Columns of the axes, and rows of the metrics that have an exponent along any of them."""
    columns = [Column(axis, noun(growth, axis), digits=2, interval=True, signed=True) for axis in growth.axes]
    rows = []
    for name in dict.fromkeys(one.figure for one in growth.exponents):
        cells = []
        for axis in growth.axes:
            found = growth.exponent(axis, name)
            cells.append(cell(found) if found else Cell(missing=_why(growth, axis)))
        rows.append(Row(glossary[name].title, cells))
    return columns, rows


def _why(growth: Growth, axis: Axis) -> Unscored:
    missing = (one for one in growth.not_measured if one.name == axis)
    return next(missing, Unscored(axis, Reason.TOO_FEW_POINTS))


def points_in_words(growth: Growth) -> str:
    """`24 points, 1 of them missing`."""
    missing = sum(point.missing is not None for point in growth.points)
    return counted(len(growth.points), "point") + (f", {missing} of them missing" if missing else "")
