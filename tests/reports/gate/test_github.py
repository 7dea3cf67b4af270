"""A check as workflow commands and as a step's summary."""

import re
from pathlib import Path

from hypothesis import given

from reports.gate.github import annotations, write_step_summary
from reports.gate.markdown import check_markdown
from reports.gate.results import FAILING, Check
from reports.gate.wording import figures, message, skipped_lines
from tests.reports.gate.samples import ACCURACY, PASSED, checks, refused_check, sample_check

COMMAND = re.compile(r"::(error|warning|notice) title=([^:,]*)::(.*)")


def read(line: str) -> tuple[str, str, str]:
    """Level, title and message, as the runner reads them."""
    found = COMMAND.fullmatch(line)
    assert found, line
    level, title, message = found.groups()
    for escaped, character in (("%2C", ","), ("%3A", ":")):
        title = title.replace(escaped, character)
    for escaped, character in (("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        title, message = title.replace(escaped, character), message.replace(escaped, character)
    return level, title, message


def test_errors_first_then_a_notice_a_reason() -> None:
    found = [read(line) for line in annotations(sample_check())]
    assert [(level, title) for level, title, _ in found] == [
        ("error", "knn: accuracy: regression"),
        ("error", "knn: latency_p50_vs_reference: regression"),
        ("error", "knn: latency_p95<=20ms: not met"),
        ("error", "knn: out_of_scope_auroc[out_of_scope]: missing"),
        ("error", "knn: accuracy[standard]: undecided"),
        ("warning", "knn: brier: warning"),
        ("warning", "knn: accuracy[overlap]: accepted"),
        ("notice", "knn: skipped"),
    ]
    assert found[0][2] == f"{message(ACCURACY)}\n{figures(ACCURACY)}"
    assert [found[-1][2]] == skipped_lines(sample_check())


def test_refusals_are_errors_and_passes_are_silent() -> None:
    (line,) = annotations(refused_check("100 % other questions"))
    assert line == "::error title=knn%3A cannot be compared::100 %25 other questions"
    assert not list(annotations(sample_check(results=[PASSED])))


def test_the_summary_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("# Before\n\n", encoding="utf-8")
    write_step_summary(sample_check(), path)
    write_step_summary(refused_check("no"), path)
    expected = f"# Before\n\n{check_markdown(sample_check())}\n{check_markdown(refused_check('no'))}\n"
    assert path.read_text(encoding="utf-8") == expected


@given(checks)
def test_whatever_the_names_each_is_one_line(check: Check) -> None:
    lines = list(annotations(check))
    assert all(len(line.splitlines()) == 1 for line in lines)
    levels = [read(line)[0] for line in lines]
    failing = len(check.refusals) + len(check.of(*FAILING))
    assert levels.count("error") == failing
    "\n".join(lines).encode("utf-8")
