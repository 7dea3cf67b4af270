"""Comparison of routers on the same questions, from prediction rows alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BadInput
from benchmarks.stats.bootstrap import clusters_of
from benchmarks.stats.differences import alone, compare_together, exact_evidence, permutation_evidence
from benchmarks.stats.power import rows_needed_together
from common.settings import Statistics
from reports.record import Comparison, Constant, Disagreement, Pair, PairedDifference, Prediction

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
    """`rows` minus each of `others` on the same questions, tested as in `pairwise` with Holm's correction
    over all `others`: accuracy, and ROUGE-L where both were answered.

    Raises:
        ValueError: no row has a label.
    """
    own = ""
    sides = {own: _labelled(rows), **{name: _labelled(theirs) for name, theirs in others.items()}}
    if not sides[own]:
        raise ValueError("no row with a label to compare on")
    comparisons = []
    for pair in _pairs(sides, [(own, name) for name in others], statistics, seed):
        both: list[tuple[str, PairedDifference | None]] = [("accuracy", pair), ("rougeL", pair.rouge)]
        for metric, found in both:
            if found:
                figures = (found.difference, found.ci_low, found.ci_high, found.n)
                comparison = Comparison(pair.second, metric, *figures, found.p_adjusted, found.verdict)
                comparisons.append(comparison)
    return comparisons


def against_constant(
    named: Mapping[str, Sequence[Prediction]], statistics: Statistics, seed: int
) -> Constant | None:
    """Accuracy of each router minus that of the best constant choice: always the domain that most questions
    are of, as their weights say. Tested as in `pairwise`, with Holm's correction over the routers.

    None without a router, or without a question with a domain.
    """
    rows = dict(zip(named, map(_labelled, aligned(named)), strict=True)) if named else {}
    questions = next(iter(rows.values()), [])
    if not questions:
        return None
    weights: dict[str, float] = {}
    for row in questions:
        weights[str(row.label)] = weights.get(str(row.label), 0.0) + row.weight
    label = max(sorted(weights), key=weights.__getitem__)
    always = [replace(row, predicted=label, chances=None) for row in questions]
    gains = [accuracy_gains(theirs, always) for theirs in rows.values()]
    alpha = 1 - statistics.confidence
    found = compare_gains(gains, questions, alpha, seed, permuted=is_weighted(questions))
    accuracy = weights[label] / sum(weights.values())
    return Constant(label, accuracy, dict(zip(rows, found, strict=True)))


def _pairs(
    rows: Mapping[str, Sequence[Prediction]],
    chosen: Sequence[tuple[str, str]],
    statistics: Statistics,
    seed: int,
) -> list[Pair]:
    """Each of the chosen pairs of routers, of labelled rows, with Holm's correction over all of them: once
    for accuracy, once for ROUGE-L."""
    questions = next(iter(rows.values()))
    weighted = is_weighted(questions)
    alpha = 1 - statistics.confidence
    gains = [accuracy_gains(rows[one], rows[other]) for one, other in chosen]
    answers = [_rouge_gains(rows[one], rows[other]) for one, other in chosen]
    drawn = [draws(rows[one]) or draws(rows[other]) for one, other in chosen]
    compared = compare_gains(gains, questions, alpha, seed, permuted=weighted)
    counts = [
        None if weighted or is_drawn else alone(gain) for gain, is_drawn in zip(gains, drawn, strict=True)
    ]
    p_values = [one.p_value for one in compared]
    found = zip(
        chosen,
        compared,
        drawn,
        rows_needed_together(counts, p_values, len(questions), alpha),
        _answered_together(answers, questions, alpha, seed),
        strict=True,
    )
    return [
        Pair(
            **vars(accuracy),
            first=first,
            second=second,
            weighted=weighted,
            drawn=is_drawn,
            only_first=_alone(rows[first], rows[second]),
            only_second=_alone(rows[second], rows[first]),
            disagreements=_disagreements((first, second), rows[first], rows[second]),
            rows_needed=rows_needed,
            rouge=rouge,
        )
        for (first, second), accuracy, is_drawn, rows_needed, rouge in found
    ]


def compare_gains(
    gains: Sequence[Floats], rows: Sequence[Prediction], alpha: float, seed: int, *, permuted: bool
) -> list[PairedDifference]:
    """The mean gain of each pair on rows, (n_rows,), tested together at `alpha`: by McNemar's test where all
    gains are 1, 0 and -1 and nothing is to be `permuted`, else by a permutation test, where rows have weights
    and those of one conversation count as one. NaN leaves a row out."""
    if not gains:
        return []
    exact = [not permuted and bool(np.isin(gain, (-1, 0, 1)).all()) for gain in gains]
    if all(exact):
        return compare_together([exact_evidence(gain) for gain in gains], alpha)
    table = np.stack(gains)
    known = ~np.isnan(table)
    weights = np.array([row.weight for row in rows], dtype=np.float64) * known
    clusters = clusters_of([row.dialogue for row in rows])
    evidence = permutation_evidence(np.where(known, table, 0.0), weights, clusters, alpha, seed)
    found = zip(gains, exact, evidence, strict=True)
    return compare_together(
        [exact_evidence(gain) if is_exact else one for gain, is_exact, one in found], alpha
    )


def _answered_together(
    gains: Sequence[Floats], rows: Sequence[Prediction], alpha: float, seed: int
) -> list[PairedDifference | None]:
    """Differences of ROUGE-L of the pairs that have answers to compare; None of the others."""
    answered = [not np.isnan(gain).all() for gain in gains]
    given = [gain for gain, has in zip(gains, answered, strict=True) if has]
    found = iter(compare_gains(given, rows, alpha, seed, permuted=True))
    return [next(found) if has else None for has in answered]


def is_weighted(rows: Sequence[Prediction]) -> bool:
    """True where rows have weights, or several are of one conversation."""
    return any(row.weight != 1 for row in rows) or not are_independent(rows)


def are_independent(rows: Sequence[Prediction]) -> bool:
    """Tell whether no two rows are of one conversation, as a test of counts assumes."""
    dialogues = [row.dialogue for row in rows if row.dialogue is not None]
    return len(dialogues) == len(set(dialogues))


def _labelled(rows: Sequence[Prediction]) -> list[Prediction]:
    return [row for row in rows if row.label is not None]


def draws(rows: Sequence[Prediction]) -> bool:
    """Tell whether the router draws its choices, so that each row is right with a probability."""
    return any(row.chances is not None for row in rows)


def accuracy_gains(rows: Sequence[Prediction], others: Sequence[Prediction]) -> Floats:
    """1 for each row that the first alone got right, -1 for the second alone: (n_rows,). Where one of them
    draws, the difference of the probabilities of being right."""
    return np.array([row.right - other.right for row, other in zip(rows, others, strict=True)])


def _alone(rows: Sequence[Prediction], others: Sequence[Prediction]) -> float:
    """Number of rows that the first alone got right; the expected one where one of them draws."""
    found = sum(row.right * (1 - other.right) for row, other in zip(rows, others, strict=True))
    return found if draws(rows) or draws(others) else int(found)


def _rouge_gains(rows: Sequence[Prediction], others: Sequence[Prediction]) -> Floats:
    """Difference of ROUGE-L of each row; NaN where one side has no answer."""
    both = [(row.rougeL, other.rougeL) for row, other in zip(rows, others, strict=True)]
    return np.array([np.nan if ours is None or theirs is None else ours - theirs for ours, theirs in both])


def _disagreements(
    names: tuple[str, str], rows: Sequence[Prediction], others: Sequence[Prediction]
) -> list[Disagreement]:
    found = []
    for row, other in zip(rows, others, strict=True):
        if row.predicted != other.predicted:
            first, second, label = row.predicted, other.predicted, str(row.label)
            right = names[0] if first == label else names[1] if second == label else None
            found.append(Disagreement(row.id, row.shown, label, first, second, right))
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
