"""Output of a run: the router's verdicts against the others, tables, at the end the router in one line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.comparison.balance import balance
from reports.comparison.model import state
from reports.comparison.ranking import BASELINE, Ranking
from reports.comparison.reasons import cut, few, unlike
from reports.comparison.sentences import Code
from reports.comparison.tables.details import detail_tables, wish_of
from reports.comparison.tables.metrics import first_table, group_tables
from reports.confusions import worst_confusions, worst_domains
from reports.metric_info import Glossary, Group, MetricInfo
from reports.reasons import LIKENESS, Reason, sentence
from reports.record import OUT_OF_SCOPE, CascadeResult, Comparison, Record
from reports.table import Cell, Column, Row, Table, metric_cell
from reports.terminal.render import plain_console, print_lines, print_table
from reports.text.cells import counted, figure_text, in_points, in_sentence, metric_column, p_text, shown
from reports.text.statistics import VERDICTS, Paired, by_weight, interval_words, samples_in_words

# Of the line under the tables: the first metric of each.
_HEADLINE = (Group.QUALITY, Group.LATENCY, Group.MEMORY, Group.ANSWERS)
# What becomes of a question that is not accepted, where no domain gets it.
_FALLBACKS = {"abstain": "are not answered", "best_guess": "still go to the best guess"}
# Of a confusion matrix, of a table of domains, and of a list of mistakes; the record has the others.
_MOST_DOMAINS = 6
_MOST_ROWS = 20
_MOST_MISTAKES = 10
# Differences to a policy, which a terminal shows of the first metric of a group only.
_DIFFERENCES = ("_regret", "_gain")


def print_routed(records: Sequence[Record], answers: int, glossary: Glossary) -> None:
    """Print what is known before the experts answer: the first table, without answers."""
    table = next(_tables(records, glossary))
    words = f"Routing (the experts answer next: {counted(answers, 'answer')})"
    print_table(plain_console(), replace(table, title=words))


def print_run(records: Sequence[Record], folder: Path, glossary: Glossary) -> None:
    """Print the first record beside the others; last, where a terminal is looked at, the router in one line
    where the result is, and what to do with it."""
    record = records[0]
    console = plain_console()
    against = baselines_table(record, glossary)
    for table in (
        *([against] if against else []),
        *_tables(records, glossary),
        *(domain_tables(record, glossary) if record.is_scored else []),
    ):
        print_table(console, table)
    # Nobody wants the choices of untrained weights.
    next_step = [f"Put it to work: python -m benchmarks serve run={folder}"] if record.is_scored else []
    print_lines(console, ["", *notes(record), headline(record, glossary), f"Result: {folder}", *next_step])


def print_tables(records: Sequence[Record], glossary: Glossary) -> None:
    """Print the tables of several routers, a row a record."""
    console = plain_console()
    for table in _tables(records, glossary):
        print_table(console, table)


def domain_tables(record: Record, glossary: Glossary) -> Iterator[Table]:
    """Metrics of each domain, and where its questions went; of many domains those with the most mistakes,
    and the most frequent mistakes."""
    matrix = record.confusion_matrix
    infos = [info for info in glossary.values() if info.group == Group.BY_DOMAIN]
    unit, digits = ("weight", None) if by_weight(record) else ("questions", 0)
    is_small = len(matrix.labels) <= _MOST_DOMAINS
    shown_labels = worst_domains(matrix, _MOST_ROWS)
    counts = dict(zip(matrix.labels, matrix.rows_true_columns_predicted, strict=True)) if is_small else {}
    rows = []
    for label in shown_labels:
        figures = [metric_cell(record, info.name, label) for info in infos]
        rows.append(Row(label, [*figures, *map(Cell, counts.get(label, []))]))
    columns = [Column(f"to:{label}", f"→ {label}", unit, digits=digits) for label in counts]
    title = f"{record.router} by domain" + (", and where it sent the questions" if is_small else "")
    if len(shown_labels) < len(matrix.labels):
        title = (
            f"{record.router} on the {len(shown_labels)} domains of {len(matrix.labels):,} with the most "
            "mistakes (record.json has all)"
        )
    yield Table("domains", title, [*map(metric_column, infos), *columns], rows, "domain")
    mistakes = [] if is_small else worst_confusions(matrix, _MOST_MISTAKES)
    if mistakes:
        yield Table(
            "mistakes",
            f"Most frequent mistakes of {record.router}",
            [
                Column("predicted", "sent to"),
                Column("questions", unit, digits=digits),
                Column("share", "of its questions", "%", scale=100, digits=1),
            ],
            [Row(one.true, [Cell(one.predicted), Cell(one.questions), Cell(one.share)]) for one in mistakes],
            "true domain",
        )


def _tables(records: Sequence[Record], glossary: Glossary) -> Iterator[Table]:
    """The tables of a report, narrower: intervals in the first one only."""
    first, *others = records
    ranking = Ranking([first, *sorted(others, key=lambda record: record.family == BASELINE)], {})
    paired = Paired(first.derivation.statistics.confidence)
    kept = {name: info for name, info in glossary.items() if _is_shown(name, glossary)}
    table = first_table(ranking, kept, paired)
    accuracy = first.metric("accuracy")
    questions = f", {accuracy.n:,} test questions with a domain" if accuracy else ""
    sample = samples_in_words(records)
    title = f"Routers on {first.provenance.dataset.name}{questions} [{interval_words(records)}]"
    title += f"; {sample}" if sample else ""
    yield replace(table, title=title, about=[])
    known = {column.key for column in table.columns}
    for table in group_tables(ranking, kept):
        if table.key in (Group.ANSWERS, Group.COST):
            # Of the policies, nothing is in the first table.
            yield _narrow(table, range(len(table.columns)))
        elif table.key != Group.BY_DOMAIN:
            places = [place for place, column in enumerate(table.columns) if column.key not in known]
            if places:
                yield _narrow(table, places)
    yield from detail_tables(replace(ranking, records=[first]))


def _narrow(table: Table, places: Sequence[int]) -> Table:
    """The columns at these places, without intervals; the first table says which routers are baselines."""
    return replace(
        table,
        columns=[replace(table.columns[place], interval=False) for place in places],
        rows=[
            replace(
                row,
                cells=[row.cells[place] for place in places],
                note="" if row.note == BASELINE else row.note,
            )
            for row in table.rows
        ],
    )


def _is_shown(name: str, glossary: Glossary) -> bool:
    for ending in _DIFFERENCES:
        if name.endswith(ending):
            of = glossary.get(name.removesuffix(ending))
            # What there is to gain is the same for every router; the experts' table has it.
            return ending == "_regret" and of is not None and of.first
    return True


def headline(record: Record, glossary: Glossary) -> str:
    """Router, accuracy, latency, memory, and the quality of its answers if it has any, in one line."""
    firsts = {}
    for info in glossary.values():
        metric = record.metric(info.name)
        if info.first and metric is not None and info.group not in firsts:
            scale, unit, digits = shown(info.unit)
            figure = (
                f"{figure_text(scale * metric.value, digits)} {'' if info.unit == 'F1' else unit}".rstrip()
            )
            firsts[info.group] = f"{in_sentence(info.title)} {figure}"
    parts = [firsts[group] for group in _HEADLINE if group in firsts]
    return f"{record.router} on {record.provenance.dataset.name}: {', '.join(parts)}"


def notes(record: Record) -> Iterator[str]:
    """Sentences on untrained weights, domains that accuracy says little of, leakage, few test questions,
    questions that were cut, tuning, fine-tuned encoders, the threshold, a cascade, and missing answers."""
    if why := record.derivation.why_unscored:
        yield f"Quality is not scored: {sentence(Reason.UNTRAINED_WEIGHTS, why)}"
    yield from (statement.message for statement in balance([record]))
    leakage, tuning = record.analyses.leakage, record.analyses.tuning
    if leakage and leakage.dropped:
        kinds = ", ".join(f"{count:,} {LIKENESS.get(kind, kind)}" for kind, count in leakage.kinds.items())
        listed = f" (pairs: {kinds})" if kinds else ""
        yield f"Leakage: {leakage.dropped} training questions left out, too close to a test question{listed}"
    if leakage and leakage.repeated:
        yield state(Code.REPEATED_QUESTIONS, n=leakage.repeated).message
    yield from (statement.message for statement in (*few(record), *cut(record)))
    if tuning:
        chosen = ", ".join(f"{name}={value}" for name, value in tuning.chosen.items())
        yield f"Tuned by {tuning.folds}-fold cross-validation on the training questions: {chosen}"
    for part, encoder in _encoders(record.analyses.learned):
        yield f"{part}{_encoder_note(encoder)}"
    if coverage := record.metric("coverage"):
        yield _threshold_note(record, coverage.value)
    yield from (statement.message for statement in unlike(record))
    if tied := record.metric("tied"):
        yield f"On {_percent(tied.value)} of the questions the two best domains are equally probable"
    if sent_on := record.metric("sent_on"):
        yield f"{_percent(sent_on.value)} of the questions went on to the expensive router"
    if cascade := record.analyses.cascade:
        yield _cascade_note(cascade)
    answered = record.metric("answered")
    if answered and answered.value < 1:
        missing = round((1 - answered.value) * answered.n)
        yield f"{missing} of {answered.n} answers are missing; predictions.jsonl has the reasons"


def _cascade_note(cascade: CascadeResult) -> str:
    lost = cascade.lost
    return (
        f"Against its expensive router alone the cascade loses {100 * lost.value:.1f} points of accuracy "
        f"[{100 * lost.ci_low:.1f}, {100 * lost.ci_high:.1f}]; its threshold "
        f"{figure_text(cascade.threshold)} was chosen for {wish_of(cascade)}"
    )


def _threshold_note(record: Record, coverage: float) -> str:
    policy = record.derivation.policy
    line = (
        f"The threshold {figure_text(policy.threshold)} by {policy.score} accepts {_percent(coverage)} of "
        "the questions with a domain"
    )
    if accepted := record.metric("selective_accuracy"):
        line += f", {_percent(accepted.value)} of them right"
    if refused := record.metric("out_of_scope_recall", OUT_OF_SCOPE):
        line += f", and refuses {_percent(refused.value)} of those out of scope"
    return f"{line}; the rest {_FALLBACKS.get(policy.fallback, f'go to {policy.fallback}')}"


def _encoders(learned: Mapping[str, Any], part: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Lines on what was learned of encoders, also by the parts of a router made of routers."""
    for name, value in learned.items():
        if name == "learned_encoder":
            yield part, value
        elif isinstance(value, Mapping):
            yield from _encoders(value, f"{part}{name}: ")


def _encoder_note(learned: Mapping[str, Any]) -> str:
    before, after = learned["before"], learned["after"]
    return (
        f"Encoder fine-tuned with {learned['loss']}: mean cosine between domains "
        f"{before['different_class']:.2f} → {after['different_class']:.2f}, within "
        f"{before['same_class']:.2f} → {after['same_class']:.2f} "
        f"({learned['n_texts']} {'held-out' if learned['held_out'] else 'TRAINING'} questions)"
        f"{'; COLLAPSED' if learned['collapsed'] else ''}"
    )


def _percent(share: float) -> str:
    return f"{figure_text(100 * share, 1)} %"


def baselines_table(record: Record, glossary: Glossary) -> Table | None:
    """One router beside each of the others that its record compares it with; None where there is none."""
    found = {(one.other, one.metric): one for one in record.comparisons}
    metrics = [name for name in dict.fromkeys(name for _, name in found) if name in glossary]
    if not metrics:
        return None
    first = metrics[0]
    rows = []
    for other in dict.fromkeys(other for other, _ in found):
        main = found.get((other, first))
        verdict, p = (main.verdict, main.p_adjusted) if main else (None, None)
        cells = [Cell(verdict and VERDICTS[verdict]), Cell(None if p is None else p_text(p))]
        rows.append(Row(other, [*cells, *(_difference(found.get((other, name))) for name in metrics)]))
    paired = Paired(record.derivation.statistics.confidence)
    several = len(rows) > 1
    corrected = f", corrected for these {len(rows)} (Holm); a report corrects for all its pairs"
    tested = f"Verdict and p are on {in_sentence(glossary[first].title)}{corrected if several else ''}."
    return Table(
        "baselines",
        f"{record.router} against the others [{paired.interval}]",
        [
            Column("verdict", "verdict"),
            Column("p", "p (Holm)" if several else "p"),
            *(_difference_column(glossary[name]) for name in metrics),
        ],
        rows,
        "against",
        [tested, "Better and worse mean significantly so: then the interval excludes 0, and only then."],
    )


def _difference_column(info: MetricInfo) -> Column:
    column = metric_column(info, interval=True)
    return replace(column, unit="points" if in_points(info.unit) else column.unit, signed=True)


def _difference(comparison: Comparison | None) -> Cell:
    if comparison is None:
        return Cell()
    return Cell(comparison.difference, comparison.ci_low, comparison.ci_high)
