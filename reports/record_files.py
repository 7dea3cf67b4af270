"""The result contract: `record.json` and `predictions.jsonl` in one folder a run.

The record seals both files with checksums: they find damage and careless edits, not somebody who makes new
checksums.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from common.errors import UserError
from common.typed_json import from_json_exactly, to_json
from reports.migrate import READABLE, migrated
from reports.record import SCHEMA_VERSION, Prediction, Record

RECORD = "record.json"
PREDICTIONS = "predictions.jsonl"
# In the record, of what they seal.
PREDICTIONS_SHA256 = "predictions_sha256"
RECORD_SHA256 = "record_sha256"
REMEDY = "restore it, or run again"


class RecordError(UserError, ValueError):
    """A folder that is not a readable result."""


class DamagedResult(RecordError):
    """A result whose files are not what was written."""


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
    # The configuration keeps its nulls: `null` is a value there.
    content = {**to_json(record), "config": record.config, "schema_version": SCHEMA_VERSION}
    content[PREDICTIONS_SHA256] = hashlib.sha256(rows).hexdigest()
    content[RECORD_SHA256] = _seal(content)
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def read_result(folder: Path) -> Result:
    """Both files.

    Raises:
        DamagedResult: one was edited or cut.
        RecordError: one is missing, or of a schema version that is not read.
    """
    record, sha256 = _read_record(folder)
    path = folder / PREDICTIONS
    content = _bytes(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedResult(
            f"{path} is not the file that {RECORD} was written with (its SHA-256 differs): it was edited or "
            f"cut; {REMEDY}"
        )
    return Result(folder, record, _predictions(path, content))


def read_record(folder: Path) -> Record:
    """Raises RecordError for a folder without a readable, whole record."""
    return _read_record(folder)[0]


def _read_record(folder: Path) -> tuple[Record, str]:
    """The record, and the checksum of the predictions that belong to it."""
    path = folder / RECORD
    try:
        content = msgspec.json.decode(_bytes(path))
        _check_version(path, content["schema_version"])
        seal = content.pop(RECORD_SHA256)
        if seal != _seal(content):
            raise DamagedResult(f"{path} was edited after it was written (its SHA-256 differs); {REMEDY}")
        sha256 = content.pop(PREDICTIONS_SHA256)
        return from_json_exactly(migrated(content), Record), sha256
    except RecordError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise DamagedResult(f"{path} is not a result record: {what}; {REMEDY}") from error


def _check_version(path: Path, version: Any) -> None:
    if version in READABLE:
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
    # Not splitlines: a question may hold other line ends, which JSON does not escape.
    lines = content.removesuffix(b"\n").split(b"\n")
    return [_prediction(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line]


def _prediction(line: bytes, place: str) -> Prediction:
    try:
        return from_json_exactly(msgspec.json.decode(line), Prediction)
    except (ValueError, RecursionError) as error:
        raise DamagedResult(f"{place} is not a prediction: {error}; {REMEDY}") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
