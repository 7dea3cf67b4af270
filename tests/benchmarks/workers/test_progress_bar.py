"""Progress is drawn on a terminal alone, and gone when the work is done."""

import os
import pty
import subprocess
import sys

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


def test_off_a_terminal_only_notices(capsys: pytest.CaptureFixture[str]) -> None:
    with display("knn: fitting") as show:
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
