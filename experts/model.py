"""The base model, loaded the same way to be trained and to answer."""

from typing import Any

from experts.base import ExpertError

ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "query_key_value", "out_proj"}
FEED_FORWARD = {"gate_proj", "up_proj", "down_proj", "gate_up_proj", "fc1", "fc2"}


def load_base(folder: str, dtype: str, quantization: str) -> Any:
    """A causal language model in evaluation mode, on the GPU where there is one.

    Raises:
        ExpertError: no model can be read there, or a package is missing.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            quantization_config=_quantization_config(dtype, quantization),
            local_files_only=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise ExpertError(f"cannot load a language model from {folder}: {error}") from error
    if torch.cuda.is_available() and quantization == "none":
        model = model.to("cuda")
    return model.eval()


def target_modules(network: Any, which: str) -> list[str]:
    """Names of the layers that get an adapter, for whichever architecture (Llama and Phi-3 differ).

    Raises:
        ExpertError: the model has no layer of a known name.
    """
    wanted = ATTENTION if which == "attention" else ATTENTION | FEED_FORWARD
    found = {name.rpartition(".")[2] for name, _ in network.named_modules()} & wanted
    if not found:
        raise ExpertError(f"a {type(network).__name__} has none of the layers {', '.join(sorted(wanted))}")
    return sorted(found)


def _quantization_config(dtype: str, quantization: str) -> Any:
    if quantization == "none":
        return None
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise ExpertError("experts.quantization=nf4 needs bitsandbytes: pip install bitsandbytes") from error
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )
