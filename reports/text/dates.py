"""Date of a result, from the name of its folder."""

import re
from datetime import datetime
from pathlib import Path

_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}(?!\d)")


def date_of(folder: Path) -> datetime | None:
    """Date in the folder's name, or in that of the innermost folder above it that has one, in local time.

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
