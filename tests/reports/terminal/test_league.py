"""Output of a league at the end of a suite."""

from pathlib import Path

from reports.league.sentences import RULE
from reports.terminal.league import print_league
from tests.reports.league.samples import league
from tests.reports.samples import lines_of
from tests.reports.terminal.conftest import Printed


def test_a_league_prints_who_leads_and_both_tables(printed: Printed) -> None:
    text = printed(print_league, league(), Path("outputs/suite/x"))
    assert "leads with a mean score of 85.0 % on 2 data sets" in text
    assert "  ! No result on models of plain" in text
    # Over all data sets in two parts, and the scores.
    assert len(lines_of(text, "plain")) == 3
    assert lines_of(text, "plain")[-1] == ["plain", "(baseline)", "70.0", "[64.0,", "76.0]", "–"]
    assert RULE in text
    assert text.rstrip().endswith("(league.md, league.json and the figures are beside it)")
