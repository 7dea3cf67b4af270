"""`python -m benchmarks ask`: typed questions are answered as one watches, those of a file as JSON lines."""

import json
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.cli.configured import Configured
from benchmarks.errors import BadInput

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from benchmarks.pipeline import Pipeline
    from benchmarks.settings import Ask
    from benchmarks.workers.launch import Workers

# Answered, and printed, together.
GROUP = 256


@click.command("ask", cls=Configured, config="ask", questions=True, named=("locate",))
@click.pass_obj
def command(workers: "Workers | None", questions: list[str]) -> None:
    """Route a question and print the chosen expert's answer."""

    from benchmarks.config import hydra_application

    def task(config: "DictConfig") -> None:
        from benchmarks.config import checked

        settings: Ask = checked(config)
        if questions and settings.input:
            raise BadInput("give a question or input=…, not both")
        source = settings.input or ("" if questions or sys.stdin.isatty() else "-")
        if not questions and not source:
            raise BadInput('what is the question? python -m benchmarks ask "How do I change my car\'s oil?"')
        if not all(question.strip() for question in questions):
            raise BadInput("the question is empty")
        lines = _read(source) if source else []
        quiet(settings.threads)
        from benchmarks.pipeline import open_pipeline

        if settings.run:
            refuse_settings("run", "input", "threads", "locate")
        pipeline = open_pipeline(settings, workers)
        if source:
            _answer_together(pipeline, lines)
        for question in questions:
            _answer_at_once(pipeline, question)

    hydra_application("ask", task)


def refuse_settings(*known: str) -> None:
    """Raises BadInput for a setting other than those known, which run=… would leave without effect."""
    from hydra.core.hydra_config import HydraConfig

    for override in HydraConfig.get().overrides.task:
        if re.split(r"[.=@]", override.lstrip("+~"))[0] not in known:
            raise BadInput(f"{override}: run=… brings its own router, experts and policy; leave it out")


def quiet(threads: int) -> None:
    """Set the threads before any library loads, and keep libraries from writing between the answers."""
    from benchmarks.workers.launch import THREAD_VARIABLES

    for name in THREAD_VARIABLES:
        os.environ.setdefault(name, str(threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")
    warnings.simplefilter("ignore", FutureWarning)


def _read(source: str) -> list[str]:
    """One question a line; blank lines are nothing."""
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        # Whatever the locale; with or without the mark that some editors put first.
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"input={source} cannot be read: {error}") from error
    questions = [line.strip() for line in text.split("\n") if line.strip()]
    if not questions:
        raise BadInput(f"input={source} holds no question; write one a line")
    return questions


def _answer_at_once(pipeline: "Pipeline", question: str) -> None:
    decision = pipeline.route([question])[0]
    chosen = decision.label or "none (abstained)"
    print(f"domain: {chosen}   confidence: {decision.confidence:.2f}", end="")
    print("" if decision.label == decision.best else f"   best guess: {decision.best}", flush=True)
    if decision.label is not None and pipeline.experts is not None:
        from experts.base import Request

        # Closed at once when interrupted: a thread that still writes would end Python with an abort.
        with closing(pipeline.stream(Request(decision.label, question), _remark)) as pieces:
            for piece in _stripped(pieces):
                print(piece, end="", flush=True)
        print(flush=True)


def _answer_together(pipeline: "Pipeline", questions: Sequence[str]) -> None:
    from benchmarks.workers.progress_bar import display
    from common.progress import listening, progress

    waiting = iter(questions)
    done = 0
    with display("asking") as show, listening(show):
        while group := list(islice(waiting, GROUP)):
            for reply in pipeline.answer(group):
                print(json.dumps(reply._asdict(), ensure_ascii=False), flush=True)
            done += len(group)
            progress("answered", done, len(questions))


def _remark(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)


def _stripped(pieces: Iterable[str]) -> Iterator[str]:
    """The same text without the white space before its first word."""
    started = False
    for piece in pieces:
        text = piece if started else piece.lstrip()
        started = started or bool(text)
        if text:
            yield text
