"""The JSON form: byte for byte as in golden/, figures as figures, statements as codes.

The golden file is written again with `GOLDEN=write python -m pytest tests/reports`.
"""

import json
from dataclasses import replace
from math import nan
from typing import Any

import pytest

from reports.comparison.model import Report
from reports.comparison.render.json import to_json
from reports.comparison.sentences import Code, sentence
from reports.record import Estimate
from reports.table import Cell, Row
from tests.reports.comparison.samples import answered_report
from tests.reports.golden_files import same_as_golden


@pytest.fixture
def report() -> Report:
    return answered_report()


@pytest.fixture
def content(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(to_json(report))
    return found


def test_as_in_the_golden_file(report: Report) -> None:
    same_as_golden("report.json", to_json(report))


def test_a_statement_has_its_code_its_figures_and_its_sentence(content: dict[str, Any]) -> None:
    chosen = content["recommendation"]
    assert chosen["router"] == "knn"
    figures = {"router": "knn", "accuracy": 0.833, "latency": 10.0, "memory": 240.0}
    assert chosen["headline"] == {
        "code": "take",
        "details": figures,
        "message": sentence(Code.TAKE, figures),
    }
    (gain,) = [one for one in chosen["reasons"] if one["code"] == "more_accurate"]
    assert Estimate(**gain["details"]["gains"]["tfidf"]) == Estimate(0.125, 0.0625, 0.1875)
    assert content["skipped"][0]["reason"]["code"] == "other_training"


def test_not_a_number_is_refused(report: Report) -> None:
    table = replace(report.comparison, columns=report.comparison.columns[:1], rows=[Row("knn", [Cell(nan)])])
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(replace(report, comparison=table))
