"""Questions from a folder of `qna` JSON files, one a domain.

A file `<domain>.json` is `{"qna": [{"question": …, "answer": …}, …]}`. Two names are
reserved for questions that are only ever tested on: `overlap.json`, where each question also
has its primary `domain`, and `out_of_scope.json`, whose questions belong to no domain. Any entry
with a domain may list all that it belongs to as `domains`.
"""

from pathlib import Path
from typing import Any

from benchmarks.datasets.base import OVERLAP, STANDARD
from benchmarks.datasets.json_file import read_json_file
from benchmarks.datasets.questions import TEST_ONLY, Entry, Placed, Questions, checked
from benchmarks.datasets.tables import READERS
from benchmarks.errors import BadInput
from common.files import sha256_file


def read_folder(folder: Path, test_only: bool) -> Questions:
    """The questions of a folder; the two reserved files are read only where `test_only` asks for them.

    Raises:
        BadInput: no such folder, no domain in it, a file that is not `qna` JSON, or a bad entry.
    """
    paths = _json_files(folder)
    domains = {path.stem: path for path in paths if path.stem not in TEST_ONLY}
    if not domains:
        raise BadInput(f"{folder}: no <domain>.json file in it")
    reserved = {path.stem: path for path in paths if path.stem in TEST_ONLY} if test_only else {}
    return Questions(
        [placed for domain, path in domains.items() for placed in _read_file(path, STANDARD, domain)],
        [placed for name in TEST_ONLY if name in reserved for placed in _read_file(reserved[name], name)],
        {domain: str(path) for domain, path in domains.items()},
        {f"{folder.name}/{path.name}": sha256_file(path) for path in paths},
    )


def _json_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        found = "a file, not a folder" if folder.exists() else "no such folder"
        raise BadInput(
            f"{folder}: {found}; dataset.path is a folder with one qna JSON file a domain, "
            f"or a table ({', '.join(READERS)})"
        )
    return sorted(folder.glob("*.json"))


def _read_file(path: Path, slice_: str, label: str | None = None) -> list[Placed]:
    return [checked(_entry(path, row, entry, slice_, label)) for row, entry in enumerate(_qna(path), start=1)]


def _entry(path: Path, row: int, entry: Any, slice_: str, label: str | None) -> Entry:
    if not isinstance(entry, dict):
        raise BadInput(f"{path}: entry {row} is not an object with a question")
    return Entry(
        str(path),
        f" of entry {row}",
        entry.get("question"),
        entry.get("domain") if slice_ == OVERLAP else label,
        slice_,
        entry.get("answer"),
        entry.get("domains"),
    )


def _qna(path: Path) -> list[Any]:
    content = read_json_file(path)
    if not isinstance(content, dict) or not isinstance(content.get("qna"), list):
        raise BadInput(f'{path}: expected {{"qna": [{{"question": …, "answer": …}}, …]}}')
    return list(content["qna"])
