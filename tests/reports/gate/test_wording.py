"""How figures, units and verdicts of a check are put into words."""

from dataclasses import replace

import pytest
from hypothesis import given

from reports.gate.check import Check, Finding, Outcome
from reports.gate.wording import (
    chance,
    change,
    evidence,
    figures,
    headline,
    name,
    one_line,
    skipped_lines,
    tolerance,
    value,
    worst_first,
)
from tests.reports.gate.samples import (
    ACCURACY,
    IMPROVED,
    MISSING,
    OTHER_MACHINE,
    PASSED,
    SKIPPED,
    SLOWER,
    anything,
    checks,
    refused_check,
    sample_check,
)

COST = replace(
    ACCURACY, metric="cost", unit="USD/M tokens", baseline=1.2345, run=2.5, change=1.2655, tolerance=0.05
)


def test_quality_is_in_percent_and_changes_by_points() -> None:
    assert value(ACCURACY, ACCURACY.run) == "82.3 %"
    assert change(ACCURACY) == "−1.0 points [−1.7, −0.4]"
    assert change(ACCURACY, with_unit=False) == "−1.0 [−1.7, −0.4]"
    assert tolerance(ACCURACY) == "0.5 points"
    assert figures(ACCURACY) == (
        "baseline 83.3 %, run 82.3 %, change −1.0 points [−1.7, −0.4], tolerance 0.5 points, p 0.002"
    )


def test_rouge_is_shown_times_100() -> None:
    assert value(IMPROVED, 0.1614) == "16.1"
    assert change(IMPROVED) == "+2.0 points [+0.5, +3.5]"


def test_latency_and_memory_change_by_a_ratio() -> None:
    assert value(SLOWER, SLOWER.baseline) == "5.43 ×"
    assert change(SLOWER) == "+12.0 % [+8.0, +15.0]"
    assert tolerance(SLOWER) == "10 %"
    assert value(SKIPPED[1], 240.34) == "240 MB"
    assert figures(SKIPPED[0]) == "baseline 18.0 ms, run –, change –, tolerance 10 %"


def test_a_small_figure_is_not_nothing() -> None:
    assert value(SKIPPED[1], 0.0042) == "0.00420 MB"
    assert value(SKIPPED[1], 0.0) == "0 MB"
    assert value(SKIPPED[1], 1100.4) == "1,100 MB"
    assert value(SLOWER, 0.0123) == "0.0123 ×"


def test_any_other_unit_stays_as_it_is() -> None:
    assert value(COST, COST.baseline) == "1.234 USD/M tokens"
    assert change(replace(COST, ci_low=None)) == "+1.266 USD/M tokens"
    assert tolerance(COST) == "0.05 USD/M tokens"


def test_next_to_nothing_is_not_less_than_zero() -> None:
    assert change(replace(ACCURACY, change=-0.0001, ci_low=None)) == "+0.0 points"
    assert value(ACCURACY, -0.0) == "0.0 %"


@pytest.mark.parametrize(
    ("p", "shown"), [(None, "–"), (0.04321, "0.043"), (0.001, "0.001"), (0.0009, "<0.001")]
)
def test_chance(p: float | None, shown: str) -> None:
    assert chance(replace(ACCURACY, p=p)) == shown


def test_the_slice_is_named_where_it_is_not_all() -> None:
    assert name(ACCURACY) == "accuracy"
    assert name(IMPROVED) == "rougeL[overlap]"


def test_evidence() -> None:
    assert evidence(ACCURACY) == "accuracy −1.0 points [−1.7, −0.4], p=0.002"
    assert evidence(replace(ACCURACY, p=0.0)) == "accuracy −1.0 points [−1.7, −0.4], p<0.001"
    assert evidence(SLOWER) == "latency_p50_vs_reference +12.0 % [+8.0, +15.0]"
    assert evidence(replace(ACCURACY, change=None)) == f"accuracy: {ACCURACY.reason}"


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ([PASSED], "knn: FINE: no regression in 1 metric (exit code 0)"),
        (
            [PASSED, IMPROVED, *SKIPPED],
            "knn: FINE: no regression in 2 metrics, 1 improved, 2 skipped (exit code 0)",
        ),
        (SKIPPED, "knn: CANNOT TELL: nothing was compared, 2 skipped (exit code 2)"),
        (
            [PASSED, ACCURACY],
            "knn: REGRESSION: accuracy −1.0 points [−1.7, −0.4], p=0.002 (exit code 1)",
        ),
        (
            [MISSING, SLOWER],
            "knn: REGRESSION: latency_p50_vs_reference +12.0 % [+8.0, +15.0]; besides, 1 missing "
            "(exit code 1)",
        ),
        (
            [MISSING, PASSED],
            "knn: CANNOT TELL: out_of_scope_auroc[out_of_scope] is missing: the baseline has it, "
            "the run does not: no out-of-scope test question (exit code 2)",
        ),
    ],
)
def test_headline(findings: list[Finding], words: str) -> None:
    assert headline(sample_check(findings=findings)) == words


def test_headline_of_a_refusal() -> None:
    words = headline(refused_check("the test questions differ", "seed 0 → 1"))
    assert words == "knn: CANNOT TELL: the test questions differ; seed 0 → 1 (exit code 2)"


def test_headline_names_three_and_counts_the_rest() -> None:
    many = [replace(SLOWER, metric=f"m{number}", ci_low=None) for number in range(5)]
    words = headline(sample_check(findings=many))
    assert words == "knn: REGRESSION: m0 +12.0 %; m1 +12.0 %; m2 +12.0 %; and 2 more (exit code 1)"


def test_the_same_reason_is_said_once() -> None:
    other = replace(SKIPPED[0], metric="cuda_peak", reason="no GPU")
    lines = skipped_lines(sample_check(findings=[SKIPPED[0], other, SKIPPED[1], PASSED]))
    assert lines == [
        f"Skipped 2 ({OTHER_MACHINE}): latency_p95, peak_rss",
        "Skipped 1 (no GPU): cuda_peak",
    ]


def test_worst_first_without_the_skipped() -> None:
    outcomes = [finding.outcome for finding in worst_first(sample_check())]
    assert outcomes == [
        Outcome.REGRESSION,
        Outcome.REGRESSION,
        Outcome.MISSING,
        Outcome.IMPROVED,
        Outcome.PASSED,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two\r\n\tlines", "two lines"),
        ("\x1b[31mred\x00", "[31mred"),
        ("a\u2028b\x85c", "a b c"),
        ("half \ud83d of\ufffe", "half  of"),
        ("C:\\my  runs\\Öl 🚗", "C:\\my  runs\\Öl 🚗"),
    ],
)
def test_one_line(text: str, expected: str) -> None:
    assert one_line(text) == expected


@given(anything)
def test_one_line_of_anything_can_be_written(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line.encode("utf-8").decode("utf-8") == line
    assert one_line(line) == line


@given(checks)
def test_headline_of_anything_is_one_line(check: Check) -> None:
    assert len(headline(check).splitlines()) == 1
    assert headline(check).endswith(f"(exit code {check.exit_code})")
