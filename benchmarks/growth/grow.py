"""Growth of one router: every point of every axis, alone, into one file that grows with it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig

from benchmarks.assets.packages import check_extras
from benchmarks.assets.weights import LocalWeights, router_spec
from benchmarks.config import checked, recordable
from benchmarks.datasets.base import Dataset
from benchmarks.datasets.load import load_dataset
from benchmarks.errors import BadInput, WorkerError
from benchmarks.experiment.serve import measure_reference
from benchmarks.growth.figures import figures, with_exponents
from benchmarks.growth.plan import (
    Planned,
    defaults,
    how_made,
    make_plan,
    missing_of,
    word_sizes,
)
from benchmarks.growth.point import Subject, measure_point
from benchmarks.records.provenance import provenance
from benchmarks.settings import Grow
from benchmarks.workers.launch import Workers
from reports.growth.files import read_growth, write_growth
from reports.growth.model import Axis, Growth, Point
from reports.reasons import Reason
from reports.record import Unscored, WeightsUsed
from routers.base import Router, build

# Gets the growth so far, and the axis of which every point has been tried.
AxisDone = Callable[[Growth, Axis], None]
# Keys that may differ between two starts into one folder.
LEFT_OUT = {"folder", "grow.axes", *(f"grow.{axis}" for axis in Axis)}


class Prepared(NamedTuple):
    """What a start needs before it measures; `begun` is the growth without points."""

    spec: dict[str, Any]
    weights: dict[str, LocalWeights]
    dataset: Dataset
    word_size: Callable[[str], int]
    begun: Growth


def grow(config: DictConfig, workers: Workers | None = None, axis_done: AxisDone | None = None) -> Growth:
    """Measure what is not yet in the folder, point after point, each written as soon as it is there.

    A point that cannot be measured says why, and is tried again by the next start into the folder.

    Raises:
        BadInput: data or weights are missing, the folder has the growth of something else, or nothing can be
            measured.
    """
    settings: Grow = checked(config)
    folder = Path(settings.folder)
    prepared = _prepare(settings, recordable(config))
    plan = make_plan(settings, build(prepared.spec), prepared.begun.made)
    if not plan.points:
        raise BadInput(f"nothing can be measured: {_reasons(plan.not_measured, plan.refused)}")
    growth = replace(_continued(read_growth(folder), prepared.begun, folder), not_measured=plan.not_measured)
    for point in plan.refused:
        growth = with_point(growth, point)
    todo = missing_of(plan, growth.points)
    if todo:
        subject = _subject(prepared, settings, workers or Workers(settings.measure.threads))
    for number, planned in enumerate(todo):
        title = f"{planned.axis}={planned.value:,} ({number + 1} of {len(todo)})"
        point = _measured(subject, planned, title, workers, settings)
        growth = with_exponents(with_point(growth, point))
        write_growth(growth, folder)
        if axis_done and planned.axis not in {later.axis for later in todo[number + 1 :]}:
            axis_done(growth, planned.axis)
    if all(point.missing for point in growth.points):
        raise BadInput(f"no point could be measured: {_reasons([], growth.points)}")
    growth = with_exponents(growth)
    write_growth(growth, folder)
    return growth


def _prepare(settings: Grow, config: dict[str, Any]) -> Prepared:
    """Data, weights and router, checked."""
    check_extras(settings.router)
    weights: dict[str, LocalWeights] = {}
    spec = router_spec(settings.router, weights)
    router = build(spec)
    if not isinstance(router, Router):
        raise BadInput(f"router._target_={spec['_target_']} is not a routers.base.Router")
    dataset = load_dataset(settings.dataset)
    made = how_made(settings, spec, router, dataset)
    word_size = word_sizes(spec)
    used = WeightsUsed({one.name: one.sha256 for one in weights.values()})
    begun = Growth(
        router=config["router"]["name"],
        config=config,
        provenance=provenance(dataset, settings.seed, settings.measure.threads, used),
        confidence=settings.statistics.confidence,
        made=made,
        axes=[Axis(name) for name in settings.grow.axes],
        defaults=defaults(settings, dataset, made, word_size),
    )
    return Prepared(spec, weights, dataset, word_size, begun)


def _subject(prepared: Prepared, settings: Grow, workers: Workers) -> Subject:
    reference = measure_reference(settings.measure, workers)
    # It is None only where nothing is measured, which the settings refuse.
    assert reference is not None
    begun = prepared.begun
    return Subject(
        spec=prepared.spec,
        weights=prepared.weights,
        dataset=prepared.dataset,
        measure=settings.measure,
        seed=settings.seed,
        n_queries=begun.made.queries,
        word_size=prepared.word_size,
        reference_rss=reference,
        commit=begun.provenance.git.commit,
    )


def _reasons(axes: Sequence[Unscored], points: Sequence[Point]) -> str:
    missing = [*axes, *(point.missing for point in points if point.missing)]
    return "; ".join(dict.fromkeys(f"{one.name}: {one.sentence}" for one in missing))


def _measured(
    subject: Subject, planned: Planned, title: str, workers: Workers | None, settings: Grow
) -> Point:
    """The point, or why there is none."""
    axis, value, sizes = planned
    own = workers or Workers(sizes.threads)
    try:
        fitting, serving = measure_point(subject, sizes, title, own)
    except (WorkerError, BadInput) as error:
        reason = Reason.PROCESS_ENDED if isinstance(error, WorkerError) else Reason.REFUSED
        return Point(
            axis, value, subject.commit, missing=Unscored(axis, reason, str(value), {"error": str(error)})
        )
    metrics = figures(serving, fitting, settings.statistics, settings.seed)
    return Point(axis, value, subject.commit, fitting, serving, metrics)


def with_point(growth: Growth, point: Point) -> Growth:
    """The growth with the point, in the place of an earlier one."""
    others = [one for one in growth.points if (one.axis, one.value) != (point.axis, point.value)]
    return replace(growth, points=[*others, point])


def _continued(found: Growth | None, begun: Growth, folder: Path) -> Growth:
    """The growth to go on with: `begun`, with the points that the folder has, and their axes.

    Raises:
        BadInput: those are of another router, other data, other settings or another machine.
    """
    if found is None:
        return begun
    differing = _difference(found, begun)
    if differing:
        raise BadInput(
            f"{folder} has a growth with another {differing}, and points of both do not compare; choose "
            "another folder=…"
        )
    axes = [*found.axes, *(axis for axis in begun.axes if axis not in found.axes)]
    return replace(begun, axes=axes, points=found.points)


def _difference(found: Growth, begun: Growth) -> str | None:
    """Name of the first thing that the points of two starts depend on and that differs."""
    one, other = _settings(found.config), _settings(begun.config)
    # The user's own keys before those that follow them.
    for key in sorted({*one, *other}, key=lambda name: (name.count("."), name)):
        if one.get(key) != other.get(key):
            return key
    for name in ("machine", "dataset", "weights", "reference_workload"):
        if getattr(found.provenance, name) != getattr(begun.provenance, name):
            return name.replace("_", " ")
    return None


def _settings(config: Any, prefix: str = "") -> dict[str, Any]:
    """Values by their whole key, without the folder and the values of the axes."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            found |= _settings(value, f"{name}.")
        elif name not in LEFT_OUT:
            found[name] = value
    return found
