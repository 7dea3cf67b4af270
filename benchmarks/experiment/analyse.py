"""Choose the threshold of a served router, and look into what the settings ask for besides."""

from dataclasses import dataclass, field, replace

from benchmarks.datasets.base import Dataset
from benchmarks.experiment.cascade_check import check_cascade
from benchmarks.experiment.fit import Fitted
from benchmarks.experiment.learning_curve import learning_curve
from benchmarks.experiment.robustness import flipped_examples, serve_changed
from benchmarks.experiment.serve import Served
from benchmarks.experiment.spec import RunSpec
from benchmarks.experiment.thresholds import choose_thresholds
from benchmarks.workers.launch import Workers
from common.settings import Policy
from reports.record import Analyses, Prediction, Unscored
from routers.base import build
from routers.cascade import CascadeRouter


@dataclass(frozen=True)
class Analysed:
    """A served router with its policy.

    Attributes:
        rows: those that were served, with the decisions on changed questions where they were asked.
        policy: with its threshold, also where that was chosen on held-out questions.
        has_threshold: whether the policy has a threshold at all; one that was chosen may be 0.
        unscored: why a threshold could not be chosen.
    """

    rows: list[Prediction]
    policy: Policy
    has_threshold: bool
    analyses: Analyses
    unscored: list[Unscored] = field(default_factory=list)


def analyse(spec: RunSpec, fitted: Fitted, served: Served, dataset: Dataset, workers: Workers) -> Analysed:
    """Choose the policy's threshold if asked; check a cascade; test robustness and draw a learning curve if
    asked."""
    settings, seed = spec.settings, spec.settings.seed
    rows, policy, context = served.rows, settings.policy, settings.policy.conversation
    analyses = Analyses(tuning=fitted.tuning, learned=fitted.fitting.learned)
    has_threshold, unscored = bool(policy.threshold), []
    if fitted.holds_out:
        chosen = choose_thresholds(
            fitted.folder, rows, policy, settings.statistics, seed, workers, must_reach=spec.full
        )
        policy, has_threshold, unscored = chosen.policy, chosen.has_threshold, chosen.unscored
        analyses = replace(analyses, thresholds=chosen.results)
    if spec.full and not fitted.untrained and isinstance(build(fitted.uncalibrated_spec), CascadeRouter):
        cascade = check_cascade(spec.name, fitted.folder, rows, context, settings.statistics, seed, workers)
        analyses = replace(analyses, cascade=cascade)
    if spec.full and settings.robustness:
        rows = serve_changed(spec.name, fitted.folder, rows, dataset.classes, context, workers, seed)
        analyses = replace(analyses, flipped=flipped_examples(rows, seed))
    if spec.full and settings.learning_curve:
        sizes, draws = settings.learning_curve_sizes, settings.learning_curve_draws
        points = learning_curve(
            spec.name, fitted.uncalibrated_spec, dataset, sizes, draws, context, workers, seed
        )
        analyses = replace(analyses, learning_curve=points)
    return Analysed(rows, policy, has_threshold, analyses, unscored)
