"""The command line: one verb a command, each a Hydra application; nothing heavy is imported to parse."""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from benchmarks.cli.output import drop_output, show_anything
from benchmarks.errors import EXIT_BAD_INPUT, BadInput, WorkerError
from benchmarks.workers.interrupts import end_interrupted, interrupts_prevail, listen

EXIT_FAILED = 1
# Each is a module of benchmarks.cli, imported when it is used.
VERBS = ("run", "compare", "report", "check", "verify", "diff", "ask", "train", "experts", "points")
# To exit with 1 is a verdict of theirs, which a bug must not look like.
JUDGES = ("check", "verify")

HELP = """\
usage: python -m benchmarks VERB [OPTIONS] [KEY=VALUE ...]

Pit query routers against each other on accuracy, latency, memory and the answers that come of their choices.

verbs:
  run       fit a router, serve it in a process of its own, judge it and its experts' answers beside baselines
  compare   run several routers on the same questions and write a comparison report
  report    write the same report from runs that are there
  check     fail when a run is worse than its committed baseline
  verify    derive every figure of a run again from its predictions
  diff      say which of several recorded runs is better, and where they disagree
  ask       route a question and print the chosen expert's answer
  train     fine-tune the experts' LoRA adapters
  experts   list trained adapters, show one, choose the one in use
  points    write a fitted knn router in the format of the KNN Router server; answer as that server does

examples:
  python -m benchmarks run router=knn
  python -m benchmarks compare
  python -m benchmarks report runs=[outputs/run/A,outputs/run/B]
  python -m benchmarks check --baseline reports/baselines/ci/knn
  python -m benchmarks run router=centroid encoder.backend=onnx_int8
  python -m benchmarks run router=knn dataset=files dataset.path=DIR experts=none
  python -m benchmarks ask "How do I change my car's oil?"
  python -m benchmarks train experts=local
  python -m benchmarks experts list
  python -m benchmarks points export DIR router=knn
  python -m benchmarks diff outputs/run/A outputs/run/B

  python -m benchmarks VERB --help       every key of a verb, with its value
  python -m benchmarks VERB --cfg job    the configuration that would run
  derby --shell-completion install=bash  a line for eval that completes verbs, keys and options
"""


def main() -> int:
    """Run the command line in `sys.argv`; returns the exit code."""
    listen()
    # Where routers of one's own are: `python -m` finds them, and a script would not. Last, because folders
    # called conf or reports are many.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    show_anything()
    arguments = sys.argv[1:]
    if arguments[:1] in ([], ["-h"], ["--help"], ["help"]):
        print(HELP, end="")
        return 0 if arguments else EXIT_BAD_INPUT
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"router-derby {version('router-derby')}")
        return 0
    if any(argument.startswith("--shell-completion") or argument == "-sc" for argument in arguments):
        from benchmarks.cli.completion import complete

        return complete(arguments, sorted(VERBS))
    verb, *rest = arguments
    if verb not in VERBS:
        return _complain(f"no verb {verb!r}; there is: {', '.join(sorted(VERBS))} (see --help)")
    try:
        return _guarded(verb, rest)
    except KeyboardInterrupt:
        end_interrupted()
    except BrokenPipeError:
        drop_output()
        return 128 + signal.SIGPIPE
    except Exception:
        if verb not in JUDGES:
            raise
        traceback.print_exc()
        return EXIT_BAD_INPUT


def _guarded(verb: str, arguments: Sequence[str]) -> int:
    """Run a verb, turning what the user can mend into one line and exit code 2."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from benchmarks.explain import explain
    from common.checks import ConfigError
    from experts.base import ExpertError
    from routers.base import RouterError

    wants_traceback = os.environ.get("HYDRA_FULL_ERROR", "") not in ("", "0")
    # Hydra would otherwise print errors its own way and exit with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv = [f"python -m benchmarks {verb}", *arguments]
    try:
        with interrupts_prevail():
            import_module(f"benchmarks.cli.{verb}").main(verb)
    except (BadInput, ConfigError, ExpertError, RouterError, HydraException, OmegaConfBaseException) as error:
        if wants_traceback:
            raise
        return _complain(explain(error))
    except YAMLError as error:
        return _complain(f"not YAML: {' '.join(str(error).split())}")
    except WorkerError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        raise
    except OSError as error:
        # A folder that cannot be written, a full disk: with the name of the file.
        if wants_traceback or error.filename is None:
            raise
        return _complain(f"{error.filename}: {error.strerror}")
    return 0


def _complain(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return EXIT_BAD_INPUT
