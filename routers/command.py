"""A router that is somebody else's program, in an environment of its own: docs/your-router.md.

It reads one JSON object a line on its standard input and answers each with one line on its standard output:

    {"fit": [{"query": "…", "domain": "car"}, …], "folder": "…", "seed": 0}  ->  {"ok": true}
    {"load": "…"}                                                            ->  {"ok": true}
    {"route": ["…", "…"]}                                  ->  ["car", {"car": 0.9, "sleep": 0.1}]
"""

import shutil
import tempfile
import weakref
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least, positive
from common.files import sha256_file
from routers.base import Inference, valid_text
from routers.outside import OutsideRouter, matrix, row_of
from routers.program import Limit, Program, words_of

# Of a saved router, the folder that is the program's.
FOLDER = "program"
DONE = {"ok": True}


def _is_command(value: Any) -> str | None:
    try:
        return None if words_of(value) else "must name a program"
    except ValueError as error:
        return f"is no command: {error}"


class ProgramRouter(OutsideRouter):
    """A program that is asked in JSON lines; the confidence is the probability of the best domain.

    The process that was fitted answers questions too. A saved router starts the program anew, and again after
    it has crashed.
    """

    parameter_constraints: ClassVar[Constraints] = {
        **dict.fromkeys(("fit_timeout", "load_timeout", "route_timeout"), positive),
        "max_batch": at_least(1),
        "seed": at_least(0),
    }

    fit_timeout: float
    load_timeout: float
    route_timeout: float
    max_batch: int
    seed: int

    @property
    @abstractmethod
    def words(self) -> list[str]:
        """The program and its arguments."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The setting that names the program, for errors."""

    def _settings(self) -> dict[str, Any]:
        """Entries of the message `fit` besides."""
        return {}

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        super()._fit(queries, targets)
        self.folder_ = Path(tempfile.mkdtemp(prefix="router-derby-"))
        weakref.finalize(self, shutil.rmtree, self.folder_, ignore_errors=True)
        rows = [
            {"query": valid_text(query), "domain": self.classes_[target]}
            for query, target in zip(queries, targets.tolist(), strict=True)
        ]
        message = {"fit": rows, "folder": str(self.folder_), "seed": self.seed, **self._settings()}
        self._start(message, Limit(self.fit_timeout, "fit_timeout"))

    def _start(self, message: dict[str, Any], limit: Limit) -> Program:
        """Start the program with its first message, in place of one that runs."""
        former: Program | None = vars(self).get("_program")
        if former:
            former.close()
        program = self._program = Program(self.words, self.title)
        answer = program.ask(message, limit)
        if answer != DONE:
            program.close()
            task = next(iter(message))
            raise program.failure(f'answers {shortened(answer)}, not {{"ok": true}}, to {task}')
        return program

    def _running(self) -> Program:
        program: Program | None = vars(self).get("_program")
        if program and program.running:
            return program
        return self._start({"load": str(self.folder_)}, Limit(self.load_timeout, "load_timeout"))

    def prepare(self) -> Self:
        self._check_fitted()
        self._running()
        return self

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        rows: list[list[float]] = []
        for start in range(0, len(queries), self.max_batch):
            rows += self._route(queries[start : start + self.max_batch])
        proba = matrix(rows, len(self.classes_))
        return Inference(proba, proba.max(axis=1))

    def _route(self, queries: Sequence[str]) -> list[list[float]]:
        """Probabilities of each query by column."""
        program = self._running()
        message = {"route": [valid_text(query) for query in queries]}
        answers = program.ask(message, Limit(self.route_timeout, "route_timeout"))
        if not isinstance(answers, list):
            raise program.failure(f"answers {shortened(answers)} to route, not a list")
        if len(answers) != len(queries):
            raise program.failure(f"answers {len(queries)} questions with {len(answers)} domains")
        column_of = self._column_of()
        rows = []
        for query, answer in zip(queries, answers, strict=True):
            try:
                rows.append(row_of(answer, column_of))
            except ValueError as error:
                raise program.failure(f"answers {shortened(query)} with {error}") from error
        return rows

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        shutil.copytree(self.folder_, folder / FOLDER)
        return super()._state(folder)

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        super()._restore(folder, arrays, meta)
        self.folder_ = folder.absolute() / FOLDER


@dataclass(eq=False, repr=False)
class CommandRouter(ProgramRouter):
    """A program of the user's.

    Args:
        command: the program and its arguments, split as a shell does; no shell runs it.
        fit_timeout: seconds for an answer to `fit`.
        load_timeout: seconds for an answer to `load`, the start of the program included.
        route_timeout: seconds for an answer to `route`.
        max_batch: questions in one `route`.
        seed: handed to the program.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "command": _is_command,
        **ProgramRouter.parameter_constraints,
    }

    command: str
    fit_timeout: float = 3600.0
    load_timeout: float = 120.0
    route_timeout: float = 60.0
    max_batch: int = 32
    seed: int = 0

    @property
    def words(self) -> list[str]:
        return words_of(self.command)

    @property
    def title(self) -> str:
        return f"router.command={self.command}"

    def facts(self) -> dict[str, Any]:
        """SHA-256 of the files that the command names."""
        files = [path for path in map(Path, self.words) if path.is_file()]
        return {"files": {path.name: sha256_file(path) for path in files}} if files else {}
