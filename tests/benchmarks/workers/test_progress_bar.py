"""Progress is drawn on a terminal, and gone when the work is done; elsewhere it is plain lines."""

import os
import pty
import subprocess
import sys
from io import StringIO
from itertools import count
from threading import Event as Signal

import pytest

from benchmarks.workers.progress_bar import display
from common.progress import Event

SCRIPT = """
from benchmarks.workers.progress_bar import display
from common.progress import Event

with display("knn: fitting") as show:
    show(Event("a [red] notice"))
    show(Event("reading", 1, 3))
    show(Event("writing", 2, None))
"""


class Heard(StringIO):
    """Standard error, which says when a line was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = Signal()

    def write(self, text: str) -> int:
        length = super().write(text)
        if text.endswith("\n"):
            self.written.set()
        return length


def test_off_a_terminal_lines_also_while_nothing_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    monkeypatch.setattr(sys, "stderr", heard)
    # Every look at the clock is a second later.
    with display("knn: fitting", clock=count().__next__, pause=0) as show:
        heard.written.wait()
        show(Event("reading", 0, 3))
        heard.written.clear()
        heard.written.wait()
    before, *_, after = heard.getvalue().splitlines()
    assert before == "knn: fitting, 10 s so far"
    assert after.startswith("knn: fitting: reading, ")


def test_a_reader_that_leaves_does_not_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = Signal()

    class Closed(StringIO):
        def write(self, text: str) -> int:
            closed.set()
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Closed())
    with display("knn: fitting", clock=count().__next__, pause=0):
        closed.wait()


def test_off_a_terminal_short_work_has_notices_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with display("knn: fitting", clock=lambda: 0.0) as show:
        show(Event("a [red] notice"))
        show(Event("reading", 1, 3))
        show(Event("begun", 0))
    assert capsys.readouterr() == ("", "a [red] notice\n")


@pytest.mark.process
def test_on_a_terminal_notices_and_a_bar() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=theirs, env=environment, check=True
        )
        os.close(theirs)
        text = os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
    assert done.stdout == b""
    assert "a [red] notice" in text
    assert "knn: fitting: writing" in text
    # The last thing written erases the line that the bar was on.
    assert text.rstrip("\r\n").endswith("\x1b[2K")
