"""LoRA adapters (Hu et al., 2021) as peft writes them, for the graphs of `common.llama_graph`."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.files import read_json
from common.llama_graph import PRODUCTS, FloatArray, Shape, adapter_inputs

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
# Variants that multiply otherwise, by key of the configuration, and the value of the plain kind.
PLAIN = {
    "peft_type": "LORA",
    "bias": "none",
    "fan_in_fan_out": False,
    "lora_bias": False,
    "use_bdlora": None,
    "use_dora": False,
    "use_qalora": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "alora_invocation_tokens": None,
    "arrow_config": None,
    "kasa_config": None,
    "monteclora_config": None,
    "layer_replication": None,
    "trainable_token_indices": None,
}
# Initialisations that leave the base model's weights as they are; others, such as PiSSA, change them.
INITIALISATIONS = (True, False, "gaussian", "orthogonal", "eva")

# By path of a linear module: float32 (inputs, rank) and (rank, outputs), the second with the scale.
Adapter = Mapping[str, tuple[FloatArray, FloatArray]]


class DamagedAdapter(UserError, ValueError):
    """An adapter that cannot be read, is of another kind, or was made for another model."""


def read_adapter(folder: Path, shape: Shape, besides: Collection[str] = ()) -> Adapter:
    """Matrices of an adapter for a Llama model of that shape.

    Args:
        besides: tensors of its file that are no such matrices, and that the caller reads.

    Raises:
        DamagedAdapter: files are missing or damaged, or it does not fit.
    """
    config, tensors = _read(folder)
    for name, plain in PLAIN.items():
        if config.get(name, plain) != plain:
            raise DamagedAdapter(f"it has {name}={config[name]}, which the ONNX engine does not know")
    if config.get("init_lora_weights", True) not in INITIALISATIONS:
        raise DamagedAdapter(f"it changes its base model: init_lora_weights={config['init_lora_weights']}")
    others = {name for name in tensors if ".lora_" not in name} - set(besides)
    if others:
        raise DamagedAdapter(f"it replaces {min(others)}, which the ONNX engine cannot")
    rank = int(config["r"])
    scale = float(config["lora_alpha"]) / (rank**0.5 if config.get("use_rslora") else rank)
    found: dict[str, tuple[FloatArray, FloatArray]] = {}
    for path in sorted({name.partition(".lora_")[0] for name in tensors if ".lora_" in name}):
        down, up = (tensors.get(f"{path}.lora_{letter}.weight") for letter in "AB")
        module = path.removeprefix(PREFIX)
        product, outputs = _place(shape, module)
        if product is None or down is None or up is None:
            raise DamagedAdapter(f"it was made for a model of other layers: {module}")
        if down.shape != (rank, shape.inputs(product)) or up.shape != (outputs, rank):
            raise DamagedAdapter(f"{module} has matrices {down.shape} and {up.shape}, which do not fit")
        found[module] = (down.T.astype(np.float32), up.T.astype(np.float32) * np.float32(scale))
    missing = _targets(config, shape) - set(found)
    if missing or not found:
        raise DamagedAdapter(f"it was made for a model of other layers: {min(missing, default='none')}")
    return found


def adapter_values(shape: Shape, products: frozenset[str], adapter: Adapter) -> dict[str, FloatArray]:
    """Inputs of a graph by name; a product without a matrix of the adapter gets zeros."""
    values: dict[str, FloatArray] = {}
    for layer in range(shape.layers):
        for product in sorted(products):
            modules = [f"model.layers.{layer}.{module}" for module in PRODUCTS[product]]
            pairs = [adapter[module] for module in modules if module in adapter]
            down = np.zeros((shape.inputs(product), max(1, sum(p[0].shape[1] for p in pairs))), np.float32)
            up = np.zeros((down.shape[1], shape.outputs(product)), np.float32)
            row = column = 0
            # Side by side going in, and one below and beside the other coming out.
            for module in modules:
                width = shape.width(module)
                if module in adapter:
                    narrow, wide = adapter[module]
                    rows = slice(row, row + len(wide))
                    down[:, rows], up[rows, column : column + width] = narrow, wide
                    row += len(wide)
                column += width
            names = adapter_inputs(layer, product)
            values |= dict(zip(names, (down, up), strict=True))
    return values


def adapted_products(adapter: Adapter) -> frozenset[str]:
    """Products of `PRODUCTS` that the adapter changes."""
    return frozenset(
        product
        for product, modules in PRODUCTS.items()
        if any(path.endswith(module) for path in adapter for module in modules)
    )


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    import ml_dtypes  # noqa: F401  # numpy then knows bfloat16
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = read_json(folder / CONFIG)
        if not {"r", "lora_alpha"} <= set(config):
            raise DamagedAdapter(f"{CONFIG} has no rank or no scale")
        return config, load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise DamagedAdapter(str(error)) from error


def _place(shape: Shape, module: str) -> tuple[str | None, int]:
    """Product that a linear module is a part of, and its outputs; None for another model's."""
    head, _, rest = module.partition(".layers.")
    layer, _, name = rest.partition(".")
    if head == "model" and layer.isdigit() and int(layer) < shape.layers:
        for product, modules in PRODUCTS.items():
            if name in modules:
                return product, shape.width(name)
    return None, 0


def _targets(config: Mapping[str, Any], shape: Shape) -> set[str]:
    """Modules that the configuration says are adapted; none where it gives a pattern instead of names."""
    named = config.get("target_modules")
    if not isinstance(named, list):
        return set()
    paths = {
        f"model.layers.{layer}.{module}"
        for layer in range(shape.layers)
        for modules in PRODUCTS.values()
        for module in modules
    }
    # A name may be a whole path or its end.
    return {path for path in paths if any(f".{path}".endswith(f".{name}") for name in named)}
