"""Two tiny random chat models, as unlike as Llama-3.1 and Phi-3, and adapters trained on them."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from common.files import cached_dir, read_json, sha256_file, write_json
from common.typed_json import from_json, to_json
from experts.base import Answer, Request, Turn
from experts.local import Model
from experts.lora import LoraExperts
from experts.onnx import OnnxExperts
from experts.train import Recipe, Trained, train
from tests.conftest import session_folder

SYSTEM_PROMPT = "You know all about {domain}."
# The domain of a base and the answer that its adapter learns by heart.
ANSWERS = {"car": "Have a mechanic check the brakes.", "sleep": "Keep to a regular bedtime."}
# High and long enough to learn one answer by heart.
RECIPE = Recipe(
    steps=32,
    batch_size=4,
    learning_rate=0.03,
    lora_r=8,
    lora_alpha=16,
    lora_dropout=0.0,
    target_modules="all-linear",
    max_tokens=160,
    validation_fraction=0.2,
)
BASES = ("llama", "phi")

# Llama-3.1's, in short: it writes the beginning of text itself, and its end of turn is not the eos.
LLAMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|start|>{{ message['role'] }}<|stop|>\n"
    "{{ message['content'] }}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|stop|>\n{% endif %}"
)
# Phi-3-medium's, word for word: a system message is dropped, a user's always opens an answer.
PHI_TEMPLATE = (
    "{% for message in messages %}{% if (message['role'] == 'user') %}"
    "{{'<|user|>' + '\n' + message['content'] + '<|end|>' + '\n' + '<|assistant|>' + '\n'}}"
    "{% elif (message['role'] == 'assistant') %}{{message['content'] + '<|end|>' + '\n'}}{% endif %}"
    "{% endfor %}"
)

MAX_NEW_TOKENS = 24
# The chat formats written out, and the tokens that end an answer in each.
FORMATS = {
    "llama": "<bos><|start|>system<|stop|>\n{system}<|eot|><|start|>user<|stop|>\n{question}<|eot|>"
    "<|start|>assistant<|stop|>\n",
    "phi": "<|user|>\n{system}\n\n{question}<|end|>\n<|assistant|>\n",
}
# A question after `HISTORY`, to stand where `FORMATS` has the question alone.
CONVERSATIONS = {
    "llama": "{asked}<|eot|><|start|>assistant<|stop|>\n{answered}<|eot|><|start|>user<|stop|>\n{question}",
    "phi": "{asked}<|end|>\n<|assistant|>\n{answered}<|end|>\n<|user|>\n{question}",
}
HISTORY = (Turn("user", "My car rattles at every traffic light."), Turn("assistant", "Since when?"))
ENDS = {"llama": {"<eos>", "<|eot|>"}, "phi": {"<eos>", "<|end|>"}}
QUESTIONS = (
    "What wears out a gearbox the fastest?",
    "Hi",
    "Do I sleep better in a car with the windows open, or is that a bad idea on the motorway?",
)
# Every expert and every base, in no order; one of them twice.
REQUESTS = [
    Request(domain, question, adapted)
    for question in QUESTIONS
    for domain, adapted in (("sleep", True), ("car", False), ("car", True), ("sleep", False))
] + [Request("sleep", QUESTIONS[0])]

Questions = tuple[list[str], list[str]]
Plain = Callable[[str, Request], tuple[str, int]]
Models = dict[str, dict[str, Model]]


class Adapter(NamedTuple):
    """An adapter that `train` wrote, and what it said while and after it."""

    folder: Path
    trained: Trained
    progress: list[tuple[str, int, int]]


def save_tokenizer(folder: str, texts: list[str], template: str | None, turns: list[str]) -> int:
    """Write a byte-level tokenizer and return its size.

    As Llama-3.1's, it puts the beginning of text before everything unless it is told not to.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = bytes_
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<pad>", "<eos>", "<bos>", *turns],
        initial_alphabet=bytes_.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A $B", special_tokens=[("<bos>", 2)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        additional_special_tokens=turns,
        model_max_length=512,
    )
    fast.chat_template = template
    fast.save_pretrained(folder)
    return int(tokenizer.get_vocab_size())


def sizes(vocab_size: int, width: int = 32) -> dict[str, Any]:
    """What both architectures have in common; the weights are wide, so that no two logits are close."""
    return {
        "vocab_size": vocab_size,
        "hidden_size": width,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    }


@pytest.fixture(scope="session")
def chat_llama(tmp_path_factory: pytest.TempPathFactory, questions: Questions) -> str:
    """Folder of a random Llama that talks in turns."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = str(tmp_path_factory.mktemp("chat_llama"))
    turns = ["<|start|>", "<|stop|>", "<|eot|>"]
    vocab_size = save_tokenizer(folder, questions[0], LLAMA_TEMPLATE, turns)
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**sizes(vocab_size), head_dim=16)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def chat_phi(tmp_path_factory: pytest.TempPathFactory, questions: Questions) -> str:
    """Folder of a random Phi-3, whose projections are fused."""
    import torch
    from transformers import Phi3Config, Phi3ForCausalLM

    folder = str(tmp_path_factory.mktemp("chat_phi"))
    turns = ["<|user|>", "<|assistant|>", "<|end|>"]
    vocab_size = save_tokenizer(folder, questions[0], PHI_TEMPLATE, turns)
    torch.manual_seed(1)
    Phi3ForCausalLM(Phi3Config(**sizes(vocab_size))).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bases(chat_llama: str, chat_phi: str) -> dict[str, str]:
    return {"llama": chat_llama, "phi": chat_phi}


@pytest.fixture(scope="session", params=BASES)
def base(request: pytest.FixtureRequest) -> str:
    """The name of each base in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def pairs(questions: Questions) -> dict[str, list[tuple[str, str]]]:
    """By domain: questions that all have one answer."""
    return {
        domain: [(q, answer) for q, label in zip(*questions, strict=True) if label == domain]
        for domain, answer in ANSWERS.items()
    }


@pytest.fixture(scope="session")
def adapters(
    tmp_path_factory: pytest.TempPathFactory,
    bases: dict[str, str],
    pairs: dict[str, list[tuple[str, str]]],
) -> dict[tuple[str, str], Adapter]:
    """By base and domain; shared, also with other workers, so copy before you change one."""
    shared = session_folder(tmp_path_factory) / "adapters"

    def make(name: str, domain: str) -> Adapter:
        def build(target: Path) -> None:
            said: list[tuple[str, int, int]] = []
            recipe = replace(RECIPE, system_prompt=SYSTEM_PROMPT.replace("{domain}", domain))
            (target / "adapter").mkdir()
            trained = train(
                bases[name], pairs[domain], recipe, target / "adapter", lambda *one: said.append(one)
            )
            write_json(target / "said.json", {"trained": to_json(trained), "progress": said})

        folder = cached_dir(shared / f"{name}_{domain}", build, say=lambda _: None)
        found = read_json(folder / "said.json")
        progress = [(what, done, total) for what, done, total in found["progress"]]
        return Adapter(folder / "adapter", from_json(found["trained"], Trained), progress)

    return {(name, domain): make(name, domain) for name in bases for domain in ANSWERS}


@pytest.fixture(scope="session")
def models(bases: dict[str, str], adapters: dict[tuple[str, str], Adapter]) -> dict[str, dict[str, Model]]:
    """By base: what `LoraExperts` is told of a car and a sleep expert on it."""
    return {
        name: {
            domain: Model(
                folder=folder,
                # A cache that is kept between sessions has graphs of earlier models.
                sha256=sha256_file(Path(folder, "model.safetensors")),
                adapter=str(adapters[name, domain].folder),
                adapter_sha256=sha256_file(adapters[name, domain].folder / "adapter_model.safetensors"),
            )
            for domain in ANSWERS
        }
        for name, folder in bases.items()
    }


@pytest.fixture(scope="session")
def loaded(models: dict[str, dict[str, Model]]) -> dict[str, LoraExperts]:
    """By base: its two experts, in memory; shared, do not change them."""
    return {name: lora(of_base).load() for name, of_base in models.items()}


def lora(models: dict[str, Model], **settings: Any) -> LoraExperts:
    return LoraExperts(models, **{"system_prompt": SYSTEM_PROMPT, "max_new_tokens": 24, **settings})


def onnx(models: dict[str, Model], **settings: Any) -> OnnxExperts:
    return OnnxExperts(models, **{"system_prompt": SYSTEM_PROMPT, "max_new_tokens": 24, **settings})


@pytest.fixture(scope="session")
def plain(bases: dict[str, str], adapters: dict[tuple[str, str], Adapter]) -> Plain:
    """One question to one model, token by token: no batch, no padding, no cache, no adapter swapped.

    The base is transformers' alone; an adapter is merged into its weights.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizers = {name: AutoTokenizer.from_pretrained(folder) for name, folder in bases.items()}
    networks: dict[tuple[str, str | None], Any] = {}
    known: dict[tuple[str, Request], tuple[str, int]] = {}

    def network(base: str, domain: str | None) -> Any:
        if (base, domain) not in networks:
            model = AutoModelForCausalLM.from_pretrained(bases[base], dtype=torch.float32)
            if domain is not None:
                adapter = str(adapters[base, domain].folder)
                model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
            networks[base, domain] = model.eval()
        return networks[base, domain]

    def ask(base: str, request: Request) -> tuple[str, int]:
        if (base, request) not in known:
            known[base, request] = generate(base, request)
        return known[base, request]

    def generate(base: str, request: Request) -> tuple[str, int]:
        tokenizer = tokenizers[base]
        system = SYSTEM_PROMPT.replace("{domain}", request.domain)
        text = FORMATS[base].format(system=system, question=request.question)
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        model = network(base, request.domain if request.adapted else None)
        answer: list[int] = []
        while len(answer) < MAX_NEW_TOKENS:
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([tokens + answer])).logits[0, -1]
            answer.append(int(logits.argmax()))
            if tokenizer.convert_ids_to_tokens(answer[-1]) in ENDS[base]:
                break
        return tokenizer.decode(answer, skip_special_tokens=True).strip(), len(answer)

    return ask


def written_out(base: str, request: Request) -> Request:
    """The same request after `HISTORY`, its question written out with the turns before it, for `plain`."""
    asked, answered = (turn.text for turn in HISTORY)
    question = CONVERSATIONS[base].format(asked=asked, answered=answered, question=request.question)
    return request._replace(question=question)


def texts(answers: Sequence[Answer]) -> list[tuple[str | None, int | None]]:
    return [(answer.text, answer.tokens) for answer in answers]


@pytest.fixture
def speechless(chat_llama: str, tmp_path: Path) -> dict[str, Model]:
    """A base whose last norm is zero: every logit is equal, so that it says `<pad>` and nothing else."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "speechless"
    shutil.copytree(chat_llama, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"].zero_()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return {"car": Model(folder=str(folder), sha256="speechless", adapter=None, adapter_sha256=None)}


def cut_in_half(folder: Path) -> None:
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])


def another_rank(folder: Path) -> None:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, "r": 3}))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": shutil.rmtree,
    "no config": lambda folder: (folder / "adapter_config.json").unlink(),
    "garbled config": lambda folder: (folder / "adapter_config.json").write_text("{"),
    "no weights": lambda folder: (folder / "adapter_model.safetensors").unlink(),
    "cut weights": cut_in_half,
    "another rank": another_rank,
}
