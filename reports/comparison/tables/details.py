"""Further tables of a report: experts by domain, thresholds, fewer training questions."""

from collections.abc import Iterator, Sequence

from reports.comparison.ranking import Ranking
from reports.record import ALL, OUT_OF_SCOPE, CascadeResult, Estimate, LearningPoint, Record, ThresholdResult
from reports.table import Cell, Column, Row, Table, metric_cell
from reports.text.cells import shown

ALWAYS = "rougeL_always:"
# Of the table expert × domain; of more, each expert has its own domain alone.
MOST_DOMAINS = 8
_SHARES = {
    "coverage": ("coverage", "test questions with a domain that it accepts"),
    "selective_accuracy": ("accuracy accepted", "accuracy on those"),
    "out_of_scope_recall": ("out of scope refused", "test questions without a domain that it refuses"),
}


def detail_tables(ranking: Ranking) -> Iterator[Table]:
    """Tables that any record has something for."""
    records = ranking.records
    answered = next((record for record in records if record.metric("rougeL")), None)
    if answered and expert_domains(answered):
        yield _experts(answered)
    rows = [row for record in records for row in [*_in_use(record), *_wished(record)]]
    if rows:
        yield _thresholds(rows)
    cascades = [(record.router, record.analyses.cascade) for record in records if record.analyses.cascade]
    if cascades:
        yield _cascades(cascades)
    curves = [record for record in records if record.analyses.learning_curve]
    if curves:
        yield _learning_curve(curves)


def expert_domains(record: Record) -> list[str]:
    """Domains that have an expert."""
    names = [metric.name for metric in record.metrics if metric.slice == ALL]
    return [name.removeprefix(ALWAYS) for name in names if name.startswith(ALWAYS)]


def _experts(record: Record) -> Table:
    """ROUGE-L of each expert on each domain's questions."""
    domains = expert_domains(record)
    few = domains if len(domains) <= MOST_DOMAINS else []
    columns = [_rouge(f"rougeL:{name}", name, f"on the questions of {name}") for name in few]
    rows = []
    for domain in domains:
        on_each = [metric_cell(record, f"{ALWAYS}{domain}", name) for name in few or [domain]]
        rows.append(Row(domain, [*on_each, metric_cell(record, "rougeL_gain", domain)]))
    base = [metric_cell(record, "rougeL_base", name) for name in few or [ALL]]
    rows.append(Row("base", [*base, Cell()], "without an adapter", section=1))
    return Table(
        key="experts",
        title="Each expert on each domain",
        columns=[
            *(columns or [_rouge("rougeL:own", "own domain", "on the questions of its own domain")]),
            _rouge("rougeL_gain", "right − wrong", "the right expert's minus the mean of the wrong ones"),
        ],
        rows=rows,
        head="expert",
        about=["ROUGE-L. Where the right expert is no better than the others, routing cannot gain anything."],
    )


def _rouge(key: str, title: str, about: str) -> Column:
    scale, unit, digits = shown("F1")
    return Column(key, title, unit, about, scale, digits, interval=True)


def _share(key: str, title: str, about: str = "") -> Column:
    scale, unit, digits = shown("fraction")
    return Column(key, title, unit, about, scale, digits, interval=True)


def _thresholds(rows: list[Row]) -> Table:
    return Table(
        key="thresholds",
        title="Thresholds",
        columns=[
            Column("wish", "chosen for", about="what the threshold was chosen for"),
            Column("threshold", "threshold", digits=3),
            *(_share(key, title, about) for key, (title, about) in _SHARES.items()),
        ],
        rows=rows,
        about=[
            "Chosen on held-out training questions; the figures are those of the test. Of new questions like "
            "the held-out ones a wanted coverage holds on average, a wanted accuracy as surely as stated."
        ],
    )


def _in_use(record: Record) -> Iterator[Row]:
    if record.metric("coverage"):
        policy = record.derivation.policy
        slices = (ALL, ALL, OUT_OF_SCOPE)
        shares = [metric_cell(record, name, part) for name, part in zip(_SHARES, slices, strict=True)]
        yield Row(record.router, [Cell(f"in use, by {policy.score}"), Cell(policy.threshold), *shares])


def _wished(record: Record) -> Iterator[Row]:
    # The policy's own wish may be one of the usual ones.
    distinct: dict[str, ThresholdResult] = {}
    for found in record.analyses.thresholds:
        distinct.setdefault(_wish(found), found)
    for wish, found in distinct.items():
        shares = [_cell(found.obtained.get(name)) for name in _SHARES]
        yield Row(record.router, [Cell(wish), Cell(found.threshold), *shares])


def _wish(found: ThresholdResult) -> str:
    wish = found.wish
    if wish.coverage is not None:
        return f"coverage {100 * wish.coverage:.0f} % by {wish.score}"
    level = wish.confidence_level
    sure = f", {100 * level:.3g} % sure" if level is not None else ""
    return f"accuracy {100 * (wish.accuracy or 0):.3g} %{sure}, by {wish.score}"


def _cascades(cascades: Sequence[tuple[str, CascadeResult]]) -> Table:
    return Table(
        key="cascades",
        title="Cascades",
        columns=[
            Column("wish", "chosen for", about="what the threshold was chosen for"),
            Column("threshold", "threshold", digits=3),
            _share(
                "sent_on", "sent on", "test questions with a domain that it passes to its expensive router"
            ),
            _share("lost", "accuracy lost", "accuracy of the expensive router alone, less the cascade's"),
        ],
        rows=[
            Row(name, [Cell(wish_of(one)), Cell(one.threshold), _cell(one.sent_on), _cell(one.lost)])
            for name, one in cascades
        ],
        about=["Chosen by cross-validation on training questions; the figures are those of the test."],
    )


def wish_of(cascade: CascadeResult) -> str:
    """What a cascade's threshold was chosen for, in words."""
    if cascade.loss is not None:
        return f"a loss of at most {100 * cascade.loss:.3g} points"
    return "a given threshold" if cascade.share is None else f"{100 * cascade.share:.3g} % sent on"


def _cell(found: Estimate | None) -> Cell:
    return Cell(found.value, found.ci_low, found.ci_high) if found else Cell()


def _learning_curve(records: Sequence[Record]) -> Table:
    curves = {
        record.router: {point.per_domain: point for point in record.analyses.learning_curve}
        for record in records
    }
    sizes = sorted({size for curve in curves.values() for size in curve})
    return Table(
        key="learning_curve",
        title="With fewer training questions",
        columns=[_share(f"per_domain_{size}", f"{size} a domain") for size in sizes],
        rows=[Row(name, [_point(curve.get(size)) for size in sizes]) for name, curve in curves.items()],
        about=["Accuracy: mean over random draws; 95 % intervals over draws and test questions."],
    )


def _point(point: LearningPoint | None) -> Cell:
    return Cell(point.accuracy, *band(point)) if point else Cell()


def band(point: LearningPoint) -> tuple[float | None, float | None]:
    """The interval within [0, 1]: in records up to schema 4 it can reach beyond what a share can be."""
    if point.ci_low is None or point.ci_high is None:
        return None, None
    return max(point.ci_low, 0.0), min(point.ci_high, 1.0)
