"""A row for every two routers."""

from itertools import combinations

from reports.comparison.tables.pair_table import MOST, pairs_table
from reports.record import Result
from reports.text.statistics import Paired
from tests.reports.comparison.samples import (
    PAIRED,
    N,
    sample_contest,
    sample_pair,
    sample_pairs,
    sample_result,
    unclear_pair,
    with_weights,
)


def test_a_row_in_full() -> None:
    table = pairs_table(sample_contest(pairs=sample_pairs(answers=True)), "knn", PAIRED)
    assert table is not None
    assert [row.name for row in table.rows][:3] == ["knn – tinyllama", "knn – centroid", "knn – tfidf"]
    texts = [cell.text for cell in table.rows[2].cells]
    assert texts == ["knn is better", "+12.5 [+6.2, +18.8]", "42", "12", "<0.001", "121", "+3.0 [+2.0, +4.0]"]
    assert [cell.text for cell in table.rows[0].cells][::4] == ["cannot tell", "1.000"]
    # Of the last pair the answers were not compared.
    assert table.rows[-1].cells[-1].why == "the answers of the two were not compared"
    assert "alone got right, at 0.05, corrected for all 6 pairs (Holm)." in table.about


def test_the_better_ranked_is_named_first_whoever_was_first_in_the_pair() -> None:
    table = pairs_table(sample_contest(pairs=[sample_pair("tfidf", "knn")]), "knn", PAIRED)
    assert table is not None
    (row,) = table.rows
    assert row.name == "knn – tfidf"
    assert [cell.text for cell in row.cells][:4] == ["tfidf is better", "-12.5 [-18.8, -6.2]", "12", "42"]
    assert len(row.cells) == len(table.columns) == 6


def test_one_pair_is_not_corrected() -> None:
    table = pairs_table(sample_contest(pairs=[sample_pair("knn", "tfidf")]), "knn", PAIRED)
    assert table is not None
    assert table.about.endswith("alone got right, at 0.05.")
    assert [column.title for column in table.columns][4] == "p"
    assert not any("corrected" in column.about for column in table.columns)


def test_the_level_is_that_of_the_pairs() -> None:
    table = pairs_table(sample_contest(pairs=sample_pairs(answers=True)), "knn", Paired(0.8, 500))
    assert table is not None
    assert "at 0.2, corrected" in table.about
    about = {column.key: column.about for column in table.columns}
    assert "80 % interval" in about["difference"]
    assert "80 % interval" in about["rougeL"]
    assert "at 0.2" in about["rows_needed"]


def test_questions_that_are_there_are_not_asked_for() -> None:
    enough = unclear_pair("knn", "tinyllama", rows_needed=N)
    pairs = [enough, unclear_pair("knn", "centroid", rows_needed=N + 1), *sample_pairs()[2:]]
    table = pairs_table(sample_contest(pairs=pairs), "knn", PAIRED)
    assert table is not None
    first, second, third = (row.cells[5] for row in table.rows[:3])
    assert (first.text, first.value) == ("–", None)
    assert first.why is not None
    assert "leaves out the correction for several pairs" in first.why
    # What is beyond doubt may need fewer than there are.
    assert [second.text, third.text] == ["241", "121"]
    alone = pairs_table(sample_contest(pairs=[enough]), "knn", PAIRED)
    assert alone is not None
    assert (
        alone.rows[0].cells[5].why
        == "those there are would do for the formula, which is rough for few questions"
    )


def test_no_difference_needs_no_number_of_questions() -> None:
    pair = unclear_pair("knn", "tfidf", difference=0.0, rows_needed=None)
    table = pairs_table(sample_contest(pairs=[pair]), "knn", PAIRED)
    assert table is not None
    assert table.rows[0].cells[-1].why == "no difference was observed"


def test_questions_with_weights_have_a_test_of_their_own() -> None:
    pairs = with_weights([sample_pair("knn", "tfidf", rows_needed=None)])
    table = pairs_table(sample_contest(pairs=pairs), "knn", PAIRED)
    assert table is not None
    assert table.rows[0].cells[0].text == "knn is better"
    assert table.rows[0].cells[-1].why == "not known for weighted questions"
    assert "The verdict is a permutation test with weights on" in table.about
    assert "McNemar" not in table.about


def test_one_alone_has_none() -> None:
    assert pairs_table(sample_contest({"knn": sample_result("knn")}, []), "knn", PAIRED) is None


def test_of_very_many_those_of_the_chosen_one_are_kept() -> None:
    names = [f"r{number:02}" for number in range(11)]
    results: dict[str, Result] = {name: sample_result("knn") for name in names}
    pairs = [unclear_pair(*pair) for pair in combinations(names, 2)]
    table = pairs_table(sample_contest(results, pairs), "r10", PAIRED)
    assert table is not None
    assert len(table.rows) == MOST
    assert sum("r10" in row.name for row in table.rows) == 10
    assert table.about.endswith("The 45 of 55 pairs that matter most.")
