"""The JSON form: byte for byte as in golden/, figures as figures.

The golden file is written again with `GOLDEN=write python -m pytest tests/reports`.
"""

import json
from dataclasses import replace
from math import nan

import pytest

from reports.comparison.build import build_report
from reports.comparison.model import Cell, Report, Row
from reports.comparison.render.json import to_json
from tests.reports.comparison.samples import FIGURE, PAIRED, SKIPPED, sample_pairs, sample_results
from tests.reports.golden_files import same_as_golden


@pytest.fixture
def report() -> Report:
    return build_report(sample_results(answers=True), sample_pairs(answers=True), PAIRED, SKIPPED, [FIGURE])


def test_as_in_the_golden_file(report: Report) -> None:
    same_as_golden("report.json", to_json(report))


def test_figures_are_figures_by_the_key_of_their_column(report: Report) -> None:
    found = json.loads(to_json(report))
    assert found["schema_version"] == 1
    first = found["comparison"]["rows"][0]
    assert first["name"] == "knn"
    accuracy = first["cells"]["accuracy"]
    assert (accuracy["value"], accuracy["best"]) == (pytest.approx(83.3), False)
    assert (accuracy["low"], accuracy["high"]) == (pytest.approx(78.3), pytest.approx(87.3))
    assert [table["key"] for table in found["tables"]][:2] == ["families", "pairs"]
    assert found["verdict"]["router"] == "knn"


def test_pictures_are_named_not_held(report: Report) -> None:
    (figure,) = json.loads(to_json(report))["figures"]
    assert figure["files"] == ["accuracy latency.svg", "accuracy latency.png"]
    assert "<svg" not in to_json(report)


def test_questions_and_what_was_left_out(report: Report) -> None:
    found = json.loads(to_json(report))
    assert found["n_questions"] == len(found["questions"]) == 4
    assert found["questions"][0]["choices"][0] == {
        "router": "knn",
        "predicted": "car",
        "right": False,
        "probability": 0.75,
        "confidence": 0.5,
        "answer": "car says so.",
        "expert": "car",
        "abstained": False,
    }
    assert found["skipped"][0]["folder"] == "outputs/run/2026-11-20_01-02-03_svm"


def test_what_is_not_a_number_is_refused(report: Report) -> None:
    table = replace(
        report.comparison,
        columns=report.comparison.columns[:1],
        rows=[Row("knn", [Cell("?", nan)])],
    )
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(replace(report, comparison=table))
