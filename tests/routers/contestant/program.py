"""A contestant that needs no package: how often each domain has each word."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any


def fit(rows: list[dict[str, str]], folder: Path, seed: int, smoothing: float) -> dict[str, Any]:
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row["domain"], Counter()).update(words(row["query"]))
    model = {"counts": counts, "smoothing": smoothing, "seed": seed}
    # The name that a saved router of ours has.
    (folder / "router.json").write_text(json.dumps(model, sort_keys=True), encoding="utf-8")
    print("this goes to standard error")
    return model


def load(folder: Path) -> dict[str, Any]:
    model: dict[str, Any] = json.loads((folder / "router.json").read_text(encoding="utf-8"))
    return model


def route(model: dict[str, Any], queries: list[str]) -> list[dict[str, float]]:
    return [
        {
            domain: model["smoothing"] + sum(counts.get(word, 0) for word in words(query))
            for domain, counts in model["counts"].items()
        }
        for query in queries
    ]


def words(text: str) -> list[str]:
    return re.findall(r"\w\w\w\w+", text.lower())
