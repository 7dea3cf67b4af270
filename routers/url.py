"""A router that is a server which is there already, fitted by somebody else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least, one_of, positive
from common.progress import say
from routers.base import Inference, RouterError, valid_text
from routers.http_client import JsonClient, Response
from routers.outside import OutsideRouter, matrix, row_of
from routers.stages import spend
from routers.url_protocols import PROTOCOLS, Said, server_milliseconds

# Questions whose answers are remembered, to notice another one.
REMEMBERED = 10_000
# Rounding of a server that routes in batches changes less.
CHANGED = 1e-3


@dataclass(eq=False, repr=False)
class UrlRouter(OutsideRouter):
    """A server that is asked; `fit` learns the names of the domains alone, and sends nothing.

    The time that the server says it took and the rest of the request are phases of their own.

    Args:
        url: address of the server, without the path of the protocol.
        protocol: `own` (docs/serving.md, several questions a request), `knn` (KNN Router server), `openai`
            (chat completions: who answered), `vsr` (vLLM Semantic Router), `nvidia` (its LLM router).
        model: of `openai`, the name that has the server choose.
        domains: our domain by the server's name for it; null for a name that stands for none. Names that are
            not here are domains themselves.
        api_key_env: the environment variable that holds the key; null sends none.
        timeout: seconds without a sign of the server.
        max_retries: of a request that timed out, could not connect or met a busy server.
        max_batch: questions in one request of `own`.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "protocol": one_of(*PROTOCOLS),
        "timeout": positive,
        "max_retries": at_least(0),
        "max_batch": at_least(1),
    }

    url: str
    protocol: str = "own"
    model: str = "auto"
    domains: Mapping[str, str | None] | None = None
    api_key_env: str | None = None
    timeout: float = 30.0
    max_retries: int = 2
    max_batch: int = 32

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        super()._fit(queries, targets)
        self._open()

    def _open(self) -> None:
        self._own_name = dict(self.domains or {})
        unknown = sorted({name for name in self._own_name.values() if name is not None} - set(self.classes_))
        if unknown:
            raise RouterError(
                f"router.domains: {shortened(unknown[0])} is no domain; there is: {', '.join(self.classes_)}"
            )
        self._client = JsonClient(self.url, self.api_key_env, self.timeout, self.max_retries)
        self._known: dict[str, NDArray[np.float32]] = {}
        self._events = {"questions": 0, "unnamed": 0, "repeated": 0, "changed": 0}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        super()._restore(folder, arrays, meta)
        self._open()

    def prepare(self) -> Self:
        self._check_fitted()
        return self

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        size = self.max_batch if PROTOCOLS[self.protocol].together else 1
        answers: list[Said] = []
        for start in range(0, len(queries), size):
            answers += self._ask([valid_text(query) for query in queries[start : start + size]])
        rows = [self._row(*pair) for pair in zip(queries, answers, strict=True)]
        proba = matrix([row for row, _ in rows], len(self.classes_))
        self._notice(queries, proba)
        return Inference(proba, np.array([confidence for _, confidence in rows], dtype=np.float32))

    def events(self) -> dict[str, float]:
        """Requests, those sent again; questions, those with no domain, those asked again, those changed."""
        return {"requests": self._client.requests, "retries": self._client.retries, **self._events}

    def _ask(self, queries: Sequence[str]) -> list[Said]:
        protocol = PROTOCOLS[self.protocol]
        # An address of OpenAI's kind may end with it already.
        path = protocol.path.removeprefix("v1/" if self.url.rstrip("/").endswith("/v1") else "")
        response = self._client.post(path, protocol.body(queries, self.model))
        self._spend(response)
        try:
            answers = protocol.read(response)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise self._failure(f"{shortened(response.body)} is no answer of this protocol") from error
        if len(answers) != len(queries):
            raise self._failure(f"{len(queries)} questions have {len(answers)} answers")
        return answers

    def _spend(self, response: Response) -> None:
        """Tell the server's own time from the rest, where it says its own."""
        milliseconds = server_milliseconds(PROTOCOLS[self.protocol], response)
        if milliseconds is not None and milliseconds >= 0:
            inside = min(round(milliseconds * 1e6), response.nanoseconds)
            spend("server", inside)
            spend("network", response.nanoseconds - inside)

    def _row(self, query: str, said: Said) -> tuple[list[float], float]:
        """Probabilities by column, and the confidence."""
        self._events["questions"] += 1
        scores = self._in_our_names(said.scores)
        if not scores:
            self._events["unnamed"] += 1
            return [1 / len(self.classes_)] * len(self.classes_), 0.0
        try:
            row = row_of(scores, self._column_of())
        except ValueError as error:
            raise self._failure(
                f"{shortened(query)} is answered with {error}{self._advice(scores)}"
            ) from error
        confidence = max(row) if said.confidence is None else said.confidence
        number = isinstance(confidence, int | float) and isfinite(confidence)
        if not (number and -1e-6 <= confidence <= 1 + 1e-6):
            raise self._failure(
                f"{shortened(query)} has confidence {shortened(confidence)}, not one from 0 to 1"
            )
        return row, min(max(float(confidence), 0.0), 1.0)

    def _in_our_names(self, scores: Any) -> Any:
        """Scores under the names of our domains; names that stand for none are left out."""
        if isinstance(scores, str):
            return self._own_name.get(scores, scores)
        if not isinstance(scores, Mapping) or not self._own_name:
            return scores
        found: dict[str, Any] = {}
        for name, score in scores.items():
            domain = self._own_name.get(name, name)
            if domain is not None:
                found[domain] = found[domain] + score if domain in found else score
        return found

    def _advice(self, scores: Any) -> str:
        names = [scores] if isinstance(scores, str) else list(scores) if isinstance(scores, Mapping) else []
        foreign = next((name for name in names if name not in self.classes_), None)
        return "" if foreign is None else f"; map it with +router.domains.{foreign}=DOMAIN, or =null for none"

    def _notice(self, queries: Sequence[str], proba: NDArray[np.float32]) -> None:
        """Count questions that were asked before, and those that are answered otherwise now."""
        for query, row in zip(queries, proba, strict=True):
            before = self._known.get(query)
            if before is None:
                if len(self._known) < REMEMBERED:
                    self._known[query] = row
                continue
            self._events["repeated"] += 1
            if np.abs(before - row).max() > CHANGED:
                if not self._events["changed"]:
                    say(
                        f"{self.url}: {shortened(query)} has another answer than before; the record counts "
                        "how often that happens"
                    )
                self._events["changed"] += 1

    def _failure(self, what: str) -> RouterError:
        return RouterError(f"{self.url} (router.protocol={self.protocol}): {what}")
