"""Questions on which routers disagree or that one of them got wrong."""

from collections.abc import Mapping, Sequence

from reports.comparison.model import Choice, Question
from reports.comparison.ranking import Ranking
from reports.record import Prediction
from reports.record_files import Result

# In a report; predictions.jsonl has every one.
MOST = 2000


def hard_questions(
    ranking: Ranking, results: Mapping[str, Result], most: int = MOST
) -> tuple[list[Question], int]:
    """At most `most` questions, those that most candidates got wrong first, and how many there are in all;
    candidates on untrained weights are left out.

    A question without a domain has no right choice: it is one of them where candidates disagree.
    """
    names = [record.router for record in ranking.eligible]
    by_id = {name: {row.id: row for row in results[name].predictions} for name in names}
    found = []
    for row in next(iter(results.values())).predictions:
        rows = [by_id[name][row.id] for name in names]
        if _is_hard(rows):
            found.append(_question(names, rows))
    # The sort keeps the order of the data among those that as many got wrong.
    found.sort(key=lambda question: -sum(choice.right is False for choice in question.choices))
    return found[:most], len(found)


def _is_hard(rows: Sequence[Prediction]) -> bool:
    wrong = any(row.label is not None and row.predicted != row.label for row in rows)
    return wrong or len({row.predicted for row in rows}) > 1


def _question(names: Sequence[str], rows: Sequence[Prediction]) -> Question:
    first = rows[0]
    return Question(
        id=first.id,
        query=first.shown,
        label=first.label,
        slice=first.slice,
        reference=next((row.reference for row in rows if row.reference is not None), None),
        choices=[_choice(name, row) for name, row in zip(names, rows, strict=True)],
    )


def _choice(name: str, row: Prediction) -> Choice:
    return Choice(
        router=name,
        predicted=row.predicted,
        right=None if row.label is None else row.predicted == row.label,
        probability=row.scores[row.predicted],
        confidence=row.confidence,
        answer=row.answer,
        expert=row.expert,
        # Without experts a row has no answers at all, not even none.
        abstained=row.answers is not None and row.expert is None,
    )
