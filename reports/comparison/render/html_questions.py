"""Questions as the page shows and filters them; the script knows routers, domains and slices by number."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from reports.comparison.model import Choice, Question, Report
from reports.record import OUT_OF_SCOPE

NO_DOMAIN = "out of scope"
NO_ANSWER = "No answer: the router was not sure enough."


class QuestionView(NamedTuple):
    """`domain`, `slice` and `wrong` are places in the lists of the filters."""

    id: str
    query: str
    summary: str
    domain: int
    slice: int
    wrong: list[int]
    disagree: bool
    choices: list[Choice]
    reference: str | None
    answers: list[tuple[str, str]]


def questions_view(report: Report) -> dict[str, Any]:
    """The questions, and what one can filter them by."""
    shown = report.questions
    routers = _once(choice.router for question in shown for choice in question.choices)
    labels = sorted({question.label for question in shown if question.label is not None})
    domains = labels + [NO_DOMAIN] * any(question.label is None for question in shown)
    slices = sorted({question.slice for question in shown})
    return {
        "questions": [_view(question, routers, domains, slices) for question in shown],
        "questions_about": _about(len(shown), report.n_questions),
        "routers": routers,
        "domains": domains,
        "slices": [_words(slice_) for slice_ in slices],
    }


def _view(question: Question, routers: list[str], domains: list[str], slices: list[str]) -> QuestionView:
    wrong = [choice.router for choice in question.choices if choice.right is False]
    label = question.label
    return QuestionView(
        id=question.id,
        query=question.query,
        summary=_summary(question, wrong),
        domain=len(domains) - 1 if label is None else domains.index(label),
        slice=slices.index(question.slice),
        wrong=[routers.index(router) for router in wrong],
        disagree=len({choice.predicted for choice in question.choices}) > 1,
        choices=question.choices,
        reference=question.reference,
        answers=_answers(question.choices),
    )


def _summary(question: Question, wrong: list[str]) -> str:
    """Line that is visible before a question is opened."""
    parts = [NO_DOMAIN if question.label is None else f"right: {question.label}"]
    if question.slice not in ("standard", OUT_OF_SCOPE):
        parts.append(_words(question.slice))
    if len(wrong) > 1 and len(wrong) == len(question.choices):
        parts.append("✗ wrong: every router")
    elif wrong:
        parts.append(f"✗ wrong: {', '.join(wrong)}")
    return " · ".join(parts)


def _answers(choices: list[Choice]) -> list[tuple[str, str]]:
    """Every answer once, with who asked for it, and who asked nobody: that is not always the choice."""
    found: dict[tuple[str, str], list[str]] = {}
    for choice in choices:
        if choice.expert is not None and choice.answer is not None:
            found.setdefault((choice.expert, choice.answer), []).append(choice.router)
    answers = [
        (f"{expert}, asked by {', '.join(routers)}", answer) for (expert, answer), routers in found.items()
    ]
    if abstained := [choice.router for choice in choices if choice.abstained]:
        answers.append((f"nobody asked by {', '.join(abstained)}", NO_ANSWER))
    return answers


def _about(shown: int, total: int) -> str:
    which = "on which routers disagree or at least one is wrong"
    if shown < total:
        which += f"; the first {shown:,} are here, and predictions.jsonl has them all"
    return (
        f"{total:,} test question{'' if total == 1 else 's'} {which}. Open one to see what each router chose."
    )


def _words(slice_: str) -> str:
    return slice_.replace("_", " ")


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
