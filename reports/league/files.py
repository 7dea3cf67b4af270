"""Reading and writing of `league.json`."""

from pathlib import Path

from common.errors import UserError
from common.files import write_json
from common.typed_json import read_versioned, to_json
from reports.league.model import League

LEAGUE = "league.json"
VERSION = 1


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
    return read_versioned(folder / LEAGUE, League, VERSION, LeagueError, "make it again")
