"""MMLU questions with whether a weak and a strong model got each right (RouteLLM, Ong et al., 2024).

Reads the table that github.com/lm-sys/RouteLLM keeps, or any of its shape: a question, and True or False (or
a score) for each of two models.
"""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.datasets.base import Dataset, fold_of
from benchmarks.datasets.checks import check_learnable, numbered, question_text, score
from benchmarks.datasets.outcomes import Scored, labelled
from benchmarks.datasets.source import fetch
from benchmarks.datasets.tables import column, read_table
from benchmarks.errors import BadInput

FILE = "mmlu_responses.csv"


def load(
    name: str,
    weak: str,
    strong: str,
    prices: Mapping[str, float],
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
    """One fold to test on, the others to train on; the label is the cheapest model that is right.

    Args:
        weak, strong: the models' columns, and their names.
        prices: of `weak` and `strong`, in US dollars for a million tokens.
        right: the least score of a right answer.
        seed: of the folds. A question that stands twice is in one fold.

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
    return [
        Scored(
            question_text(column(row, question_column, where), where),
            {model: score(column(row, model, where), model, where) for model in models},
        )
        for where, row in read_table(path)
    ]
