"""Quality of the answers that a user would get: ROUGE under each policy of choosing an expert.

Every expert answered every question that has a domain and a reference, so that any policy can be evaluated.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np

from benchmarks.metrics.entry import (
    WITH_REFERENCE,
    Floats,
    Gate,
    Missing,
    QualityMetric,
    Questions,
    Redefined,
    by_slice_and_domain,
    mean,
    mean_of,
)
from benchmarks.metrics.selective import score_of
from benchmarks.stats.bootstrap import Interval
from common.settings import Policy
from experts.base import BASE
from reports.metric_info import Group
from reports.reasons import Reason
from reports.record import Derivation, Prediction
from routers.decision import choose

MEASURES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}
# Policies whose score needs the answers of more than one expert.
_SEVERAL = ("random", "regret", "gain")


@lru_cache(maxsize=100_000)
def rouge(reference: str, answer: str) -> dict[str, float]:
    """ROUGE (Lin, 2004) by the names of `MEASURES`: F1 in [0, 1], with stemming, by Google's rouge-score."""
    return {name: float(score.fmeasure) for name, score in _scorer().score(reference, answer).items()}


def experts_of(row: Prediction, policy: Policy) -> dict[str | None, float]:
    """Probability that the policy asks each expert, 1 for one unless the router draws; None is nobody."""
    asked: dict[str | None, float] = {}
    for domain, chance in row.choices.items():
        expert = choose(domain, score_of(row, policy), policy.threshold, policy.fallback)
        asked[expert] = asked.get(expert, 0.0) + chance
    return {expert: chance for expert, chance in asked.items() if chance}


def rouge_of(
    reference: str, asked: Mapping[str | None, float], answers: Mapping[str, str | None]
) -> dict[str, float]:
    """ROUGE of what a user gets, in the mean over the experts that may be asked: 0 where nobody is, and
    nothing where one of them failed, since nobody knows what it would have said."""
    texts = {expert: answers.get(expert) for expert in asked if expert is not None}
    if None in texts.values():
        return {}
    scores = {expert: rouge(reference, str(text)) for expert, text in texts.items()}
    return {
        name: sum((asked[expert] * found[name] for expert, found in scores.items()), 0.0) for name in MEASURES
    }


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(MEASURES), use_stemmer=True)


def _answered(questions: Questions) -> bool:
    return any(row.answers is not None for row in questions.rows)


def _domains(questions: Questions) -> list[str]:
    return questions.how.classes


def _score(row: Prediction, expert: str | None, measure: str) -> float:
    """ROUGE of an expert's answer; NaN where there is none."""
    text = (row.answers or {}).get(expert) if expert is not None else None
    return float("nan") if text is None else rouge(str(row.reference), text)[measure]


def _asked(row: Prediction, how: Derivation) -> dict[str | None, float]:
    return {row.expert: 1.0} if row.chances is None else experts_of(row, how.policy)


def _each(questions: Questions, measure: str) -> Floats:
    """Score of every expert's answer: (n_rows, n_domains)."""
    rows = [[_score(row, name, measure) for name in questions.how.classes] for row in questions.rows]
    return np.array(rows, dtype=np.float64)


_EACH = {measure: partial(_each, measure=measure) for measure in MEASURES}


def _column(questions: Questions, measure: str, policy: str) -> Floats:
    """Score of each row under a policy, 0 where it abstains, NaN where an expert failed: (n_rows,
    n_variants)."""

    def chosen(choice: Callable[[Prediction], str | None]) -> Floats:
        return np.array([[_score(row, choice(row), measure)] for row in questions.rows], dtype=np.float64)

    match policy:
        case "routed":
            got = [
                rouge_of(str(row.reference), _asked(row, questions.how), row.answers or {})
                for row in questions.rows
            ]
            return np.array([[found.get(measure, np.nan)] for found in got], dtype=np.float64)
        case "oracle":
            return chosen(lambda row: row.label)
        case "base":
            return chosen(lambda row: BASE)
        case "regret":
            return _column(questions, measure, "oracle") - _column(questions, measure, "routed")
    each = questions.of(_EACH[measure])
    if policy == "always":
        return each
    # The expectation of a uniform choice: no luck in it.
    everyone = each.sum(axis=1, keepdims=True)
    if policy == "random":
        return np.asarray(everyone / each.shape[1])
    oracle = _column(questions, measure, "oracle")
    return np.asarray(oracle - (everyone - oracle) / (each.shape[1] - 1))


def _why(part: Questions, variant: str, policy: str) -> Missing:
    """Reason why no row has a score: the first error of an expert that was asked."""
    for row in part.rows:
        asked = {"routed": row.expert, "oracle": row.label, "base": BASE}.get(policy, variant)
        for expert, text in (row.answers or {}).items():
            note = (row.notes or {}).get(expert)
            if text is None and note and (expert == asked or policy in _SEVERAL):
                return Missing(Reason.NO_ANSWER, {"error": note})
    return Missing(Reason.NOT_ANSWERED)


def _is_otherwise(questions: Questions, policy: str) -> bool:
    """True of rows that count otherwise since schema 5: by their weight, and where the policy abstains."""
    abstains = policy in ("routed", "regret") and any(row.expert is None for row in questions.rows)
    return abstains or bool((questions.weights != 1).any())


# By policy: suffix of the name, title and description.
_POLICIES = {
    "routed": (
        "",
        "",
        "the answers of the experts that the router and the policy choose; 0 where the policy abstains",
    ),
    "oracle": ("_oracle", " (oracle)", "the answers of the right experts"),
    "random": ("_random", " (random)", "the answers of an expert drawn at random, in the mean over experts"),
    "always": ("_always:*", " (always *)", "the answers of the expert for *, whatever the question"),
    "base": ("_base", " (base)", "the answers of the right domain's model without its adapter"),
    "gain": ("_gain", " gain", "the right expert minus the mean of the others: what routing can win"),
    "regret": ("_regret", " regret", "the right expert minus the chosen one: what wrong choices cost"),
}


def _entry(measure: str, policy: str) -> QualityMetric:
    suffix, title, words = _POLICIES[policy]
    routed = policy == "routed"
    return QualityMetric(
        **mean_of(
            partial(_column, measure=measure, policy=policy),
            Interval(-1 if policy in ("gain", "regret") else 0, 1),
        ),
        name=f"{measure}{suffix}",
        title=f"{MEASURES[measure]}{title}",
        description=f"{MEASURES[measure]} (F1; Lin, 2004) of {words}",
        group=Group.ANSWERS,
        unit="F1",
        higher_is_better=policy != "regret",
        first=routed and measure == "rougeL",
        scope=WITH_REFERENCE,
        slices=by_slice_and_domain,
        variants=_domains if policy == "always" else None,
        placeholder="domain",
        applies=_answered,
        listed=routed,
        why=partial(_why, policy=policy),
        redefined=Redefined(5, partial(_is_otherwise, policy=policy)),
        gate=Gate() if routed and measure == "rougeL" else None,
    )


ROUGE: Sequence[QualityMetric] = [_entry(measure, policy) for measure in MEASURES for policy in _POLICIES]


@mean(
    title="Answered",
    group=Group.ANSWERS,
    scope=WITH_REFERENCE,
    applies=_answered,
    listed=False,
    redefined=Redefined(5, partial(_is_otherwise, policy="")),
    gate=Gate(),
)
def answered(row: Prediction, how: Derivation) -> float:
    """Share of questions with a reference that got an answer from the chosen expert; abstentions and failures
    count as none."""
    given = {expert for expert, text in (row.answers or {}).items() if text is not None}
    return sum(chance for expert, chance in _asked(row, how).items() if expert in given)
