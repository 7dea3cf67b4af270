"""A report from rows: what is compared with what, and what is recommended."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.metrics.compute import compute_metrics
from benchmarks.records import report as module
from benchmarks.records.report import write_report
from reports.comparison.sentences import Code
from reports.record import Prediction, Verdict
from reports.record_files import Result
from tests.benchmarks.gate_samples import QUICK
from tests.benchmarks.helpers import row
from tests.benchmarks.suite.samples import result


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw_figures", lambda *_: [])


def rows(right_on_rare: bool) -> list[Prediction]:
    """Questions of which one in ten is about `b`."""
    return [
        row(label := "b" if number < 10 else "a", label if right_on_rare else "a", id_=f"q{number}")
        for number in range(100)
    ]


def routed(name: str, rows: list[Prediction]) -> Result:
    one = result(name, rows)
    matrix = compute_metrics(rows, one.record.derivation).confusion_matrix
    return replace(one, record=replace(one.record, confusion_matrix=matrix))


def test_a_router_that_always_says_the_same_is_not_recommended(tmp_path: Path) -> None:
    report = write_report([routed("knn", rows(right_on_rare=False))], tmp_path, QUICK, 0)
    found = report.recommendation
    assert (found.router, found.headline.code) == (None, Code.NONE_ABOVE_CONSTANT)
    assert found.headline.details == {"n": 100, "domain": "a", "constant": 0.9}
    assert [one.code for one in report.notices][:2] == [Code.DOMINANT, Code.MISSED]
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert content["recommendation"]["router"] is None


def test_one_that_knows_the_rare_domain_is(tmp_path: Path) -> None:
    blind, seeing = routed("blind", rows(right_on_rare=False)), routed("seeing", rows(right_on_rare=True))
    report = write_report([blind, seeing], tmp_path, QUICK, 0)
    assert report.recommendation.router == "seeing"
    (pair,) = report.pairs
    # Ten of ten discordant questions.
    assert (pair.first, pair.p_value, pair.verdict) == ("blind", 2 / 2**10, Verdict.WORSE)
    assert pair.ci_high < 0
