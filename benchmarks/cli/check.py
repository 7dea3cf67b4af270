"""`python -m benchmarks check`: is a run worse than its committed baseline, or than another commit?"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reports.gate.results import Check
    from reports.record_files import Result

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("check")
@click.argument("arguments", nargs=-1, metavar="[RUN] | [KEY=VALUE]...")
@click.option(
    "--baseline",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Folder of the baseline, or its record.json.",
)
@click.option("--against", metavar="REV", help="A commit to run as well, in turns with the present code.")
@click.option(
    "--pairs",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="How often both are run with --against.",
)
@click.option("--update", is_flag=True, help="Make the run the baseline, and show what changes.")
@click.option("--tolerance", "given", multiple=True, metavar="NAME=VALUE", help="How much worse is let pass.")
@click.option("--junit", metavar="FILE", type=FILE, help="Write JUnit XML.")
@click.option("--json", "as_json", metavar="FILE", type=FILE, help="Write every result as JSON.")
@click.option("--pytest-benchmark", metavar="FILE", type=FILE, help="Write latency as pytest-benchmark does.")
def command(
    arguments: tuple[str, ...],
    baseline: Path | None,
    against: str | None,
    pairs: int,
    update: bool,
    given: tuple[str, ...],
    junit: Path | None,
    as_json: Path | None,
    pytest_benchmark: Path | None,
) -> int:
    """Compare a run with a committed baseline, or with another commit, and fail on a regression.

    With --baseline: RUN is a result folder, by default the newest in outputs/run.
    With --against: KEY=VALUE are settings of run, and options of it stand after `--`. That commit and the
    present code are run in turns on this machine, into outputs/check; no baseline is needed.

    Quality is compared question by question with the baseline's own predictions; a drop fails when it is both
    beyond the tolerance and significant. Latency and memory are compared as multiples of a reference workload
    that was measured in the same run; on another kind of machine they are skipped, and the output says so.

    Exit codes: 0 fine, 1 regression, 2 cannot tell (a metric is missing, other data, a dirty or foreign
    baseline).

    Tolerances: half a point of every quality metric (accuracy=0.005), a tenth of latency_mean_vs_reference,
    peak_rss_vs_reference, weights_size and index_size.

    \b
    Examples:
      python -m benchmarks check --baseline reports/baselines/ci/knn
      python -m benchmarks check outputs/run/A --baseline reports/baselines/ci/knn --tolerance accuracy=0.01
      python -m benchmarks check --baseline reports/baselines/ci/knn --junit junit.xml --json check.json
      python -m benchmarks check --update --baseline reports/baselines/ci/knn
      python -m benchmarks check --against main router=knn experiment=ci
    """
    from benchmarks.cli.output import reader_may_leave
    from benchmarks.errors import BadInput
    from reports.terminal.check import print_check

    tolerances = _tolerances(given)
    if (baseline is None) == (against is None):
        raise BadInput("name a committed baseline with --baseline PATH, or a commit with --against REV")
    if update:
        if baseline is None:
            raise BadInput("--update writes a baseline: name it with --baseline PATH")
        if junit or as_json or pytest_benchmark:
            raise BadInput("--update writes a baseline and no file of results; check first, then update")
        _update(_one_run(arguments), baseline, tolerances)
        return 0
    check, result = _checked(arguments, baseline, against, pairs, tolerances)
    try:
        _save(check, result, junit, as_json, pytest_benchmark)
    finally:
        with reader_may_leave():
            print_check(check)
            _annotate(check)
    return check.exit_code


def _checked(
    arguments: tuple[str, ...],
    baseline: Path | None,
    against: str | None,
    pairs: int,
    tolerances: dict[str, float],
) -> "tuple[Check, Result | None]":
    from benchmarks.gate.against import check_against
    from benchmarks.gate.baseline import baseline_folder, check_run

    if against is not None:
        return check_against(against, arguments, pairs, tolerances)
    assert baseline is not None
    return check_run(_one_run(arguments), baseline_folder(baseline), tolerances)


def _one_run(arguments: tuple[str, ...]) -> str | None:
    from benchmarks.errors import BadInput

    if len(arguments) > 1:
        raise BadInput(f"--baseline compares one RUN, not {len(arguments)}: {' '.join(arguments)}")
    return arguments[0] if arguments else None


def _tolerances(given: Sequence[str]) -> dict[str, float]:
    from benchmarks.errors import BadInput
    from benchmarks.gate.outcomes import GATED, is_share

    found = {}
    for entry in given:
        name, _, text = entry.partition("=")
        try:
            value = float(text)
        except ValueError:
            raise BadInput(f"--tolerance {entry}: expected NAME=VALUE, such as accuracy=0.01") from None
        if name not in GATED:
            raise BadInput(f"--tolerance {entry}: no metric {name!r} is checked; there is {', '.join(GATED)}")
        if not 0 <= value < math.inf:
            raise BadInput(f"--tolerance {entry}: must be a number of at least 0")
        if value >= 1 and is_share(name):
            raise BadInput(f"--tolerance {entry}: would let anything pass; one point is {name}=0.01")
        found[name] = value
    return found


def _update(run: str | None, baseline: Path, tolerances: dict[str, float]) -> None:
    from benchmarks.gate.baseline import baseline_folder, run_folder, update_baseline
    from reports.gate.results import Check
    from reports.terminal.check import print_check

    folder, baseline = run_folder(run), baseline_folder(baseline)
    found = update_baseline(folder, baseline, tolerances)
    if isinstance(found, Check):
        print_check(found, with_code=False)
    elif found:
        print(f"the old baseline cannot be read: {found}")
    print(f"{baseline} is now {folder}; commit it")


def _save(
    check: "Check",
    result: "Result | None",
    junit: Path | None,
    as_json: Path | None,
    pytest_benchmark: Path | None,
) -> None:
    """Write the files that were asked for, and the summary where GitHub reads it."""
    from reports.gate.as_json import check_json
    from reports.gate.github import write_step_summary
    from reports.gate.junit import to_junit
    from reports.gate.pytest_benchmark import to_pytest_benchmark

    if junit:
        _write(junit, to_junit(check))
    if as_json:
        _write(as_json, check_json(check))
    if pytest_benchmark:
        _write(pytest_benchmark, to_pytest_benchmark([result] if result else []))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        write_step_summary(check, Path(summary))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _annotate(check: "Check") -> None:
    from reports.gate.github import annotations

    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in annotations(check):
            print(line)
