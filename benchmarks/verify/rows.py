"""Prediction rows in themselves: ids, probabilities, the policy's choice, answers."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from benchmarks.datasets.base import message_id
from benchmarks.metrics.answers import experts_of, rouge_of
from benchmarks.metrics.selective import score_of
from benchmarks.stats.paired import draws
from benchmarks.verify.same import repeated, same
from experts.base import BASE
from reports.record import Derivation, Prediction, Record
from reports.record_files import Result
from reports.verification import Checked, Difference, Kind, Missing, NotDerived
from routers.decision import choose
from routers.inference import ROUNDING, SUM_TOLERANCE

OURS = "benchmarks.datasets."
ROUGE = ("rouge1", "rouge2", "rougeL")
# Schema version since which an abstention has a ROUGE of 0.
ZEROS = 5
PROBABILITY = "a number from 0 to 1"
# Behind the id of a copy of a question.
_COPY = re.compile(r"#\d+$")

# Name of a field of a row or a record, its value, and what it has to be.
Finding = tuple[str, Any, Any]


def check_rows(result: Result) -> Checked:
    """Rows that contradict themselves, the record's domains or its policy, and ids that are not those of
    their questions."""
    record, rows = result.record, result.predictions
    if draws(rows):
        # Every choice is drawn, or none.
        rows = [replace(row, chances=row.chances or {}) for row in rows]
    differences = [
        Difference(Kind.ROW, field, row.id, "value", recorded, derived)
        for row in rows
        for field, recorded, derived in _findings(row, record)
    ]
    if loader(record).startswith(OURS):
        return Checked([*_ids(record, rows), *differences], [])
    return Checked(differences, [NotDerived(Missing.IDS)] if rows else [])


def loader(record: Record) -> str:
    """Name of the function that loaded the data set; empty where the record does not say."""
    return str(record.setting("dataset._target_", ""))


def _ids(record: Record, rows: list[Prediction]) -> Iterator[Difference]:
    """Ids that occur twice, or are not made of their question as our loaders make them."""
    yield from repeated(Kind.ROW, (("id", row.id) for row in rows))
    for row in rows:
        prefixes = (row.label, row.slice, record.provenance.dataset.name)
        possible = [message_id(row.messages, prefix) for prefix in prefixes if prefix is not None]
        if _COPY.sub("", row.id) not in possible:
            yield Difference(Kind.ROW, "id", row.id, "value", row.id, possible[0])


def _findings(row: Prediction, record: Record) -> Iterator[Finding]:
    how = record.derivation
    yield from _probabilities(row, how)
    yield from _question(row, how)
    if row.answers is not None:
        yield from _answers(row, how, has_zeros=record.schema_version >= ZEROS)


def _probabilities(row: Prediction, how: Derivation) -> Iterator[Finding]:
    if not _is_probability(row.confidence):
        yield "confidence", row.confidence, PROBABILITY
    yield from _distribution("scores", row.scores, row.predicted, max(row.scores.values(), default=1.0), how)
    if row.chances is not None:
        # Nothing without a chance is drawn.
        yield from _distribution("chances", row.chances, row.predicted, math.ulp(0.0), how)


def _distribution(
    name: str, values: dict[str, float], predicted: str, least: float, how: Derivation
) -> Iterator[Finding]:
    """Probabilities of other domains, outside [0, 1], or with another sum than 1; and a predicted domain that
    has less than `least`."""
    if sorted(values) != sorted(how.classes):
        yield name, ", ".join(sorted(values)), ", ".join(how.classes)
        return
    wrong = [value for value in values.values() if not _is_probability(value)]
    if wrong:
        yield name, wrong[0], PROBABILITY
        return
    total = math.fsum(values.values())
    if abs(total - 1) > SUM_TOLERANCE:
        yield f"sum of {name}", total, 1.0
    if values[predicted] < least:
        yield "predicted", predicted, max(values, key=values.__getitem__)


def _is_probability(value: float) -> bool:
    """False of what is not a number, too; float32 may round beyond 0 and 1."""
    return -ROUNDING <= value <= 1 + ROUNDING


def _question(row: Prediction, how: Derivation) -> Iterator[Finding]:
    if not (0 < row.weight < math.inf):
        yield "weight", row.weight, "a number above 0"
    if row.label is not None and row.label not in how.classes:
        yield "label", row.label, ", ".join(how.classes)
    if row.labels is not None and (row.label not in row.labels or row.labels != sorted(set(row.labels))):
        yield "labels", ", ".join(row.labels), f"a sorted list with {row.label}"
    for model, quality in (row.outcomes or {}).items():
        if not 0 <= quality <= 1:
            yield "outcomes", f"{model} {quality}", PROBABILITY
    if row.changed and not {*row.changed.values()} <= {*how.classes}:
        yield "changed", ", ".join(sorted({*row.changed.values()} - {*how.classes})), ", ".join(how.classes)


def _answers(row: Prediction, how: Derivation, has_zeros: bool) -> Iterator[Finding]:
    """The expert that the policy chooses, its answer among those of all, and ROUGE of that answer."""
    policy, answers = how.policy, row.answers or {}
    expert = choose(row.predicted, score_of(row, policy), policy.threshold, policy.fallback)
    if row.expert != expert:
        yield "expert", row.expert, expert
    unknown = sorted({*answers} - {*how.classes, BASE})
    if unknown:
        yield "answers", ", ".join(unknown), ", ".join([*how.classes, BASE])
    text = None if expert is None else answers.get(expert)
    if row.answer != text:
        yield "answer", row.answer, text
    scored: dict[str, float] = {}
    if row.reference and row.label is not None and (has_zeros or expert is not None):
        scored = rouge_of(row.reference, experts_of(row, policy), answers)
    for name in ROUGE:
        if not same(getattr(row, name), scored.get(name)):
            yield name, getattr(row, name), scored.get(name)
