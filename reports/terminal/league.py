"""Terminal output of a league: its leader, the table over all data sets, the scores, and the folder."""

from pathlib import Path

from reports.league.model import League
from reports.league.sentences import RULE, headline, notices
from reports.league.tables import overall_table, scores_table
from reports.terminal.render import plain_console, print_lines, print_table


def print_league(league: League, folder: Path) -> None:
    """Print the headline, what to know first, both tables, and the place of the page."""
    console = plain_console()
    print_lines(console, ["", headline(league), *(f"  ! {notice}" for notice in notices(league))])
    print_table(console, overall_table(league))
    print_table(console, scores_table(league))
    place = f"League: {folder / 'league.html'} (league.md, league.json and the figures are beside it)"
    print_lines(console, [RULE, "", place])
