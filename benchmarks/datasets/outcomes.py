"""Labels of questions with a score for each model: the cheapest model that is right."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.datasets.base import Example, question_id
from benchmarks.datasets.checks import Problems


class Scored(NamedTuple):
    """A question and the score of each model's answer, in [0, 1]."""

    question: str
    scores: dict[str, float]


def labelled(
    name: str, rows: Sequence[Scored], train: Sequence[Scored], prices: Mapping[str, float], right: float
) -> list[Example]:
    """Label each row with the cheapest model that is right, or the cheapest of all if none is.

    Ties are broken as in `by_price`. The id does not depend on prices.
    """
    order = by_price(train, prices)
    return [
        Example(
            id=question_id(row.question, name),
            query=row.question,
            label=next((model for model in order if row.scores[model] >= right), order[0]),
            outcomes=row.scores,
        )
        for row in rows
    ]


def by_price(train: Sequence[Scored], prices: Mapping[str, float]) -> list[str]:
    """Models by price, cheapest first; ties by mean score in `train`, highest first, then by name."""
    mean = {model: sum(row.scores[model] for row in train) / len(train) for model in train[0].scores}
    return sorted(mean, key=lambda model: (prices[model], -mean[model], model))


def check_models(rows: Sequence[tuple[str, Scored]]) -> None:
    """Raises BadInput if a row, given with its place, has other models than the first row."""
    expected = set(rows[0][1].scores)
    problems = Problems()
    for where, row in rows:
        for model in sorted(expected ^ set(row.scores)):
            state = "has no score" if model in expected else "has a score that other rows have not"
            problems.add(where, f"{model} {state}")
    problems.refuse()
