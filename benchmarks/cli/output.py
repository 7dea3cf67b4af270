"""Standard output and error, whatever they can show and whoever reads them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper


def show_anything() -> None:
    """Print what an encoding does not have as `?`: no name and no minus sign may end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Print, and go on after it though whoever read it has gone, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()


def output_error() -> str | None:
    """Why standard output cannot be written; then nothing more is printed to it. None where it can be."""
    try:
        sys.stdout.flush()
    except OSError as error:
        drop_output()
        return error.strerror
    return None


def drop_output() -> None:
    """Print to nobody from now on: Python would write to a closed pipe once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
