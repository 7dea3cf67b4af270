"""Experts behind an OpenAI-compatible endpoint: vLLM (one model name an adapter), llama.cpp and others."""

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from time import perf_counter
from typing import Any, ClassVar

from common.checks import Constraints, at_least, positive
from common.endpoint import key_of, one_line, url_complaint, words_of_error
from common.extras import need
from experts.base import (
    BASE,
    Answer,
    ExpertError,
    Experts,
    Remark,
    Request,
    Turn,
    Usage,
    cut_middle,
    ignore,
    most_tokens,
)
from experts.conversation import left_out, newest, notes, turns

# The SDK wants a key; servers that need none take any.
NO_KEY = "none"

# Requests in a row that end like this before an endpoint is given up.
PATIENCE = {"connection": 3, "timeout": 5}


@dataclass(eq=False, repr=False)
class OpenAIExperts(Experts):
    """Asks a chat-completions endpoint, greedily, several questions at a time.

    Args:
        base_url: of the endpoint, up to and with `/v1`.
        models: model name by domain; `base` is the model without an adapter.
        system_prompt: `{domain}` in it is replaced; empty sends no system message.
        max_new_tokens: an answer is cut after so many.
        max_question_chars: a longer question loses its middle. What was said before it has as much room.
        api_key_env: the environment variable that holds the key; unset for a server that needs none.
        timeout: seconds without a sign of the server.
        max_retries: of a request that timed out, could not connect or met a busy or broken server.
        max_concurrency: requests at a time.
    """

    thread_safe = True
    parameter_constraints: ClassVar[Constraints] = {
        "max_new_tokens": at_least(1),
        "max_question_chars": at_least(8),
        "timeout": positive,
        "max_retries": at_least(0),
        "max_concurrency": at_least(1),
    }

    base_url: str
    models: dict[str, str | None]
    system_prompt: str = ""
    max_new_tokens: int = 96
    max_question_chars: int = 8000
    api_key_env: str = "OPENAI_API_KEY"
    timeout: float = 60.0
    max_retries: int = 3
    max_concurrency: int = 8
    _client: Any = field(init=False, default=None)
    # What no message may hold.
    _secret: str = field(init=False, default="")
    # Not, once the server has refused to count the tokens of a stream.
    _counts_streams: bool = field(init=False, default=True)

    def load(self) -> "OpenAIExperts":
        if self._client is not None:
            return self
        self.check_parameters()
        need("openai", "experts=openai")
        from openai import OpenAI

        self._check_url()
        self._secret = self._key()
        # An address that only the SDK refuses.
        try:
            self._client = OpenAI(
                base_url=self.base_url,
                api_key=self._secret or NO_KEY,
                timeout=self.timeout,
                max_retries=self.max_retries,
            )
        except Exception as error:
            raise ExpertError(f"experts.base_url: {self._line(error)}") from None
        return self

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        """Answer every request, each in a group of its own; an endpoint that does not answer is given up."""
        self.load()
        breaker = _Breaker()
        stop = Event()
        todo: SimpleQueue[int] = SimpleQueue()
        done: SimpleQueue[tuple[int, Answer]] = SimpleQueue()
        for row in range(len(requests)):
            todo.put(row)

        def work() -> None:
            while not stop.is_set():
                try:
                    row = todo.get_nowait()
                except Empty:
                    return
                done.put((row, self._ask(requests[row], breaker)))

        # Daemons: the threads of a ThreadPoolExecutor are joined at exit, so that an interrupt would
        # wait for the slowest request and all its retries, minutes with the settings as they are.
        for _ in range(min(self.max_concurrency, len(requests))):
            Thread(target=work, daemon=True, name="openai-experts").start()
        try:
            for _ in requests:
                yield [done.get()]
        finally:
            stop.set()

    def stream(
        self, request: Request, remark: Remark = ignore, usage: Usage | None = None
    ) -> Generator[str, None, None]:
        """As in the contract. Tokens are unknown where the server does not say their number.

        A server that says nothing is waited for as long as `timeout` and `max_retries` say.
        """
        self.load()
        model = self._model(request.domain, request.adapted)
        body, note = self._body(model, request)
        if note:
            remark(note)
        silent = True
        taken = usage or Usage()
        try:
            with self._open(body, counted=usage is not None) as chunks:
                for chunk in chunks:
                    _count(chunk, taken)
                    # The chunk with the usage has no choices.
                    for choice in (chunk.choices or [])[:1]:
                        piece = choice.delta.content
                        if piece:
                            silent = silent and not piece.strip()
                            yield piece
        except Exception as error:
            raise ExpertError(self._reason(error, model)) from None
        if silent:
            raise ExpertError(self._reason(ExpertError("an answer without text"), model))
        # A connection that is closed without an error looks like the end.
        if taken.finish is None:
            raise ExpertError(self._reason(ExpertError("the answer broke off"), model))

    def identity(self, domain: str, adapted: bool = True) -> dict[str, Any]:
        # It is written to records, so an address with a password in it must not come this far.
        self._check_url()
        return {
            "kind": "openai",
            "base_url": self.base_url,
            "model": self._model(domain, adapted),
            "system_prompt": self._system(domain),
            "max_new_tokens": self.max_new_tokens,
            "max_question_chars": self.max_question_chars,
        }

    def _check_url(self) -> None:
        """Refuse what is no address or holds a secret; the message never shows it."""
        complaint = url_complaint(self.base_url, self.api_key_env)
        if complaint:
            raise ExpertError(f"experts.base_url {complaint}")

    def _key(self) -> str:
        """The key of the environment, or an empty text."""
        try:
            return key_of(self.api_key_env)
        except ValueError as error:
            raise ExpertError(str(error)) from None

    def _model(self, domain: str, adapted: bool) -> str:
        key = domain if adapted else BASE
        model = self.models.get(key)
        if not model:
            raise ExpertError(f"no model is named for {key!r}: set ++experts.models.{key}=NAME")
        return model

    def _system(self, domain: str) -> str:
        return self.system_prompt.replace("{domain}", domain)

    def _conversation(self, request: Request) -> tuple[list[Turn], str | None]:
        """The turns that are sent, the question last, with a note if something was left out."""
        *history, asked = turns(request)
        question, note = asked, None
        if len(asked.text) > self.max_question_chars:
            cut = "".join(cut_middle(asked.text, self.max_question_chars))
            question = Turn("user", cut)
            note = f"question cut from {len(asked.text)} to {len(cut)} characters"
        kept = newest(history, lambda some: sum(len(turn.text) for turn in some) <= self.max_question_chars)
        return [*kept, question], notes(note, left_out(history, kept))

    def _body(self, model: str, request: Request) -> tuple[dict[str, Any], str | None]:
        """What is sent, with a note if something was left out.

        Raises:
            ExpertError: the question is empty, or no answer is wanted.
        """
        conversation, note = self._conversation(request)
        system = self._system(request.domain)
        messages = [{"role": "system", "content": system}] if system else []
        messages += [{"role": turn.role, "content": turn.text} for turn in conversation]
        limit = most_tokens(request, self.max_new_tokens)
        return {"model": model, "messages": messages, "temperature": 0, "max_tokens": limit}, note

    def _open(self, body: dict[str, Any], *, counted: bool) -> Any:
        """A stream of chunks, the last of which says how many tokens there were, if that is wanted."""
        from openai import BadRequestError, UnprocessableEntityError

        create = self._client.chat.completions.create
        if not (counted and self._counts_streams):
            return create(**body, stream=True)
        try:
            return create(**body, stream=True, stream_options={"include_usage": True})
        except (BadRequestError, UnprocessableEntityError):
            # Was it that, or the question? Whatever it says without is the answer.
            chunks = create(**body, stream=True)
            self._counts_streams = False
            return chunks

    def _ask(self, request: Request, breaker: "_Breaker") -> Answer:
        try:
            model = self._model(request.domain, request.adapted)
            body, note = self._body(model, request)
        except ExpertError as error:
            return Answer(None, error=str(error))
        if breaker.reason is not None:
            return Answer(None, error=breaker.reason)
        start = perf_counter()
        try:
            # Raw: the SDK checks no types, and makes of a body that is not JSON what it can.
            response = self._client.chat.completions.with_raw_response.create(**body)
            text, tokens = _read(response.text)
        except Exception as error:
            reason = self._reason(error, model)
            breaker.record(_kind(error), reason)
            return Answer(None, error=reason, note=note, seconds=perf_counter() - start)
        breaker.record(None, "")
        return Answer(text, note=note, tokens=tokens, seconds=perf_counter() - start)

    def _reason(self, error: Exception, model: str) -> str:
        """One line on what happened, and where."""
        from openai import APIConnectionError, APIError, APIStatusError

        what = self._line(error)
        if isinstance(error, APIStatusError):
            message = self._line(
                words_of_error(error.body) or error.response.text or error.response.reason_phrase
            )
            what = f"HTTP {error.status_code}{_retries(error)}: {message}"
        elif _kind(error) == "timeout":
            what = f"no answer within {self.timeout:g} s{_retries(error)}"
        elif isinstance(error, APIConnectionError):
            broken = "cannot connect" if _kind(error) == "connection" else "the connection broke"
            what = f"{broken}{_retries(error)}: {self._line(error.__cause__ or error)}"
        elif isinstance(error, APIError):
            what = f"the server reports: {what}"
        elif isinstance(error, json.JSONDecodeError):
            what = f"not JSON: {self._line(error.doc) or 'an empty body'}"
        elif not isinstance(error, ExpertError):
            what = f"{type(error).__name__}: {what}"
        return f"{what} (model {model} at {self.base_url})"

    def _line(self, text: object) -> str:
        """`text` as one short printable line without the key."""
        return one_line(text, self._secret)


class _Breaker:
    """Gives an endpoint up when requests in a row fail in a way that the next one would not change."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._lock = Lock()
        self._kind: str | None = None
        self._count = 0

    def record(self, kind: str | None, reason: str) -> None:
        """Count a failure of a kind in `PATIENCE`; None is any other end, good or bad: something is there."""
        with self._lock:
            self._count = self._count + 1 if kind == self._kind else 1
            self._kind = kind
            if kind is not None and self.reason is None and self._count >= PATIENCE[kind]:
                self.reason = f"not asked after {self._count} failures in a row: {reason}"


def _kind(error: Exception) -> str | None:
    """Kind of error among those of `PATIENCE`, if any."""
    from openai import APIConnectionError, APITimeoutError

    if isinstance(error, APITimeoutError):
        return "timeout"
    # By name: the SDK has changed its HTTP library before.
    unreachable = type(error.__cause__).__name__ in ("ConnectError", "ProxyError")
    return "connection" if isinstance(error, APIConnectionError) and unreachable else None


def _retries(error: Any) -> str:
    """Number of times that the SDK tried again, for a message; it tells the server in a header."""
    count = error.request.headers.get("x-stainless-retry-count", "0")
    return "" if count == "0" else f" after {count} {'retry' if count == '1' else 'retries'}"


def _count(chunk: Any, usage: Usage) -> None:
    """Write into `usage` what a chunk of a stream says; the SDK checks no types."""
    for choice in (chunk.choices or [])[:1]:
        if isinstance(choice.finish_reason, str):
            usage.finish = choice.finish_reason
    said = getattr(chunk, "usage", None)
    prompt, tokens = (getattr(said, name, None) for name in ("prompt_tokens", "completion_tokens"))
    if isinstance(prompt, int):
        usage.prompt_tokens = prompt
    if isinstance(tokens, int):
        usage.tokens = tokens


def _read(text: str) -> tuple[str, int | None]:
    """The words and the number of tokens of a chat completion.

    Raises:
        json.JSONDecodeError: `text` is not JSON.
        ExpertError: there are no words in it.
    """
    body = json.loads(text)
    # Proxies report failures with status 200, too.
    if isinstance(body, dict) and body.get("error"):
        raise ExpertError(f"the server reports: {words_of_error(body) or text}")
    try:
        choice = body["choices"][0]
        content = choice["message"]["content"]
    except (TypeError, KeyError, IndexError):
        raise ExpertError("an answer without choices") from None
    if not isinstance(content, str) or not content.strip():
        raise ExpertError(f"an answer without text (finish_reason {choice.get('finish_reason')})")
    usage = body.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return content, tokens if isinstance(tokens, int) else None
