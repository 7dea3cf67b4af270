"""Notices and progress reach the innermost listener; without one, notices are plain lines on stderr."""

import pytest

from common.progress import Event, listening, progress, say


def test_without_a_listener_only_notices_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    say("exporting")
    progress("training", 1, 2)
    assert capsys.readouterr() == ("", "exporting\n")


def test_a_listener_gets_every_event_and_stderr_none(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[Event] = []
    with listening(heard.append):
        say("exporting")
        progress("training", 1, 2)
        progress("reading", 3)
    assert heard == [Event("exporting"), Event("training", 1, 2), Event("reading", 3, None)]
    assert capsys.readouterr() == ("", "")


def test_the_innermost_listener_hears(capsys: pytest.CaptureFixture[str]) -> None:
    outer: list[Event] = []
    inner: list[Event] = []
    with listening(outer.append):
        with listening(inner.append):
            say("in")
        say("out")
    say("alone")
    assert (outer, inner) == ([Event("out")], [Event("in")])
    assert capsys.readouterr().err == "alone\n"


def test_an_error_ends_the_listening(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[Event] = []
    with pytest.raises(KeyError), listening(heard.append):
        raise KeyError
    say("alone")
    assert heard == []
    assert capsys.readouterr().err == "alone\n"
