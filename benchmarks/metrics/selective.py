"""Accepting and refusing: what a policy's threshold does on the test."""

from collections.abc import Sequence

from benchmarks.metrics.entry import FOREIGN, Gate, Missing, Questions, mean, out_of_scope
from common.settings import Policy
from reports.metric_info import Group
from reports.reasons import Reason
from reports.record import Derivation, Prediction
from routers.decision import CONFIDENCE


def score_of(row: Prediction, policy: Policy) -> float:
    """The score that the policy compares with its threshold."""
    return row.confidence if policy.score == CONFIDENCE else row.scores[row.predicted]


def is_accepted(row: Prediction, how: Derivation) -> bool:
    """True where the row's score reaches the policy's threshold."""
    return score_of(row, how.policy) >= how.policy.threshold


def _refuses(questions: Questions) -> bool:
    return questions.how.refuses


def _nothing_accepted(questions: Questions) -> Missing | None:
    accepted: Sequence[bool] = [is_accepted(row, questions.how) for row in questions.rows]
    return None if any(accepted) else Missing(Reason.NOTHING_ACCEPTED)


@mean(title="Coverage", group=Group.SELECTIVE, applies=_refuses, gate=Gate())
def coverage(row: Prediction, how: Derivation) -> float:
    """Share of questions that the policy's threshold accepts; only with a threshold."""
    return float(is_accepted(row, how))


@mean(
    title="Selective accuracy",
    group=Group.SELECTIVE,
    applies=_refuses,
    missing=_nothing_accepted,
    gate=Gate(),
)
def selective_accuracy(row: Prediction, how: Derivation) -> float | None:
    """Accuracy on the questions that the policy's threshold accepts."""
    return row.right if is_accepted(row, how) else None


@mean(
    title="Out-of-scope recall",
    group=Group.SELECTIVE,
    scope=FOREIGN,
    slices=out_of_scope,
    applies=_refuses,
    gate=Gate(),
)
def out_of_scope_recall(row: Prediction, how: Derivation) -> float:
    """Share of out-of-scope questions that the policy's threshold refuses."""
    return float(not is_accepted(row, how))
