"""Questions with the score of each model's answer: which model is the right one to ask."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.datasets.base import Example, question_id
from benchmarks.errors import BadInput


class Scored(NamedTuple):
    """A question and how good each model's answer to it was, in [0, 1]."""

    question: str
    scores: dict[str, float]


def labelled(
    name: str, rows: Sequence[Scored], train: Sequence[Scored], prices: Mapping[str, float], right: float
) -> list[Example]:
    """Each row with the cheapest model that is right as its label, or the cheapest of all where none is.

    Of models at one price the one with the higher mean score in `train` counts as the cheaper, then the
    first by name. The id does not depend on prices.
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
    """Models from the cheapest to the dearest; a tie goes to the better in training, then by name."""
    mean = {model: sum(row.scores[model] for row in train) / len(train) for model in train[0].scores}
    return sorted(mean, key=lambda model: (prices[model], -mean[model], model))


def check_models(rows: Sequence[tuple[str, Scored]]) -> None:
    """Raises BadInput where a row, given with its place, has other models than the first."""
    expected = set(rows[0][1].scores)
    for where, row in rows:
        differing = sorted(expected ^ set(row.scores))
        if differing:
            state = "has no score" if differing[0] in expected else "has a score that other rows have not"
            raise BadInput(f"{where}: {differing[0]} {state}")
