"""MMLU questions with whether a weak and a strong model got each right (RouteLLM, Ong et al., 2024).

Reads the table that github.com/lm-sys/RouteLLM keeps, or any of its shape: a question, and True or False (or
a score) for each of two models.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.datasets.base import Dataset, fold_of
from benchmarks.datasets.checks import Problems, check_learnable, numbered, question_text, score
from benchmarks.datasets.outcomes import Scored, labelled
from benchmarks.datasets.source import fetch
from benchmarks.datasets.tables import column, read_table
from benchmarks.errors import BadInput
from common.checks import ConfigError, at_least, between, check, constrained

FILE = "mmlu_responses.csv"
# US dollars for a million tokens, as the paper has them.
PRICES = {"weak": 0.24, "strong": 24.7}


def _check_together(values: Mapping[str, Any], prefix: str = "") -> None:
    prices, folds = values["prices"], values["folds"]
    unknown = sorted(set(prices) ^ set(PRICES))
    if unknown:
        raise ConfigError(f"{prefix}prices={prices}: one of weak and one of strong, not {unknown[0]}")
    check(prices, dict.fromkeys(PRICES, at_least(0)), f"{prefix}prices.")
    if not 0 <= values["fold"] < folds:
        raise ConfigError(f"{prefix}fold={values['fold']}: must be from 0 to {folds - 1}")


@constrained("dataset.", _check_together, right=between(0, 1, "(]"), folds=at_least(2), seed=at_least(0))
def load(
    name: str,
    weak: str = "mistralai/Mixtral-8x7B-Instruct-v0.1",
    strong: str = "gpt-4-1106-preview",
    prices: Mapping[str, float] = PRICES,
    path: str | None = None,
    hub: str | None = None,
    revision: str | None = None,
    sha256: Mapping[str, str] | None = None,
    question_column: str = "prompt",
    right: float = 0.5,
    folds: int = 5,
    fold: int = 0,
    seed: int = 0,
) -> Dataset:
    """Load one fold to test on and the others to train on; the label is the cheapest model that is right.

    Args:
        weak, strong: names of the models and of their columns.
        prices: of `weak` and `strong`, in US dollars for a million tokens; by default the paper's.
        path, hub, revision, sha256: see `benchmarks.datasets.source.fetch`.
        right: lowest score that counts as right. The label is the cheapest model if none is right.
        folds, fold: how many, and the one to test on, counted from 0.
        seed: of the folds. Copies of a question are in one fold.

    Raises:
        BadInput: no such file or column, a value that is not a score, or too few questions.
    """
    if weak == strong:
        raise BadInput(f"dataset.weak and dataset.strong are both {weak}; name two columns")
    found = fetch([FILE], path, hub, revision, sha256)
    rows = _read(found.paths[FILE], question_column, (weak, strong))
    tested = [fold_of(row.question, folds, seed) == fold for row in rows]
    train = [row for row, held_out in zip(rows, tested, strict=True) if not held_out]
    if not train:
        raise BadInput(f"{found.paths[FILE]}: fold {fold} of {folds} leaves no question to train on")
    price = {weak: prices["weak"], strong: prices["strong"]}
    examples = list(zip(numbered(labelled(name, rows, train, price, right)), tested, strict=True))
    dataset = Dataset(
        name,
        train=[example for example, held_out in examples if not held_out],
        test=[example for example, held_out in examples if held_out],
        files=found.sha256,
        prices=price,
    )
    return check_learnable(dataset, str(found.paths[FILE]))


def _read(path: Path, question_column: str, models: tuple[str, str]) -> list[Scored]:
    problems, rows = Problems(), []
    for where, row in read_table(path):
        with problems.collect():
            question = question_text(column(row, question_column, where), where)
            scores = {model: score(column(row, model, where), model, where) for model in models}
            rows.append(Scored(question, scores))
    problems.refuse()
    return rows
