"""Intervals and tests in words."""

from dataclasses import replace

from common.settings import Statistics
from reports.record import ConfusionMatrix, Record
from reports.text.statistics import Paired, by_weight, interval_words
from tests.reports.samples import fraction, sample_record


def with_confidence(confidence: float) -> Record:
    record = sample_record()
    return replace(record, derivation=replace(record.derivation, statistics=Statistics(2000, confidence)))


def test_an_interval_is_named_by_its_confidence_where_all_have_the_same() -> None:
    assert interval_words([with_confidence(0.9), with_confidence(0.9)]) == "90 % interval"
    assert interval_words([with_confidence(0.9), with_confidence(0.95)]) == "interval"
    paired = Paired(0.99)
    assert (paired.interval, paired.level) == ("99 % interval", "0.01")


def test_a_confusion_matrix_has_weights_where_it_does_not_count_the_questions() -> None:
    def matrix(*cells: float) -> Record:
        rows = ConfusionMatrix(["car", "sleep"], [list(cells[:2]), list(cells[2:])])
        return sample_record(metrics=[fraction("accuracy", 0.5)], confusion_matrix=rows)

    # `fraction` metrics have 40 rows.
    assert not by_weight(matrix(31, 0, 9, 0))
    assert by_weight(matrix(31, 0, 9, 1200))
    assert by_weight(matrix(30.5, 0.5, 9, 0))
    # Expected numbers, of a router that draws.
    assert not by_weight(replace(matrix(30.5, 0.5, 9, 0), draws=True))
    assert by_weight(replace(matrix(31, 0, 9, 1200), draws=True))
