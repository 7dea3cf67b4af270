"""A result made again: the router fitted and served anew, the experts asked anew, and all of it compared."""

import tempfile
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.errors import WorkerError
from benchmarks.experiment.evaluate import Evaluated
from benchmarks.experiment.run import run_routers
from benchmarks.experiment.spec import RunSpec, run_spec
from benchmarks.measure.latency import Measure
from benchmarks.schema import LocalExperts, NoExperts
from benchmarks.verify.comparisons import is_baseline
from benchmarks.verify.configuration import DataPlaces, configuration
from benchmarks.verify.same import FITTED, same
from benchmarks.workers.launch import Workers
from common.errors import UserError
from common.typed_json import to_json
from reports.reasons import Reason
from reports.record import ALL, SCHEMA_VERSION, Prediction, Record
from reports.record_files import Result
from reports.verification import Checked, Difference, Kind, Missing, NotDerived

# What a router says of a question; its best domain follows from the scores.
OF_ROUTER = ("scores", "confidence", "expected", "sent_on", "chances", "cut", "changed")


def check_again(result: Result, places: DataPlaces, workers: Workers | None = None) -> Checked:
    """Fit, serve and analyse the router again from the record's configuration, in fresh processes as `run`
    does, with local experts answering anew; and compare rows, policy and analyses.

    Speed and memory are not compared. What the configuration names is run, programs included. A record of an
    older schema is not made again: routers were fitted and thresholds chosen otherwise then.
    """
    version = result.record.schema_version
    if version < SCHEMA_VERSION:
        return Checked([], [NotDerived(Missing.NOT_REPEATED, Reason.OLDER_SCHEMA, {"version": version})])
    try:
        made = _made_again(result, places, workers)
    except (UserError, WorkerError) as error:
        return Checked([], [NotDerived(Missing.NOT_REPEATED, Reason.REFUSED, {"error": str(error)})])
    differences = [*_of_rows(result.predictions, made.predictions), *_of_record(result.record, made.record)]
    were, are = (any(row.answers for row in rows) for rows in (result.predictions, made.predictions))
    return Checked(differences, [NotDerived(Missing.ANSWERS)] if were and not are else [])


def _made_again(result: Result, places: DataPlaces, workers: Workers | None) -> Evaluated:
    spec = _spec(result, places)
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        return run_routers({spec.name: spec}, {spec.name: Path(scratch)}, workers)[spec.name]


def _spec(result: Result, places: DataPlaces) -> RunSpec:
    """Spec of a run that takes nothing from the cache which it is to find out, and times next to nothing."""
    spec = run_spec(configuration(result, places))
    settings, found = spec.settings, result.record.analyses
    experts = settings.experts
    if isinstance(experts, LocalExperts):
        experts = copy(experts)
        experts.use_cache = False
    elif not isinstance(experts, NoExperts):
        # It would cost, and answer otherwise.
        experts = NoExperts()
    looked_into = bool(found.tuning or found.cascade or found.flipped or found.learning_curve)
    return replace(
        spec,
        settings=replace(settings, measure=_measure(settings.measure, result.record), experts=experts),
        full=looked_into or not is_baseline(result.record),
        anew=True,
    )


def _measure(settings: Measure, record: Record) -> Measure:
    """Served in the batches of a run that was measured: activations rounded to int8 depend on the batch."""
    trained = record.timings.trained
    was_measured = record.timings.served is not None and not (trained and trained.untimed)
    return replace(
        settings,
        enabled=was_measured,
        warmup=0,
        min_queries=1,
        rounds=1,
        baseline_rounds=1,
        budget=0,
        min_batches=1,
    )


def _of_rows(rows: list[Prediction], made: list[Prediction]) -> Iterator[Difference]:
    again = {row.id: row for row in made}
    if len(again) != len(made):
        # Ids that occur twice are told apart by their order.
        again = {row.id: other for row, other in zip(rows, made, strict=False)}
    for row in rows:
        other = again.get(row.id)
        if other is None:
            yield Difference(Kind.AGAIN, "id", row.id, "value", row.id)
            continue
        for name in OF_ROUTER:
            pair = getattr(row, name), getattr(other, name)
            if not same(*pair, FITTED):
                yield Difference(Kind.AGAIN, name, row.id, "value", *_shown(*pair))
        if other.answers and row.answers != other.answers:
            yield Difference(Kind.AGAIN, "answers", row.id, "value", *_shown(row.answers, other.answers))


def _shown(one: Any, other: Any) -> tuple[Any, Any]:
    """The first parts that differ of two mappings; else both as they are."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return one, other
    keys = [key for key in {**one, **other} if not same(one.get(key), other.get(key), FITTED)]
    key = next(iter(keys), "")
    return f"{key} {one.get(key)}", f"{key} {other.get(key)}"


def _of_record(record: Record, made: Record) -> Iterator[Difference]:
    recorded, again = (_parts(one) for one in (record, made))
    for name in {**recorded, **again}:
        if not same(recorded.get(name), again.get(name), FITTED):
            yield Difference(Kind.AGAIN, name, ALL, "value", recorded.get(name), again.get(name))


def _parts(record: Record) -> dict[str, Any]:
    """Parts of a record that do not depend on the machine or the time, by their names."""
    found = {"family": record.family, "weights": record.provenance.weights.loaded}
    for name in ("derivation", "analyses"):
        content = to_json(getattr(record, name))
        found |= {f"{name}.{part}": value for part, value in content.items()}
    found["provenance.dataset"] = to_json(record.provenance.dataset)
    return found
