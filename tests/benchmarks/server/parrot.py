"""Experts for tests of the server: they say what they were asked, a word a piece."""

import time
from collections.abc import Generator, Iterator, Sequence
from threading import Event
from typing import Any

from experts.base import Answer, ExpertError, Experts, Remark, Request, Usage, ignore, most_tokens

# Every request that a parrot in this process was asked.
heard: list[Request] = []
# Set when a question that says "endless" was abandoned.
abandoned = Event()
# What a question that says "waits" waits for.
released = Event()


class Parrot(Experts):
    """Says its domain and the question, and how many turns went before.

    Fails where the question says "fails" at once, and where it says "breaks" after two words. Takes a moment
    for each word where it says "slowly".
    """

    thread_safe = True

    def __init__(self, version: int = 1) -> None:
        self.version = version

    def load(self) -> "Parrot":
        return self

    def identity(self, domain: str, adapted: bool = True) -> dict[str, Any]:
        return {"domain": domain, "version": self.version}

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        yield [(row, Answer("".join(self.stream(request)))) for row, request in enumerate(requests)]

    def stream(
        self, request: Request, remark: Remark = ignore, usage: Usage | None = None
    ) -> Generator[str, None, None]:
        heard.append(request)
        if "fails" in request.question:
            raise ExpertError("the expert is ill")
        if "noted" in request.question:
            remark("a note")
        if "endless" in request.question:
            try:
                while True:
                    yield "on "
            finally:
                abandoned.set()
        if "waits" in request.question:
            released.wait(60)
        words = f"{request.domain} {len(request.history)}: {request.question}".split()
        said = words[: most_tokens(request, 1000)]
        for number, word in enumerate(said):
            if number == 2 and "breaks" in request.question:
                raise ExpertError("the expert fell ill")
            if "slowly" in request.question:
                time.sleep(0.02)
            yield f" {word}"
        if usage is not None:
            usage.prompt_tokens, usage.tokens = 5, len(said)
            usage.finish = "stop" if said == words else "length"
