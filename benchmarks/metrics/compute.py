"""Every quality metric of a record, from its prediction rows and its `derivation` alone.

`run` derives what it records here, and `verify` derives it again: there is no other way to a quality metric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from benchmarks.metrics.answers import end_to_end
from benchmarks.metrics.calibration import certainty
from benchmarks.metrics.classification import mean_metric, quality
from benchmarks.metrics.cost_quality import cost_quality
from benchmarks.metrics.multilabel import multilabel
from benchmarks.metrics.robustness import flips
from benchmarks.metrics.selective import selective
from common.settings import Policy, Statistics
from reports.record import Metric, Prediction, Unscored


@dataclass(frozen=True)
class Derivation:
    """What the metrics depend on besides the rows.

    Attributes:
        classes: every domain, sorted.
        seed: of the bootstrap.
        policy: with its threshold, also where that was chosen on held-out questions.
        refuses: whether the policy has a threshold at all, which may be 0.
        label_threshold: of a question's set of domains; None when sets are not judged.
        prices: of each model, in US dollars for a million tokens, where the data set has them.
    """

    classes: list[str]
    seed: int
    statistics: Statistics
    policy: Policy = field(default_factory=Policy)
    refuses: bool = False
    label_threshold: float | None = None
    prices: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """What a record holds."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Derivation":
        """Raises TypeError, ValueError or KeyError for anything that `as_json` did not return."""
        statistics, policy = Statistics(**content["statistics"]), Policy(**content["policy"])
        return cls(**{**content, "statistics": statistics, "policy": policy})


class Derived(NamedTuple):
    """What `derive` returns; `curves` go into the record's analyses."""

    metrics: list[Metric]
    unscored: list[Unscored]
    confusion_matrix: dict[str, Any]
    curves: dict[str, Any]


def derive(rows: Sequence[Prediction], how: Derivation) -> Derived:
    """Every metric that the rows allow, and why others are missing."""
    statistics, seed = how.statistics, how.seed
    judged = quality(rows, how.classes, statistics, seed)
    certain = certainty(rows, how.classes, statistics, seed)
    metrics = [*judged.metrics, *certain.metrics]
    unscored = [*judged.unscored, *certain.unscored]
    curves = dict(certain.curves)

    def add(more: Sequence[Metric], reasons: Sequence[Unscored] = ()) -> None:
        metrics.extend(more)
        unscored.extend(reasons)

    if how.refuses:
        add(*selective(rows, how.policy, statistics, seed))
    add(_sent_on(rows, statistics, seed))
    if how.label_threshold is not None:
        add(*multilabel(rows, how.classes, how.label_threshold, statistics, seed))
    if any(row.outcomes for row in rows):
        money = cost_quality(rows, how.prices, statistics, seed)
        add(money.metrics, money.unscored)
        curves["cost_quality"] = money.curves
    add(flips(rows, statistics, seed))
    if any(row.answers is not None for row in rows):
        add(*end_to_end(rows, how.classes, statistics, seed))
    return Derived(metrics, unscored, judged.confusion_matrix, curves)


def _sent_on(rows: Sequence[Prediction], statistics: Statistics, seed: int) -> list[Metric]:
    """The share that a cascade sent on, of a cascade."""
    asked = [row for row in rows if row.sent_on is not None]
    if not asked:
        return []
    values, weights = [bool(row.sent_on) for row in asked], [row.weight for row in asked]
    return [mean_metric("sent_on", values, statistics, seed, weights=weights, higher_is_better=False)]
