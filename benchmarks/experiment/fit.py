"""Fit a router in a process of its own, or take it from the cache where fitting is expensive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.assets.weights import LocalWeights, router_spec
from benchmarks.datasets.base import Dataset, Example, by_content
from benchmarks.errors import BadInput
from benchmarks.experiment.fit_batch import lessons_of
from benchmarks.experiment.spec import RunSpec
from benchmarks.experiment.thresholds import held_out_examples, holds_out, with_thresholds
from benchmarks.experiment.tune import tune
from benchmarks.measure.memory import peak_rss
from benchmarks.workers.launch import Workers
from common.files import atomic_dir, cache_dir, cached_dir, digest, read_json, write_json
from common.progress import say
from common.typed_json import from_json, to_json
from reports.record import Fitting, Tuning, WeightsUsed
from routers.base import FORMAT_VERSION, Lessons, Router, RouterError, build
from routers.vector_cache import kept_vectors, vectors_folder

FITTING = "fit.json"
ROUTER = "router"


@dataclass(frozen=True)
class Fitted:
    """A fitted router.

    Attributes:
        folder: where it is saved.
        uncalibrated_spec: its settings, without the calibration around it.
        holds_out: True when questions were held out to choose thresholds on.
        fitting: what fitting took.
        pretrained: weights that it was built from.
    """

    folder: Path
    uncalibrated_spec: dict[str, Any]
    family: str
    holds_out: bool
    fitting: Fitting
    weights: WeightsUsed
    tuning: Tuning | None = None
    pretrained: tuple[LocalWeights, ...] = ()

    @property
    def untrained(self) -> list[str]:
        """Names of the weights with random values that it was built from: its choices mean nothing."""
        return [one.name for one in self.pretrained if one.is_untrained]


@dataclass(frozen=True)
class FitJob:
    """A router to fit and save.

    Attributes:
        held_out: queries and labels that a router calibrates itself on; None where it takes a part of the
            training questions.
        vectors: folder to find sentence vectors in, which makes the time of fitting mean nothing.
    """

    spec: dict[str, Any]
    lessons: Lessons
    folder: str
    held_out: tuple[list[str], list[str]] | None = None
    vectors: str | None = None


def fit(spec: RunSpec, dataset: Dataset, folder: Path, workers: Workers) -> Fitted:
    """Tune the router if asked, and fit it on the training questions.

    Raises:
        BadInput: weights are missing, or it cannot be fitted.
    """
    settings = spec.settings
    weights: dict[str, LocalWeights] = {}
    router = router_spec(spec.router, weights)
    if names := [one.name for one in weights.values() if one.is_untrained]:
        _refuse_quality(spec, names)
    tuning = None
    if spec.full and settings.tune:
        router, tuning = tune(spec.name, router, dataset.train, workers, settings.seed)
    calibrated = with_thresholds(
        router, settings.calibration, settings.held_out, settings.policy, settings.seed
    )
    vectors = None if settings.measure.enabled else str(vectors_folder())
    saved, fitting = fit_router(
        calibrated, dataset, weights, folder, workers, f"{spec.name}: fitting", vectors, anew=spec.anew
    )
    used = WeightsUsed({one.name: one.sha256 for one in weights.values()}, fitting.weights_sha256)
    family = build(router).family
    pretrained = tuple(weights.values())
    if any(one.is_untrained for one in pretrained):
        # What a router learns may be an accuracy, such as that of the better of two.
        fitting = replace(fitting, learned={})
    return Fitted(saved, router, family, holds_out(calibrated), fitting, used, tuning, pretrained)


def _refuse_quality(spec: RunSpec, untrained: Sequence[str]) -> None:
    """Raises BadInput for settings that ask how good a router is, which untrained weights do not show."""
    settings = spec.settings
    asked = {
        "tune=true": settings.tune,
        f"calibration={settings.calibration}": settings.calibration != "none",
        "policy.coverage and policy.accuracy": settings.policy.is_chosen,
        "robustness=true": settings.robustness,
        "learning_curve=true": settings.learning_curve,
    }
    if wanted := [setting for setting, is_set in asked.items() if is_set and spec.full]:
        raise BadInput(
            f"{spec.name} runs on untrained weights ({', '.join(untrained)}), whose quality is not scored; "
            f"leave out {', '.join(wanted)}"
        )


def fit_router(
    spec: dict[str, Any],
    dataset: Dataset,
    weights: Mapping[str, LocalWeights],
    folder: Path,
    workers: Workers,
    title: str,
    vectors: str | None = None,
    *,
    anew: bool = False,
) -> tuple[Path, Fitting]:
    """Fit `spec` and return the saved router's folder and what fitting took.

    Expensive routers are kept in the cache under a key of weights, data and settings, with the time and
    memory that they took then; `anew` neither reads nor writes it.
    """
    held_out = by_content(held_out_examples(dataset)) if holds_out(spec) else []
    lessons = lessons_of(by_content(dataset.train))
    fitted = False

    def fit_into(target: Path) -> None:
        nonlocal fitted
        fitted = True
        job = FitJob(spec, lessons, str(target / ROUTER), _queries_and_labels(held_out), vectors)
        write_json(target / FITTING, to_json(workers.run(fit_and_save, job, title)))

    if anew or not build(spec).fit_is_expensive:
        with atomic_dir(folder) as work:
            fit_into(work)
        return folder / ROUTER, from_json(read_json(folder / FITTING), Fitting)
    target = cache_dir() / "routers" / _key(spec, lessons, held_out, weights)
    cached_dir(target, fit_into, say=say)
    fitting = from_json(read_json(target / FITTING), Fitting)
    return target / ROUTER, replace(fitting, from_cache=not fitted)


def fit_and_save(job: FitJob) -> Fitting:
    """Build a router from its spec, fit it and save it, in this process."""
    router = build(job.spec)
    if not isinstance(router, Router):
        raise RouterError(f"{job.spec.get('_target_')} is not a routers.base.Router")
    router.load_pretrained()
    lessons = job.lessons
    held_out = {} if job.held_out is None else {"held_out": job.held_out}
    start = perf_counter()
    with kept_vectors(job.vectors):
        router.fit(lessons.queries, lessons.labels, lessons.ids, lessons.outcomes, **held_out)
    seconds = perf_counter() - start
    router.save(Path(job.folder))
    fitting = Fitting(seconds, peak_rss(), router.weights_sha256(), router.facts())
    # Asked once everything was timed: long questions are tokenised for it.
    fitting = replace(fitting, cut_questions=sum(map(router.is_cut, lessons.queries)))
    if router.training_skipped:
        fitting = replace(fitting, training_skipped=True)
    if job.vectors is not None:
        fitting = replace(fitting, train_seconds=0, train_peak_rss_bytes=0, untimed=True)
    return fitting


def _queries_and_labels(examples: Sequence[Example]) -> tuple[list[str], list[str]] | None:
    if not examples:
        return None
    return [example.query for example in examples], [str(example.label) for example in examples]


def _key(
    spec: dict[str, Any],
    lessons: Lessons,
    held_out: Sequence[Example],
    weights: Mapping[str, LocalWeights],
) -> str:
    """Digest of everything that the fitted router depends on, where it reads its weights included."""
    content = {
        "format": FORMAT_VERSION,
        "settings": spec,
        "weights": {folder: found.sha256 for folder, found in weights.items()},
        "data": {**to_json(lessons), "held_out": _queries_and_labels(held_out)},
    }
    return digest(content)[:32]
