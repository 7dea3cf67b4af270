"""Reading and writing of `growth.json`."""

from pathlib import Path

import msgspec

from common.errors import UserError
from common.files import read_json, replace_json
from common.typed_json import from_json, to_json
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
    try:
        content = read_json(path)
        version = content.pop("version")
        if version != VERSION:
            raise GrowthError(f"{path} has version {version}, this reads {VERSION}; choose another folder")
        return from_json(content, Growth)
    except (KeyError, AttributeError, TypeError, msgspec.ValidationError) as error:
        raise GrowthError(f"{path} is not the growth of a router: {error}; choose another folder") from error
    except GrowthError:
        raise
    except ValueError as error:
        raise GrowthError(f"{path} is not JSON: {error}; choose another folder") from error


def write_growth(growth: Growth, folder: Path) -> None:
    """Write the growth, whole, into a folder that is created if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    # The configuration keeps its nulls: `null` is a value there.
    content = {"version": VERSION, **to_json(growth), "config": growth.config}
    replace_json(folder / GROWTH, content)
