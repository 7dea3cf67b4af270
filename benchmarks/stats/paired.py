"""Which of several routers is better on the same questions, from prediction rows alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BadInput
from benchmarks.stats.bootstrap import AT_ONCE, PERMUTATIONS, ROUNDING, bootstrap
from common.settings import Statistics
from reports.record import BETTER, WORSE, Comparison, Prediction

POWER = 0.8


@dataclass(frozen=True)
class Disagreement:
    """A question that two routers sent to different domains.

    Attributes:
        first, second: the domain that each chose.
        right: the name of the router that was right; None when both were wrong.
    """

    id: str
    query: str
    label: str
    first: str
    second: str
    right: str | None


@dataclass(frozen=True)
class Pair:
    """Two routers on the same questions.

    Attributes:
        first, second: their names.
        n: questions with a domain.
        weighted: whether they have weights.
        difference: accuracy of the first minus that of the second, each question as its weight says.
        ci_low, ci_high: paired bootstrap interval of the difference.
        only_first, only_second: questions that one alone got right, whatever their weight.
        p_value: of McNemar's exact test, two-sided; where questions have weights, of `signs_test`.
        p_adjusted: the same after Holm's correction for all pairs that were compared together.
        verdict: of the first against the second: `better`, `worse`, or `cannot tell at n=…`.
        rows_needed: questions with a domain that it would take to tell them apart if what was observed
            is the truth; None where no difference was observed or questions have weights.
        disagreements: in the order of the questions.
    """

    first: str
    second: str
    n: int
    weighted: bool
    difference: float
    ci_low: float
    ci_high: float
    only_first: int
    only_second: int
    p_value: float
    p_adjusted: float
    verdict: str
    rows_needed: int | None
    disagreements: list[Disagreement]


def pairwise(named: Mapping[str, Sequence[Prediction]], statistics: Statistics, seed: int) -> list[Pair]:
    """Every two of the routers in `named`, in their order, with Holm's correction over all pairs.

    Raises:
        BadInput: fewer than two routers, different questions, or none with a domain.
    """
    if len(named) < 2:
        raise BadInput(f"two routers or more can be compared, not {len(named)}")
    rows = [[row for row in column if row.label is not None] for column in aligned(named)]
    if not rows[0]:
        raise BadInput("no test question has a domain: there is nothing to compare the routers on")
    right = np.array([[_is_right(row) for row in column] for column in rows], dtype=np.float64)
    weights = _weights(rows[0])
    weighted = bool((weights != 1).any())
    chosen = list(combinations(range(len(rows)), 2))
    gains = [right[i] - right[j] for i, j in chosen]
    p_values = [_p_value(gain, weights, seed) for gain in gains]
    names = list(named)
    n = len(rows[0])
    alpha = 1 - statistics.confidence
    pairs = []
    for (i, j), gain, p, adjusted in zip(chosen, gains, p_values, holm(p_values), strict=True):
        found = _paired(names[j], "accuracy", gain, weights, statistics, seed)
        ours, theirs = _alone(gain)
        pairs.append(
            Pair(
                first=names[i],
                second=names[j],
                n=n,
                weighted=weighted,
                difference=found.difference,
                ci_low=found.ci_low,
                ci_high=found.ci_high,
                only_first=ours,
                only_second=theirs,
                p_value=p,
                p_adjusted=adjusted,
                verdict=_verdict(found.difference, adjusted, alpha, n),
                rows_needed=None if weighted else rows_needed(ours, theirs, n, alpha),
                disagreements=_disagreements(names[i], rows[i], names[j], rows[j]),
            )
        )
    return pairs


def _p_value(gains: NDArray[np.float64], weights: NDArray[np.float64], seed: int) -> float:
    if (weights == 1).all():
        return mcnemar(*_alone(gains))
    return signs_test(gains * weights, seed)


def signs_test(gains: NDArray[np.float64], seed: int) -> float:
    """Two-sided p of a paired permutation test (Good, 2005, section 3.7) of gains (n,): if there is no
    difference, each might as well be a loss. The share of random signs, those observed among them, under
    which the sum is at least as far from zero."""
    moved = gains[gains != 0]
    observed = abs(moved.sum())
    generator = np.random.default_rng(seed)
    as_far = 1
    for start in range(0, PERMUTATIONS, AT_ONCE):
        size = (min(AT_ONCE, PERMUTATIONS - start), len(moved))
        signs = generator.integers(0, 2, size=size) * 2 - 1
        as_far += int((np.abs(signs @ moved) >= observed - ROUNDING).sum())
    return as_far / (1 + PERMUTATIONS)


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p of McNemar's test (McNemar, 1947): on the rows that one alone got right, either
    is as likely, so the smaller count is binomial with p = 1/2; twice its tail, at most 1."""
    n = only_first + only_second
    ways = term = 1
    for k in range(min(only_first, only_second)):
        term = term * (n - k) // (k + 1)
        ways += term
    # Whole numbers up to here, so that nothing is rounded or overflows however large n is.
    return min(1.0, 2 * ways / (1 << n))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p in the order given (Holm, 1979): the smallest times m, the next times m - 1, …; none below
    the one before it, none above 1."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def rows_needed(
    only_first: int, only_second: int, n: int, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """How many rows McNemar's test needs to find the observed difference with `power`, two-sided at `alpha`.

    With the share of discordant rows ψ and the difference δ, n = (z₁₋α/₂·√ψ + z_power·√(ψ − δ²))² / δ²
    (Connor, 1987, Biometrics 43, 207-211). One comparison alone: no correction for several. None when δ = 0.
    """
    discordant = (only_first + only_second) / n
    difference = (only_first - only_second) / n
    if difference == 0:
        return None
    normal = NormalDist()
    spread = normal.inv_cdf(1 - alpha / 2) * math.sqrt(discordant)
    # Never below zero but by rounding: |δ| <= ψ <= 1.
    spread += normal.inv_cdf(power) * math.sqrt(max(0.0, discordant - difference**2))
    return math.ceil((spread / difference) ** 2)


def difference_of_questions(rows: Sequence[Prediction], others: Sequence[Prediction]) -> str | None:
    """What differs between the questions of two runs, in words; None when they are the same in any order."""
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
    """What the data set says otherwise of a question, in words. Answers to compare with are there only where
    experts were asked."""
    if row.label != other.label:
        return f"is {row.label} in the first and {other.label} in the second"
    for name in ("query", "slice", "labels", "weight", "outcomes"):
        if getattr(row, name) != getattr(other, name):
            return f"has another {name} in the second"
    if None not in (row.reference, other.reference) and row.reference != other.reference:
        return "has another reference in the second"
    return None


def compare(
    rows: Sequence[Prediction],
    others: Mapping[str, Sequence[Prediction]],
    statistics: Statistics,
    seed: int,
) -> list[Comparison]:
    """What `rows` have more than each of `others` on the same questions, by paired bootstrap: accuracy, and
    ROUGE-L where both were answered. The verdict on accuracy is that of `pairwise`, with Holm's correction
    over all `others`."""
    if all(row.label is None for row in rows):
        raise ValueError("no row with a label to compare on")
    weights = _weights([row for row in rows if row.label is not None])
    found = {name: _gains(rows, theirs) for name, theirs in others.items()}
    p_values = [_p_value(gains["accuracy"], weights, seed) for gains in found.values()]
    comparisons = []
    for (name, gains), adjusted in zip(found.items(), holm(p_values), strict=True):
        accuracy = _paired(name, "accuracy", gains["accuracy"], weights, statistics, seed)
        verdict = _verdict(accuracy.difference, adjusted, 1 - statistics.confidence, accuracy.n)
        comparisons.append(replace(accuracy, p_adjusted=adjusted, verdict=verdict))
        if len(gains["rougeL"]):
            comparisons.append(_answers_paired(name, gains["rougeL"], statistics, seed))
    return comparisons


def answers_gain(
    rows: Sequence[Prediction], others: Sequence[Prediction], statistics: Statistics, seed: int
) -> tuple[float, float, float] | None:
    """ROUGE-L of `rows` minus that of `others` where both were answered, with its paired interval; None where
    no question was."""
    ours, theirs = aligned({"first": rows, "second": others})
    gains = _gains(ours, theirs)["rougeL"]
    if not len(gains):
        return None
    found = _answers_paired("second", gains, statistics, seed)
    return found.difference, found.ci_low, found.ci_high


def _gains(rows: Sequence[Prediction], others: Sequence[Prediction]) -> dict[str, NDArray[np.float64]]:
    """By metric, of each row that has it in both: ours minus theirs."""
    pairs = [(row, other) for row, other in zip(rows, others, strict=True) if row.label is not None]
    rouge = [
        row.rougeL - other.rougeL
        for row, other in pairs
        if row.rougeL is not None and other.rougeL is not None
    ]
    right = [float(_is_right(row)) - float(_is_right(other)) for row, other in pairs]
    return {"accuracy": np.array(right), "rougeL": np.array(rouge)}


def _alone(gains: NDArray[np.float64]) -> tuple[int, int]:
    """How many rows the first, and the second, alone got right."""
    return int((gains > 0).sum()), int((gains < 0).sum())


def _answers_paired(with_: str, gains: NDArray[np.float64], statistics: Statistics, seed: int) -> Comparison:
    # ROUGE counts every question alike, also in the record.
    return _paired(with_, "rougeL", gains, np.ones(len(gains)), statistics, seed)


def _paired(
    with_: str,
    metric: str,
    gains: NDArray[np.float64],
    weights: NDArray[np.float64],
    statistics: Statistics,
    seed: int,
) -> Comparison:
    weighted = gains * weights
    interval = bootstrap(
        lambda resample: weighted[resample].sum(axis=1) / weights[resample].sum(axis=1),
        len(gains),
        resamples=statistics.resamples,
        confidence=statistics.confidence,
        seed=seed,
    )
    difference = float(weighted.sum() / weights.sum())
    return Comparison(with_, metric, difference, interval.low, interval.high, len(gains))


def _weights(rows: Sequence[Prediction]) -> NDArray[np.float64]:
    return np.array([row.weight for row in rows], dtype=np.float64)


def _is_right(row: Prediction) -> bool:
    return row.predicted == row.label


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


def _verdict(difference: float, p: float, alpha: float, n: int) -> str:
    if p > alpha:
        return f"cannot tell at n={n}"
    return BETTER if difference > 0 else WORSE


def _disagreements(
    first: str, rows: Sequence[Prediction], second: str, others: Sequence[Prediction]
) -> list[Disagreement]:
    found = []
    for row, other in zip(rows, others, strict=True):
        if row.predicted != other.predicted:
            right = first if _is_right(row) else second if _is_right(other) else None
            found.append(
                Disagreement(row.id, row.query, str(row.label), row.predicted, other.predicted, right)
            )
    return found
