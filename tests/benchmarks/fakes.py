"""Routers that misbehave, count, or report on their process; specs name them, so that workers import them."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routers.base import Inference, Router, RouterError
from routers.progress import progress, say

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


class Counting(Even):
    """Notes how many queries every call had."""

    def infer(self, queries: Sequence[str]) -> Inference:
        calls.append(len(queries))
        return super().infer(queries)


class Refusing(Even):
    """Says that the data is the user's to mend."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        raise RouterError(REFUSAL)


class Crashing(Even):
    """Has a bug."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        raise RuntimeError("a bug in this router")


class Killed(Even):
    """Runs out of memory, as the kernel would have it."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Chatty(Even):
    """Talks while it works, as do the libraries that it might use."""

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        print("a library prints")
        say("a notice")
        progress("learning", 1, 2)


class Reporting(Even):
    """Returns its process's thread settings where other routers return checksums."""

    def weights_sha256(self) -> dict[str, str]:
        from threadpoolctl import threadpool_info

        pools = {f"pool:{pool['internal_api']}": str(pool["num_threads"]) for pool in threadpool_info()}
        return {**pools, **{name: value for name, value in os.environ.items() if name.endswith("_THREADS")}}


class Expensive(Even):
    """Worth caching."""

    fit_is_expensive = True

    def __init__(self, model: str, setting: int = 0) -> None:
        self.model = model
        self.setting = setting
