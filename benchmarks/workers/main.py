"""The fresh process that `benchmarks.workers.launch` starts: it calls one function, and writes its result or
tells what it ended with.

Nothing heavy is imported here: what a function loads is what its memory figure counts.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from threading import Thread
from time import monotonic
from typing import Any, get_type_hints

from benchmarks.errors import EXIT_BAD_INPUT, EXIT_FAILED
from benchmarks.faults import fault
from benchmarks.workers.launch import ERROR, EVENT
from common.errors import UserError
from common.progress import Event, Listener, listening
from common.typed_json import from_json, to_json

SECONDS_BETWEEN_EVENTS = 0.1


def call(function: Callable[[Any], Any], job: Any) -> Any:
    """`function(job)`, both ways as JSON; the function declares the type of its one argument."""
    kind = next(iter(get_type_hints(function).values()))
    return to_json(function(from_json(job, kind)))


def main(task_path: str) -> int:
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        task = json.loads(Path(task_path).read_text(encoding="utf-8"))
        with listening(_reporter()):
            output = {"result": call(resolve_name(task["function"]), task["job"])}
        # Nothing written means that the function did not come to its end.
        Path(task["result"]).write_text(json.dumps(output), encoding="utf-8")
    except UserError as error:
        _tell(str(error))
        return EXIT_BAD_INPUT
    except Exception as error:
        reason = fault(error)
        if reason is None:
            traceback.print_exc()
            reason = (
                f"{' '.join(traceback.format_exception_only(error)[-1].split())} (its traceback is above)"
            )
        _tell(reason)
        return EXIT_FAILED
    return 0


def _tell(error: str) -> None:
    """Tell the process that waits what this one ends with."""
    # Behind whatever a library wrote without ending its line.
    print("\n" + ERROR + json.dumps(error), flush=True)


def _reporter() -> Listener:
    """A listener that passes events on to the process that waits, progress not too often."""
    last = 0.0

    def report(event: Event) -> None:
        nonlocal last
        if event.done is None or monotonic() - last > SECONDS_BETWEEN_EVENTS:
            print(EVENT + json.dumps(event), flush=True)
            last = monotonic()

    return report


def _end_with_parent() -> None:
    """Leave when the process that holds the other end of standard input is gone, however it ended."""
    # Not sys.stdin: a thread that waits in a buffered read can stop Python from ending.
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
