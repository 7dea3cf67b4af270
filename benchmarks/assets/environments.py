"""Environments of contestants that are not ours, made with venv and pip on request; whole or not at all."""

import os
import re
import shutil
import subprocess
import sys
import venv
from collections import deque
from pathlib import Path
from time import monotonic

from benchmarks.errors import BadInput
from common.files import one_at_a_time, write_json
from common.progress import progress, say
from routers.environment import MADE, Environment

# Of pip's errors.
SHOWN_LINES = 3
# Begins what pip says of each package; one that lies in a folder it names by its file.
COLLECTING = re.compile(r"^(?:Collecting|Processing) (\S+)")


def make(environment: Environment) -> float:
    """Make an environment unless it is there, and return the seconds that it took.

    Of several processes one makes it and the others wait.

    A Python environment cannot be moved, so it is made in its place, and counts once its last file is there.

    Raises:
        BadInput: pip failed; nothing is left.
    """
    start = monotonic()
    with one_at_a_time(environment.folder, say):
        # Whoever was waited for has made it.
        if not environment.is_made:
            _make(environment)
    return monotonic() - start


def _make(environment: Environment) -> None:
    environment.folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Whatever an interrupted one left goes first.
        venv.create(environment.folder, clear=True, with_pip=False)
        if environment.pins:
            _install(environment)
    except BaseException:
        shutil.rmtree(environment.folder, ignore_errors=True)
        raise
    write_json(environment.folder / MADE, {"pins": environment.pins})


def _install(environment: Environment) -> None:
    """Install the pins by the pip beside us; the environment needs none of its own."""
    command = [sys.executable, "-m", "pip", "--python", str(environment.python), "install", "--no-input"]
    # Code of ours is not to take the place of what it installs.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.Popen(
        [*command, "--requirement", str(environment.requirements)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=variables,
        text=True,
        errors="replace",
    )
    assert process.stdout
    said: deque[str] = deque(maxlen=SHOWN_LINES)
    collected, total = 0, len(environment.pins)
    try:
        for line in process.stdout:
            if found := COLLECTING.match(line):
                collected += 1
                progress(Path(found[1]).name, min(collected, total), total)
            elif line.startswith("Installing collected packages"):
                progress(f"unpacking {total} packages", total, total)
            if line.startswith("ERROR"):
                said.append(line.strip())
    except BaseException:
        process.kill()
        raise
    finally:
        process.stdout.close()
        process.wait()
    if process.returncode:
        words = " ".join(said) or "nothing"
        raise BadInput(
            f"{environment.name}: pip could not install {environment.requirements} and says {words}; nothing "
            "is left of it"
        )
