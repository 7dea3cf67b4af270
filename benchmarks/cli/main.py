"""The command line: one click command a verb, imported when used; nothing heavy is imported to parse."""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from benchmarks.cli.output import drop_output, output_error, show_anything
from benchmarks.errors import EXIT_BAD_INPUT, EXIT_FAILED, BadInput, WorkerError
from benchmarks.workers.interrupts import end_interrupted, listen
from common.files import home_expanded

if TYPE_CHECKING:
    from benchmarks.workers.launch import Workers

PROGRAM = "python -m benchmarks"
# Holds the instruction of a shell that completes a line; click's own name for the program `derby`.
COMPLETE = "_DERBY_COMPLETE"
VERBS = (
    "run",
    "compare",
    "suite",
    "report",
    "check",
    "verify",
    "diff",
    "ask",
    "train",
    "experts",
    "points",
    "grow",
    "serve",
    "install",
)
# Exit code 1 is a result of theirs, which a bug must not look like.
WITH_VERDICT = ("check", "verify")
# Of `check` 2 is a verdict too, which bad input must not look like.
BAD_INPUT = {"check": 3}


class Verbs(click.Group):
    """The verbs; each is the `command` of the module in `benchmarks.cli` that has its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in VERBS:
            command: click.Command = import_module(f"benchmarks.cli.{cmd_name}").command
            return command
        if not (cmd_name.startswith("-") or ctx.resilient_parsing):
            ctx.fail(f"no verb {cmd_name!r}; there is: {', '.join(VERBS)}")
        return None


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB [OPTIONS] [KEY=VALUE]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="router-derby", message="router-derby %(version)s")
def commands() -> None:
    """Compare query routers by accuracy, latency, memory and the quality of the experts' answers.

    \b
    Examples:
      python -m benchmarks run router=knn
      python -m benchmarks compare
      python -m benchmarks suite suite.name=mine "suite.datasets=['files dataset.path=DIR']"
      python -m benchmarks report runs=[outputs/run/A,outputs/run/B]
      python -m benchmarks check --baseline reports/baselines/ci/knn
      python -m benchmarks run router=centroid encoder.backend=onnx_int8
      python -m benchmarks run router=knn dataset=files dataset.path=DIR experts=none
      python -m benchmarks ask "How do I change my car's oil?"
      python -m benchmarks serve run=outputs/run/A
      python -m benchmarks train experts=local
      python -m benchmarks experts list
      python -m benchmarks points export DIR router=knn
      python -m benchmarks diff outputs/run/A outputs/run/B
      python -m benchmarks grow router=knn index=hnsw
      python -m benchmarks install

    \b
      python -m benchmarks VERB --help       every key of a verb, with its value
      python -m benchmarks VERB --cfg job    the configuration that would run

    \b
    Completion of verbs, options, keys and values, for bash, zsh and fish:
      eval "$(_DERBY_COMPLETE=bash_source derby)"
      eval "$(_DERBY_COMPLETE=zsh_source derby)"
      _DERBY_COMPLETE=fish_source derby | source
    """


def main(workers: "Workers | None" = None) -> int:
    """Run the command line in `sys.argv`; returns the exit code.

    Args:
        workers: what starts the processes of run, compare and train; by default as they are configured.
    """
    listen()
    # Folder of the user's own routers: `python -m` finds them, a script would not. Last, because folders
    # called conf or reports are common.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    show_anything()
    if instruction := os.environ.get(COMPLETE):
        from benchmarks.cli.completion import complete

        return complete(commands, COMPLETE, instruction)
    words = sys.argv[1:]
    try:
        if not words:
            return _run(["--help"], workers) or EXIT_BAD_INPUT
        return _run(["--help"] if words == ["help"] else words, workers)
    except KeyboardInterrupt:
        end_interrupted()
    except BrokenPipeError:
        drop_output()
        return 128 + signal.SIGPIPE
    except Exception:
        if words[0] not in WITH_VERDICT:
            raise
        traceback.print_exc()
        return _bad_input(words)


def _run(words: Sequence[str], workers: "Workers | None") -> int:
    """Run a verb; an error that the user can fix becomes one line and exit code 2, of `check` 3."""
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR", "") not in ("", "0")
    # Hydra would otherwise print errors its own way and exit with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        _refuse_other_encodings(*words, os.getcwd())
        with commands.make_context(PROGRAM, [*map(_option_expanded, words)], obj=workers) as context:
            status = commands.invoke(context) or 0
        # A full disk is told here; at its end Python would tell it in its own way.
        sys.stdout.flush()
        return status
    except click.exceptions.Exit as end:
        return end.exit_code
    except WorkerError as error:
        print(f"error: {error}", file=sys.stderr)
        return _bad_input(words) if words[0] in WITH_VERDICT else EXIT_FAILED
    except Exception as error:
        message = _message(error)
        if message is None or (wants_traceback and not isinstance(error, click.UsageError)):
            raise
        print(f"error: {message}", file=sys.stderr)
        return _bad_input(words)


def _bad_input(words: Sequence[str]) -> int:
    """Exit code of bad input to a verb."""
    return BAD_INPUT.get(words[0], EXIT_BAD_INPUT)


def _refuse_other_encodings(*texts: str) -> None:
    """Raises BadInput for a name that is not UTF-8, which no record could hold."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadInput(
                f"{os.fsencode(text)!r} is not UTF-8; rename the file or folder, or reach it by a link "
                "that has another name"
            ) from error


def _option_expanded(word: str) -> str:
    """The word, with the home folder for the `~` in `--option=~/path`, where no shell puts it."""
    option, equals, path = word.partition("=")
    return f"{option}{equals}{home_expanded(path)}" if option.startswith("-") else word


def _message(error: Exception) -> str | None:
    """One line about an error that the user can fix; None for a bug."""
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        reason = output_error()
        if reason is not None:
            return f"standard output cannot be written: {reason}; results that were finished are kept"
    if isinstance(error, click.UsageError):
        message = " ".join(error.format_message().split()).rstrip(".")
        return f"{message} (see {error.ctx.command_path if error.ctx else PROGRAM} --help)"
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from benchmarks.config import explain
    from benchmarks.faults import fault
    from common.errors import UserError

    if isinstance(error, YAMLError):
        return f"not YAML: {' '.join(str(error).split())}"
    if isinstance(error, (UserError, HydraException, OmegaConfBaseException)):
        return explain(error)
    if isinstance(error, OSError) and error.filename is not None:
        return fault(error) or f"{error.filename}: {error.strerror}"
    return fault(error)
