"""Quality of routing: the predicted domain against the right one, and confidence against being in scope."""

import numpy as np

from benchmarks.metrics.entry import (
    EVERY,
    ByClass,
    Derivative,
    Draws,
    Floats,
    Gate,
    Missing,
    Questions,
    Redefined,
    Sample,
    by_class,
    by_slice,
    classes_of,
    mean,
    mean_defined,
    mean_of_shares,
    metric,
    out_of_scope,
    ratio,
    share_of_class,
)
from benchmarks.stats.shares import (
    Limits,
    auroc_limits,
    clopper_pearson,
    effective_sizes,
    independent_clusters,
)
from reports.metric_info import Group
from reports.reasons import Reason
from reports.record import ConfusionMatrix, Derivation, Prediction

RECALL = 0.95
# Sums of the same numbers in another order differ by less.
ROUNDING = 1e-12
# Until schema 4 every row counted once.
_WEIGHTED = Redefined(5, lambda questions: bool((questions.weights != 1).any()))


@mean(title="Accuracy", group=Group.QUALITY, first=True, slices=by_slice, gate=Gate(slices=True))
def accuracy(row: Prediction, how: Derivation) -> float:
    """Share of questions sent to the right domain."""
    return row.right


def _recalls(rows: Floats, value: float, weights: Floats) -> Derivative:
    """Derivative of the mean recall R = Σ Rₖ / m, where Rₖ is a share of the Tₖ rows of class k: a row
    decides 1 / (m Tₖ) of it."""
    classes = classes_of(rows)
    true = np.bincount(classes.true, weights, classes.number)
    right = np.bincount(classes.true, weights * classes.right, classes.number)
    mass = weights / (true[classes.true] * (true > 0).sum())
    return Derivative(mass, mass * (classes.right - (right[classes.true] / true[classes.true])))


def _f1s(rows: Floats, value: float, weights: Floats) -> Derivative:
    """Derivative of macro-F1 F = Σ Fₖ / m, where Fₖ = 2 Rₖ / Dₖ, of Rₖ right rows and Dₖ rows of class k or
    predicted as k: a row of class k that is predicted as l decides (1 / Dₖ + 1 / Dₗ) / m of it."""
    classes = classes_of(rows)
    sides = (classes.true, classes.predicted)
    true, predicted = (np.bincount(side, weights, classes.number) for side in sides)
    both, right = true + predicted, np.bincount(classes.true, weights * classes.right, classes.number)
    parts = [weights / (both[side] * (both > 0).sum()) for side in sides]
    gains = [
        part * (classes.right - 2 * right[side] / both[side]) for part, side in zip(parts, sides, strict=True)
    ]
    return Derivative(parts[0] + parts[1], gains[0] + gains[1])


@by_class(title="Balanced accuracy", group=Group.QUALITY, limits=mean_of_shares(_recalls))
def balanced_accuracy(rows: ByClass) -> Floats:
    """Mean recall over the domains that occur (scikit-learn's `balanced_accuracy_score`)."""
    return mean_defined(ratio(rows.right, rows.true))


@by_class(title="Macro F1", group=Group.QUALITY, gate=Gate(), limits=mean_of_shares(_f1s))
def macro_f1(rows: ByClass) -> Floats:
    """Mean F1 over the domains that occur or are predicted."""
    return mean_defined(ratio(2 * rows.right, rows.true + rows.predicted))


def _classes(questions: Questions) -> list[str]:
    return questions.how.classes


@by_class(
    title="Precision",
    group=Group.BY_DOMAIN,
    variants=_classes,
    limits=share_of_class(lambda classes: classes.predicted),
)
def precision(rows: ByClass) -> Floats:
    """Share of the questions sent to a domain that belong there; the slice is the domain."""
    return ratio(rows.right, rows.predicted)


@by_class(
    title="Recall",
    group=Group.BY_DOMAIN,
    variants=_classes,
    limits=share_of_class(lambda classes: classes.true),
)
def recall(rows: ByClass) -> Floats:
    """Share of a domain's questions that were sent there; the slice is the domain."""
    return ratio(rows.right, rows.true)


def ranks(values: Floats) -> Floats:
    """Rank of each value from 0; equal values share their mean rank."""
    ordered = np.sort(values)
    places = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return np.asarray((places - 1) / 2)


def confidence_ranks(questions: Questions) -> Floats:
    """Rank of each row by confidence, and whether it has a label: (n_rows, 2).

    Two routers may have confidence on different scales, so that they are compared by each one's own ranks
    (Venkatraman & Begg, 1996, Biometrika 83, 835-848).
    """
    confidence = np.array([row.confidence for row in questions.rows])
    return np.stack([ranks(confidence), questions.in_scope], axis=1)


def _one_side_only(questions: Questions) -> Missing | None:
    inside = questions.in_scope
    if not inside.any():
        return Missing(Reason.NO_LABELLED_ROW)
    return Missing(Reason.NO_OUT_OF_SCOPE_ROW) if inside.all() else None


def _accepted(rows: Floats, draws: Draws) -> tuple[Floats, Floats]:
    """By threshold from the lowest up, rows (n_resamples, n_thresholds) with a label and without that have
    just this rank."""
    order = np.argsort(rows[:, 0], kind="stable")
    starts = np.flatnonzero(np.diff(rows[order, 0], prepend=-np.inf))
    weights, inside = draws.weights[:, order], rows[order, 1]
    return (
        np.add.reduceat(weights * inside, starts, axis=1),
        np.add.reduceat(weights * (1 - inside), starts, axis=1),
    )


def _placements(rows: Floats, weights: Floats) -> Floats:
    """Share of the other kind's weight that each row with a label ranks above, and each row without one
    below, ties half (n_rows,): DeLong, DeLong & Clarke-Pearson (1988). Either kind's mean is the area."""
    _, rank = np.unique(rows[:, 0], return_inverse=True)
    inside = rows[:, 1] > 0

    def below(others: Floats) -> Floats:
        found = np.bincount(rank, weights * others)
        return np.asarray(((np.cumsum(found) - found / 2) / found.sum())[rank])

    return np.where(inside, below(~inside), 1 - below(inside))


def _auroc_limits(rows: Floats, values: Floats, sample: Sample) -> Limits:
    inside = rows[:, 1] > 0
    placements = _placements(rows, sample.weights)
    positives, negatives = (
        float(effective_sizes(placements[kind], *sample.of(kind)[:2])[0]) for kind in (inside, ~inside)
    )
    return auroc_limits(values, positives, negatives, sample.confidence)


def _fpr95_limits(rows: Floats, values: Floats, sample: Sample) -> Limits:
    """Limits of a share beyond a threshold that is uncertain, too. Those of the share at that threshold are
    Clopper & Pearson's (1934), and those of the threshold the lowest and the highest whose recall has 95 %
    within such limits. Both uncertainties add up by their squares, as Newcombe (2011, Communications in
    Statistics 40, 3154-3180) combines limits of independent estimates.
    """
    kinds = rows[:, 1] > 0, rows[:, 1] == 0
    sizes = [np.array([independent_clusters(*sample.of(kind)[:2])]) for kind in kinds]
    # By threshold from the lowest, which accepts everything, to one above all rows.
    recalls, accepted = (
        np.append(np.cumsum(part[0, ::-1])[::-1] / part.sum(), 0.0)
        for part in _accepted(rows, Draws(sample.weights[None]))
    )
    low, high = clopper_pearson(recalls, np.full(len(recalls), sizes[0]), sample.confidence)
    possible = np.append(accepted[(low <= RECALL) & (high >= RECALL)], values)
    below, above = clopper_pearson(values, sizes[1], sample.confidence)
    return Limits(
        np.maximum(values - np.hypot(values - below, values - possible.min()), 0),
        np.minimum(values + np.hypot(above - values, possible.max() - values), 1),
    )


@metric(
    features=confidence_ranks,
    title="Out-of-scope AUROC",
    group=Group.QUALITY,
    scope=EVERY,
    slices=out_of_scope,
    missing=_one_side_only,
    redefined=_WEIGHTED,
    limits=_auroc_limits,
    gate=Gate(),
)
def out_of_scope_auroc(rows: Floats, draws: Draws) -> Floats:
    """Probability that a question with a domain has a higher confidence than one without, ties half
    (Hanley & McNeil, 1982)."""
    inside, outside = _accepted(rows, draws)
    below = np.cumsum(outside, axis=1) - outside
    pairs = inside.sum(axis=1) * outside.sum(axis=1)
    return ratio((inside * (below + outside / 2)).sum(axis=1), pairs)


@metric(
    features=confidence_ranks,
    title="Out-of-scope FPR at 95 % recall",
    group=Group.QUALITY,
    higher_is_better=False,
    scope=EVERY,
    slices=out_of_scope,
    missing=_one_side_only,
    redefined=_WEIGHTED,
    limits=_fpr95_limits,
)
def out_of_scope_fpr95(rows: Floats, draws: Draws) -> Floats:
    """Share of out-of-scope questions accepted at the confidence that accepts 95 % of the others
    (Hendrycks & Gimpel, 2017)."""
    inside, outside = _accepted(rows, draws)
    # Less what rounding may take from a sum of weights.
    needed = RECALL * (1 - ROUNDING) * inside.sum(axis=1, keepdims=True)
    # Rows with at least the rank of each threshold.
    reached = np.cumsum(inside[:, ::-1], axis=1)[:, ::-1] >= needed
    at = reached.shape[1] - 1 - reached[:, ::-1].argmax(axis=1)
    accepted = np.cumsum(outside[:, ::-1], axis=1)[:, ::-1]
    return ratio(np.take_along_axis(accepted, at[:, None], axis=1)[:, 0], outside.sum(axis=1))


@mean(
    title="Sent on",
    group=Group.QUALITY,
    higher_is_better=False,
    scope=EVERY,
    applies=lambda questions: any(row.sent_on is not None for row in questions.rows),
)
def sent_on(row: Prediction, how: Derivation) -> float | None:
    """Share of questions that a cascade sent to its expensive router."""
    return None if row.sent_on is None else float(row.sent_on)


def confusion_matrix(questions: Questions) -> ConfusionMatrix:
    """Questions with a domain by true and predicted domain, each as its weight says; of a router that draws
    their expected numbers."""
    classes = questions.how.classes
    column = {name: number for number, name in enumerate(classes)}
    cells = [
        (column[str(row.label)] * len(classes) + column[name], row.weight * chance)
        for row in questions.rows
        for name, chance in row.choices.items()
    ]
    places, amounts = np.array(cells, dtype=np.float64).reshape(-1, 2).T
    counts = np.bincount(places.astype(np.int64), amounts, minlength=len(classes) ** 2)
    table = counts.astype(float).reshape(len(classes), len(classes))
    return ConfusionMatrix(list(classes), table.tolist())
