"""Style of all figures: size, fonts, colours, the pen of each router, and figures in sentences."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from reports.record import Metric, Pair, Record, Verdict
from reports.record_files import Result
from reports.text.cells import figure_text, listed
from reports.text.unicode import one_line, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

# Of all text and axes, so that a page can put another colour in its place for a dark background.
INK = "#1f2328"
# Guides and what is not a router's own.
MUTED = "#7d8590"
DARK, LIGHT = "#000000", "#ffffff"

# Inches: text of 10 points is still 8 pixels high where that is shown 360 pixels wide.
WIDTH = 6.0
FONT = 10.5
SMALL = 9.5
DPI = 144
LONGEST = 24  # letters of a name

# Okabe and Ito's colours, told apart without red and green; the light ones darkened until they have a
# contrast of 3:1 on both backgrounds, and the yellow, which then is brown, left out.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b8628f", "#a67500", "#2f8fc9")
GREYS = ("#6a737d", "#8b949e", "#7a7a7a")
# As many as are not a multiple of the colours, so that all three come together again late.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
BASELINE_MARKERS = ("p", "*", "<", "H")
Dash = tuple[float, tuple[float, ...] | None]
DASHES: tuple[Dash, ...] = (
    (0, None),
    (0, (6, 1.5)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1)),
    (0, (8, 1.5, 1.2, 1.5, 1.2, 1.5)),
)
BASELINE_DASHES: tuple[Dash, ...] = ((0, (3, 2)), (0, (1.2, 1.4)), (0, (5, 2, 1.2, 2)))
# Of parts that a bar is made of; the pattern says the same as the colour.
PARTS = (
    ("#0072b2", ""),
    ("#d55e00", "//"),
    ("#009e73", "--"),
    ("#b8628f", "\\\\"),
    ("#7d8590", "xx"),
)

STYLE: dict[Any, Any] = {
    "figure.dpi": 72,  # a pixel is a point
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": FONT,
    "axes.labelsize": FONT,
    "axes.titlesize": FONT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 3.0,
    "legend.borderaxespad": 0.2,
    "legend.columnspacing": 1.4,
    "text.color": INK,
    "text.parse_math": False,  # names are the user's: a dollar sign is a dollar sign
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "grid.color": MUTED,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 6,
    "hatch.linewidth": 0.5,
    "hatch.color": LIGHT,
    "svg.fonttype": "none",
    "savefig.dpi": DPI,
}


class Pen(NamedTuple):
    """Colour, marker and line of a router in every figure."""

    colour: str
    marker: str
    dash: Dash


class Shown(NamedTuple):
    """A router as the figures show it.

    Attributes:
        name: as the caller gave it, for words.
        label: the same on one line and not too long, for drawing.
        beats: names of routers whose score is significantly lower; None where nothing was compared.
    """

    name: str
    label: str
    record: Record
    pen: Pen
    beats: frozenset[str] | None = None


def shown(results: Mapping[str, Result], pairs: Sequence[Pair] = ()) -> list[Shown]:
    """Every router with its pen: colours in the order given, greys for the baselines."""
    baselines, others = count(), count()
    won = [(pair.first, pair.second) for pair in pairs if pair.verdict == Verdict.BETTER]
    won += [(pair.second, pair.first) for pair in pairs if pair.verdict == Verdict.WORSE]
    return [
        Shown(
            name,
            short(name),
            result.record,
            baseline_pen(next(baselines)) if result.record.family == "baseline" else router_pen(next(others)),
            frozenset(loser for winner, loser in won if winner == name) if pairs else None,
        )
        for name, result in results.items()
    ]


def router_pen(position: int) -> Pen:
    return _pen(position, PALETTE, MARKERS, DASHES)


def baseline_pen(position: int) -> Pen:
    return _pen(position, GREYS, BASELINE_MARKERS, BASELINE_DASHES)


def _pen(position: int, colours: Sequence[str], markers: Sequence[str], dashes: Sequence[Dash]) -> Pen:
    return Pen(
        colours[position % len(colours)], markers[position % len(markers)], dashes[position % len(dashes)]
    )


def plain(text: str) -> str:
    """One line without the characters that XML cannot hold and without what hides in a text."""
    return readable(" ".join(one_line(text).split()))


def short(text: str, longest: int = LONGEST) -> str:
    """The same in at most so many characters; the middle goes, since names of a sweep differ at the end."""
    line = plain(text)
    if len(line) <= longest:
        return line
    tail = (longest - 1) // 2
    return f"{line[: longest - 1 - tail].rstrip()}…{line[len(line) - tail :].lstrip()}"


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` in [0, 1] (WCAG 2.2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def readable_on(colour: str) -> str:
    """Black or white, whichever stands out more."""
    return max((DARK, LIGHT), key=lambda text: contrast(text, colour))


@contextmanager
def styled() -> Iterator[None]:
    """This style, whatever the user's own settings of matplotlib are; those come back afterwards."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        # Of a letter that the font lacks, in what is no name: the SVG has it all the same.
        warnings.filterwarnings("ignore", message="(?s)Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def new_figure(height: float, square: bool = False) -> "Figure":
    """An empty figure of the common width; `height` in inches; `square` is for panels as wide as high."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="compressed" if square else "constrained")
    # Without a canvas that can measure, every look at the size of a text makes a new one.
    FigureCanvasAgg(figure)
    return figure


def curve(axes: "Axes", router: Shown, x: Sequence[float], y: Sequence[float], marks: int = 12) -> None:
    """A line in the router's pen, with about `marks` markers."""
    axes.plot(
        x, y, label=router.label, markevery=max(1, len(x) // marks), **line_of(router.pen), clip_on=len(x) > 1
    )


def line_of(pen: Pen) -> dict[str, Any]:
    """The keywords of a line with markers."""
    return {"color": pen.colour, "linestyle": pen.dash, "marker": pen.marker, "markersize": 5}


def handle(pen: Pen, label: str) -> "Line2D":
    """Entry of a line in a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **line_of(pen))


def legend(figure: "Figure", handles: Sequence["Line2D"]) -> None:
    """Over the figure, which grows by its height, in as many columns as fit."""
    wide = max(len(str(entry.get_label())) for entry in handles)
    # In points: letters, the line and its space.
    columns = max(1, min(len(handles), int(72 * WIDTH / (0.62 * SMALL * wide + 5 * SMALL))))
    figure.legend(handles=list(handles), loc="outside upper left", ncols=columns)
    figure.set_figheight(figure.get_figheight() + 0.08 + 0.2 * -(-len(handles) // columns))


def titled_axes(axes: "Axes", x: str, y: str) -> None:
    """Titles and a grid."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(True)


def row_axes(axes: "Axes", names: Sequence[str]) -> None:
    """A row for each name, from top to bottom."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")


def log_x(axes: "Axes", low: float, high: float, margin: float = 1.5) -> None:
    """A logarithmic x axis from `low` / margin to `high` × margin (both > 0), ticks in plain figures."""
    axes.set_xscale("log")
    axes.set_xlim(low / margin, high * margin)
    _plain_log_ticks(axes.xaxis, low / margin, high * margin)


def log_y(axes: "Axes", low: float, high: float, margin: float = 1.5) -> None:
    """The same of the y axis."""
    axes.set_yscale("log")
    axes.set_ylim(low / margin, high * margin)
    _plain_log_ticks(axes.yaxis, low / margin, high * margin)


def _plain_log_ticks(axis: "Axis", low: float, high: float) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(FixedLocator(log_ticks(low, high)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(LogLocator(subs=range(2, 10)))
    axis.set_minor_formatter(NullFormatter())


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within the limits, and more steps between them where those are few."""
    ticks: list[float] = []
    for steps in ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)):
        candidates = (float(f"{step:g}e{power}") for power in range(-12, 13) for step in steps)
        ticks = [tick for tick in candidates if low <= tick <= high]
        if len(ticks) > 2:
            break
    return ticks


def percent(value: float, digits: int = 1) -> str:
    return f"{figure_text(100 * value, digits)} %"


def interval(metric: Metric, scale: float = 1.0, digits: int = 1) -> str:
    """` [low, high]` of a metric that has one, else nothing."""
    if metric.ci_low is None or metric.ci_high is None:
        return ""
    low, high = (figure_text(scale * end, digits) for end in (metric.ci_low, metric.ci_high))
    return f" [{low}, {high}]"


def counted(numbers: Iterable[int]) -> str:
    """`240`, or `200 to 240` where they differ."""
    known = sorted(set(numbers))
    return f"{known[0]:,}" if len(known) == 1 else f"{known[0]:,} to {known[-1]:,}"


def left_out(routers: Sequence[Shown], drawn: Sequence[Shown], metric: str, otherwise: str) -> str:
    """Sentence on who is not in a figure and why, after a space; empty when all are in it.

    Args:
        metric: the name under which a record says why it was not taken.
        otherwise: the reason where the record gives none.
    """
    by_reason: dict[str, list[str]] = {}
    for router in routers:
        if router not in drawn:
            missing = router.record.missing(metric)
            by_reason.setdefault(missing.sentence if missing else otherwise, []).append(router.name)
    parts = [f"{listed(names)} ({reason})" for reason, names in by_reason.items()]
    return f" Not shown: {'; '.join(parts)}." if parts else ""


def questions_of(drawn: Sequence[Shown], metric: str) -> str:
    """`240 test questions`, by the metric's n."""
    ns = [found.n for router in drawn if (found := router.record.metric(metric))]
    return f"{counted(ns)} test questions" if ns else "Test questions"
