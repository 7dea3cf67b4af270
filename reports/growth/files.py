"""Reading and writing of `growth.json`."""

from pathlib import Path

from common.errors import UserError
from common.files import replace_json
from common.typed_json import read_versioned, sealed, to_json
from reports.growth.model import Growth

GROWTH = "growth.json"
VERSION = 1


class GrowthError(UserError, ValueError):
    """Error of a file that is not a growth of this version."""


def read_growth(folder: Path) -> Growth | None:
    """Read the growth in a folder; None where there is none yet.

    Raises:
        GrowthError: the file is damaged, or another version wrote it.
    """
    path = folder / GROWTH
    if not path.exists():
        return None
    return read_versioned(path, Growth, VERSION, GrowthError, "choose another folder")


def write_growth(growth: Growth, folder: Path) -> None:
    """Write the growth, whole, into a folder that is created if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    # The configuration keeps its nulls: `null` is a value there.
    content = {"version": VERSION, **to_json(growth), "config": growth.config}
    replace_json(folder / GROWTH, sealed(content))
