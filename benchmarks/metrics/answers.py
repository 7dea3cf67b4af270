"""What a router's mistakes cost: the answers' ROUGE under each policy, from prediction rows alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets.base import Dataset
from benchmarks.metrics.rouge import MEASURES, rouge
from benchmarks.metrics.selective import score_of
from benchmarks.stats.bootstrap import percentile_interval
from common.settings import Policy, Statistics
from experts.base import BASE, Answer
from reports.record import Metric, Prediction, Unscored
from routers.decision import choose

# Policies whose score needs the answers of more than one expert.
_OF_SEVERAL = ("random", "regret", "gain")
NO_REFERENCE = "no test question with a domain has a reference answer"


Answers = Mapping[tuple[str, str], Answer]
"""By expert (a domain, or `base`) and question id."""


def attach(
    predictions: Sequence[Prediction],
    dataset: Dataset,
    answers: Answers,
    policy: Policy,
) -> list[Prediction]:
    """The rows with the reference, the expert that the policy chooses, and what every expert answered."""
    references = {example.id: example.reference for example in dataset.test}
    return [_attach(row, references[row.id], answers, policy, dataset.classes) for row in predictions]


def end_to_end(
    predictions: Sequence[Prediction], classes: Sequence[str], statistics: Statistics, seed: int
) -> tuple[list[Metric], list[Unscored]]:
    """Each policy's ROUGE and the regret, by slice and domain, of rows that carry answers."""
    rows = [row for row in predictions if row.label is not None and row.reference]
    if not rows:
        return [], [Unscored(name, NO_REFERENCE) for name in MEASURES]
    scores = {name: _policy_scores(rows, classes, name) for name in MEASURES}
    parts = {"all": np.ones(len(rows), dtype=bool)}
    parts |= {
        name: np.array([row.slice == name for row in rows]) for name in sorted({row.slice for row in rows})
    }
    parts |= {name: np.array([row.label == name for row in rows]) for name in classes}
    metrics, unscored = [], []
    for slice_, part in parts.items():
        for measure, by_policy in scores.items():
            values = {name: column[part] for name, column in by_policy.items()}
            for name, (value, low, high, n) in _means(values, statistics, seed).items():
                full = f"{measure}_{name}" if name != "routed" else measure
                if n:
                    metrics.append(Metric(full, value, "F1", name != "regret", slice_, n, low, high))
                else:
                    unscored.append(Unscored(full, _why_none(rows, part, name), slice_))
    answered = [row.answer is not None for row in rows]
    metrics.append(Metric("answered", float(np.mean(answered)), "fraction", True, "all", len(rows)))
    return metrics, unscored


def _attach(
    row: Prediction, reference: str | None, answers: Answers, policy: Policy, classes: Sequence[str]
) -> Prediction:
    expert = choose(row.predicted, score_of(row, policy), policy.threshold, policy.fallback)
    if row.label is None or not reference:
        return replace(row, reference=reference, expert=expert, answers={})
    own = {name: answers[name, row.id] for name in (*classes, BASE) if (name, row.id) in answers}
    text = own[expert].text if expert is not None else None
    scores = rouge(reference, text) if text is not None else {}
    remarks = {name: found.error or found.note for name, found in own.items()}
    return replace(
        row,
        reference=reference,
        expert=expert,
        answer=text,
        rouge1=scores.get("rouge1"),
        rouge2=scores.get("rouge2"),
        rougeL=scores.get("rougeL"),
        answers={name: found.text for name, found in own.items()},
        notes={name: remark for name, remark in remarks.items() if remark},
    )


def _policy_scores(
    rows: Sequence[Prediction], classes: Sequence[str], measure: str
) -> dict[str, NDArray[np.float64]]:
    """Each row's score under each policy, NaN where there is no answer: (n_rows,) by policy."""

    def score(row: Prediction, expert: str | None) -> float:
        text = (row.answers or {}).get(expert) if expert is not None else None
        return float("nan") if text is None else rouge(str(row.reference), text)[measure]

    def column(choice: Any) -> NDArray[np.float64]:
        return np.array([score(row, choice(row)) for row in rows], dtype=np.float64)

    always = {domain: column(lambda row, domain=domain: domain) for domain in classes}
    routed, oracle = column(lambda row: row.expert), column(lambda row: row.label)
    everyone = np.sum(list(always.values()), axis=0)
    wrong = (everyone - oracle) / (len(classes) - 1)
    return {
        "routed": routed,
        "oracle": oracle,
        # The expectation of a uniform choice: no luck in it.
        "random": everyone / len(classes),
        **{f"always:{domain}": values for domain, values in always.items()},
        BASE: column(lambda row: BASE),
        "regret": oracle - routed,
        "gain": oracle - wrong,
    }


def _means(
    columns: Mapping[str, NDArray[np.float64]], statistics: Statistics, seed: int
) -> dict[str, tuple[float, float, float, int]]:
    """Mean, limits of its bootstrap interval, and n of each column, over the rows where it is defined.

    All columns see the same resamples, so their intervals can be compared.
    """
    names, values = list(columns), np.stack(list(columns.values()), axis=1)
    n_rows = len(values)
    if not n_rows:
        return dict.fromkeys(names, (float("nan"), float("nan"), float("nan"), 0))
    defined = ~np.isnan(values)
    filled = np.where(defined, values, 0.0)
    generator = np.random.default_rng(seed)
    # How often each row is drawn says all that a mean needs of a resample.
    counts = generator.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=statistics.resamples)
    with np.errstate(invalid="ignore", divide="ignore"):
        resampled = (counts @ filled) / (counts @ defined)
        means = filled.sum(axis=0) / defined.sum(axis=0)
    found = {}
    for column, name in enumerate(names):
        low, high = percentile_interval(resampled[:, column], statistics.confidence)
        found[name] = (float(means[column]), low, high, int(defined[:, column].sum()))
    return found


def _why_none(rows: Sequence[Prediction], part: NDArray[np.bool_], policy: str) -> str:
    inside = [row for row, chosen in zip(rows, part, strict=True) if chosen]
    if not inside:
        return "no test question that it could be computed from"
    if policy == "routed" and all(row.expert is None for row in inside):
        return "the policy abstained from every question"
    for row in inside:
        asked = {"routed": row.expert, "oracle": row.label}.get(policy, policy.removeprefix("always:"))
        for expert, text in (row.answers or {}).items():
            reason = (row.notes or {}).get(expert)
            if text is None and reason and (expert == asked or policy in _OF_SEVERAL):
                return f"no answer: {reason}"
    return "no answer from this expert"
