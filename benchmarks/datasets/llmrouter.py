"""Questions with the score of every model's answer, as github.com/ulab-uiuc/LLMRouter publishes them.

`train.json` and `test.json` are lists of {"question", "scores": {model: score}}; `llm_candidates.json` has
the prices of each model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.datasets.base import Dataset
from benchmarks.datasets.checks import check_learnable, numbered, question_text, score
from benchmarks.datasets.json_file import read_json_file
from benchmarks.datasets.outcomes import Scored, check_models, labelled
from benchmarks.datasets.source import fetch
from benchmarks.errors import BadInput

TRAIN, TEST, CANDIDATES = FILES = ("train.json", "test.json", "llm_candidates.json")
PRICES = ("input_price", "output_price")


def load(
    name: str,
    path: str | None = None,
    hub: str | None = None,
    revision: str | None = None,
    sha256: Mapping[str, str] | None = None,
    right: float = 0.5,
) -> Dataset:
    """Its own train and test part; the label is the cheapest model that is right.

    The price of a model is the mean of what it takes for tokens read and for tokens written.

    Args:
        right: the least score of a right answer.

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
    content = read_json_file(path)
    if not isinstance(content, list) or not content:
        raise BadInput(f'{path}: expected [{{"question": …, "scores": {{model: score, …}}}}, …]')
    return [_scored(entry, f"{path}: entry {number}") for number, entry in enumerate(content, start=1)]


def _scored(entry: Any, where: str) -> tuple[str, Scored]:
    if not isinstance(entry, dict) or not isinstance(entry.get("scores"), dict) or not entry["scores"]:
        raise BadInput(f"{where} is not an object with a question and scores by model")
    question = question_text(entry.get("question"), where)
    return where, Scored(
        question, {model: score(value, model, where) for model, value in entry["scores"].items()}
    )


def _prices(path: Path, models: list[str]) -> dict[str, float]:
    content = read_json_file(path)
    if not isinstance(content, dict):
        raise BadInput(f'{path}: expected {{model: {{"input_price": …, "output_price": …}}, …}}')
    prices = {}
    for model in models:
        entry = content.get(model)
        read, written = (_price(entry.get(key)) if isinstance(entry, dict) else None for key in PRICES)
        if read is None or written is None:
            raise BadInput(
                f"{path}: {model} needs {' and '.join(PRICES)}, in US dollars for a million tokens"
            )
        prices[model] = (read + written) / 2
    return prices


def _price(value: Any) -> float | None:
    # The limit is for what JSON can hold and a float cannot.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e12 else None
