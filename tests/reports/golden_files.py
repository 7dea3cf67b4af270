"""Texts that are compared byte for byte with files in the repository.

Someone who meant a change writes them again, reads the difference and commits it with the change:

    GOLDEN=write python -m pytest tests/reports
"""

import difflib
import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"
HOW = "if the change is meant: GOLDEN=write python -m pytest tests/reports, and read git diff"


def same_as_golden(name: str, text: str) -> None:
    """Raises AssertionError with the difference where `text` is not the file's content in UTF-8."""
    path = FOLDER / name
    if os.environ.get("GOLDEN") == "write":
        FOLDER.mkdir(exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    if not path.is_file():
        raise AssertionError(f"{path} is missing; {HOW}")
    if path.read_bytes() == text.encode("utf-8"):
        return
    golden = path.read_bytes().decode("utf-8")
    before, now = (side.splitlines(keepends=True) for side in (golden, text))
    difference = "".join(difflib.unified_diff(before, now, "golden", "now"))
    raise AssertionError(f"{name} differs; {HOW}\n{difference}")
