"""A check where GitHub Actions shows it: annotations of the job, and the summary of the step."""

from collections.abc import Iterator
from pathlib import Path

from reports.gate.markdown import check_markdown
from reports.gate.results import FAILING, Check, GateResult, Outcome
from reports.gate.wording import figures, message, name, sentence, skipped_lines
from reports.text.unicode import one_line


def annotations(check: Check) -> Iterator[str]:
    """Workflow commands to print, one a line, the worst first: GitHub shows ten of a level a step.

    What fails the job is an error, refusals and missing metrics too. Failing results of advisory metrics and
    accepted ones are warnings; skipped metrics are a notice a reason.
    """
    router = one_line(check.router)
    for refusal in check.refusals:
        yield _command("error", f"{router}: cannot be compared", sentence(refusal))
    for result in check.of(*FAILING):
        yield _of_result("error", router, result)
    for result in check.of(Outcome.WARNING, Outcome.ACCEPTED):
        yield _of_result("warning", router, result)
    for line in skipped_lines(check):
        yield _command("notice", f"{router}: skipped", line)


def write_step_summary(check: Check, path: Path) -> None:
    """Append the check to the file that `GITHUB_STEP_SUMMARY` names; earlier summaries of the step stay.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("a", encoding="utf-8") as summary:
        summary.write(check_markdown(check) + "\n")


def _of_result(level: str, router: str, result: GateResult) -> str:
    title = f"{router}: {name(result)}: {result.outcome}"
    return _command(level, title, f"{message(result)}\n{figures(result)}")


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """The percent sign first: it escapes the others."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
