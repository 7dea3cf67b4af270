"""Reading and writing of `league.json`."""

from pathlib import Path

import msgspec

from common.errors import UserError
from common.files import atomic_dir, read_json, write_json
from common.typed_json import from_json, to_json
from reports.league.model import League

LEAGUE = "league.json"
VERSION = 1
# Committed results, a folder a suite.
RESULTS = Path(__file__).parent / "results"


class LeagueError(UserError, ValueError):
    """Error of a file that is not a league of this version."""


def write_league_json(league: League, folder: Path) -> None:
    """Write `league.json` into an existing folder; the same league gives the same bytes."""
    write_json(folder / LEAGUE, {"version": VERSION, **to_json(league)})


def read_league(folder: Path) -> League:
    """Read the league of a folder.

    Raises:
        LeagueError: there is none, it is damaged, or another version wrote it.
    """
    path = folder / LEAGUE
    try:
        content = read_json(path)
        version = content.pop("version")
        if version != VERSION:
            raise LeagueError(f"{path} has version {version}, this reads {VERSION}; make it again")
        return from_json(content, League)
    except OSError as error:
        raise LeagueError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, AttributeError, TypeError, msgspec.ValidationError) as error:
        raise LeagueError(f"{path} is not a league: {error}") from error
    except LeagueError:
        raise
    except ValueError as error:
        raise LeagueError(f"{path} is not JSON: {error}") from error


def publish(league: League, root: Path = RESULTS) -> Path:
    """Write `<suite>/league.json` under the folder of committed results, whole or not at all; return it.

    Raises:
        LeagueError: the suite's name is no name of a folder.
    """
    if Path(league.suite).name != league.suite or league.suite.startswith("."):
        raise LeagueError(f"{league.suite!r} is no name for a folder; give the suite another one")
    folder = root / league.suite
    with atomic_dir(folder) as work:
        write_league_json(league, work)
    return folder / LEAGUE
