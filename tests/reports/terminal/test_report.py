"""What a person at the terminal sees."""

from pathlib import Path

import pytest

from reports.comparison.build import build_report
from reports.terminal.report import print_report
from tests.reports.comparison.samples import PAIRED, sample_pair, sample_pairs, sample_result, sample_results
from tests.reports.samples import lines_of

FOLDER = Path("outputs/compare/x")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def printed(capsys: pytest.CaptureFixture[str], answers: bool) -> str:
    report = build_report(sample_results(answers=answers), sample_pairs(answers), PAIRED, [], [])
    capsys.readouterr()
    print_report(report, FOLDER)
    return capsys.readouterr().out


def test_the_verdict_its_reasons_and_where_the_report_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, answers=False)
    assert text.startswith("\nTake knn: 83.3 %")
    assert "\n  + Against tinyllama: 13.0 times as fast" in text
    assert "\n  ? tinyllama cannot be told apart" in text
    assert f"\nReport: {FOLDER / 'report.html'} (" in text


def test_a_row_a_router_with_the_figures_that_matter_most(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, answers=True)
    for title in ("accuracy", "p50", "memory", "ROUGE-L"):
        assert title in text.partition("Routers compared on car_sleep")[2]
    row = " ".join(lines_of(text, "centroid")[-1])
    assert row == "centroid 75.0 [70.0, 79.0] 7.00 [6.30, 7.70] 238 42.8 [32.5, 75.0]"
    assert "tfidf (baseline)" in text


def test_names_hide_nothing_and_are_no_commands(capsys: pytest.CaptureFixture[str]) -> None:
    name = "::error::\u202eknn\x1b"
    results = {name: sample_result("knn"), "tfidf": sample_result("tfidf")}
    print_report(build_report(results, [sample_pair(name, "tfidf")], PAIRED, [], []), FOLDER)
    text = capsys.readouterr().out
    assert "Take :\u200b:error:\u200b:knn: 83.3 %" in text
    assert not set("\u202e\x1b") & set(text)
    assert "::" not in text


def test_what_nobody_has_has_no_column(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, answers=False)
    assert " ".join(lines_of(text, "centroid")[-1]) == "centroid 75.0 [70.0, 79.0] 7.00 [6.30, 7.70] 238"
    assert "ROUGE-L" not in text
