"""The result contract: `record.json` and `predictions.jsonl` in one folder a run.

Other tools read these names; a change that they would notice raises `SCHEMA_VERSION`. The record seals both
files with checksums: they find damage and careless edits, not somebody who makes new checksums.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 2
RECORD = "record.json"
# Verdicts on the accuracy of one router beside another's; there is a third, `cannot tell at n=…`.
BETTER, WORSE = "better", "worse"
# Whose commit and dirty flag a provenance has, in words.
REPOSITORIES = {"git": "commit", "own_git": "commit of your own repository"}
PREDICTIONS = "predictions.jsonl"
# In the record, of what they seal.
PREDICTIONS_SHA256 = "predictions_sha256"
RECORD_SHA256 = "record_sha256"


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
        p_adjusted: of accuracy: McNemar's exact p (where rows have weights, that of a permutation test) after
            Holm's correction over the routers compared with.
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
        changed: by kind of change to the question, the domain that was then the most probable.
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
    changed: dict[str, str] | None = None
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


_WHERE_KNOWN = {
    "labels": None,
    "weight": 1.0,
    "outcomes": None,
    "expected": None,
    "sent_on": None,
    "changed": None,
}
_ANSWER_KEYS = {"reference", "expert", "answer", "rouge1", "rouge2", "rougeL", "answers", "notes"}


@dataclass(frozen=True)
class Record:
    """What one run found, of one router.

    Attributes:
        family: what kind of router: `embedding`, `classifier`, `composite`, `baseline` or `other`.
        derivation: what the quality metrics were computed with, besides the rows.
        analyses: what is not a single figure, by name: curves, learning curves, tuning, leakage.
    """

    router: str
    family: str
    config: dict[str, Any]
    provenance: dict[str, Any]
    derivation: dict[str, Any]
    metrics: list[Metric]
    unscored: list[Unscored]
    confusion_matrix: dict[str, Any]
    timings: dict[str, Any]
    comparisons: list[Comparison] = field(default_factory=list)
    analyses: dict[str, Any] = field(default_factory=dict)
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def is_dirty(self) -> bool:
        """Whether it was measured on uncommitted changes, of this code or of the user's own repository."""
        return any((self.provenance.get(name) or {}).get("dirty") for name in REPOSITORIES)

    def metric(self, name: str, slice_: str = "all") -> Metric | None:
        """The metric of that name and slice, if it was taken."""
        for metric in self.metrics:
            if (metric.name, metric.slice) == (name, slice_):
                return metric
        return None

    def reason(self, name: str, slice_: str = "all") -> str | None:
        """Why that metric was not taken, if the record says so."""
        for entry in self.unscored:
            if (entry.name, entry.slice) == (name, slice_):
                return entry.reason
        return None


@dataclass(frozen=True)
class Result:
    """A result folder that was read and found whole."""

    folder: Path
    record: Record
    predictions: list[Prediction]


def write_record(folder: Path, record: Record, predictions: Sequence[Prediction]) -> None:
    """Write both files into an existing folder."""
    rows = "".join(
        json.dumps(row.as_row(), ensure_ascii=False, allow_nan=False) + "\n" for row in predictions
    ).encode("utf-8")
    (folder / PREDICTIONS).write_bytes(rows)
    # As JSON has it (keys are text), because that is what will be read and sealed again.
    content = json.loads(json.dumps(asdict(record), allow_nan=False))
    content[PREDICTIONS_SHA256] = hashlib.sha256(rows).hexdigest()
    content[RECORD_SHA256] = _seal(content)
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def read_result(folder: Path) -> Result:
    """Both files.

    Raises:
        RecordError: one is missing, truncated, edited or of another schema version.
    """
    record, sha256 = _read_record(folder)
    path = folder / PREDICTIONS
    content = _bytes(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RecordError(
            f"{path} is not the file that {RECORD} was written with (its SHA-256 differs): it was edited or "
            "cut; restore it, or run again"
        )
    return Result(folder, record, _predictions(path, content))


def read_record(folder: Path) -> Record:
    """Raises RecordError for a folder without a readable, whole record of this schema version."""
    return _read_record(folder)[0]


def _read_record(folder: Path) -> tuple[Record, str]:
    """The record, and the checksum of the predictions that belong to it."""
    path = folder / RECORD
    try:
        content = json.loads(_bytes(path).decode("utf-8"))
        _check_version(path, content["schema_version"])
        seal = content.pop(RECORD_SHA256)
        if seal != _seal(content):
            raise RecordError(
                f"{path} was edited after it was written (its SHA-256 differs); restore it, or run again"
            )
        sha256 = content.pop(PREDICTIONS_SHA256)
        metrics = [Metric(**metric) for metric in content.pop("metrics")]
        unscored = [Unscored(**entry) for entry in content.pop("unscored")]
        comparisons = [Comparison(**entry) for entry in content.pop("comparisons")]
        return Record(metrics=metrics, unscored=unscored, comparisons=comparisons, **content), sha256
    except RecordError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{path} is not a result record: {error}") from error


def _check_version(path: Path, version: Any) -> None:
    if version == SCHEMA_VERSION:
        return
    if isinstance(version, int) and version < SCHEMA_VERSION:
        advice = "an older Router Derby wrote it: run again, or read it with that version"
    else:
        advice = "a newer Router Derby wrote it: update this one"
    raise RecordError(f"{path} has schema version {version}, this reads {SCHEMA_VERSION}; {advice}")


def _seal(content: dict[str, Any]) -> str:
    """SHA-256 of everything else in the record, however it is indented."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_predictions(folder: Path) -> list[Prediction]:
    """Raises RecordError for a missing, truncated or foreign file; see `read_result` for an edited one."""
    path = folder / PREDICTIONS
    return _predictions(path, _bytes(path))


def _predictions(path: Path, content: bytes) -> list[Prediction]:
    try:
        # Not splitlines: a question may hold other line ends, which JSON does not escape.
        lines = content.decode("utf-8").removesuffix("\n").split("\n")
        return [Prediction(**json.loads(line)) for line in lines if line]
    except (ValueError, TypeError) as error:
        raise RecordError(f"{path} is not a predictions file: {error}") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
