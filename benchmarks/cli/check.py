"""`python -m benchmarks check`: is a run worse than its committed baseline, or than another commit?"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from benchmarks.gate.rules import Rules
    from reports.gate.results import Check
    from reports.record_files import Result

FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Files:
    """Files to write, where they were asked for."""

    junit: Path | None
    as_json: Path | None
    pytest_benchmark: Path | None
    comment: Path | None
    trend: Path | None


@click.command("check")
@click.argument("arguments", nargs=-1, metavar="[RUN] | [KEY=VALUE]...")
@click.option(
    "--baseline",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Folder of the baseline, or its record.json; or a folder of several results.",
)
@click.option(
    "--last",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="How many results, the last ones by name, are pooled of a --baseline that is a folder of several.",
)
@click.option("--against", metavar="REV", help="A commit to run as well, in turns with the present code.")
@click.option(
    "--pairs",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="How often both are run with --against.",
)
@click.option(
    "--require",
    "required",
    multiple=True,
    metavar="'NAME>=LIMIT'",
    help="A limit that the run must keep to, with its unit; needs no baseline.",
)
@click.option("--tolerance", "given", multiple=True, metavar="NAME=VALUE", help="How much worse is let pass.")
@click.option(
    "--margin",
    metavar="VALUE",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="A loss of accuracy that has to be ruled out; 0.01 is one point.",
)
@click.option("--warn", "advisory", multiple=True, metavar="NAME", help="A metric that only warns.")
@click.option("--accepted", metavar="FILE", type=FILE, help="YAML of losses that are accepted for a while.")
@click.option("--update", is_flag=True, help="Make the run the baseline, and show what changes.")
@click.option("--junit", metavar="FILE", type=FILE, help="Write JUnit XML.")
@click.option("--json", "as_json", metavar="FILE", type=FILE, help="Write every result as JSON.")
@click.option("--pytest-benchmark", metavar="FILE", type=FILE, help="Write latency as pytest-benchmark does.")
@click.option("--comment", metavar="FILE", type=FILE, help="Write a comment for a pull request, as Markdown.")
@click.option(
    "--trend", metavar="FILE", type=FILE, help="Write the runs of a pooled baseline as an HTML page."
)
def command(
    arguments: tuple[str, ...],
    baseline: Path | None,
    last: int,
    against: str | None,
    pairs: int,
    required: tuple[str, ...],
    given: tuple[str, ...],
    margin: float | None,
    advisory: tuple[str, ...],
    accepted: Path | None,
    update: bool,
    junit: Path | None,
    as_json: Path | None,
    pytest_benchmark: Path | None,
    comment: Path | None,
    trend: Path | None,
) -> int:
    """Fail where a run is worse than a baseline, another commit or limits.

    --require 'NAME>=LIMIT' is for a first run, which has nothing to be compared with; also beside the others.

    --baseline PATH compares RUN, a result folder (the newest in outputs/run where none is named), with a
    committed result, or with the last of several in a folder: each figure with that of the run in the middle.

    --against REV runs that commit and the present code in turns on this machine, into outputs/check, with the
    settings KEY=VALUE of run (options of run stand after `--`). It is the way to gate latency.

    \b
    Exit codes:
      0  fine
      1  worse, or a limit is not met
      2  cannot tell: a metric is missing, a loss of the margin is not ruled out, the
         data differ, or the baseline is dirty or of another router
      3  no verdict: the command line is wrong, a run failed, a file cannot be written

    Quality fails when it is worse beyond the tolerance (half a point, accuracy=0.005) and beyond chance,
    question by question. The first line of the output says which true loss of accuracy is found in 80 of 100
    checks: about 4 points with 240 questions, 2 with 1,000, less than 1 with 10,000. With --margin 0.02 a
    loss of 2 points has to be ruled out instead.

    Latency, memory and size fail when they are worse by more than a tenth. Latency and memory are compared as
    multiples of a reference workload that was measured in the same run; on another kind of machine they are
    skipped, and the output says so.

    \b
    Examples:
      python -m benchmarks check --baseline reports/baselines/ci/knn
      python -m benchmarks check outputs/run/A --baseline reports/baselines/ci/knn --tolerance accuracy=0.01
      python -m benchmarks check --require 'accuracy>=0.8' --require 'latency_p95<=500ms'
      python -m benchmarks check --baseline reports/baselines/ci/knn --margin 0.02 --warn brier
      python -m benchmarks check --baseline reports/baselines/ci/knn --junit junit.xml --json check.json
      python -m benchmarks check --baseline reports/baselines/ci --comment comment.md --trend trend.html
      python -m benchmarks check --update --baseline reports/baselines/ci/knn
      python -m benchmarks check --against main router=knn experiment=ci
    """
    from benchmarks.cli.output import reader_may_leave
    from benchmarks.errors import BadInput
    from benchmarks.gate.baseline import baseline_folder
    from reports.terminal.check import print_check

    rules = _rules(required, given, margin, advisory, accepted)
    if baseline is not None and against is not None:
        raise BadInput("--baseline and --against: name one of them")
    if baseline is None and against is None and not required:
        raise BadInput(
            "name a committed baseline with --baseline PATH, a commit with --against REV, or a limit with "
            "--require 'NAME>=LIMIT'"
        )
    if baseline is not None:
        baseline = baseline_folder(baseline)
    files = Files(junit, as_json, pytest_benchmark, comment, trend)
    if update:
        if baseline is None:
            raise BadInput("--update writes a baseline: name it with --baseline PATH")
        if any(vars(files).values()):
            raise BadInput("--update writes a baseline and no file of results; check first, then update")
        _update(_one_run(arguments), baseline, rules)
        return 0
    if trend and baseline is None:
        raise BadInput("--trend shows the results in a folder: name it with --baseline PATH")
    check, result = _checked(arguments, baseline, last, against, pairs, rules)
    try:
        _save(check, result, files, baseline)
    finally:
        with reader_may_leave():
            print_check(check)
            _annotate(check)
    return check.exit_code


def _checked(
    arguments: tuple[str, ...],
    baseline: Path | None,
    last: int,
    against: str | None,
    pairs: int,
    rules: "Rules",
) -> "tuple[Check, Result | None]":
    from benchmarks.gate.against import check_against
    from benchmarks.gate.baseline import check_run

    if against is not None:
        return check_against(against, arguments, pairs, rules)
    return check_run(_one_run(arguments), baseline, rules, last)


def _one_run(arguments: tuple[str, ...]) -> str | None:
    from benchmarks.errors import BadInput

    if len(arguments) > 1:
        raise BadInput(f"one RUN is checked, not {len(arguments)}: {' '.join(arguments)}")
    return arguments[0] if arguments else None


def _rules(
    required: Sequence[str],
    given: Sequence[str],
    margin: float | None,
    advisory: Sequence[str],
    accepted: Path | None,
) -> "Rules":
    from benchmarks.errors import BadInput
    from benchmarks.gate.accepted import check_name, read_accepted
    from benchmarks.gate.requirements import parse_requirement
    from benchmarks.gate.rules import Rules

    tolerances = _tolerances(given)
    if margin is not None and "accuracy" in tolerances:
        raise BadInput("--margin and --tolerance accuracy: name one of them; a margin is the tolerance, too")
    for name in advisory:
        check_name(name, f"--warn {name}")
    return Rules(
        tolerances=tolerances,
        margin=margin,
        requirements=[parse_requirement(text) for text in required],
        advisory=advisory,
        accepted=read_accepted(accepted) if accepted else [],
    )


def _tolerances(given: Sequence[str]) -> dict[str, float]:
    from benchmarks.errors import BadInput
    from benchmarks.gate.outcomes import GATED, check_loss

    found = {}
    for entry in given:
        name, _, text = entry.partition("=")
        try:
            value = float(text)
        except ValueError:
            raise BadInput(f"--tolerance {entry}: expected NAME=VALUE, such as accuracy=0.01") from None
        if name not in GATED:
            raise BadInput(f"--tolerance {entry}: no metric {name!r} is checked; there is {', '.join(GATED)}")
        check_loss(name, value, f"--tolerance {entry}")
        found[name] = value
    return found


def _update(run: str | None, baseline: Path, rules: "Rules") -> None:
    from benchmarks.gate.baseline import run_folder, update_baseline
    from reports.gate.results import Check
    from reports.terminal.check import print_check

    folder = run_folder(run)
    found = update_baseline(folder, baseline, rules)
    if isinstance(found, Check):
        print_check(found, with_code=False)
    elif found:
        print(f"the old baseline cannot be read: {found}")
    print(f"{baseline} is now {folder}; commit it")


def _save(check: "Check", result: "Result | None", files: Files, baseline: Path | None) -> None:
    """Write the files that were asked for, and the summary where GitHub reads it."""
    from reports.gate.as_json import check_json
    from reports.gate.github import write_step_summary
    from reports.gate.junit import to_junit
    from reports.gate.markdown import comment_markdown
    from reports.gate.pytest_benchmark import to_pytest_benchmark

    if files.junit:
        _write(files.junit, to_junit(check))
    if files.as_json:
        _write(files.as_json, check_json(check))
    if files.pytest_benchmark:
        _write(files.pytest_benchmark, to_pytest_benchmark([result] if result else []))
    if files.comment:
        _write(files.comment, comment_markdown(check))
    if files.trend and result and baseline:
        _write(files.trend, _trend(result, baseline))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        write_step_summary(check, Path(summary))


def _trend(run: "Result", baseline: Path) -> str:
    from benchmarks.gate.pool import history
    from benchmarks.metrics.table import glossary
    from reports.gate.trend import to_html

    results = history(run, baseline)
    return to_html(results, glossary(result.record for result in results))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _annotate(check: "Check") -> None:
    from reports.gate.github import annotations

    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in annotations(check):
            print(line)
