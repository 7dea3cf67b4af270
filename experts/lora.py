"""LoRA experts (Hu et al., 2021): each base model is loaded once, its domains' adapters swapped on it."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from time import perf_counter
from typing import Any, ClassVar

from common.chat_tokenizer import end_of_turn
from common.checks import Constraints, one_of
from common.extras import need
from common.lora import WEIGHTS
from experts import prompt
from experts.base import Answer, ExpertError, Remark, Request, Usage, ignore
from experts.local import SILENT, LocalModels, Prompt
from experts.model import load_base

# peft's name for "no adapter" in a mixed batch.
NO_ADAPTER = "__base__"


class _Base:
    """One base model in memory, with its tokenizer and every adapter that was trained on it."""

    def __init__(self, folder: str, adapters: dict[str, str], dtype: str, quantization: str) -> None:
        from peft import PeftModel
        from safetensors import SafetensorError

        self.tokenizer = prompt.load_tokenizer(folder)
        self.network = load_base(folder, dtype, quantization)
        self.end_of_turn = end_of_turn(self.tokenizer, self.network.generation_config.eos_token_id)
        self.positions = int(self.network.config.max_position_embeddings)
        # Domains are free text, which peft would take as paths of modules.
        self.names = {domain: f"expert{number}" for number, domain in enumerate(sorted(adapters))}
        for domain, name in self.names.items():
            try:
                if isinstance(self.network, PeftModel):
                    self.network.load_adapter(adapters[domain], name)
                else:
                    self.network = PeftModel.from_pretrained(self.network, adapters[domain], name)
            except (OSError, ValueError, RuntimeError, SafetensorError) as error:
                raise ExpertError(f"cannot load the adapter in {adapters[domain]}: {error}") from error
            self._check_layers(adapters[domain], name)
        self.network.eval()
        # Which adapter is active is a state of the network: one generation at a time.
        self.lock = Lock()

    def adapter(self, asked: Prompt) -> str:
        """Name of the adapter that answers."""
        return NO_ADAPTER if asked.domain is None else self.names[asked.domain]

    def length(self, tokens: Sequence[int]) -> int:
        """Number of tokens to the end of the turn, or of all if it has none."""
        return next((i + 1 for i, token in enumerate(tokens) if token in self.end_of_turn), len(tokens))

    def _check_layers(self, adapter: str, name: str) -> None:
        """peft fills layers that the file lacks with fresh ones, and passes over those it has too many."""
        from peft import get_peft_model_state_dict
        from safetensors import safe_open

        wanted = set(get_peft_model_state_dict(self.network, adapter_name=name))
        with safe_open(Path(adapter, WEIGHTS), "np") as file:
            if set(file.keys()) != wanted:
                raise ExpertError(
                    f"cannot load the adapter in {adapter}: it was made for a model of other layers"
                )

    def generate(self, adapters: Sequence[str], **arguments: Any) -> Any:
        """`generate` of transformers with one adapter name a row; only a mixed batch pays for the mixing."""
        import torch

        distinct = set(adapters)
        with self.lock, torch.inference_mode():
            if distinct == {NO_ADAPTER}:
                if not self.names:
                    return self.network.generate(**arguments)
                with self.network.disable_adapter():
                    return self.network.generate(**arguments)
            if len(distinct) == 1:
                self.network.set_adapter(adapters[0])
                return self.network.generate(**arguments)
            return self.network.generate(**arguments, adapter_names=list(adapters))


@dataclass(eq=False, repr=False)
class LoraExperts(LocalModels):
    """Local models of one domain each, through PyTorch, in batches sorted by expert and length.

    Args:
        models, system_prompt, max_new_tokens, max_question_tokens, batch_size: see `LocalModels`.
        dtype: of the base models, `float32` or `bfloat16`.
        quantization: `none`, or `nf4` for 4-bit weights through bitsandbytes (Dettmers et al., 2023).
    """

    parameter_constraints: ClassVar[Constraints] = {
        **LocalModels.parameter_constraints,
        "dtype": one_of("float32", "bfloat16"),
        "quantization": one_of("none", "nf4"),
    }

    dtype: str = "float32"
    quantization: str = "none"
    _bases: dict[str, _Base] = field(init=False, default_factory=dict)

    @staticmethod
    def extras(values: Mapping[str, Any]) -> dict[str, str]:
        """Extras that the settings need, by the setting that needs them."""
        needed = {"experts.engine=torch": "torch"}
        if values["quantization"] != "none":
            needed[f"experts.quantization={values['quantization']}"] = "nf4"
        return needed

    def load(self) -> "LoraExperts":
        self.check_parameters()
        need("torch", "experts.engine=torch")
        for folder in self.folders():
            if folder not in self._bases:
                self._bases[folder] = _Base(folder, self.adapters(folder), self.dtype, self.quantization)
        return self

    def tokenizer(self, folder: str) -> Any:
        return self._bases[folder].tokenizer

    def positions(self, folder: str) -> int:
        return self._bases[folder].positions

    def engine(self) -> dict[str, Any]:
        return {"dtype": self.dtype, "quantization": self.quantization}

    def answer_prompts(self, folder: str, prompts: list[Prompt]) -> Iterator[list[tuple[int, Answer]]]:
        base, waiting = self._bases[folder], sorted(prompts, key=self._order)
        for start in range(0, len(waiting), self.batch_size):
            yield self._answer(base, waiting[start : start + self.batch_size])

    def stream(
        self, request: Request, remark: Remark = ignore, usage: Usage | None = None
    ) -> Generator[str, None, None]:
        from transformers import TextIteratorStreamer

        folder, asked = self.open(request, remark)
        base, spent = self._bases[folder], usage or Usage()
        spent.prompt_tokens = len(base.tokenizer(asked.text, add_special_tokens=False)["input_ids"])
        pieces = TextIteratorStreamer(base.tokenizer, skip_prompt=True, skip_special_tokens=True)
        failures: list[BaseException] = []
        left = Event()

        def work() -> None:
            try:
                (tokens,) = self._generate(base, [asked], left, streamer=pieces)
                spent.tokens = base.length(tokens)
                if not left.is_set():
                    spent.finish = "stop" if tokens[-1] in base.end_of_turn else "length"
            except BaseException as error:  # raised again where the caller waits
                failures.append(error)
                pieces.end()

        thread = Thread(target=work, daemon=True)
        thread.start()
        silent = True
        try:
            for piece in pieces:
                silent = silent and not piece.strip()
                if piece:
                    yield piece
            # The last piece comes before the thread has counted.
            thread.join()
        finally:
            # Also when the caller goes away in the middle.
            left.set()
            thread.join()
        if failures:
            raise failures[0]
        if silent:
            raise ExpertError(SILENT)

    @staticmethod
    def _order(asked: Prompt) -> tuple[Any, ...]:
        """Adapters side by side, so that few batches are mixed; lengths, so that little is padding."""
        return asked.domain or "", len(asked.text), asked.row

    def _answer(self, base: _Base, prompts: list[Prompt]) -> list[tuple[int, Answer]]:
        start = perf_counter()
        rows = self._generate(base, prompts)
        seconds = (perf_counter() - start) / len(prompts)
        answers = []
        for asked, tokens in zip(prompts, rows, strict=True):
            length = base.length(tokens)
            text = base.tokenizer.decode(tokens[:length], skip_special_tokens=True).strip()
            error = None if text else SILENT
            answers.append((asked.row, Answer(text or None, error, asked.note, length, seconds)))
        return answers

    def _generate(
        self, base: _Base, prompts: list[Prompt], stop: Event | None = None, **arguments: Any
    ) -> list[list[int]]:
        """Tokens generated for each prompt, padding and all; fewer when `stop` is set meanwhile.

        Whenever a quarter of the batch has ended, the rest goes on without it from the same cache.
        """
        import torch
        from transformers import DynamicCache, StoppingCriteriaList

        stop = stop or Event()
        tokens = base.tokenizer(
            [asked.text for asked in prompts], padding=True, add_special_tokens=False, return_tensors="pt"
        ).to(base.network.device)
        ids, mask = tokens["input_ids"], tokens["attention_mask"]
        n_prompt, end = ids.shape[1], torch.tensor(base.end_of_turn, device=ids.device)
        cache, rows = DynamicCache(config=base.network.config), torch.arange(len(prompts), device=ids.device)
        limits = torch.tensor([asked.limit for asked in prompts], device=ids.device)
        generated: list[list[int]] = [[] for _ in prompts]

        def ended(new: Any) -> Any:
            """Which of `rows` have ended, of whose answers `new` are the tokens."""
            return torch.isin(new, end).any(dim=1) | (limits[rows] <= new.shape[1])

        def enough(ids: Any, scores: Any, **_: Any) -> Any:
            quit_now = stop.is_set() or ended(ids[:, n_prompt:]).sum() * 4 >= len(ids)
            return torch.full((len(ids),), bool(quit_now), device=ids.device)

        while len(rows):
            ids = base.generate(
                [base.adapter(prompts[row]) for row in rows.tolist()],
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                stopping_criteria=StoppingCriteriaList([enough]),
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                max_new_tokens=int(limits[rows].max()) - (ids.shape[1] - n_prompt),
                eos_token_id=base.end_of_turn,
                pad_token_id=base.tokenizer.pad_token_id,
                **arguments,
            )
            new = ids[:, n_prompt:]
            for row, words in zip(rows.tolist(), new.tolist(), strict=True):
                generated[row] = words[: prompts[row].limit]
            going = ~ended(new)
            if stop.is_set() or not going.any():
                break
            rows, ids = rows[going], ids[going]
            mask = torch.ones_like(ids)
            mask[:, :n_prompt] = tokens["attention_mask"][rows]
            cache.batch_select_indices(going.nonzero().squeeze(1))
        return generated
