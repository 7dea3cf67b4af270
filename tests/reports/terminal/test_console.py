"""Cells and tables, as a person reads them."""

from io import StringIO

import pytest
from rich.console import Console

from reports.record import Metric
from reports.terminal.console import PLAIN_WIDTH, columns, harmless, percent, plain, plain_console, table


def metric(value: float, low: float | None = None, high: float | None = None) -> Metric:
    return Metric("accuracy", value, "fraction", True, "all", 40, low, high)


@pytest.mark.parametrize(
    ("found", "interval", "cell"),
    [
        (metric(0.875), False, "87.5"),
        (metric(0.875, 0.8, 0.95), False, "87.5"),
        (metric(0.875, 0.8, 0.95), True, "87.5 [80.0, 95.0]"),
        # A regret may be negative; a zero is a figure.
        (metric(-0.012, -0.05, 0.0), True, "-1.2 [-5.0, 0.0]"),
        (metric(0.0, 0.0, 0.0), True, "0.0 [0.0, 0.0]"),
        # Not taken: nothing is made up.
        (metric(0.875), True, "87.5"),
        (metric(0.875, 0.8, None), True, "87.5"),
        (None, False, "–"),
        (None, True, "–"),
    ],
)
def test_percent(found: Metric | None, interval: bool, cell: str) -> None:
    assert percent(found, interval) == cell


@pytest.mark.parametrize(
    ("found", "digits", "cell"),
    [(metric(5.438), 2, "5.44"), (metric(245.2), 0, "245"), (metric(0.0), 1, "0.0"), (None, 2, "–")],
)
def test_plain(found: Metric | None, digits: int, cell: str) -> None:
    assert plain(found, digits) == cell


def rendered(title: str, first: str, others: list[str], row: list[str]) -> list[str]:
    console = Console(file=StringIO(), width=PLAIN_WIDTH, markup=False, emoji=False)
    shown = table(title)
    columns(shown, first, others)
    shown.add_row(*row)
    console.print(shown)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined,no-any-return]


def test_names_stand_left_and_figures_right() -> None:
    lines = rendered("Title", "router", ["accuracy"], ["knn", "9"])
    assert lines[0].strip() == "Title"
    head = next(line for line in lines if "router" in line)
    body = next(line for line in lines if "knn" in line)
    assert head.index("router") == body.index("knn")
    assert head.index("accuracy") + len("accuracy") == body.index("9") + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  ::error::x", "  :\u200b:error:\u200b:x"),
        (":::x", ":\u200b:\u200b:x"),
        # The bell is left out, so that its neighbours stand together.
        (":\x07:x", ":\u200b:x"),
        (":\n:x", ":\u200b\n:x"),
        ("a\u202eb\x1b[1m", "ab[1m"),
        ("a ##[add-mask]x", "a ##\u200b[add-mask]x"),
        ("12:30 # [x]", "12:30 # [x]"),
    ],
)
def test_no_runner_obeys_it(text: str, said: str) -> None:
    assert harmless(text) == said


def test_nothing_of_the_users_is_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    console = plain_console()
    assert console.width == PLAIN_WIDTH
    console.print("[red]a[/red] :car: [/]", highlight=False)
    assert capsys.readouterr().out == "[red]a[/red] :car: [/]\n"
