"""Result folders that the user names: read, told apart, and kept from what they cannot be compared with."""

import re
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path

from benchmarks.errors import BadInput
from benchmarks.stats.paired import difference_of_questions
from reports.comparison.model import Skipped, Statement, state
from reports.comparison.sentences import Code
from reports.record import Record
from reports.record_files import PREDICTIONS, RECORD, RecordError, Result, read_result

RUNS = Path("outputs/run")
CHECKS = Path("outputs/check")
# Start of the names of runs.
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}_")


def dated_runs() -> list[Path]:
    """Folders of runs that have a date for a name, as `run` gives it, the newest last."""
    return sorted(path for path in RUNS.glob("*") if _DATED.match(path.name))


def read_results(folders: Sequence[Path]) -> list[Result]:
    """Raises BadInput for a folder that is no whole result."""
    return [_read(folder) for folder in folders]


def _read(folder: Path) -> Result:
    try:
        return read_result(folder)
    except RecordError as error:
        hint = "" if is_result(folder) else "; name the result folder of a run"
        raise BadInput(f"{error}{hint}") from error


def expanded(patterns: Sequence[str]) -> list[Path]:
    """Result folders that were named, with `*` as in a shell: a run brings its baselines along, a comparison
    or any other folder the results in it.

    Raises:
        BadInput: nothing is there.
    """
    found: list[Path] = []
    for pattern in patterns:
        here = [result for folder in _matching(pattern) for result in _results_in(folder)]
        if not here:
            raise BadInput(f"{pattern}: no result there; name result folders, such as outputs/run/DATE_knn")
        found += here
    return list(dict.fromkeys(found))


def _matching(pattern: str) -> list[Path]:
    """Folders; a name may itself hold what means something to a pattern."""
    literal = Path(pattern)
    if literal.is_dir():
        return [literal]
    root = Path(literal.anchor)
    try:
        return sorted(root.glob(str(literal.relative_to(root))))
    except (ValueError, IndexError):
        return []


def is_result(folder: Path) -> bool:
    """Tell whether it holds, or held, a result: one without its record is named when it is read."""
    return (folder / RECORD).exists() or (folder / PREDICTIONS).exists()


def _results_in(folder: Path) -> list[Path]:
    if is_result(folder):
        return [folder, *filter(is_result, sorted(folder.glob("baselines/*")))]
    inside = [*sorted(folder.glob("*")), *sorted(folder.glob("results/*"))]
    return [result for child in inside if is_result(child) for result in _results_in(child)]


def named(results: Sequence[Result]) -> dict[str, Result]:
    """By the router's name; by as much of the folder's path as tells them apart where that is not enough.

    Raises:
        BadInput: a folder is named twice.
    """
    folders = Counter(result.folder.resolve() for result in results)
    twice = [str(folder) for folder, count in folders.items() if count > 1]
    if twice:
        raise BadInput(f"{twice[0]} is named twice; a run does not differ from itself")
    names: list[str] = []
    routers = Counter(result.record.router for result in results)
    for result in results:
        router = result.record.router
        if routers[router] == 1:
            names.append(router)
            continue
        parents = {other.folder.resolve().parent for other in results if other.record.router == router}
        # Of one comparison the others are called `knn_k=5`, and nobody takes one for another.
        taken = set(routers) - {router} if len(parents) == 1 else set(routers)
        names.append(_end_of_path(result.folder, list(folders), taken))
    return dict(zip(names, results, strict=True))


def _end_of_path(folder: Path, folders: Sequence[Path], taken: Container[str]) -> str:
    """The shortest end of a path that no other has and no router is called, `DATE_knn` or `DATE/knn`; the
    path as it was typed where that is no longer."""
    for length in range(1, max(len(folder.parts), 2)):
        name = _end(folder.resolve(), length)
        if name not in taken and [_end(other, length) for other in folders].count(name) == 1:
            return name
    return str(folder)


def _end(folder: Path, length: int) -> str:
    """End of a path without the folders that every comparison and every run has."""
    return "/".join([part for part in folder.parts if part not in ("results", "baselines")][-length:])


def dataset_of(record: Record) -> str:
    """Name of the data set."""
    return record.provenance.dataset.name


def comparable(results: Sequence[Result]) -> tuple[list[Result], list[Skipped]]:
    """Results on the data and split of the first, and those left out with the reason."""
    first, *others = results
    kept, skipped = [first], []
    for result in others:
        reason = _why_not(first, result, kept)
        if reason:
            skipped.append(Skipped(result.folder, reason))
        else:
            kept.append(result)
    return kept, skipped


def _why_not(first: Result, other: Result, kept: Sequence[Result]) -> Statement | None:
    mismatch = difference_of_questions(first.predictions, other.predictions)
    if mismatch:
        return state(
            Code.OTHER_QUESTIONS,
            dataset=dataset_of(other.record),
            first=str(first.folder),
            first_dataset=dataset_of(first.record),
            mismatch=mismatch,
        )
    if first.record.provenance.dataset.train != other.record.provenance.dataset.train:
        return state(Code.OTHER_TRAINING, first=str(first.folder))
    for twin in kept:
        if _is_twin(twin.record, other.record) and twin.predictions == other.predictions:
            return state(Code.SAME_RESULT, first=str(twin.folder))
    return None


def _is_twin(one: Record, other: Record) -> bool:
    """Two records of one baseline, as every run brings its own."""
    return one.family == other.family == "baseline" and one.config.get("router") == other.config.get("router")
