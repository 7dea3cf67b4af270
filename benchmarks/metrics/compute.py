"""Every quality metric of a record, from its prediction rows and its `derivation` alone.

`run` computes them here for its record, and `verify` computes them again. Most intervals are in closed form;
all others see the same resamples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics.calibration import reliability, risk_coverage
from benchmarks.metrics.classification import confusion_matrix
from benchmarks.metrics.cost_quality import cost_curves
from benchmarks.metrics.entry import LABELLED, Draws, Floats, Missing, QualityMetric, Questions, Sample, Scope
from benchmarks.metrics.table import QUALITY
from benchmarks.stats.bootstrap import Interval, percentile_interval, resamples
from benchmarks.stats.shares import Limits
from benchmarks.stats.significance import ROUNDING
from common.settings import Policy, Statistics
from reports.metric_info import Group
from reports.reasons import Reason
from reports.record import ConfusionMatrix, Curves, Derivation, Metric, Prediction, Unscored


class Computed(NamedTuple):
    """Metrics of prediction rows, the metrics that they do not allow, and curves."""

    metrics: list[Metric]
    unscored: list[Unscored]
    confusion_matrix: ConfusionMatrix
    curves: Curves


def compute_metrics(rows: Sequence[Prediction], how: Derivation) -> Computed:
    """Every metric that the rows allow, and why others are missing; of untrained weights no metric and no
    curve.

    Raises:
        KeyError, ValueError: a row has a class that is not in `how.classes`.
    """
    questions = Questions(rows, how)
    metrics, unscored = evaluate(QUALITY, questions)
    if how.untrained:
        return Computed(metrics, unscored, ConfusionMatrix(), Curves())
    _, labelled = questions.of(LABELLED)
    curves = Curves(reliability(labelled), risk_coverage(labelled), cost_curves(questions))
    return Computed(metrics, unscored, confusion_matrix(labelled), curves)


def selective(
    rows: Sequence[Prediction], policy: Policy, statistics: Statistics, seed: int
) -> tuple[list[Metric], list[Unscored]]:
    """Figures of what a policy's threshold accepts and refuses."""
    entries = [entry for entry in QUALITY if entry.group == Group.SELECTIVE]
    return evaluate(entries, Questions(rows, Derivation([], seed, statistics, policy, refuses=True)))


@dataclass(frozen=True)
class Part:
    """An entry of the table on one slice, ready to be evaluated.

    Attributes:
        inside: the rows of the slice, alone.
        numbers: theirs among all rows (n_rows,).
        features: of these rows; see `QualityMetric`.
        variants: of a family; a single empty one otherwise.
    """

    entry: QualityMetric
    slice: str
    inside: Questions
    numbers: NDArray[np.int64]
    features: Floats
    variants: Sequence[str]

    def values(self, draws: Draws) -> Floats:
        """The statistic: (n_resamples, n_variants); NaN without rows."""
        if not self.inside.rows:
            return np.full((len(draws.weights), len(self.variants)), np.nan)
        values = self.entry.statistic(self.features, draws)
        return values.reshape(len(values), -1)

    def closed_form(self, values: Floats, sample: Sample) -> Limits | None:
        """Intervals of the values (n_variants,) in closed form; None where the bootstrap has to give them."""
        if not self.inside.rows:
            return None
        return self.entry.limits(self.features, values, sample.of(self.numbers))

    def metrics(self, values: Floats, limits: Limits | None) -> Iterator[Metric | Unscored]:
        """One a variant, of its value and its interval."""
        entry = self.entry
        counts = entry.count(self.features) if entry.count else [len(self.inside.rows)] * len(self.variants)
        for column, (variant, value, n) in enumerate(zip(self.variants, values, counts, strict=True)):
            name, slice_ = _named(entry, self.slice, variant)
            if np.isnan(value):
                missing = entry.why(self.inside, variant) if self.inside.rows else Missing(Reason.NO_ROWS)
                yield Unscored(name, missing.reason, slice_, dict(missing.details))
                continue
            known = (name, float(value), entry.unit, entry.higher_is_better, slice_, n)
            ends = (float(limits.low[column]), float(limits.high[column])) if limits else ()
            yield Metric(*known, *(() if np.isnan(ends).any() else ends))


def parts_of(entry: QualityMetric, questions: Questions) -> list[Part] | Missing:
    """The entry on each of its slices, or why it cannot be computed."""
    numbers, inside = questions.of(entry.scope)
    if not inside.rows:
        return Missing(entry.scope.empty)
    if missing := inside.of(entry.missing):
        return missing
    variants = list(entry.variants(inside)) if entry.variants else [""]
    features = inside.of(entry.features)
    parts = []
    for slice_, mask in inside.of(entry.slices).items():
        if mask.all():
            parts.append(Part(entry, slice_, inside, numbers, features, variants))
        else:
            rows = Questions([inside.rows[number] for number in np.flatnonzero(mask).tolist()], questions.how)
            parts.append(Part(entry, slice_, rows, numbers[mask], features[mask], variants))
    return parts


def evaluate(entries: Sequence[QualityMetric], questions: Questions) -> tuple[list[Metric], list[Unscored]]:
    """Metrics of those entries that apply, with their intervals, and those that cannot be computed; none of
    them can where weights are untrained."""
    parts: list[Part] = []
    found: list[Metric | Unscored] = []
    why = questions.how.why_unscored
    for entry in entries:
        if entry.applies(questions):
            ready = Missing(Reason.UNTRAINED_WEIGHTS, why) if why else parts_of(entry, questions)
            if isinstance(ready, Missing):
                found += _all_missing(entry, ready, questions)
            else:
                parts += ready
    once = values_of(parts, questions.weights, np.ones((1, len(questions.rows))))
    values = [of_all[0] for of_all in once]
    for part, own, limits in zip(parts, values, _limits(parts, values, questions), strict=True):
        found += part.metrics(own, limits)
    return (
        [one for one in found if isinstance(one, Metric)],
        [one for one in found if isinstance(one, Unscored)],
    )


def values_of(parts: Sequence[Part], weights: Floats, counts: Floats) -> list[Floats]:
    """Each part's statistic (n_resamples, n_variants), of resamples that have each row as often as `counts`
    (n_resamples, n_rows) says."""
    weighted = counts * weights if (weights != 1).any() else counts
    shared: dict[tuple[Scope, str], Draws] = {}
    values = []
    for part in parts:
        key = (part.entry.scope, part.slice)
        if key not in shared:
            whole = len(part.numbers) == weighted.shape[1]
            drawn = weighted if whole else weighted[:, part.numbers]
            shared[key] = Draws(drawn, part.inside.how.seed)
        values.append(part.values(shared[key]))
    return values


def _limits(parts: Sequence[Part], values: Sequence[Floats], questions: Questions) -> list[Limits | None]:
    """Intervals of each part's values (n_variants,); None where its metric has none."""
    how = questions.how
    sample = Sample(questions.weights, questions.clusters, how.statistics.confidence, how.prices)
    found = [
        part.closed_form(own, sample) if part.entry.interval else None
        for part, own in zip(parts, values, strict=True)
    ]
    rest = [place for place, part in enumerate(parts) if part.entry.interval and found[place] is None]
    for place, drawn in zip(rest, _resampled([parts[place] for place in rest], questions), strict=True):
        intervals = [_resampled_interval(column, sample.confidence) for column in drawn.T]
        found[place] = Limits(*np.array(intervals).T)
    return found


def _resampled_interval(values: Floats, confidence: float) -> Interval:
    """Percentile interval of a figure's resamples (n_resamples,); NaN, which is none, where they are all the
    same: then they do not show how far off the figure may be."""
    defined = values[~np.isnan(values)]
    varies = len(defined) > 0 and np.ptp(defined) > ROUNDING
    return percentile_interval(defined, confidence) if varies else Interval(np.nan, np.nan)


def _resampled(parts: Sequence[Part], questions: Questions) -> list[Floats]:
    """Each part's statistic of every resample: (n_resamples, n_variants)."""
    how = questions.how
    drawn = resamples(questions.groups, how.statistics.resamples, how.seed, questions.clusters)
    chunks = [values_of(parts, questions.weights, counts) for counts in drawn] if parts else []
    return [np.concatenate(values) for values in zip(*chunks, strict=True)]


def _named(entry: QualityMetric, slice_: str, variant: str) -> tuple[str, str]:
    """Name and slice in a record; the variants of a name without `*` are slices."""
    in_slice = variant and "*" not in entry.name
    return (entry.name, variant) if in_slice else (entry.name.replace("*", variant), slice_)


def _all_missing(entry: QualityMetric, missing: Missing, questions: Questions) -> Iterator[Unscored]:
    if entry.listed:
        _, inside = questions.of(entry.scope)
        slice_ = next(iter(entry.slices(inside)))
        for variant in entry.variants(inside) if entry.variants else [""]:
            name, part = _named(entry, slice_, variant)
            yield Unscored(name, missing.reason, part, dict(missing.details))
