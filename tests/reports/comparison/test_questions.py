"""Which questions are worth reading, and in which order."""

from dataclasses import replace

from reports.comparison.questions import hard_questions
from reports.record import Result
from tests.reports.comparison.samples import sample_contest, sample_results


def ids(results: dict[str, Result], most: int = 10) -> tuple[list[str], int]:
    questions, n = hard_questions(sample_contest(results), results, most)
    return [question.id for question in questions], n


def test_most_wrong_first_then_in_the_order_of_the_data() -> None:
    # q1 nobody got wrong, q2 the baseline alone; q6 has no domain, but they disagree on it.
    assert ids(sample_results()) == (["q4", "q3", "q5", "q6"], 4)


def test_no_more_than_are_wanted_but_all_counted() -> None:
    assert ids(sample_results(), 2) == (["q4", "q3"], 4)


def test_choices_are_of_the_candidates() -> None:
    results = sample_results(answers=True)
    questions, _ = hard_questions(sample_contest(results), results)
    by_id = {question.id: question for question in questions}
    first = by_id["q3"]
    assert [(choice.router, choice.predicted, choice.right) for choice in first.choices] == [
        ("knn", "sleep", True),
        ("tinyllama", "car", False),
        ("centroid", "sleep", True),
    ]
    assert [choice.probability for choice in first.choices] == [0.75, 0.75, 0.75]
    assert first.choices[0].answer == "sleep says so."
    assert first.reference == "It is so."


def test_what_is_out_of_scope_is_neither_right_nor_wrong() -> None:
    results = sample_results()
    questions, _ = hard_questions(sample_contest(results), results)
    last = questions[-1]
    assert (last.label, last.slice) == (None, "out_of_scope")
    assert [choice.right for choice in last.choices] == [None, None, None]
    # One alone disagrees with nobody.
    assert ids(sample_results("knn")) == (["q4"], 1)


def test_baselines_when_there_is_nothing_else() -> None:
    assert ids(sample_results("tfidf")) == (["q2"], 1)


def test_rows_in_another_order_are_the_same_questions() -> None:
    results = sample_results()
    results["tinyllama"] = replace(results["tinyllama"], predictions=results["tinyllama"].predictions[::-1])
    assert ids(results) == (["q4", "q3", "q5", "q6"], 4)
