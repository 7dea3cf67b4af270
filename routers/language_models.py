"""Language models that `routers.llm` asks: behind an endpoint, or in this process."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, NamedTuple, Protocol

from common.chat_tokenizer import ChatTokenizer, DamagedTokenizer, configured_end, end_of_turn
from common.llama_decoding import Cache, Call
from common.llama_graph import NotLlama, cached_graph, read_shape
from common.onnx_session import session
from routers.base import RouterError
from routers.http_client import JsonClient
from routers.stages import stage

# Tokens that may be more where a question meets the conversation around it.
SEAMS = 8
# Of a conversation, as OpenAI's API has it: `role` and `content`.
Message = dict[str, str]


class Reply(NamedTuple):
    """What a model said, and the tokens that it read and wrote; None where nobody counted."""

    text: str
    read: int | None
    written: int | None


class LanguageModel(Protocol):
    def ask(self, question: str) -> Reply:
        """Answer to a question behind the conversation that the model was made with."""

    def is_cut(self, question: str) -> bool:
        """True if the model reads only the beginning of `question`."""

    def events(self) -> dict[str, float]:
        """Counts for `Router.events`."""


class EndpointModel:
    """A chat model behind an OpenAI-compatible endpoint."""

    def __init__(self, client: JsonClient, url: str, body: dict[str, Any], before: Sequence[Message]) -> None:
        self._client, self._url, self._body, self._before = client, url, body, before

    def ask(self, question: str) -> Reply:
        messages = [*self._before, {"role": "user", "content": question}]
        found = self._client.post("chat/completions", {**self._body, "messages": messages}).body
        try:
            text = found["choices"][0]["message"]["content"]
            usage = found.get("usage")
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise RouterError(f"{self._url}: {shortened(found)} is no chat completion") from error
        tokens = usage if isinstance(usage, Mapping) else {}
        read, written = tokens.get("prompt_tokens"), tokens.get("completion_tokens")
        counted = isinstance(read, int) and isinstance(written, int)
        # A model that thinks aloud may be cut before it says anything.
        said = text if isinstance(text, str) else ""
        return Reply(said, read, written) if counted else Reply(said, None, None)

    def is_cut(self, question: str) -> bool:
        return False

    def events(self) -> dict[str, float]:
        return {"requests": self._client.requests, "retries": self._client.retries}


class LocalModel:
    """A Llama chat model in this process, through ONNX Runtime on the processor, which answers greedily.

    What stands before the question is read once, and kept. OMP_NUM_THREADS sets the number of threads.

    Args:
        folder: of its safetensors, configuration and tokenizer, whose weights have the checksum `sha256`.
        before: the conversation before each question; the first message is the system's.
        max_tokens: an answer is cut after so many.

    Raises:
        RouterError: the graph does not know such a model, it has no tokenizer or no chat template, or the
            conversation leaves no room for a question.
    """

    def __init__(
        self, folder: str, sha256: str, before: Sequence[Message], max_tokens: int, *, int8: bool
    ) -> None:
        self._folder, self._max_tokens = folder, max_tokens
        try:
            self._tokenizer = ChatTokenizer(folder)
            self._shape = read_shape(Path(folder))
            self.graph = cached_graph(Path(folder), sha256, (), int8=int8, generates=True)
        except (DamagedTokenizer, NotLlama) as error:
            raise RouterError(f"{error}; a server of any model is asked with router.url=") from error
        if self._tokenizer.chat_template is None:
            raise RouterError(f"the tokenizer in {folder} has no chat template; router=llm asks chat models")
        self._ends = frozenset(end_of_turn(self._tokenizer, configured_end(folder)))
        self._session = session(self.graph)
        self._before = [{**message, "content": self._plain(message["content"])} for message in before]
        self._has_system = self._shows_system()
        self._read_before()

    def ask(self, question: str) -> Reply:
        with stage("tokenise"):
            tokens = self._prompt(question)
        with stage("encode"):
            written = self._answer(tokens)
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        return Reply(text, len(tokens), len(written))

    def is_cut(self, question: str) -> bool:
        plain = self._plain(question)
        # No token is shorter than a byte; a few more may be where words meet the conversation.
        if len(plain.encode()) + len(self._frame) + SEAMS <= self._limit:
            return False
        return len(self._rendered(plain)) > self._limit

    def events(self) -> dict[str, float]:
        return {}

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def _prompt(self, question: str) -> list[int]:
        """Tokens of the whole conversation; of a question for which there is no room, its beginning."""
        plain = self._plain(question)
        tokens = self._rendered(plain)
        while len(tokens) > self._limit:
            kept = self._ids(plain)[: self._limit - len(tokens)]
            # A cut through a character leaves a mark of several tokens.
            plain = self._tokenizer.decode(kept).rstrip("\ufffd")
            tokens = self._rendered(plain)
        return tokens

    def _plain(self, text: str) -> str:
        """`text` as words alone, so that nobody ends a turn or begins one of another's."""
        for token in self._tokenizer.all_special_tokens:
            text = text.replace(token, " ")
        return text

    def _rendered(self, question: str) -> list[int]:
        messages = [*self._before, {"role": "user", "content": question}]
        if not self._has_system:
            system, first, *others = messages
            messages = [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *others]
        text = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        return self._ids(text)

    def _shows_system(self) -> bool:
        """Whether the chat template has a place for the instruction; else it stands before the first
        question."""
        from jinja2 import TemplateError

        instruction = self._before[0]
        try:
            shown = self._tokenizer.apply_chat_template([instruction, {"role": "user", "content": "?"}])
        except TemplateError:
            return False
        return instruction["content"].strip() in shown

    def _read_before(self) -> None:
        """Read what stands before every question, and keep what that leaves in the cache."""
        self._limit = self._shape.positions - self._max_tokens
        self._frame = self._rendered("")
        if len(self._frame) + SEAMS >= self._limit:
            raise RouterError(
                f"the model in {self._folder} has {self._shape.positions} positions: none is left for a "
                f"question beside {len(self._frame)} tokens of prompt and examples and {self._max_tokens} of "
                "the answer; lower router.shots, router.max_chars or router.max_tokens"
            )
        self._known = _common(self._frame, self._rendered("?"))
        cache = Cache(self._session, self._shape, {}, 1, len(self._known))
        cache.read(0, self._known, 0)
        self._kept = cache.arrays

    def _answer(self, tokens: list[int]) -> list[int]:
        """Tokens of the answer, with the one that ends it."""
        cache = Cache(self._session, self._shape, {}, 1, len(tokens) + self._max_tokens)
        # The model has to read one token to say the next.
        known = len(_common(self._known, tokens[:-1]))
        for array, kept in zip(cache.arrays, self._kept, strict=True):
            array[:, :, :known] = kept[:, :, :known]
        answer = [cache.read(0, tokens[known:], known)]
        call = Call(cache, slice(0, 1), 1)
        while answer[-1] not in self._ends and len(answer) < self._max_tokens:
            length = len(tokens) + len(answer)
            answer.append(call.next_of(answer[-1], length))
        return answer


def _common(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Tokens with which both begin."""
    return [token for token, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))]
