"""Questions from a folder of `qna` JSON files, one a domain.

A file `<domain>.json` is `{"qna": [{"question": …, "answer": …}, …]}`. Two names are
reserved for questions that are only ever tested on: `overlap.json`, where each question also
has its primary `domain`, and `out_of_scope.json`, whose questions belong to no domain.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.datasets.base import (
    OUT_OF_SCOPE,
    OVERLAP,
    STANDARD,
    Dataset,
    Example,
    fold,
    question_id,
    split,
)
from benchmarks.errors import BadInput
from routers.base import valid_text
from routers.progress import say
from routers.storage import sha256_file

RESERVED = (OVERLAP, OUT_OF_SCOPE)


def load(name: str, path: str, test_path: str | None = None, test_fraction: float = 0.2) -> Dataset:
    """Load a folder, splitting each domain, or training on all of it when `test_path` is given.

    Raises:
        BadInput: a missing or empty folder, a file that is not `qna` JSON, a bad question, the
            same question twice under different domains or on both sides of the split, fewer
            than two domains, or fewer than two questions in one.
    """
    folder = Path(path)
    labelled = _read_labelled(folder)
    labels = _check_trainable(folder, labelled, _domains(folder))
    files = _checksums(folder, folder.name)
    if test_path is None:
        train, test = split(labelled, test_fraction)
        test += _read_test_only(folder, labels)
    else:
        train = labelled
        test = _read_test_folder(Path(test_path), labels)
        same = Path(test_path).name == folder.name
        files |= _checksums(Path(test_path), f"test/{folder.name}" if same else Path(test_path).name)
    _check_disjoint(train, test)
    _check_once(test)
    return Dataset(name, train, test, files)


def _json_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; dataset.path is a folder with one qna JSON file a domain")
    return sorted(folder.glob("*.json"))


def _checksums(folder: Path, name: str) -> dict[str, str]:
    return {f"{name}/{path.name}": sha256_file(path) for path in _json_files(folder)}


def _read_labelled(folder: Path) -> list[Example]:
    domains = _domains(folder)
    if not domains:
        raise BadInput(f"{folder}: no <domain>.json file in it")
    files = ((folder / f"{domain}.json", domain) for domain in domains)
    return _unique([example for path, domain in files for example in _read_file(path, STANDARD, domain)])


def _domains(folder: Path) -> list[str]:
    return [path.stem for path in _json_files(folder) if path.stem not in RESERVED]


def _check_trainable(folder: Path, examples: Sequence[Example], domains: Sequence[str]) -> list[str]:
    """The domains, sorted; BadInput where no router could learn them."""
    counts = Counter(str(example.label) for example in examples)
    for domain in domains:
        if counts[domain] < 2:
            raise BadInput(
                f"{folder / domain}.json: a domain needs at least two questions, found {counts[domain]}"
            )
    if len(counts) < 2:
        only = ", ".join(counts) or "none"
        raise BadInput(f"{folder}: routing needs at least two domains, found {len(counts)}: {only}")
    return sorted(counts)


def _read_test_only(folder: Path, labels: Sequence[str]) -> list[Example]:
    """The questions of the two reserved files, where they are there."""
    examples: list[Example] = []
    for name in RESERVED:
        path = folder / f"{name}.json"
        if path.exists():
            examples += _read_file(path, name, None)
    for example in examples:
        if example.slice == OVERLAP and example.label not in labels:
            known = ", ".join(labels)
            raise BadInput(
                f"{folder / OVERLAP}.json: {example.query!r} has domain {example.label!r}, not one of {known}"
            )
    return examples


def _read_test_folder(folder: Path, labels: Sequence[str]) -> list[Example]:
    examples = _read_labelled(folder)
    unknown = sorted({str(example.label) for example in examples} - set(labels))
    if unknown:
        raise BadInput(f"{folder}: no training questions for {', '.join(unknown)}")
    if not examples:
        raise BadInput(f"{folder}: no question to test on")
    return examples + _read_test_only(folder, labels)


def _read_file(path: Path, slice_: str, label: str | None) -> list[Example]:
    return [_example(path, row, entry, slice_, label) for row, entry in enumerate(_qna(path), start=1)]


def _qna(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text at byte {error.start}") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        # An integer of more digits than Python converts.
        raise BadInput(f"{path}: not valid JSON: {error}") from error
    except RecursionError as error:
        raise BadInput(f"{path}: not valid JSON: nested too deeply") from error
    if not isinstance(content, dict) or not isinstance(content.get("qna"), list):
        raise BadInput(f'{path}: expected {{"qna": [{{"question": …, "answer": …}}, …]}}')
    return list(content["qna"])


def _example(path: Path, row: int, entry: Any, slice_: str, label: str | None) -> Example:
    if not isinstance(entry, dict):
        raise BadInput(f"{path}: entry {row} is not an object with a question")
    question = entry.get("question")
    if not isinstance(question, str) or not question.strip():
        raise BadInput(f"{path}: the question of entry {row} is missing, empty or not text")
    if valid_text(question) != question:
        raise BadInput(f"{path}: the question of entry {row} has half a surrogate pair, which is not text")
    answer = entry.get("answer")
    if answer is not None and not isinstance(answer, str):
        raise BadInput(f"{path}: the answer of entry {row} is not text")
    if slice_ == OVERLAP:
        label = str(entry.get("domain"))
    return Example(question_id(question, label or slice_), question, label, answer, slice_)


def _unique(examples: Sequence[Example]) -> list[Example]:
    """Drop repetitions within a domain, and say so; refuse one question under two domains."""
    seen: dict[str, Example] = {}
    for example in examples:
        twin = seen.setdefault(fold(example.query), example)
        if twin.label != example.label:
            raise BadInput(
                f"the question {example.query!r} is under {twin.label} and {example.label}; keep one"
            )
    if len(seen) < len(examples):
        say(f"dropped {len(examples) - len(seen)} question(s) that stand twice under the same domain")
    return list(seen.values())


def _check_disjoint(train: Sequence[Example], test: Sequence[Example]) -> None:
    learned = {fold(example.query) for example in train}
    leaked = [example.query for example in test if fold(example.query) in learned]
    if leaked:
        raise BadInput(
            f"{len(leaked)} test question(s) are also in the training data, for example {leaked[0]!r}; "
            "remove them from one side"
        )


def _check_once(test: Sequence[Example]) -> None:
    """A question that is tested twice would count twice, and once wrongly where its labels differ."""
    counts = Counter(fold(example.query) for example in test)
    for example in test:
        if counts[fold(example.query)] > 1:
            raise BadInput(f"the test question {example.query!r} stands twice; keep one")
