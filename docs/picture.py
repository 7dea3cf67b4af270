"""Draw what a command prints in a terminal: `python docs/picture.py TARGET.svg HEAD TAIL COMMAND ...`.

Of a long output the first HEAD lines and the last TAIL lines are shown. `make picture` makes the README's.
"""

import os
import pty
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 100


def captured(command: list[str]) -> str:
    """Everything that the command writes to a terminal of `COLUMNS` columns, without its progress bars."""
    main, terminal = pty.openpty()
    size = {"COLUMNS": str(COLUMNS), "LINES": "50", "TERM": "xterm-256color"}
    # Standard error is no terminal, so that notices and lines of progress come as in a log.
    process = subprocess.Popen(
        command,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **size},
    )
    os.close(terminal)
    content = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        content += piece
    os.close(main)
    if process.wait():
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return content.decode("utf-8").replace("\r\n", "\n").replace(f"{Path.cwd()}/", "")


def shortened(text: str, head: int, tail: int) -> str:
    lines = text.strip("\n").split("\n")
    if len(lines) <= head + tail:
        return text
    return "\n".join([*lines[:head], f"… {len(lines) - head - tail} lines …", "", *lines[-tail:]])


def main(target: Path, head: int, tail: int, command: list[str]) -> None:
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(f"$ {' '.join(command)}\n", highlight=False, markup=False)
        console.print(Text.from_ansi(shortened(captured(command), head, tail)))
        console.save_svg(str(target), title="Router Derby")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
