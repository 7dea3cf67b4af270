"""Comparison of routers on the same questions, from prediction rows alone."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BadInput
from benchmarks.stats.bootstrap import clusters_of, mean_estimate
from benchmarks.stats.significance import holm, mcnemar, rows_needed, sign_test
from common.settings import Statistics
from reports.record import Comparison, Disagreement, Pair, Prediction, Verdict

Floats = NDArray[np.float64]


def pairwise(named: Mapping[str, Sequence[Prediction]], statistics: Statistics, seed: int) -> list[Pair]:
    """Every two of the routers in `named`, in their order, with Holm's correction over all pairs.

    Raises:
        BadInput: fewer than two routers, different questions, or none with a domain.
    """
    if len(named) < 2:
        raise BadInput(f"two routers or more can be compared, not {len(named)}")
    rows = dict(zip(named, map(_labelled, aligned(named)), strict=True))
    if not next(iter(rows.values())):
        raise BadInput("no test question has a domain: there is nothing to compare the routers on")
    return _pairs(rows, list(combinations(rows, 2)), statistics, seed)


def compare(
    rows: Sequence[Prediction], others: Mapping[str, Sequence[Prediction]], statistics: Statistics, seed: int
) -> list[Comparison]:
    """`rows` minus each of `others` on the same questions, with a paired bootstrap interval: accuracy, and
    ROUGE-L where both were answered. The verdict on accuracy is that of `pairwise`, with Holm's correction
    over all `others`.

    Raises:
        ValueError: no row has a label.
    """
    own = ""
    sides = {own: _labelled(rows), **{name: _labelled(theirs) for name, theirs in others.items()}}
    if not sides[own]:
        raise ValueError("no row with a label to compare on")
    comparisons = []
    for pair in _pairs(sides, [(own, name) for name in others], statistics, seed):
        figures = (pair.difference, pair.ci_low, pair.ci_high, pair.n, pair.p_adjusted, pair.verdict)
        comparisons.append(Comparison(pair.second, "accuracy", *figures))
        if pair.rouge:
            n = len(_rouge_gains(sides[own], sides[pair.second]))
            found = pair.rouge
            comparisons.append(Comparison(pair.second, "rougeL", found.value, found.ci_low, found.ci_high, n))
    return comparisons


def _pairs(
    rows: Mapping[str, Sequence[Prediction]],
    chosen: Sequence[tuple[str, str]],
    statistics: Statistics,
    seed: int,
) -> list[Pair]:
    """Each of the chosen pairs of routers, of labelled rows, with Holm's correction over all of them."""
    questions = next(iter(rows.values()))
    weights = np.array([row.weight for row in questions], dtype=np.float64)
    clusters = clusters_of([row.dialogue for row in questions])
    weighted = is_weighted(questions)
    gains = [_accuracy_gains(rows[one], rows[other]) for one, other in chosen]
    alpha = 1 - statistics.confidence
    pairs = []
    tests = tested(gains, weights, clusters, weighted, seed)
    for (first, second), gain, (p, adjusted) in zip(chosen, gains, tests, strict=True):
        found = mean_estimate(gain, weights, statistics, seed, clusters)
        only_first, only_second = _alone(gain)
        rouge = _rouge_gains(rows[first], rows[second])
        pair = Pair(
            first=first,
            second=second,
            n=len(gain),
            weighted=weighted,
            difference=found.value,
            ci_low=found.ci_low,
            ci_high=found.ci_high,
            only_first=only_first,
            only_second=only_second,
            p_value=p,
            p_adjusted=adjusted,
            verdict=verdict(found.value, adjusted, alpha),
            disagreements=_disagreements((first, second), rows[first], rows[second]),
            rows_needed=None if weighted else rows_needed(only_first, only_second, len(gain), alpha),
            # ROUGE counts every question alike, as in the record.
            rouge=mean_estimate(rouge, np.ones(len(rouge)), statistics, seed) if len(rouge) else None,
        )
        pairs.append(pair)
    return pairs


class Test(NamedTuple):
    """p of a paired difference, and the same after Holm's correction for all that were tested together."""

    p: float
    adjusted: float


def tested(
    gains: Sequence[Floats], weights: Floats, clusters: NDArray[np.int64], permuted: bool, seed: int
) -> list[Test]:
    """A test for each pair: McNemar's of gains (n_rows,) of 1, 0 and -1, or a permutation test, where rows of
    one cluster count as one."""
    p_values = [
        sign_test(np.bincount(clusters, gain * weights).astype(np.float64), seed)
        if permuted
        else mcnemar(*_alone(gain))
        for gain in gains
    ]
    return [Test(*both) for both in zip(p_values, holm(p_values), strict=True)]


def is_weighted(rows: Sequence[Prediction]) -> bool:
    """True where rows have weights, or several are of one conversation."""
    dialogues = [row.dialogue for row in rows if row.dialogue is not None]
    return any(row.weight != 1 for row in rows) or len(set(dialogues)) < len(dialogues)


def _labelled(rows: Sequence[Prediction]) -> list[Prediction]:
    return [row for row in rows if row.label is not None]


def _is_right(row: Prediction) -> bool:
    return row.predicted == row.label


def _accuracy_gains(rows: Sequence[Prediction], others: Sequence[Prediction]) -> Floats:
    """1 for each row that the first alone got right, -1 for the second alone."""
    pairs = zip(rows, others, strict=True)
    return np.array([float(_is_right(row)) - float(_is_right(other)) for row, other in pairs])


def _rouge_gains(rows: Sequence[Prediction], others: Sequence[Prediction]) -> Floats:
    """Difference of ROUGE-L of the rows that were answered on both sides."""
    both = [(row.rougeL, other.rougeL) for row, other in zip(rows, others, strict=True)]
    return np.array([ours - theirs for ours, theirs in both if ours is not None and theirs is not None])


def _alone(gains: Floats) -> tuple[int, int]:
    """Numbers of rows that the first alone, and the second alone, got right."""
    return int((gains > 0).sum()), int((gains < 0).sum())


def verdict(difference: float, p: float, alpha: float) -> Verdict:
    """Verdict on the first of two by the p of their difference."""
    if p > alpha:
        return Verdict.CANNOT_TELL
    return Verdict.BETTER if difference > 0 else Verdict.WORSE


def _disagreements(
    names: tuple[str, str], rows: Sequence[Prediction], others: Sequence[Prediction]
) -> list[Disagreement]:
    found = []
    for row, other in zip(rows, others, strict=True):
        if row.predicted != other.predicted:
            right = names[0] if _is_right(row) else names[1] if _is_right(other) else None
            found.append(
                Disagreement(row.id, row.shown, str(row.label), row.predicted, other.predicted, right)
            )
    return found


def aligned(named: Mapping[str, Sequence[Prediction]]) -> list[list[Prediction]]:
    """The rows of each router, in the first one's order.

    Raises:
        BadInput: different questions, or ids that occur twice in another order.
    """
    (name, rows), *others = named.items()
    order = [row.id for row in rows]
    found = [list(rows)]
    for other, theirs in others:
        difference = difference_of_questions(rows, theirs)
        if difference:
            raise BadInput(f"{name} and {other} were not asked the same questions: {difference}")
        if [row.id for row in theirs] == order:
            found.append(list(theirs))
            continue
        by_id = {row.id: row for row in theirs}
        if len(by_id) != len(theirs):
            raise BadInput(f"{other}: ids occur twice, so its questions cannot be put in {name}'s order")
        found.append([by_id[identity] for identity in order])
    return found


def difference_of_questions(rows: Sequence[Prediction], others: Sequence[Prediction]) -> str | None:
    """Difference between the questions of two runs, in words; None when they are the same in any order."""
    ours, theirs = ({row.id: row for row in side} for side in (rows, others))
    for here, there, which in ((ours, theirs, "first"), (theirs, ours, "second")):
        extra = [identity for identity in here if identity not in there]
        if extra:
            return f"{len(extra)} of {len(here)} are in the {which} alone, such as {extra[0]}"
    in_order = [row.id for row in rows] == [row.id for row in others]
    # An id that occurs twice is two questions where the order tells them apart.
    for row, other in zip(rows, others if in_order else [theirs[row.id] for row in rows], strict=True):
        found = _difference_of_rows(row, other)
        if found:
            return f"{row.id} {found}"
    if len(rows) != len(others):
        return f"{len(rows)} rows in the first and {len(others)} in the second"
    return None


def _difference_of_rows(row: Prediction, other: Prediction) -> str | None:
    """Difference in what the data set says of a question, in words. Answers to compare with are there only
    where experts were asked."""
    if row.label != other.label:
        return f"is {row.label} in the first and {other.label} in the second"
    names = ["query", "slice", "labels", "weight", "outcomes", "history"]
    if None not in (row.reference, other.reference):
        names.append("reference")
    differing = (name for name in names if getattr(row, name) != getattr(other, name))
    return next((f"has another {name} in the second" for name in differing), None)
