"""The command line: one verb a command, each a Hydra application; nothing heavy is imported to parse."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from benchmarks.errors import BadInput
from benchmarks.isolate import EXIT_BAD_INPUT, WorkerError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from reports.record import Record

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
UNFINISHED = ".unfinished"

HELP = """\
usage: python -m benchmarks VERB [OPTIONS] [KEY=VALUE ...]

Pit query routers against each other on accuracy, latency and memory.

verbs:
  run       fit a router, serve it in a process of its own, judge it beside baselines

examples:
  python -m benchmarks run router=knn
  python -m benchmarks run -m router=centroid,knn,tinyllama
  python -m benchmarks run router=centroid encoder.backend=onnx_int8
  python -m benchmarks run router=knn dataset=files dataset.path=DIR

  python -m benchmarks VERB --help       every key of a verb, with its value
  python -m benchmarks VERB --cfg job    the configuration that would run
  derby --shell-completion install=bash  a line for eval that completes verbs, keys and options
"""


def main() -> int:
    """Run the command line in `sys.argv`; returns the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    arguments = sys.argv[1:]
    if arguments[:1] in ([], ["-h"], ["--help"], ["help"]):
        print(HELP, end="")
        return 0 if arguments else EXIT_BAD_INPUT
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"router-derby {version('router-derby')}")
        return 0
    if any(argument.startswith("--shell-completion") or argument == "-sc" for argument in arguments):
        from benchmarks.completion import complete

        return complete(arguments, sorted(VERBS))
    verb, *rest = arguments
    if verb not in VERBS:
        return _complain(f"no verb {verb!r}; there is: {', '.join(sorted(VERBS))} (see --help)")
    try:
        return _guarded(verb, rest)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _guarded(verb: str, arguments: Sequence[str]) -> int:
    """Run a verb, turning what the user can mend into one line and exit code 2."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from benchmarks.explain import explain
    from conf.schema import ConfigError
    from routers.base import RouterError

    wants_traceback = os.environ.get("HYDRA_FULL_ERROR", "") not in ("", "0")
    # Hydra would otherwise print errors its own way and exit with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv = [f"python -m benchmarks {verb}", *arguments]
    try:
        VERBS[verb](verb)
    except (BadInput, ConfigError, RouterError, HydraException, OmegaConfBaseException) as error:
        if wants_traceback:
            raise
        return _complain(explain(error))
    except WorkerError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    return 0


def _complain(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return EXIT_BAD_INPUT


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)


def _hydra(config_name: str, task: Callable[["DictConfig"], None]) -> None:
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from benchmarks.explain import explain
    from benchmarks.resolvers import register as register_resolvers
    from conf.schema import register as register_schemas

    register_schemas()
    register_resolvers()
    failures: list[Exception] = []

    def guarded(config: "DictConfig") -> None:
        # Raised after Hydra has returned: it would write a line of its own about each, and in a
        # sweep the other jobs are still worth running.
        try:
            task(config)
        except Exception as error:
            failures.append(error)

    try:
        hydra.main(version_base="1.3", config_path="pkg://conf", config_name=config_name)(guarded)()
    except (HydraException, OmegaConfBaseException):
        raise
    except ValueError as error:
        # Hydra's own (of the task they are in `failures`): `router=5`, for one.
        raise BadInput(f"{' '.join(sys.argv[1:])}: {error}") from error
    if failures:
        for further in failures[1:]:
            print(f"error: {explain(further)}", file=sys.stderr)
        raise failures[0]


def _run(verb: str) -> None:
    finished: list[list[Record]] = []

    def task(config: "DictConfig") -> None:
        from hydra.core.hydra_config import HydraConfig

        folder = Path(HydraConfig.get().runtime.output_dir)
        try:
            from benchmarks.explain import check_keys
            from benchmarks.run import run
            from reports.table import print_run

            check_keys(config)
            records = run(config, folder)
        except BaseException:
            _remove(folder)
            raise
        print_run(records, _finish(folder))
        finished.append(records)

    try:
        _hydra(verb, task)
    finally:
        # A sweep writes its own file there before its first job.
        _remove_if_empty(Path("outputs", verb, UNFINISHED))
        if len(finished) > 1:
            from reports.table import print_tables

            print_tables([*(records[0] for records in finished), *finished[-1][1:]])


def _finish(folder: Path) -> Path:
    """Give a whole run its final name: the same path without `.unfinished`."""
    target = final = Path(*(part for part in folder.parts if part != UNFINISHED))
    if final == folder:
        return folder
    count = 1
    while target.exists():
        count += 1
        target = final.with_name(f"{final.name}-{count}")
    folder.rename(target)
    _remove_if_empty(folder.parent)
    return target


def _remove(folder: Path) -> None:
    """Leave nothing of a run that did not finish, unless the user chose where it goes."""
    if UNFINISHED in folder.parts:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_if_empty(folder.parent)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= {"multirun.yaml"}:
        shutil.rmtree(folder)


VERBS: dict[str, Callable[[str], None]] = {"run": _run}
