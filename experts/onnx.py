"""LoRA experts (Hu et al., 2021) through ONNX Runtime: a session a base model, an adapter a request.

Requests of one adapter share each step of the model (continuous batching, Yu et al., 2022): when one answer
ends, the next question takes its place. The instruction before every question is read once an expert.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from common.chat_tokenizer import ChatTokenizer, DamagedTokenizer, configured_end, end_of_turn
from common.llama_decoding import Cache, Call, Values
from common.llama_graph import VERSION, FloatArray, NotLlama, Shape, cached_graph, read_shape
from common.lora import Adapter, DamagedAdapter, adapted_products, adapter_values, read_adapter
from common.onnx_session import session
from experts.base import Answer, ExpertError, Remark, Request, Usage, ignore
from experts.local import SILENT, LocalModels, Prompt


@dataclass
class _Answering:
    """An answer that is being generated.

    Attributes:
        asked: where it belongs.
        length: tokens in the cache.
        tokens: generated so far.
        seconds: its share of the time spent.
    """

    asked: Prompt
    length: int
    tokens: list[int]
    seconds: float


class _Base:
    """One base model in memory, with its tokenizer and every adapter that was trained on it."""

    def __init__(self, folder: str, sha256: str, adapters: dict[str, str], *, int8: bool) -> None:
        from onnxruntime import OrtValue

        try:
            self.tokenizer = ChatTokenizer(folder)
        except DamagedTokenizer as error:
            raise ExpertError(str(error)) from error
        self.end_of_turn = frozenset(end_of_turn(self.tokenizer, configured_end(folder)))
        try:
            self.shape = read_shape(Path(folder))
            found = {domain: _adapter(adapter, self.shape) for domain, adapter in adapters.items()}
            products = frozenset[str]().union(*map(adapted_products, found.values()))
            graph = cached_graph(Path(folder), sha256, products, int8=int8, generates=True)
            self.session = session(graph)
        except NotLlama as error:
            raise ExpertError(f"{error}; experts.engine=torch runs it") from error

        def values(adapter: Adapter) -> Values:
            arrays = adapter_values(self.shape, products, adapter)
            return {name: OrtValue.ortvalue_from_numpy(array) for name, array in arrays.items()}

        self.adapters: dict[str | None, Values] = {None: values({})}
        self.adapters |= {domain: values(adapter) for domain, adapter in found.items()}
        # What the instruction before every question leaves in the cache, by expert and tokens.
        self.instructions: dict[tuple[str | None, tuple[int, ...]], list[FloatArray]] = {}


@dataclass(eq=False, repr=False)
class OnnxExperts(LocalModels):
    """Local Llama models of one domain each, through ONNX Runtime on the processor.

    Args:
        models, system_prompt, max_new_tokens, max_question_tokens, batch_size: see `LocalModels`.
        int8: keep matrices in 8 bits, and round what they are multiplied with: more than twice as fast for
            one question, with three fifths of the memory; most answers have other words than in float32.
    """

    # The cache belongs to a call; sessions and tokenizers are only read.
    thread_safe: ClassVar[bool] = True

    int8: bool = False
    _bases: dict[str, _Base] = field(init=False, default_factory=dict)
    # Or the first questions of two threads would load every model twice.
    _loading: Lock = field(init=False, default_factory=Lock)

    def load(self) -> "OnnxExperts":
        self.check_parameters()
        checksums = {model["folder"]: model["sha256"] for model in self.models.values()}
        with self._loading:
            for folder in self.folders():
                if folder not in self._bases:
                    adapters = self.adapters(folder)
                    self._bases[folder] = _Base(folder, checksums[folder], adapters, int8=self.int8)
        return self

    def tokenizer(self, folder: str) -> ChatTokenizer:
        return self._bases[folder].tokenizer

    def positions(self, folder: str) -> int:
        return self._bases[folder].shape.positions

    def engine(self) -> dict[str, Any]:
        return {"engine": "onnx", "graph_version": VERSION, "weights": "int8" if self.int8 else "float32"}

    def answer_prompts(self, folder: str, prompts: list[Prompt]) -> Iterator[list[tuple[int, Answer]]]:
        base = self._bases[folder]
        by_expert: dict[str | None, list[Prompt]] = {}
        for asked in prompts:
            by_expert.setdefault(asked.domain, []).append(asked)
        for domain in sorted(by_expert, key=lambda name: name or ""):
            for finished in self._generate(base, domain, by_expert[domain]):
                yield [(one.asked.row, _answer(base, one)) for one in finished]

    def stream(
        self, request: Request, remark: Remark = ignore, usage: Usage | None = None
    ) -> Generator[str, None, None]:
        from tokenizers.decoders import DecodeStream

        folder, asked = self.open(request, remark)
        base = self._bases[folder]
        pieces, said = DecodeStream(skip_special_tokens=True), ""
        tokens: list[int] = []
        for token in self._tokens(base, asked, usage or Usage()):
            tokens.append(token)
            piece = pieces.step(base.tokenizer.inner, token)
            if piece:
                said += piece
                yield piece
        # A character that the last token leaves unfinished is held back.
        whole = base.tokenizer.decode(tokens, skip_special_tokens=True)
        if whole.startswith(said) and whole != said:
            yield whole.removeprefix(said)
        if not whole.strip():
            raise ExpertError(SILENT)

    def _tokens(self, base: _Base, asked: Prompt, usage: Usage) -> Iterator[int]:
        """Tokens of one answer, as they are generated and counted."""
        tokens = self._ids(base, asked)
        usage.prompt_tokens, usage.tokens = len(tokens), 0
        cache = Cache(base.session, base.shape, base.adapters[asked.domain], 1, len(tokens) + asked.limit)
        token, length = self._start(base, cache, 0, asked, tokens), len(tokens)
        call = Call(cache, slice(0, 1), 1)
        while True:
            usage.tokens += 1
            ended = token in base.end_of_turn
            if ended or usage.tokens >= asked.limit:
                # Before it is said: whoever has the last piece may not ask for another.
                usage.finish = "stop" if ended else "length"
                yield token
                return
            yield token
            length += 1
            token = call.next_of(token, length)

    def _generate(self, base: _Base, domain: str | None, prompts: list[Prompt]) -> Iterator[list[_Answering]]:
        """Answers of one expert, in groups as they end.

        Long questions come first, so that the last answers do not wait for one of them.
        """
        ids = {asked.row: self._ids(base, asked) for asked in prompts}
        waiting = sorted(prompts, key=lambda asked: (len(ids[asked.row]), asked.row))
        slots = min(self.batch_size, len(prompts))
        positions = max(len(ids[asked.row]) + asked.limit for asked in prompts)
        cache = Cache(base.session, base.shape, base.adapters[domain], slots, positions)
        going: list[_Answering] = []
        call: Call | None = None
        while going or waiting:
            while waiting and len(going) < slots:
                start, asked = perf_counter(), waiting.pop()
                token = self._start(base, cache, len(going), asked, ids[asked.row])
                going.append(_Answering(asked, len(ids[asked.row]), [token], perf_counter() - start))
                call = None
            finished = self._take_finished(base, cache, going)
            if finished:
                call = None
                yield finished
                continue
            call = call or Call(cache, slice(0, len(going)), 1)
            self._step(call, going)

    @staticmethod
    def _step(call: Call, going: list[_Answering]) -> None:
        """One more token for every answer."""
        start = perf_counter()
        ids = np.array([[one.tokens[-1]] for one in going])
        found = call.run(ids, np.array([one.length + 1 for one in going]))
        share = (perf_counter() - start) / len(going)
        for one, token in zip(going, found.tolist(), strict=True):
            one.tokens.append(token)
            one.length += 1
            one.seconds += share

    def _take_finished(self, base: _Base, cache: Cache, going: list[_Answering]) -> list[_Answering]:
        """Remove the answers that have ended; the last ones take their slots."""
        finished = []
        for slot in reversed(range(len(going))):
            one = going[slot]
            if one.tokens[-1] in base.end_of_turn or len(one.tokens) >= one.asked.limit:
                finished.append(one)
                moved = going.pop()
                if moved is not one:
                    cache.copy(len(going), slot, moved.length)
                    going[slot] = moved
        return finished

    @staticmethod
    def _ids(base: _Base, asked: Prompt) -> list[int]:
        return base.tokenizer(asked.text, add_special_tokens=False)["input_ids"]

    def _start(self, base: _Base, cache: Cache, slot: int, asked: Prompt, tokens: list[int]) -> int:
        """Read a prompt into a slot; returns the first token of the answer."""
        known = self._instruction(base, cache, slot, asked, tokens)
        return cache.read(slot, tokens[known:], known)

    def _instruction(self, base: _Base, cache: Cache, slot: int, asked: Prompt, tokens: list[int]) -> int:
        """Fill a slot with the tokens before the question, read once an expert; returns how many."""
        frame = base.tokenizer(asked.frame, add_special_tokens=False)["input_ids"]
        # The model has to read one token to say the next.
        pairs = zip(frame, tokens[:-1], strict=False)
        common = [token for token, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
        key = (asked.domain, tuple(common))
        if not common:
            return 0
        if key not in base.instructions:
            cache.read(slot, common, 0)
            base.instructions[key] = [array[slot, :, : len(common)].copy() for array in cache.arrays]
        else:
            for array, known in zip(cache.arrays, base.instructions[key], strict=True):
                array[slot, :, : len(common)] = known
        return len(common)


def _adapter(folder: str, shape: Shape) -> Adapter:
    try:
        return read_adapter(Path(folder), shape)
    except DamagedAdapter as error:
        raise ExpertError(f"cannot load the adapter in {folder}: {error}") from error


def _answer(base: _Base, one: _Answering) -> Answer:
    text = base.tokenizer.decode(one.tokens, skip_special_tokens=True).strip()
    error = None if text else SILENT
    return Answer(text or None, error, one.asked.note, len(one.tokens), one.seconds)
