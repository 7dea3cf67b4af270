"""Answers as the page shows them."""

from dataclasses import replace

from reports.comparison.model import Choice, Question
from reports.comparison.render.html_questions import NO_ANSWER, questions_view
from tests.reports.comparison.html_samples import bare_report


def answers(*choices: Choice) -> list[tuple[str, str]]:
    question = Question("q1", "what?", "car", "standard", None, list(choices))
    report = replace(bare_report(), questions=[question], n_questions=1)
    found: list[tuple[str, str]] = questions_view(report)["questions"][0].answers
    return found


def choice(router: str, predicted: str, expert: str | None, answer: str | None) -> Choice:
    return Choice(router, predicted, True, 0.5, 0.5, answer, expert, abstained=expert is None)


def test_answers_are_of_the_expert_that_was_asked() -> None:
    # knn chose the other domain, and its fallback asked this one.
    assert answers(
        choice("knn", "sleep", "car", "Oil."),
        choice("svm", "car", "car", "Oil."),
        choice("tfidf", "sleep", "sleep", "Rest."),
    ) == [("car, asked by knn, svm", "Oil."), ("sleep, asked by tfidf", "Rest.")]


def test_who_asked_nobody_is_said() -> None:
    assert answers(
        choice("knn", "car", None, None),
        choice("svm", "car", "car", "Oil."),
        choice("tfidf", "sleep", None, None),
    ) == [("car, asked by svm", "Oil."), ("nobody asked by knn, tfidf", NO_ANSWER)]


def test_without_experts_there_is_nothing_to_say() -> None:
    assert answers(Choice("knn", "car", True, 0.5, 0.5)) == []
