"""Questions with the score of every model's answer, as github.com/ulab-uiuc/LLMRouter publishes them.

`train.json` and `test.json` are lists of {"question", "scores": {model: score}}; `llm_candidates.json` has
the prices of each model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from benchmarks.datasets.base import Dataset
from benchmarks.datasets.checks import Problems, check_learnable, numbered, question_text, score
from benchmarks.datasets.outcomes import Scored, check_models, labelled
from benchmarks.datasets.source import fetch
from benchmarks.datasets.tables import read_json_file
from benchmarks.errors import BadInput
from common.checks import between, constrained

TRAIN, TEST, CANDIDATES = FILES = ("train.json", "test.json", "llm_candidates.json")
Price = Annotated[float, msgspec.Meta(ge=0)]


class Entry(msgspec.Struct):
    """A question and the score of each model's answer."""

    question: str
    scores: Annotated[dict[str, Any], msgspec.Meta(min_length=1)]


class Candidate(msgspec.Struct):
    """Prices of a model, in US dollars for a million tokens."""

    input_price: Price | None = None
    output_price: Price | None = None


@constrained("dataset.", right=between(0, 1, "(]"))
def load(
    name: str,
    path: str | None = None,
    hub: str | None = None,
    revision: str | None = None,
    sha256: Mapping[str, str] | None = None,
    right: float = 0.5,
) -> Dataset:
    """Load the published train and test parts; the label is the cheapest model that is right.

    The price of a model is the mean of its input and its output price.

    Args:
        path, hub, revision, sha256: see `benchmarks.datasets.source.fetch`.
        right: the least score of a right answer. The label is the cheapest where no model is right.

    Raises:
        BadInput: a file is missing or of another format, or a model has no price.
    """
    found = fetch(FILES, path, hub, revision, sha256)
    train, test = (_read(found.paths[file]) for file in (TRAIN, TEST))
    check_models([*train, *test])
    train_rows, test_rows = ([row for _, row in part] for part in (train, test))
    prices = _prices(found.paths[CANDIDATES], sorted(train_rows[0].scores))
    dataset = Dataset(
        name,
        train=numbered(labelled(name, train_rows, train_rows, prices, right)),
        test=numbered(labelled(name, test_rows, train_rows, prices, right)),
        files=found.sha256,
        prices=prices,
    )
    return check_learnable(dataset, str(found.paths[TRAIN]))


def _read(path: Path) -> list[tuple[str, Scored]]:
    entries: list[Entry] = read_json_file(path, Annotated[list[Entry], msgspec.Meta(min_length=1)])
    problems, rows = Problems(), []
    for number, entry in enumerate(entries, start=1):
        with problems.collect():
            rows.append(_scored(entry, f"{path}: entry {number}"))
    problems.refuse()
    return rows


def _scored(entry: Entry, where: str) -> tuple[str, Scored]:
    scores = {model: score(value, model, where) for model, value in entry.scores.items()}
    return where, Scored(question_text(entry.question, where), scores)


def _prices(path: Path, models: list[str]) -> dict[str, float]:
    content: dict[str, Candidate] = read_json_file(path, dict[str, Candidate])
    found = {model: content.get(model, Candidate()) for model in models}
    for model, entry in found.items():
        if entry.input_price is None or entry.output_price is None:
            raise BadInput(
                f"{path}: {model} needs input_price and output_price, in US dollars for a million tokens"
            )
    return {model: ((one.input_price or 0) + (one.output_price or 0)) / 2 for model, one in found.items()}
