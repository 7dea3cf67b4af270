"""Output at terminals of 20 to 80 columns: every figure whole, and no table wider than the terminal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.growth.figures import glossary as grown_glossary
from reports.growth.model import Axis
from reports.terminal.adapters import print_versions
from reports.terminal.check import print_check
from reports.terminal.diff import print_pairs
from reports.terminal.grow import print_axis, print_growth
from reports.terminal.league import print_league
from reports.terminal.report import print_report
from reports.terminal.run import print_run
from reports.text.statistics import Paired
from tests.reports.comparison.samples import answered_report
from tests.reports.gate.samples import sample_check
from tests.reports.glossary import GLOSSARY
from tests.reports.golden_files import same_as_golden
from tests.reports.growth.samples import every_axis
from tests.reports.league.samples import league
from tests.reports.samples import sample_record
from tests.reports.terminal.conftest import Printed
from tests.reports.terminal.test_commands import PAIR, UNCLEAR, card
from tests.reports.terminal.test_run import answered

OUTPUTS: dict[str, Callable[[], None]] = {
    "run": lambda: print_run([answered(), sample_record("a_router_with_a_name")], Path("x"), GLOSSARY),
    "report": lambda: print_report(answered_report(), Path("x")),
    "check": lambda: print_check(sample_check()),
    "diff": lambda: print_pairs([PAIR, UNCLEAR], Paired(0.95), 10),
    "league": lambda: print_league(league(), Path("x")),
    "axis": lambda: print_axis(every_axis(), Axis.BATCH, grown_glossary()),
    "growth": lambda: print_growth(every_axis(), grown_glossary(), Path("x")),
    "versions": lambda: print_versions([(card(), True)]),
}


@pytest.mark.parametrize("width", [20, 40, 60, 80])
@pytest.mark.parametrize("name", OUTPUTS)
def test_every_figure_is_whole(
    name: str, width: int, printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(columns: int) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        return printed(OUTPUTS[name])

    def figures(text: str) -> set[str]:
        """Words with a figure, without the colon behind a title in a block."""
        words = {word.rstrip(":") for word in text.split()}
        return {word for word in words if any(map(str.isdigit, word))}

    wide, narrow = at(500), at(width)
    assert "…" not in narrow
    assert {word for word in figures(wide) if len(word) <= width - 4} <= figures(narrow)
    # Sentences and titles are lines that the terminal folds; they are the same however wide it is.
    sentences = set(wide.splitlines())
    assert all(len(line) <= width for line in narrow.splitlines() if line not in sentences)


@pytest.mark.parametrize("name", ["run", "check"])
def test_golden(name: str, printed: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    same_as_golden(f"{name}_20.txt", printed(OUTPUTS[name]))
