"""Growth of one router: measure point after point, and write `growth.json` after each."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from benchmarks.assets.packages import check_extras
from benchmarks.assets.weights import LocalWeights, router_spec
from benchmarks.config import checked, flat, recordable
from benchmarks.datasets.load import load_dataset
from benchmarks.errors import BadInput, WorkerError
from benchmarks.experiment.serve import measure_reference
from benchmarks.growth.figures import figures, with_exponents
from benchmarks.growth.plan import Plan, Planned, defaults, how_made, make_plan, missing_of, word_sizes
from benchmarks.growth.point import Subject, measure_point
from benchmarks.records.provenance import provenance
from benchmarks.settings import Grow
from benchmarks.workers.launch import Workers
from reports.growth.files import read_growth, write_growth
from reports.growth.model import Axis, Growth, Point
from reports.reasons import Reason
from reports.record import Unscored, WeightsUsed
from routers.base import Router, build

# Called with the growth so far, and an axis whose points have all been tried.
AxisDone = Callable[[Growth, Axis], None]
# Keys that may differ between two starts into one folder: no point depends on them.
LEFT_OUT = {
    "folder",
    "grow.axes",
    *(f"grow.{axis}" for axis in Axis),
    # It limits which points are planned; `_difference` compares `domain_questions`, which it limits as well.
    "grow.most_texts",
    # Of a run alone, which times the chosen router and the baselines in different numbers of rounds.
    "measure.baseline_rounds",
    "measure.precision",
    "measure.budget",
}


def grow(config: DictConfig, workers: Workers | None = None, axis_done: AxisDone | None = None) -> Growth:
    """Measure the points that the folder lacks, and write the growth after each.

    A point that cannot be measured is written with its reason; the next start into the folder tries it again.

    Raises:
        BadInput: data or weights are missing, the folder has the growth of something else, or nothing can be
            measured.
    """
    settings: Grow = checked(config)
    folder = Path(settings.folder)
    subject, begun = _prepare(settings, recordable(config))
    plan = make_plan(settings, build(subject.spec), begun.made)
    if not plan.points:
        raise BadInput(f"nothing can be measured: {_reasons(plan.not_measured, plan.refused)}")
    growth = _continued(read_growth(folder), begun, plan, folder)
    todo = missing_of(plan, growth.points)
    reference = _reference_rss(settings, workers) if todo else 0
    for number, planned in enumerate(todo):
        title = f"{planned.axis}={planned.value:,} ({number + 1} of {len(todo)})"
        point = _measured(subject, planned, reference, title, workers, settings)
        point = replace(point, commit=begun.provenance.git.commit)
        growth = with_exponents(_with_points(growth, [point]))
        write_growth(growth, folder)
        if axis_done and planned.axis not in {later.axis for later in todo[number + 1 :]}:
            axis_done(growth, planned.axis)
    if all(point.missing for point in growth.points):
        raise BadInput(f"no point could be measured: {_reasons([], growth.points)}")
    growth = with_exponents(growth)
    write_growth(growth, folder)
    return growth


def _prepare(settings: Grow, config: dict[str, Any]) -> tuple[Subject, Growth]:
    """Check data, weights and router; return what all points share, and the growth without points."""
    check_extras(settings.router)
    weights: dict[str, LocalWeights] = {}
    spec = router_spec(settings.router, weights)
    router = build(spec)
    if not isinstance(router, Router):
        raise BadInput(f"router._target_={spec['_target_']} is not a routers.base.Router")
    dataset = load_dataset(settings.dataset)
    made = how_made(settings, spec, router, dataset)
    size = word_sizes(spec)
    subject = Subject(spec, weights, dataset, settings.measure, settings.seed, made.queries, size)
    used = WeightsUsed({one.name: one.sha256 for one in weights.values()})
    begun = Growth(
        router=config["router"]["name"],
        config=config,
        provenance=provenance(dataset, settings.seed, settings.measure.threads, used),
        confidence=settings.statistics.confidence,
        made=made,
        axes=[Axis(name) for name in settings.grow.axes],
        defaults=defaults(settings, dataset, made, size),
    )
    return subject, begun


def _reference_rss(settings: Grow, workers: Workers | None) -> int:
    found = measure_reference(settings.measure, workers or Workers(settings.measure.threads))
    # It is None only with measure.enabled=false, which the settings refuse.
    assert found is not None
    return found


def _reasons(axes: Sequence[Unscored], points: Sequence[Point]) -> str:
    missing = [*axes, *(point.missing for point in points if point.missing)]
    return "; ".join(dict.fromkeys(f"{one.name}: {one.sentence}" for one in missing))


def _measured(
    subject: Subject,
    planned: Planned,
    reference_rss: int,
    title: str,
    workers: Workers | None,
    settings: Grow,
) -> Point:
    """The point, or the reason why there is none."""
    axis, value, sizes = planned
    own = workers or Workers(sizes.threads)
    try:
        fitting, serving = measure_point(subject, sizes, reference_rss, title, own)
    except (WorkerError, BadInput) as error:
        reason = Reason.PROCESS_ENDED if isinstance(error, WorkerError) else Reason.REFUSED
        return Point(axis, value, missing=Unscored(axis, reason, str(value), {"error": str(error)}))
    metrics = figures(serving, fitting, settings.statistics, settings.seed)
    return Point(axis, value, fitting=fitting, serving=serving, metrics=metrics)


def _with_points(growth: Growth, points: Sequence[Point]) -> Growth:
    """The growth with these points, each in place of an earlier one."""
    places = {point.place for point in points}
    others = [one for one in growth.points if one.place not in places]
    return replace(growth, points=[*others, *points])


def _continued(found: Growth | None, begun: Growth, plan: Plan, folder: Path) -> Growth:
    """The growth of the folder, or `begun`, with the axes of both starts and the refusals of the plan.

    A point that was measured stays, even where the plan refuses it.

    Raises:
        BadInput: the folder's growth has another router, other data, other settings or another machine.
    """
    growth = replace(begun, not_measured=plan.not_measured)
    if found:
        differing = _difference(found, begun)
        if differing:
            raise BadInput(
                f"{folder} has a growth with another {differing}, and points of both do not compare; choose "
                "another folder=…"
            )
        axes = [*found.axes, *(axis for axis in begun.axes if axis not in found.axes)]
        reasons = [one for one in found.not_measured if one.name not in begun.axes]
        not_measured = [*reasons, *plan.not_measured]
        growth = replace(begun, axes=axes, not_measured=not_measured, points=found.points)
    measured = {point.place for point in growth.points if point.missing is None}
    return _with_points(growth, [point for point in plan.refused if point.place not in measured])


def _difference(found: Growth, begun: Growth) -> str | None:
    """Name of the first setting or condition of the points that differs."""
    one, other = flat(found.config), flat(begun.config)
    # The user's own keys before those that follow them.
    for key in sorted({*one, *other} - LEFT_OUT, key=lambda name: (name.count("."), name)):
        if one.get(key) != other.get(key):
            return key
    if found.on(Axis.DOMAINS) and found.made.domain_questions != begun.made.domain_questions:
        return "grow.most_texts"
    for name in ("machine", "dataset", "weights", "reference_workload"):
        if getattr(found.provenance, name) != getattr(begun.provenance, name):
            return name.replace("_", " ")
    return None
