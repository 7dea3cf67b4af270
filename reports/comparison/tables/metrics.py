"""Tables of metrics, made from their descriptions: the first table of a report, and one for each group.

A metric whose description is in the glossary has its column here, and needs nothing else.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reports.comparison.conditions import (
    CONDITIONS,
    MILLISECONDS,
    MULTIPLES,
    differing,
    measured,
    repeated,
    separate,
)
from reports.comparison.ranking import BASELINE, Ranking
from reports.metric_info import Glossary, Group, MetricInfo
from reports.record import ALL, Metric, Record
from reports.table import Cell, Column, Row, Table, metric_cell
from reports.text.cells import listed, metric_column
from reports.text.statistics import Paired, accuracy_test, interval_words, samples_in_words

POLICY = "policy"
# Slices of a metric that have a column, in its group's table; the record has the others.
MOST_SLICES = 8
# Only in the tables of these groups has a metric a column for each of its slices.
_SLICED = (Group.QUALITY, Group.BY_DOMAIN)
# Groups of time and memory, where a baseline is no rival: doing nothing takes no time.
_RESOURCES = (Group.LATENCY, Group.MEMORY)
# Time of a whole question; a stage says nothing of the router, and throughput is measured in one process.
_COMPARED_TIMES = ("latency_", "first_query", "load_time")
# The same for every router; the table of the experts has it.
_OF_THE_EXPERTS = "_gain"
# A metric of what a router is compared with: an oracle, chance, always the same choice.
_POLICY = re.compile(r"(.+?)_(oracle|random|zero|base|always:.+)")

_GROUPS: dict[Group, tuple[str, list[str]]] = {
    Group.QUALITY: ("Quality by slice", []),
    Group.LATENCY: ("Latency and speed", ["One question at a time, from text to decision, nothing cached."]),
    Group.MEMORY: ("Memory and disk", ["One measurement each."]),
    Group.CALIBRATION: ("Calibration", []),
    Group.SELECTIVE: ("Refusing doubtful questions", []),
    Group.ANSWERS: (
        "Answers of the experts",
        [
            "A router is worth what it has more than random choice and than the best single expert (always).",
            "The oracle always chooses the right expert; base is the model without an adapter.",
        ],
    ),
    Group.COST: ("Cost and quality", ["Each question goes to one of several models of different prices."]),
    Group.OUTSIDE: ("Asked outside", ["Of the process that served every test question in batches."]),
    Group.BY_DOMAIN: ("By domain", []),
    Group.SEVERAL_LABELS: (
        "Several domains a question",
        ["The set of domains that score enough, and always the best one."],
    ),
    Group.ROBUSTNESS: (
        "The same questions changed",
        ["Typing errors and the like, which do not change what is asked."],
    ),
}


@dataclass(frozen=True)
class _Field:
    """A metric on a slice: one column."""

    info: MetricInfo
    slice: str
    column: Column

    @property
    def is_resource(self) -> bool:
        return self.info.group in _RESOURCES

    def metric(self, record: Record) -> Metric | None:
        return record.metric(self.info.name, self.slice)

    def cell(self, record: Record) -> Cell:
        # A run that measured no speed says so once, of `latency_p50`.
        instead = "latency_p50" if self.is_resource else None
        return metric_cell(record, self.info.name, self.slice, instead)


def first_table(ranking: Ranking, glossary: Glossary, paired: Paired) -> Table:
    """The metrics that are described as first, a row a router."""
    infos = [info for info in glossary.values() if info.first]
    fields = [
        field
        for info in infos
        for field in _fields(info, ranking.records, sliced=False)
        if any(field.metric(record) for record in ranking.records)
    ]
    # Narrow enough for a screen and a terminal: the group's table has the other intervals.
    fields = [
        replace(field, column=replace(field.column, interval=not field.is_resource)) for field in fields
    ]
    return Table(
        key="comparison",
        title="Routers compared",
        columns=[field.column for field in fields],
        rows=_rows(ranking, ranking.records, fields),
        about=list(_about(ranking, fields, paired)),
    )


def group_tables(ranking: Ranking, glossary: Glossary) -> Iterator[Table]:
    """One table a group that any router has a figure of, in the order of `Group`."""
    for group in Group:
        table = _group_table(ranking, group, [info for info in glossary.values() if info.group == group])
        if table is not None:
            yield table


def _group_table(ranking: Ranking, group: Group, infos: Sequence[MetricInfo]) -> Table | None:
    names = {info.name for info in infos}
    policies: dict[str, None] = {}
    own = []
    for info in infos:
        found = _POLICY.fullmatch(info.name)
        if found and found[1] in names:
            policies[found[2]] = None
        elif not info.name.endswith(_OF_THE_EXPERTS):
            own.append(info)
    fields = [field for info in own for field in _fields(info, ranking.records, group in _SLICED)]
    fields = [field for field in fields if any(map(field.metric, ranking.records))]
    records = [record for record in ranking.records if any(field.metric(record) for field in fields)]
    if not records:
        return None
    title, about = _GROUPS[group]
    if any(len(_slices(info, records)) > MOST_SLICES + 1 for info in own if group in _SLICED):
        about = [*about, f"Of each metric {MOST_SLICES} parts are shown; record.json has them all."]
    sample = samples_in_words(records)
    if group == Group.ANSWERS and sample:
        about = [*about, f"{sample}."]
    above = ["oracle"] if "oracle" in policies else []
    below = [policy for policy in policies if policy != "oracle"]
    return Table(
        key=group.value,
        title=title,
        columns=[field.column for field in fields],
        rows=[
            *(_policy_row(policy, records, fields, 0) for policy in above),
            *(replace(row, section=row.section + 1) for row in _rows(ranking, records, fields)),
            *(_policy_row(policy, records, fields, 3) for policy in below),
        ],
        about=about,
    )


def _fields(info: MetricInfo, records: Sequence[Record], sliced: bool) -> list[_Field]:
    """Columns of a metric: on all questions, and on its slices where there is no other or `sliced`."""
    known = _slices(info, records)
    slices = [name for name in known if name != ALL]
    if ALL in known:
        slices = [ALL, *(slices if sliced else [])]
    column = metric_column(info, interval=True)
    if len(slices) == 1:
        return [_Field(info, slices[0], column)]
    return [
        _Field(info, name, column if name == ALL else _on_slice(column, name))
        for name in slices[: MOST_SLICES + (ALL in known)]
    ]


def _slices(info: MetricInfo, records: Sequence[Record]) -> list[str]:
    found = (metric.slice for record in records for metric in record.metrics if metric.name == info.name)
    return list(dict.fromkeys(found))


def _on_slice(column: Column, name: str) -> Column:
    return replace(
        column,
        key=f"{column.key}_{name}",
        title=f"{column.title}, {name}",
        about=f"{column.about.rstrip('.')}, on the questions of {name}",
    )


def _rows(ranking: Ranking, records: Sequence[Record], fields: Sequence[_Field]) -> list[Row]:
    best = [_best(ranking, field) for field in fields]
    return [
        Row(
            record.router,
            [
                replace(field.cell(record), best=record.router == winner)
                for field, winner in zip(fields, best, strict=True)
            ],
            note=BASELINE if record.family == BASELINE else "",
            section=int(record.family == BASELINE),
        )
        for record in records
    ]


def _policy_row(policy: str, records: Sequence[Record], fields: Sequence[_Field], section: int) -> Row:
    """The same in every record, so that the first that has it does."""
    cells = []
    for field in fields:
        name = f"{field.info.name}_{policy}"
        found = next((metric for record in records if (metric := record.metric(name, field.slice))), None)
        cells.append(Cell(found.value, found.ci_low, found.ci_high) if found else Cell())
    return Row(policy.replace(":", " "), cells, POLICY, section)


def _best(ranking: Ranking, field: _Field) -> str | None:
    """The router that is significantly better than every other; None where there is none."""
    rivals = ranking.candidates if field.is_resource else ranking.records
    metrics = {record.router: metric for record in rivals if (metric := field.metric(record))}
    # Nothing is better than every other while one of them is unknown, or there is none.
    if len(metrics) < max(2, len(rivals)) or not _is_comparable(field, rivals):
        return None

    def beats(name: str, other: str) -> bool:
        if (field.info.name, field.slice) == ("accuracy", ALL):
            return ranking.beats(name, other)
        if (field.info.name, field.slice) == ("rougeL", ALL):
            return ranking.answers_better(name, other)
        mine, theirs = metrics[name], metrics[other]
        return separate(theirs, mine) if field.info.higher_is_better else separate(mine, theirs)

    return next(
        (name for name in metrics if all(beats(name, other) for other in metrics if other != name)), None
    )


def _is_comparable(field: _Field, rivals: Sequence[Record]) -> bool:
    """Tell whether a speed was measured often enough and under the same conditions."""
    if not field.is_resource:
        return True
    if field.info.group == Group.LATENCY and not field.info.name.startswith(_COMPARED_TIMES):
        return False
    conditions = MULTIPLES if field.info.unit == "×" else MILLISECONDS
    return all(map(repeated, rivals)) and not differing(rivals, conditions)


def _about(ranking: Ranking, fields: Iterable[_Field], paired: Paired) -> Iterator[str]:
    drawn = any(record.draws for record in ranking.records)
    # Of three routers or more.
    corrected = ", corrected for all pairs (Holm)" if len(ranking.records) > 2 else ""
    yield (
        f"By accuracy, best first, baselines last. In square brackets the {interval_words(ranking.records)}."
    )
    if len(ranking.records) > 1:
        yield (
            "Bold: significantly better than every other. Accuracy: "
            f"{accuracy_test(ranking.weighted, drawn)} at {paired.level}{corrected}. ROUGE-L: a "
            f"permutation test at {paired.level}{corrected}. Others: intervals that do not overlap."
        )
    if drawn:
        yield (
            "A router that draws its choices, such as random, is measured by the mean over all draws: its "
            "intervals are over questions alone."
        )
    if sample := samples_in_words(ranking.records):
        yield f"{sample}."
    if not any(field.is_resource for field in fields):
        return
    if len(ranking.candidates) > 1:
        yield "Time is bold only if it was measured in several processes; a single measurement never is."
    if ranking.candidates != ranking.records:
        yield "For time and memory baselines do not count."
    if unlike := differing(measured(ranking.candidates), CONDITIONS):
        yield f"Speeds come from different {listed(unlike)}: those that do not compare are not bold."
