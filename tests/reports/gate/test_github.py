"""A check as workflow commands and as a step's summary."""

import re
from dataclasses import replace
from pathlib import Path

from hypothesis import given

from reports.gate.check import Check, Outcome
from reports.gate.github import annotations, write_step_summary
from reports.gate.markdown import check_markdown
from tests.reports.gate.samples import ACCURACY, OTHER_MACHINE, PASSED, checks, refused_check, sample_check

COMMAND = re.compile(r"::(error|notice) title=([^:,]*)::(.*)")


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
        ("error", "knn: out_of_scope_auroc[out_of_scope]: missing"),
        ("notice", "knn: skipped"),
    ]
    assert found[0][2] == (
        f"{ACCURACY.reason}\nbaseline 83.3 %, run 82.3 %, change −1.0 points [−1.7, −0.4], "
        "tolerance 0.5 points, p 0.002"
    )
    assert found[3][2] == f"Skipped 2 ({OTHER_MACHINE}): latency_p95, peak_rss"


def test_a_refusal_is_an_error() -> None:
    (line,) = annotations(refused_check("100 % other questions"))
    assert line == "::error title=knn%3A cannot be compared::100 %25 other questions"


def test_what_passed_is_not_worth_an_annotation() -> None:
    assert annotations(sample_check(findings=[PASSED])) == []


def test_escaping() -> None:
    check = sample_check(router="a,b", findings=[replace(ACCURACY, metric="m%0A::", reason="x: 50 %, y\nz")])
    (line,) = annotations(check)
    assert line.startswith("::error title=a%2Cb%3A m%250A%3A%3A%3A regression::x: 50 %25, y z%0Abaseline")


def test_the_summary_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("# Before\n\n", encoding="utf-8")
    write_step_summary(sample_check(), path)
    write_step_summary(refused_check("no"), path)
    expected = f"# Before\n\n{check_markdown(sample_check())}\n{check_markdown(refused_check('no'))}\n"
    assert path.read_text(encoding="utf-8") == expected


@given(checks)
def test_whatever_the_names_each_is_one_line(check: Check) -> None:
    lines = annotations(check)
    assert all(len(line.splitlines()) == 1 for line in lines)
    levels = [read(line)[0] for line in lines]
    failing = len(check.refusals) + len(check.of(Outcome.REGRESSION)) + len(check.of(Outcome.MISSING))
    assert levels.count("error") == failing
    "\n".join(lines).encode("utf-8")
