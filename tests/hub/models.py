"""Tiny random models as the hub has the full-size ones: names, commits, architectures, kinds of files."""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

import conf
from tests.conftest import CAR, SLEEP
from tests.experts.conftest import LLAMA_TEMPLATE, PHI_TEMPLATE, save_tokenizer, sizes

# Files that the real repositories have too, and that nobody here wants: pickles, and what is for people.
UNWANTED = {
    "README.md": b"# A model",
    "pytorch_model.bin": b"a pickle",
    "onnx/model.onnx": b"a graph",
    "modeling.py": b"raise SystemExit('code of the hub was run')",
}


class Named(NamedTuple):
    """A model as the configuration names it."""

    path: str
    revision: str


def named(file: str, *keys: str) -> Named:
    """What a YAML file under conf/ says at those keys."""
    found = OmegaConf.to_container(OmegaConf.load(Path(conf.__path__[0], file)))
    for key in keys:
        assert isinstance(found, dict)
        found = found[key]
    assert isinstance(found, dict)
    return Named(found["path"], found["revision"])


BGE_BASE = named("encoder/bge_base.yaml", "model")
BGE_SMALL = named("encoder/bge_small.yaml", "model")
MINILM = named("encoder/minilm_hub.yaml", "model")
TINYLLAMA = named("weights/hub.yaml", "classifier")
LLAMA = named("weights/hub.yaml", "experts", "car")
PHI = named("weights/hub.yaml", "experts", "sleep")
# In how many files the real ones have their weights.
PARTS = {LLAMA: 4, PHI: 6}


def files_in(folder: str | Path) -> dict[str, bytes]:
    """Content by name of everything in a folder, and what the real repositories have besides."""
    here = Path(folder)
    return UNWANTED | {
        path.relative_to(here).as_posix(): path.read_bytes() for path in here.rglob("*") if path.is_file()
    }


# The narrowest that bitsandbytes quantises on a processor that multiplies bfloat16.
WIDTH = 64


def write_llama(folder: Path) -> None:
    """Write a random Llama-3.1 in four parts; its configuration says what the real one's says."""
    from transformers import LlamaConfig, LlamaForCausalLM

    turns = ["<|start|>", "<|stop|>", "<|eot|>"]
    vocabulary = save_tokenizer(str(folder), [*CAR, *SLEEP], LLAMA_TEMPLATE, turns)
    scaling = {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    }
    _write(
        folder,
        lambda: LlamaForCausalLM(LlamaConfig(**sizes(vocabulary, WIDTH), head_dim=16)),
        PARTS[LLAMA],
        seed=0,
        rope_scaling=scaling,
        rope_theta=500000.0,
    )


def write_phi(folder: Path) -> None:
    """Write a random Phi-3 in six parts; as the real one, it offers code of its own, which nobody runs."""
    from transformers import Phi3Config, Phi3ForCausalLM

    turns = ["<|user|>", "<|assistant|>", "<|end|>"]
    vocabulary = save_tokenizer(str(folder), [*CAR, *SLEEP], PHI_TEMPLATE, turns)
    _write(
        folder,
        lambda: Phi3ForCausalLM(Phi3Config(**sizes(vocabulary, WIDTH))),
        PARTS[PHI],
        seed=1,
        auto_map={
            "AutoConfig": "modeling.Phi3Config",
            "AutoModelForCausalLM": "modeling.Phi3ForCausalLM",
        },
        rope_scaling=None,
        rope_theta=10000.0,
        sliding_window=2047,
        original_max_position_embeddings=4096,
    )


def _write(folder: Path, make: Callable[[], Any], parts: int, seed: int, **settings: Any) -> None:
    """Write a model in bfloat16, with `settings` in its configuration, in the words of transformers 4."""
    import torch

    torch.manual_seed(seed)
    make().to(torch.bfloat16).save_pretrained(folder)
    place = folder / "config.json"
    config = json.loads(place.read_text(encoding="utf-8"))
    config.pop("rope_parameters", None)
    config["torch_dtype"] = config.pop("dtype")
    place.write_text(json.dumps(config | settings), encoding="utf-8")
    split(folder, parts)


def split(folder: Path, parts: int) -> None:
    """Replace the one file of weights by several and their index."""
    from safetensors.torch import load_file, save_file

    whole = folder / "model.safetensors"
    tensors = load_file(whole)
    names = sorted(tensors)
    weight_map = {}
    for part, own in enumerate(_shares(names, parts), start=1):
        file = f"model-{part:05}-of-{parts:05}.safetensors"
        save_file({name: tensors[name] for name in own}, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(own, file)
    total = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    whole.unlink()


def _shares(names: Sequence[str], parts: int) -> list[Sequence[str]]:
    bounds = [len(names) * part // parts for part in range(parts + 1)]
    return [names[start:end] for start, end in pairwise(bounds)]
