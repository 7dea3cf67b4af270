"""Questions that are worth reading, and their order."""

from dataclasses import replace

from reports.comparison.tables.questions import hard_questions
from reports.record_files import Result
from tests.reports.comparison.samples import sample_ranking, sample_results


def ids(results: dict[str, Result], most: int = 10) -> tuple[list[str], int]:
    questions, n = hard_questions(sample_ranking(results), results, most)
    return [question.id for question in questions], n


def test_most_wrong_first_then_in_the_order_of_the_data() -> None:
    # q1 nobody got wrong, q2 the baseline alone; q6 has no domain, but they disagree on it.
    assert ids(sample_results()) == (["q4", "q3", "q5", "q6"], 4)


def test_choices_are_of_the_candidates() -> None:
    results = sample_results(answers=True)
    questions, _ = hard_questions(sample_ranking(results), results)
    by_id = {question.id: question for question in questions}
    first = by_id["q3"]
    assert [(choice.router, choice.predicted, choice.right) for choice in first.choices] == [
        ("knn", "sleep", True),
        ("tinyllama", "car", False),
        ("centroid", "sleep", True),
    ]
    assert [choice.probability for choice in first.choices] == [0.75, 0.75, 0.75]
    assert first.choices[0].answer == "sleep says so."
    assert [choice.expert for choice in first.choices] == ["sleep", "car", "sleep"]
    assert not any(choice.abstained for choice in first.choices)
    assert first.reference == "It is so."


def test_who_was_asked_is_not_who_was_chosen() -> None:
    results = sample_results("knn", "centroid", answers=True)
    rows = {"knn": {"expert": "sleep"}, "centroid": {"expert": None, "answer": None}}
    for name, changes in rows.items():
        kept = [
            replace(row, **changes) if row.id == "q4" else row  # type: ignore[arg-type]
            for row in results[name].predictions
        ]
        results[name] = replace(results[name], predictions=kept)
    questions, _ = hard_questions(sample_ranking(results), results)
    knn, centroid = next(question for question in questions if question.id == "q4").choices
    assert (knn.predicted, knn.expert, knn.abstained) == ("car", "sleep", False)
    assert (centroid.predicted, centroid.expert, centroid.abstained) == ("car", None, True)


def test_what_is_out_of_scope_is_neither_right_nor_wrong() -> None:
    results = sample_results()
    questions, _ = hard_questions(sample_ranking(results), results)
    last = questions[-1]
    assert (last.label, last.slice) == (None, "out_of_scope")
    assert [choice.right for choice in last.choices] == [None, None, None]
    # One alone disagrees with nobody.
    assert ids(sample_results("knn")) == (["q4"], 1)
