"""fastText, in the fork that is kept up: a supervised classifier. It runs in its own environment."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import fasttext

LABEL = "__label__"


class Model(NamedTuple):
    """A trained classifier, and the domains by the number in its labels, which hold no spaces."""

    network: Any
    domains: list[str]


def fit(
    rows: list[dict[str, str]],
    folder: Path,
    seed: int,
    lr: float,
    epoch: int,
    dim: int,
    word_ngrams: int,
    minn: int,
    maxn: int,
    bucket: int,
) -> Model:
    domains = sorted({row["domain"] for row in rows})
    lines = [f"{LABEL}{domains.index(row['domain'])} {plain(row['query'])}\n" for row in rows]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "train.txt")
        path.write_text("".join(lines), encoding="utf-8")
        network = fasttext.train_supervised(
            str(path),
            lr=lr,
            epoch=epoch,
            dim=dim,
            wordNgrams=word_ngrams,
            minn=minn,
            maxn=maxn,
            bucket=bucket,
            seed=seed,
            # Several would make the same seed give other weights.
            thread=1,
            verbose=0,
        )
    network.save_model(str(folder / "model.bin"))
    (folder / "domains.json").write_text(json.dumps(domains), encoding="utf-8")
    return Model(network, domains)


def load(folder: Path) -> Model:
    domains = json.loads((folder / "domains.json").read_text(encoding="utf-8"))
    return Model(fasttext.load_model(str(folder / "model.bin")), domains)


def route(model: Model, queries: list[str]) -> list[dict[str, float]]:
    labels, scores = model.network.predict([plain(query) for query in queries], k=len(model.domains))
    return [
        {
            model.domains[int(label.removeprefix(LABEL))]: float(score)
            for label, score in zip(*one, strict=True)
        }
        for one in zip(labels, scores, strict=True)
    ]


def plain(text: str) -> str:
    """Text as fastText's tutorial prepares it: lower case, punctuation apart, on one line; no label in it."""
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower().replace(LABEL, " ")))
