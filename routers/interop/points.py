"""Questions as points with the scores of targets, in the two files that the KNN Router server reads.

The server (github.com/pulzeai-oss/knn-router) takes `points.jsonl`, a line a point with `point_uid`,
`category`, `embedding` and perhaps `utterance`, and `targets.jsonl`, a line with `point_uid`, `target`
and `score` for each score that is known.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from common.files import atomic_dir
from routers.base import FloatArray, RouterError, TargetScore, valid_text

POINTS, TARGETS = "points.jsonl", "targets.jsonl"
_OURS = UUID("6f0a4c1e-3f57-5d6b-9a0e-5f6c9b1d2e83")


@dataclass(frozen=True, eq=False)
class Points:
    """Embedded questions, and what is known of each target's answer to them.

    Attributes:
        uids: one of each point; the server takes UUIDs alone.
        categories: one of each point.
        vectors: float32 (n, d), finite.
        utterances: the questions, None where unknown.
        scores: of each point, by target.
    """

    uids: list[str]
    categories: list[str]
    vectors: FloatArray
    utterances: list[str | None]
    scores: list[dict[str, float]]

    def __post_init__(self) -> None:
        """Raises RouterError where the parts do not fit together."""
        lengths = {len(self.uids), len(self.categories), len(self.utterances), len(self.scores)}
        if self.vectors.ndim != 2 or lengths != {len(self.vectors)}:
            raise RouterError(f"points of lengths {sorted(lengths)} and vectors {self.vectors.shape}")
        if len(set(self.uids)) < len(self.uids):
            raise RouterError("two points have the same uid")
        numbers = [score for scores in self.scores for score in scores.values()]
        if not (np.isfinite(self.vectors).all() and np.isfinite(numbers).all()):
            raise RouterError("a vector or a score is not a finite number")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Points):
            return NotImplemented
        mine, theirs = vars(self).copy(), vars(other).copy()
        return np.array_equal(mine.pop("vectors"), theirs.pop("vectors")) and mine == theirs

    __hash__ = None  # type: ignore[assignment]

    @property
    def targets(self) -> list[str]:
        """Every target with a score, sorted."""
        return sorted({target for scores in self.scores for target in scores})


def read_points(folder: Path) -> Points:
    """The pair of files in `folder`.

    Raises:
        RouterError: a file is missing or a line is bad, with its place.
    """
    folder = Path(folder)
    uids: dict[str, int] = {}
    categories: list[str] = []
    vectors: list[FloatArray] = []
    utterances: list[str | None] = []
    for where, row in _lines(folder / POINTS):
        uid = _text(row, "point_uid", where)
        if uid in uids:
            raise RouterError(f"{where}: point_uid {uid!r} stands twice")
        uids[uid] = len(uids)
        categories.append(_text(row, "category", where))
        utterances.append(None if row.get("utterance") is None else _text(row, "utterance", where))
        vectors.append(_vector(row.get("embedding"), where))
        if len(vectors[-1]) != len(vectors[0]):
            raise RouterError(
                f"{where}: an embedding of {len(vectors[-1])} numbers, the first has {len(vectors[0])}"
            )
    if not uids:
        raise RouterError(f"{folder / POINTS}: no point in it")
    scores: list[dict[str, float]] = [{} for _ in uids]
    for where, row in _lines(folder / TARGETS):
        uid, target = _text(row, "point_uid", where), _text(row, "target", where)
        if uid not in uids:
            raise RouterError(f"{where}: no point has point_uid {uid!r}; see {folder / POINTS}")
        known = scores[uids[uid]]
        if target in known:
            raise RouterError(f"{where}: a second score of {target!r} for point_uid {uid!r}")
        known[target] = _score(row.get("score"), where)
    return Points(list(uids), categories, np.stack(vectors), utterances, scores)


def write_points(points: Points, folder: Path) -> None:
    """Write both files, whole or not at all, into a new folder or in place of such a pair.

    Raises:
        RouterError: `folder` is a file or holds something else, which would be lost, or cannot be written.
    """
    folder = Path(folder).absolute()
    if folder.exists():
        others = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else [folder.name]
        others = [name for name in others if name not in (POINTS, TARGETS)]
        if others:
            raise RouterError(f"{folder}: {others[0]} is in the way; choose a new folder")
    try:
        _write(points, folder)
    except OSError as error:
        raise RouterError(f"{folder}: cannot be written: {error.strerror}") from error


def _write(points: Points, folder: Path) -> None:
    with atomic_dir(folder) as work:
        with (work / POINTS).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(_point_lines(points))
        with (work / TARGETS).open("w", encoding="utf-8", newline="\n") as file:
            for uid, scores in zip(points.uids, points.scores, strict=True):
                for target, score in scores.items():
                    file.write(_json({"point_uid": uid, "target": target, "score": float(score)}) + "\n")


def server_uid(identity: str) -> str:
    """`identity` where it is a UUID as the server writes them, and otherwise always the same UUID for it."""
    try:
        if str(UUID(identity)) == identity:
            return identity
    except ValueError:
        pass
    return str(uuid5(_OURS, identity))


def decimals(vector: FloatArray) -> str:
    """The numbers with nine digits, which give the same float32 again, and commas between them.

    With an exponent, or minus zero would be read as an integer and lose its sign.
    """
    return ",".join(["%.8e"] * len(vector)) % tuple(vector.tolist())


def shortest(number: np.float32) -> float:
    """The float of fewest decimals that gives the same float32 again."""
    return float(str(number))


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Rows of length 1, float32; those that have it to a millionth stay as they are.

    Raises:
        RouterError: a vector of zeros.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))[:, None]
    if not lengths.all():
        raise RouterError(f"the vector of point {int(np.argmin(lengths)) + 1} is zero and has no direction")
    is_unit = np.abs(lengths - 1) <= 1e-6
    if is_unit.all():
        # A million of them would need gigabytes to be divided.
        return np.asarray(vectors, dtype=np.float32)
    return np.where(is_unit, vectors, vectors / lengths).astype(np.float32)


def ranked(weighed: Sequence[tuple[float, dict[str, float]]]) -> list[TargetScore]:
    """Mean score of each target by (weight, scores), to two decimals, best first, then by name.

    A target that is not among the scores has score 0. Weights that add up to 0 give scores of 0.
    """
    total = sum(weight for weight, _ in weighed)
    targets = {target for _, scores in weighed for target in scores}
    means = {
        target: sum(weight * scores.get(target, 0.0) for weight, scores in weighed) / (total or math.inf)
        for target in targets
    }
    rounded = {target: _to_cents(mean) for target, mean in means.items()}
    best = sorted(rounded, key=lambda target: (-rounded[target], target))
    return [{"target": target, "score": rounded[target]} for target in best]


def _to_cents(number: float) -> float:
    """Two decimals, halves away from zero."""
    return math.copysign(math.floor(abs(number) * 100 + 0.5) / 100, number) + 0.0


def _point_lines(points: Points) -> Iterator[str]:
    for row, uid in enumerate(points.uids):
        fields = {"point_uid": uid, "category": points.categories[row]}
        utterance = points.utterances[row]
        if utterance is not None:
            fields["utterance"] = utterance
        yield f'{_json(fields)[:-1]},"embedding":[{decimals(points.vectors[row])}]}}\n'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each JSON object with its `<path>:<line>`; blank lines are nothing."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{path}:{number}", _object(line, f"{path}:{number}")
    except OSError as error:
        raise RouterError(
            f"{path}: cannot be read ({error.strerror}); a folder of points has {POINTS} and {TARGETS}"
        ) from error


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8").rstrip())
    except UnicodeDecodeError as error:
        raise RouterError(f"{where}: not UTF-8 text at byte {error.start} of the line") from error
    except json.JSONDecodeError as error:
        raise RouterError(f"{where}:{error.colno}: not valid JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        # An integer of more digits than Python converts, or endless brackets.
        raise RouterError(f"{where}: not valid JSON: {error}") from error
    if not isinstance(row, dict):
        raise RouterError(f"{where}: expected one JSON object a line")
    return row


def _text(row: dict[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip() or valid_text(value) != value:
        raise RouterError(f"{where}: {name} is missing, empty or not text")
    return value


def _vector(value: Any, where: str) -> FloatArray:
    if not isinstance(value, list) or not value or not set(map(type, value)) <= {int, float}:
        raise RouterError(f"{where}: embedding is missing, empty or not a list of numbers")
    try:
        with np.errstate(over="ignore"):
            vector = np.array(value, dtype=np.float64).astype(np.float32)
    except OverflowError:
        vector = np.array([np.inf], dtype=np.float32)
    if not np.isfinite(vector).all():
        raise RouterError(f"{where}: embedding has a number that is not finite")
    return vector


def _score(value: Any, where: str) -> float:
    try:
        score = float(value) if type(value) in (int, float) else np.nan
    except OverflowError:
        score = np.nan
    if not np.isfinite(score):
        raise RouterError(f"{where}: score is missing or not a finite number")
    return score
