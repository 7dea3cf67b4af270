"""A result against the data that it says it was made from, where that is there."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from benchmarks.datasets.base import Dataset, Example
from benchmarks.datasets.leakage import leaks_by_words
from benchmarks.datasets.load import load_dataset
from benchmarks.errors import BadInput
from benchmarks.experiment.run import few
from benchmarks.records.provenance import dataset_used
from benchmarks.verify.configuration import DataPlaces, dataset_arguments
from benchmarks.verify.rows import OURS, loader
from benchmarks.verify.same import same
from benchmarks.verify.sections import KINDS_OF_LEAKS
from common.errors import UserError
from common.typed_json import to_json
from reports.reasons import Reason
from reports.record import ALL, Leakage, Likeness, Prediction, Record
from reports.record_files import RecordError, Result
from reports.verification import Checked, Difference, Kind, Missing, NotDerived

OF_QUESTION = ("query", "label", "slice", "labels", "weight", "outcomes", "history", "dialogue")

# Schema of the first records with the slices of their training questions.
SLICES_OF_TRAINING = 5


def check_data(result: Result, places: DataPlaces) -> Checked:
    """Rows against the test questions, and splits, prices and dropped questions against the rest, of data
    files with the checksums that the record has.

    Only loaders of ours are called: a record can name any function.

    Raises:
        RecordError: the user named other files than the record has.
        BadInput: the user named files that cannot be read.
    """
    record = result.record
    if not loader(record).startswith(OURS):
        return _not_derived(Reason.OTHER_LOADER)
    try:
        arguments = dataset_arguments(result, places)
        if arguments.get("hub") is not None and not places.given:
            return _not_derived(Reason.ON_HUB)
        dataset = load_dataset(arguments)
    except (UserError, OSError, ImportError, AttributeError, TypeError, ValueError) as error:
        # Another version may have had another loader, with other arguments.
        if places.given:
            # Of the other folders it would be as wrong.
            raise BadInput(f"--data, for {result.folder}: {error}") from error
        return _not_derived(Reason.REFUSED, error=str(error))
    if dataset.files != record.provenance.dataset.files:
        other = _other_file(dataset.files, record.provenance.dataset.files)
        if places.given:
            raise RecordError(f"{result.folder}: --data is not its data: {other.reason}")
        return Checked([], [other])
    differences = [*_of_rows(result.predictions, dataset), *_of_record(record, dataset)]
    return Checked(differences, [])


def _not_derived(why: Reason, **details: str) -> Checked:
    return Checked([], [NotDerived(Missing.DATA, why, details)])


def _other_file(found: dict[str, str], recorded: dict[str, str]) -> NotDerived:
    name = next(name for name in sorted({*found, *recorded}) if found.get(name) != recorded.get(name))
    if name in found and name in recorded:
        sides = {"found": found[name], "recorded": recorded[name]}
        return NotDerived(Missing.DATA, Reason.OTHER_FILE, {"file": name, **sides})
    side = "record" if name in recorded else "data"
    return NotDerived(Missing.DATA, Reason.ONE_SIDE, {"file": name, "side": side})


def _of_rows(rows: list[Prediction], dataset: Dataset) -> Iterator[Difference]:
    tested = {example.id: example for example in dataset.test}
    there = {row.id for row in rows}
    for row in rows:
        example = tested.get(row.id)
        if example is None:
            yield Difference(Kind.DATA, "id", row.id, "value", row.id)
            continue
        for name, value in _expected(row, example).items():
            if not same(getattr(row, name), value):
                yield Difference(Kind.DATA, name, row.id, "value", getattr(row, name), value)
    for identity in tested.keys() - there:
        yield Difference(Kind.DATA, "id", identity, "value", None, identity)
    if len(rows) != len(dataset.test):
        yield Difference(Kind.DATA, "rows", ALL, "number", len(rows), len(dataset.test))


def _expected(row: Prediction, example: Example) -> dict[str, Any]:
    """Fields of a row that are the data set's."""
    found: dict[str, Any] = {name: getattr(example, name) for name in OF_QUESTION}
    found["labels"], found["history"] = list(example.labels) or None, list(example.history) or None
    found["outcomes"] = None if example.outcomes is None else dict(example.outcomes)
    # An answer to compare with is there where experts were asked.
    if row.answers or (row.answers is not None and row.label is None):
        found["reference"] = example.reference
    return found


def _of_record(record: Record, dataset: Dataset) -> Iterator[Difference]:
    """Splits without the questions that were dropped as leaks, and what the data set says of its models."""
    leakage = record.analyses.leakage
    dropped = set(leakage.dropped_ids) if leakage else set()
    kept = replace(
        dataset, train=_without(dataset.train, dropped), validation=_without(dataset.validation, dropped)
    )
    n_dropped = len(dataset.train) + len(dataset.validation) - len(kept.train) - len(kept.validation)
    kept = few(kept, record.config.get("train_per_domain"), record.derivation.seed)
    recorded, derived = to_json(record.provenance.dataset), to_json(dataset_used(kept))
    if record.schema_version < SLICES_OF_TRAINING:
        for part in (derived.get("train"), derived.get("validation")):
            if part:
                part["by_slice"] = {}
    pairs: list[tuple[str, Any, Any]] = [
        (f"provenance.dataset.{name}", recorded.get(name), derived.get(name))
        for name in ("train", "validation", "test")
    ]
    pairs.append(("derivation.prices", record.derivation.prices, dict(dataset.prices)))
    if leakage:
        pairs.append(("analyses.leakage.dropped", leakage.dropped, n_dropped))
        if leakage.mode != "off" and record.schema_version >= KINDS_OF_LEAKS:
            pairs += _leaks(leakage, dataset)
    sample = record.sample
    if sample:
        of = sum(one.label is not None and bool(one.reference) for one in dataset.test)
        pairs.append(("timings.experts.sample.of", sample.of, of))
    for name, one, other in pairs:
        if not same(one, other):
            yield Difference(Kind.DATA, name, ALL, "value", one, other)


def _leaks(leakage: Leakage, dataset: Dataset) -> Iterator[tuple[str, Any, Any]]:
    """Pairs by kind, and questions that they drop, of the kinds that need no encoder."""
    found = leaks_by_words(dataset)
    recorded = {kind: number for kind, number in leakage.kinds.items() if kind != Likeness.MEANING}
    yield "analyses.leakage.kinds", recorded, dict(Counter(leak.kind.value for leak in found))
    if leakage.mode == "drop":
        ids = {leak.learned.id for leak in found}
        yield "analyses.leakage.dropped_ids", sorted(ids & {*leakage.dropped_ids}), sorted(ids)


def _without(examples: list[Example], ids: set[str]) -> list[Example]:
    return [example for example in examples if example.id not in ids]
