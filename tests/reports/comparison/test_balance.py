"""Notices on rare, absent and never recognised domains."""

import pytest

from reports.comparison.balance import balance
from reports.comparison.sentences import Code
from reports.record import ConfusionMatrix, Record
from tests.reports.comparison.samples import changed, codes, sample_result, statement
from tests.reports.samples import fraction

DOMAINS = ["car", "sleep", "weather"]


def routed(router: str, *rows: list[float]) -> Record:
    return changed(sample_result(router), confusion_matrix=ConfusionMatrix(DOMAINS, list(rows))).record


@pytest.mark.parametrize(("others", "dominant"), [(20, True), (21, False)])
def test_a_domain_that_alone_decides_the_accuracy(others: int, dominant: bool) -> None:
    found = list(balance([routed("knn", [70, 10, 0], [0, others - 1, 0], [0, 0, 1])]))
    assert (Code.DOMINANT in codes(found)) == dominant
    if dominant:
        assert statement(found, Code.DOMINANT) == {"domain": "car", "share": 0.8}


def test_domains_without_a_question_and_those_never_recognised() -> None:
    found = list(
        balance(
            [
                routed("knn", [5, 5, 0], [5, 0, 0], [0, 0, 0]),
                routed("centroid", [0, 10, 0], [3, 2, 0], [0, 0, 0]),
                routed("tinyllama", [9, 1, 0], [3, 2, 0], [0, 0, 0]),
            ]
        )
    )
    assert statement(found, Code.ABSENT) == {"domains": ["weather"]}
    assert statement(found, Code.MISSED) == {"groups": {"knn": ["sleep"], "centroid": ["car"]}}


def test_nothing_to_notice() -> None:
    even = ([5.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 5.0])
    assert list(balance([routed("knn", *even)])) == []
    # Of untrained weights nothing is computed.
    assert list(balance([changed(sample_result("knn"), confusion_matrix=ConfusionMatrix()).record])) == []
    # Models of different prices: there is no right number of questions for each.
    models = changed(sample_result("knn"), fraction("apgr", 0.6)).record
    one_sided = ConfusionMatrix(DOMAINS, [[9, 0, 0], [1, 0, 0], [0, 0, 0]])
    assert (
        list(balance([changed(sample_result("knn"), *models.metrics, confusion_matrix=one_sided).record]))
        == []
    )
