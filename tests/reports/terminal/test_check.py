"""What a check prints."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from reports.gate.check import Check
from reports.gate.wording import headline
from reports.terminal.check import print_check
from reports.terminal.console import harmless
from tests.reports.gate.samples import (
    ACCURACY,
    OTHER_MACHINE,
    PASSED,
    checks,
    refused_check,
    sample_check,
)
from tests.reports.samples import lines_of

Printer = Callable[[Check], str]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Printer:
    """What `print_check` writes when its output is not a terminal."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def render(check: Check) -> str:
        capsys.readouterr()
        print_check(check)
        return capsys.readouterr().out

    return render


def test_the_first_line_is_the_verdict(printed: Printer) -> None:
    for check in (sample_check(), refused_check("no"), sample_check(findings=[PASSED])):
        assert printed(check).splitlines()[0] == headline(check)


def test_a_row_a_finding(printed: Printer) -> None:
    text = printed(sample_check())
    assert lines_of(text, "accuracy") == [
        ["accuracy", "all", "83.3", "%", "82.3", "%", "−1.0", "[−1.7,", "−0.4]", "0.002", "0.5", "REGRESSION"]
    ]
    assert lines_of(text, "macro_f1")[0][-2:] == ["0.5", "passed"]
    assert lines_of(text, "rougeL")[0][1:4] == ["overlap", "16.0", "18.0"]
    assert lines_of(text, "out_of_scope_auroc")[0][2:] == ["90.8", "%", "–", "–", "–", "0.5", "MISSING"]
    # Latency is not tested against chance: no column of dashes.
    (slower,) = lines_of(text, "latency_p50_vs_reference")
    assert slower[2:] == ["5.43", "×", "6.08", "×", "+12.0", "[+8.0,", "+15.0]", "10", "REGRESSION"]


def test_regressions_stand_above_what_passed(printed: Printer) -> None:
    text = printed(sample_check(findings=[PASSED, ACCURACY]))
    assert text.index("0.002") < text.index("macro_f1")


def test_what_was_skipped_is_said_once_with_its_reason(printed: Printer) -> None:
    text = printed(sample_check())
    assert text.count(OTHER_MACHINE) == 1
    assert f"Skipped 2 ({OTHER_MACHINE}): latency_p95, peak_rss\n" in text
    assert lines_of(text, "peak_rss") == []


def test_reasons_notes_and_folders(printed: Printer) -> None:
    text = printed(sample_check())
    assert f"Regression, accuracy: {ACCURACY.reason}\n" in text
    assert "Missing, out_of_scope_auroc[out_of_scope]: the baseline has it" in text
    assert "Note: router.k: 20 → 5\n" in text
    assert text.endswith("Run: outputs/run/2026-01-02_03-04-05_knn\nBaseline: reports/baselines/ci/knn\n")


def test_refusals_have_no_table(printed: Printer) -> None:
    text = printed(refused_check("the test questions differ"))
    assert "Cannot be compared: the test questions differ\n" in text
    assert "─" not in text


def test_the_longest_names_of_ours_fit(printed: Printer) -> None:
    names = ("out_of_scope_fpr95", "selective_accuracy", "balanced_accuracy")
    text = printed(
        sample_check(
            findings=[replace(ACCURACY, metric=name, slice="out_of_scope", p=0.0001) for name in names]
        )
    )
    for name in names:
        assert lines_of(text, name)[0][-1] == "REGRESSION"


def test_longer_names_are_folded_and_not_cut(printed: Printer) -> None:
    long = "rougeL_always:a_domain_with_a_name_of_many_words"
    text = printed(sample_check(findings=[replace(ACCURACY, metric=long)]))
    table = text.split("Regression, ")[0].split("outcome")[1]
    first_column = [line[1:].split(" ")[0] for line in table.splitlines()]
    assert "".join(first_column).lstrip("─") == long


def test_nothing_is_taken_for_markup(printed: Printer) -> None:
    text = printed(sample_check(router="[red]knn[/red]", notes=["[bold]note[/bold] :car:"]))
    assert text.startswith("[red]knn[/red]: REGRESSION")
    assert "Note: [bold]note[/bold] :car:\n" in text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(checks)
def test_anything_can_be_printed(printed: Printer, check: Check) -> None:
    text = printed(check)
    assert text.splitlines()[0] == harmless(headline(check)).rstrip()
    assert "\x1b" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def test_no_line_is_a_command_to_the_runner(printed: Printer) -> None:
    command = "::error title=x::y"
    odd = replace(ACCURACY, metric=command, reason=command, unit="::stop-commands::z")
    text = printed(
        sample_check(
            router=command, run=command, notes=[command], findings=[odd, replace(odd, slice=command)]
        )
    )
    assert text.count("error title=x") >= 3
    assert "::" not in text
