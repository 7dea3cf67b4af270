"""When a result was made, as its place says."""

import re
from datetime import datetime
from pathlib import Path

_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}(?!\d)")


def date_of(folder: Path) -> datetime | None:
    """Of the folder's name, or of the innermost above it that has a date, in the machine's own time.

    None where no name has one: nothing else about a folder is the same on every machine.
    """
    for part in reversed(folder.parts):
        for found in _DATE.findall(part):
            try:
                return datetime.strptime(found, "%Y-%m-%d_%H-%M-%S")
            except ValueError:
                # Digits that are no date.
                continue
    return None
