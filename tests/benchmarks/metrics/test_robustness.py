"""Flips by kind of change, by hand."""

from dataclasses import replace

import pytest

from reports.record import Prediction
from tests.benchmarks.helpers import row
from tests.benchmarks.metrics.samples import computed, values

# A letter each: label, prediction, prediction with typos, prediction in capitals.
ROWS = [
    replace(row(label, predicted), changed={"typos": typos, "case": case})
    for label, predicted, typos, case in ("aaab", "abba", "bbbb", "bbaa")
]
FOREIGN = row(None, "a")


def found(rows: list[Prediction]) -> dict[str, float]:
    return {
        name: value
        for name, value in values(computed(rows)).items()
        if name.startswith(("flips_", "accuracy_"))
    }


def test_flips_and_accuracy_by_hand() -> None:
    # Out of scope and not asked again.
    assert found([*ROWS, FOREIGN]) == {
        "flips_typos": 1 / 4,
        "flips_case": 3 / 4,
        "accuracy_typos": 2 / 4,
        "accuracy_case": 2 / 4,
    }
    by_name = {entry.name: entry for entry in computed(ROWS).metrics}
    assert not by_name["flips_case"].higher_is_better
    assert by_name["accuracy_case"].higher_is_better
    assert by_name["flips_case"].n == 4


def test_a_question_counts_by_its_weight() -> None:
    heavy = [replace(ROWS[0], weight=3.0), *ROWS[1:]]
    assert found(heavy)["flips_case"] == pytest.approx(5 / 6)


def test_nothing_where_no_question_was_changed() -> None:
    assert found([row("a", "a"), FOREIGN]) == {}
