"""The result contract: `record.json` and `predictions.jsonl` in one folder a run.

Other tools read these names; a change that they would notice raises `SCHEMA_VERSION`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
RECORD = "record.json"
PREDICTIONS = "predictions.jsonl"


class RecordError(ValueError):
    """A folder that is not a readable result."""


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        name: stable; `accuracy`, `latency_p50`, …
        value: in `unit`.
        unit: `fraction`, `F1`, `ms`, `s`, `MB` (10^6 bytes), `queries/s`, `tokens/s`, `×`,
            `USD/M tokens` (US dollars for a million tokens).
        higher_is_better: which way is good.
        slice: `all` is every row with a label; else a subset of the rows or a domain.
        n: how many observations the value comes from.
        ci_low, ci_high: 95 % interval where one was computed.
    """

    name: str
    value: float
    unit: str
    higher_is_better: bool
    slice: str = "all"
    n: int = 1
    ci_low: float | None = None
    ci_high: float | None = None


@dataclass(frozen=True)
class Unscored:
    """A metric that could not be taken, and why."""

    name: str
    reason: str
    slice: str = "all"


@dataclass(frozen=True)
class Comparison:
    """A metric of this router minus that of another on the same rows, with its paired interval.

    Attributes:
        p_adjusted: of accuracy: McNemar's exact p after Holm's correction over the routers compared with.
        verdict: on that: `better`, `worse`, or `cannot tell at n=…`.
    """

    other: str
    metric: str
    difference: float
    ci_low: float
    ci_high: float
    n: int
    p_adjusted: float | None = None
    verdict: str | None = None


@dataclass(frozen=True)
class Prediction:
    """One served query: everything needed to re-derive every quality metric.

    Attributes:
        label: the right domain; None for an out-of-scope query.
        predicted: the most probable domain.
        confidence: in [0, 1]; ranks in-scope before out-of-scope.
        scores: probability by domain.
        slice: `standard`, `overlap`, `out_of_scope`, or the data set's own.
        labels: every right domain, where there are several.
        weight: how many queries this one stands for.
        outcomes: quality of each model's answer, by model, where the data set has it.
        expected: the same as the router predicted it, of a router that does.
        sent_on: whether a cascade asked its expensive router.
        reference: the answer to compare with; this and what follows only with experts on.
        expert: who was asked, by the policy; None when it abstained.
        answer: what the expert said; None when there is none.
        rouge1, rouge2, rougeL: F1 of `answer` against `reference`.
        answers: of every expert by domain, and of the base model as `base`.
        notes: by expert, why there is no answer, or what happened to the question.
    """

    id: str
    query: str
    label: str | None
    predicted: str
    confidence: float
    scores: dict[str, float]
    slice: str
    labels: list[str] | None = None
    weight: float = 1.0
    outcomes: dict[str, float] | None = None
    expected: dict[str, float] | None = None
    sent_on: bool | None = None
    reference: str | None = None
    expert: str | None = None
    answer: str | None = None
    rouge1: float | None = None
    rouge2: float | None = None
    rougeL: float | None = None  # noqa: N815 - the measure's name
    answers: dict[str, str | None] | None = None
    notes: dict[str, str] | None = None

    def as_row(self) -> dict[str, Any]:
        """What a line of `predictions.jsonl` holds: nothing about what the data or the router has not."""
        absent = {key for key, default in _WHERE_KNOWN.items() if getattr(self, key) == default}
        if self.answers is None:
            absent |= _ANSWER_KEYS
        return {key: value for key, value in asdict(self).items() if key not in absent}


_WHERE_KNOWN = {"labels": None, "weight": 1.0, "outcomes": None, "expected": None, "sent_on": None}
_ANSWER_KEYS = {"reference", "expert", "answer", "rouge1", "rouge2", "rougeL", "answers", "notes"}


@dataclass(frozen=True)
class Record:
    """What one run found, of one router.

    Attributes:
        analyses: what is not a single figure, by name: curves, learning curves, tuning, leakage.
    """

    router: str
    config: dict[str, Any]
    provenance: dict[str, Any]
    metrics: list[Metric]
    unscored: list[Unscored]
    confusion_matrix: dict[str, Any]
    timings: dict[str, Any]
    comparisons: list[Comparison] = field(default_factory=list)
    analyses: dict[str, Any] = field(default_factory=dict)
    schema_version: int = field(default=SCHEMA_VERSION)

    def metric(self, name: str, slice_: str = "all") -> Metric | None:
        """The metric of that name and slice, if it was taken."""
        for metric in self.metrics:
            if (metric.name, metric.slice) == (name, slice_):
                return metric
        return None


def write_record(folder: Path, record: Record, predictions: Sequence[Prediction]) -> None:
    """Write both files into an existing folder."""
    rows = "".join(
        json.dumps(row.as_row(), ensure_ascii=False, allow_nan=False) + "\n" for row in predictions
    )
    (folder / PREDICTIONS).write_text(rows, encoding="utf-8")
    text = json.dumps(asdict(record), ensure_ascii=False, allow_nan=False, indent=1)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> Record:
    """Raises RecordError for a folder without a readable record of this schema version."""
    path = folder / RECORD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("schema_version")
        if version != SCHEMA_VERSION:
            raise RecordError(f"{path} has schema version {version}, this reads {SCHEMA_VERSION}")
        metrics = [Metric(**metric) for metric in content.pop("metrics")]
        unscored = [Unscored(**entry) for entry in content.pop("unscored")]
        comparisons = [Comparison(**entry) for entry in content.pop("comparisons")]
        return Record(metrics=metrics, unscored=unscored, comparisons=comparisons, **content)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
    except RecordError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{path} is not a result record: {error}") from error


def read_predictions(folder: Path) -> list[Prediction]:
    """Raises RecordError for a missing, truncated or foreign file."""
    path = folder / PREDICTIONS
    try:
        # Not splitlines: a question may hold other line ends, which JSON does not escape.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        return [Prediction(**json.loads(line)) for line in lines if line]
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise RecordError(f"{path} is not a predictions file: {error}") from error
