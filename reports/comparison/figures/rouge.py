"""What the answers are worth under each router, and what its mistakes cost."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from reports.comparison.figures.names import domain_labels
from reports.comparison.figures.render import render
from reports.comparison.figures.style import INK, MUTED, SMALL, Pen, Shown, new_figure, short
from reports.comparison.figures.words import counted, interval, left_out
from reports.comparison.model import Figure
from reports.record import Metric
from reports.text.statistics import interval_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALWAYS = "rougeL_always:"
MOST_ALWAYS = 4  # domains that are shown as a policy of their own
_REFERENCE = Pen(MUTED, "d", (0, None))


class Policy(NamedTuple):
    """A row of the figure."""

    name: str
    label: str
    metric: Metric
    pen: Pen


def draw_rouge(routers: Sequence[Shown]) -> Figure | None:
    answered = [router for router in routers if router.record.metric("rougeL")]
    if not answered:
        return None
    rows, dropped = _policies(answered, domain_labels(routers))
    regrets = [
        Policy(router.name, router.label, metric, router.pen)
        for router in answered
        if (metric := router.record.metric("rougeL_regret"))
    ]
    heights = [0.24 * len(rows) + 0.75, *([0.24 * len(regrets) + 0.75] if regrets else [])]
    figure = new_figure(sum(heights) + 0.15)
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_rows(panels[0], rows)
    panels[0].set_xlabel("ROUGE-L of the answers, F1 × 100")
    if regrets:
        _draw_rows(panels[1], regrets)
        panels[1].axvline(0, color=INK, linewidth=0.8, zorder=1)
        panels[1].set_xlabel("regret: oracle minus router, F1 × 100")
    figure.align_ylabels(panels)
    sure = interval_words(router.record for router in answered)
    return render(
        figure,
        "rouge",
        "What the answers are worth",
        "ROUGE-L (F1 × 100) of the answer that each policy's expert gave, "
        f"{counted(row.metric.n for row in rows)} questions with a reference; bars are "
        f"{sure}s. The oracle asks the right domain's expert, a random expert is the "
        "mean over all, and base is the right domain's model without its adapter; "
        "intervals of two policies are not independent, because the questions are the same."
        + (
            " Below: what a router's mistakes cost, question by question against the oracle; an interval "
            "across the line at zero means that they cannot be seen in the answers."
            if regrets
            else ""
        )
        + (f" Of {dropped} fixed experts only the best and the worst are shown." if dropped else "")
        + left_out(routers, answered, "rougeL", "no answers in its record"),
        "ROUGE-L: "
        + "; ".join(f"{row.name} {_value(row.metric)}" for row in rows)
        + "."
        + (
            f" Regret: {'; '.join(f'{row.name} {_value(row.metric, 2)}' for row in regrets)}."
            if regrets
            else ""
        ),
    )


def _value(metric: Metric, digits: int = 1) -> str:
    return f"{100 * metric.value:.{digits}f}{interval(metric, 100, digits)}"


def _policies(routers: Sequence[Shown], labels: Mapping[str, str]) -> tuple[list[Policy], int]:
    """The rows from top to bottom, and how many fixed experts there are when not all of them are rows."""

    def reference(name: str) -> Metric | None:
        # The same in every record of these questions.
        return next((metric for router in routers if (metric := router.record.metric(name))), None)

    names = {
        metric.name: None for router in routers for metric in router.record.metrics if metric.slice == "all"
    }
    fixed = [
        Policy(f"always {domain}", f"always {labels.get(domain, domain)}", metric, _REFERENCE)
        for domain in (name.removeprefix(ALWAYS) for name in names if name.startswith(ALWAYS))
        if (metric := reference(f"{ALWAYS}{domain}"))
    ]
    dropped = len(fixed) if len(fixed) > MOST_ALWAYS else 0
    if dropped:
        ordered = sorted(fixed, key=lambda row: row.metric.value, reverse=True)
        fixed = [ordered[0], ordered[-1]]
    others = {
        title: Policy(title, title, metric, _REFERENCE)
        for title, name in (
            ("oracle", "rougeL_oracle"),
            ("random expert", "rougeL_random"),
            ("base", "rougeL_base"),
        )
        if (metric := reference(name))
    }
    own = [
        Policy(router.name, router.label, metric, router.pen)
        for router in routers
        if (metric := router.record.metric("rougeL"))
    ]
    first = [others["oracle"]] if "oracle" in others else []
    last = [others[title] for title in ("random expert", "base") if title in others]
    return [*first, *own, *last[:1], *fixed, *last[1:]], dropped


def _draw_rows(axes: "Axes", rows: Sequence[Policy]) -> None:
    for height, row in enumerate(rows):
        low, high = row.metric.ci_low, row.metric.ci_high
        if low is not None and high is not None:
            axes.plot([100 * low, 100 * high], [height, height], color=row.pen.colour, linewidth=1.4)
        axes.plot(100 * row.metric.value, height, color=row.pen.colour, marker=row.pen.marker)
    axes.set_yticks(range(len(rows)), [short(row.label) for row in rows], fontsize=SMALL)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")
