"""A row for every two routers."""

from collections.abc import Sequence
from itertools import combinations

from reports.comparison.tables.pairs import MOST, pairs_table
from reports.record import Pair
from reports.record_files import Result
from reports.table import Table
from reports.text.statistics import Paired
from tests.reports.comparison.samples import (
    PAIRED,
    sample_pair,
    sample_pairs,
    sample_ranking,
    sample_result,
    unclear_pair,
)


def made(pairs: Sequence[Pair], paired: Paired = PAIRED) -> Table:
    table = pairs_table(sample_ranking(pairs=pairs), "knn", paired)
    assert table is not None
    return table


def test_a_row_in_full() -> None:
    table = made(sample_pairs(answers=True))
    assert [row.name for row in table.rows][:3] == ["knn – tinyllama", "knn – centroid", "knn – tfidf"]
    cells = table.rows[2].cells
    assert [cell.value for cell in cells] == ["knn is better", 0.125, 42, 12, "<0.001", 121, 0.03, "0.004"]
    assert [(cells[place].low, cells[place].high) for place in (1, 6)] == [(0.0625, 0.1875), (0.02, 0.04)]
    # The answers of the last pair were not compared.
    assert table.rows[-1].cells[-1].value is None
    assert sum("at 0.05, corrected for all 6 pairs (Holm)." in line for line in table.about) == 2


def test_the_better_ranked_is_named_first_whoever_was_first_in_the_pair() -> None:
    (row,) = made([sample_pair("tfidf", "knn")]).rows
    assert row.name == "knn – tfidf"
    assert [cell.value for cell in row.cells][:4] == ["tfidf is better", -0.125, 12, 42]


def test_one_pair_is_not_corrected_and_the_level_is_that_of_the_pairs() -> None:
    table = made([sample_pair("knn", "tfidf")], Paired(0.8))
    words = [*table.about, *(f"{column.title} {column.about}" for column in table.columns)]
    assert not any("corrected" in text or "Holm" in text for text in words)
    assert sum("0.2" in text for text in words) == 2
    assert any("80 % interval" in text for text in words)


def test_of_very_many_those_of_the_recommended_one_are_kept() -> None:
    names = [f"r{number:02}" for number in range(11)]
    results: dict[str, Result] = {name: sample_result("knn") for name in names}
    pairs = [unclear_pair(*two) for two in combinations(names, 2)]
    table = pairs_table(sample_ranking(results, pairs), "r10", PAIRED)
    assert table is not None
    assert len(table.rows) == MOST
    assert sum("r10" in row.name for row in table.rows) == 10
    assert any("45 of 55" in line for line in table.about)
