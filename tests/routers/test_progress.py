"""Notices go to standard error; bars and hints only to a person who watches."""

import sys

import pytest

from routers.progress import note, progress_bar, say


def test_say_writes_one_line_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    say("exporting")
    assert capsys.readouterr() == ("", "exporting\n")


def test_note_is_for_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    note("training")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    note("training")
    assert capsys.readouterr() == ("", "training\n")


def test_a_bar_is_silent_off_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    with progress_bar() as bar:
        bar.update(bar.add_task("training", total=2), completed=1)
    assert capsys.readouterr() == ("", "")
