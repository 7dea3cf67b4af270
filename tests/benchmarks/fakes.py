"""Routers and experts that misbehave, count, or report on their process; specs name them, so that workers
import them."""

import os
import signal
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experts.base import Answer, ExpertError, Experts, Remark, Request, Usage, ignore
from routers.base import Inference, Router, RouterError

REFUSAL = "this data cannot be learned; bring other data"

# Sizes of the batches that `Counting` was asked for in this process.
calls: list[int] = []


class Even(Router):
    """Even odds for every class."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        pass

    def infer(self, queries: Sequence[str]) -> Inference:
        n_classes = len(self.classes_)
        proba = np.full((len(queries), n_classes), 1 / n_classes, dtype=np.float32)
        return Inference(proba, np.full(len(queries), 0.5, dtype=np.float32))

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {"nothing": np.zeros(1)}, {}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        pass


class Shouted(Even):
    """Sure that a question without a small letter belongs to the last class, and any other to the first."""

    def infer(self, queries: Sequence[str]) -> Inference:
        proba = np.zeros((len(queries), len(self.classes_)), dtype=np.float32)
        proba[np.arange(len(queries)), [-(query == query.upper()) for query in queries]] = 1
        return Inference(proba, np.ones(len(queries), dtype=np.float32))


class Short(Even):
    """Reads eight characters of a question."""

    def is_cut(self, query: str) -> bool:
        return len(query) > 8


class Scoring(Even):
    """Gives scores where probabilities belong."""

    def infer(self, queries: Sequence[str]) -> Inference:
        said = super().infer(queries)
        return said._replace(proba=said.proba * 50 - 20)


class Spare(Even):
    """Has a column too many, at which `routers.decision` stumbles."""

    def infer(self, queries: Sequence[str]) -> Inference:
        said = super().infer(queries)
        return said._replace(proba=np.pad(said.proba, ((0, 0), (0, 1))))


class Tunable(Even):
    """Has settings to choose from, none of which it heeds."""

    def __init__(self, setting: int = 0, other: str = "x") -> None:
        self.setting = setting
        self.other = other

    def grid(self) -> list[dict[str, list[Any]]]:
        return [{"setting": [1, 2]}, {"setting": [3], "other": ["y", "z"]}]


class Expecting(Even):
    """Expects of every model the mean quality that it was fitted on."""

    def _fit_outcomes(self, outcomes: NDArray[np.float32]) -> None:
        self.mean_ = np.nanmean(outcomes, axis=0)

    def infer(self, queries: Sequence[str]) -> Inference:
        said = super().infer(queries)
        return said._replace(expected=np.tile(self.mean_, (len(queries), 1))) if self.models_ else said


class Counting(Even):
    """Notes how many queries every call had."""

    def infer(self, queries: Sequence[str]) -> Inference:
        calls.append(len(queries))
        return super().infer(queries)


class Refusing(Even):
    """Says that the data is the user's to mend."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        raise RouterError(REFUSAL)


class AtMostFour(Even):
    """Refuses more than four domains."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        if len(self.classes_) > 4:
            raise RouterError(REFUSAL)


class KillsItsJob(Even):
    """Kills the process of joblib that wants it fitted, once: `KILLED_ONCE` names the file that remembers."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        parent, killed = os.getppid(), Path(os.environ["KILLED_ONCE"])
        if b"loky" in Path(f"/proc/{parent}/cmdline").read_bytes() and not killed.exists():
            killed.touch()
            os.kill(parent, signal.SIGKILL)


class Crashing(Even):
    """Has a bug."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        raise RuntimeError("a bug in this router")


class Laborious(Even):
    """Worth keeping between runs."""

    fit_is_expensive = True


class Dying(Even):
    """Killed when it learns of more than two classes, as by a machine that is out of memory."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        if len(self.classes_) > 2:
            os.kill(os.getpid(), signal.SIGKILL)


class Sleeping(Even):
    """Never done; it ends with its process."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        time.sleep(3600)


class Expensive(Even):
    """Worth caching."""

    fit_is_expensive = True

    def __init__(self, model: str, setting: int = 0) -> None:
        self.model = model
        self.setting = setting


class Diary(Experts):
    """Notes every question that it generates an answer for, one a line, in a file.

    Fails where the question says "fails", and ends its process where it says "dies". Knows no domain that
    is called "unknown".
    """

    def __init__(self, log: str, version: int = 1) -> None:
        self.log = log
        self.version = version

    def load(self) -> "Diary":
        return self

    def identity(self, domain: str, adapted: bool = True) -> dict[str, Any]:
        if domain == "unknown":
            raise ExpertError("nobody knows that domain")
        return {"domain": domain, "adapted": adapted, "version": self.version}

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        # Not in the order asked, as a batch that is sorted by length.
        for row in reversed(range(len(requests))):
            # As a tokenizer, it takes no lone surrogates.
            question = requests[row].question.encode("utf-8", "replace").decode("utf-8")
            request = requests[row]._replace(question=question)
            if "dies" in question:
                os.kill(os.getpid(), signal.SIGKILL)
            with open(self.log, "a", encoding="utf-8") as file:
                file.write(f"{self._name(request)}: {question}\n")
            if "fails" in question:
                yield [(row, Answer(None, error="the expert is ill", note="it tried"))]
            else:
                yield [(row, Answer(f"{self._name(request)} says {question}", tokens=4, seconds=0.5))]

    def stream(
        self, request: Request, remark: Remark = ignore, usage: Usage | None = None
    ) -> Generator[str, None, None]:
        remark("a remark")
        yield from f"{self._name(request)} says {request.question}".split()

    def _name(self, request: Request) -> str:
        return f"{request.domain}{'' if request.adapted else '/base'}"


class Asleep(Diary):
    """Writes the number of its process where the others write questions, and then does nothing for long."""

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        Path(self.log).write_text(str(os.getpid()), encoding="utf-8")
        time.sleep(3600)
        yield []
