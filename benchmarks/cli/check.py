"""`python -m benchmarks check`: is a run worse than its committed baseline?"""

import argparse
import math
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cli.arguments import verb_parser

if TYPE_CHECKING:
    from reports.gate.check import Check
    from reports.record import Result

QUALITY_TOLERANCE = 0.005
RUNS = Path("outputs/run")
# How the names of runs begin.
DATED = re.compile(r"\d{4}-\d{2}-\d{2}_")
USAGE = """\
Quality is compared question by question with the baseline's own predictions; a drop fails when it is both
beyond the tolerance and beyond chance. Latency and memory are compared as multiples of a reference workload
that was measured in the same run, and skipped, aloud, on another kind of machine.

exit codes: 0 fine, 1 regression, 2 cannot tell (a metric is missing, other data, a dirty or foreign baseline)

tolerances: half a point of every quality metric (accuracy=0.005), a tenth of latency_mean_vs_reference,
peak_rss_vs_reference, weights_size and index_size

examples:
  python -m benchmarks check --baseline reports/baselines/ci/knn
  python -m benchmarks check outputs/run/A --baseline reports/baselines/ci/knn --tolerance accuracy=0.01
  python -m benchmarks check --baseline reports/baselines/ci/knn --junit junit.xml --json check.json
  python -m benchmarks check --update --baseline reports/baselines/ci/knn
"""


def main(verb: str) -> None:
    options = argument_parser(verb).parse_args(sys.argv[1:])
    from benchmarks.cli.output import reader_may_leave
    from reports.terminal.check import print_check

    tolerances = _tolerances(options.tolerance)
    baseline = _folder(Path(options.baseline))
    if options.update:
        _refuse_files(options)
        _update(_folder_of_run(options), baseline, tolerances)
        return
    check, runs = _checked(options, baseline, tolerances)
    try:
        _save_all(options, check, runs)
    finally:
        with reader_may_leave():
            print_check(check)
            _annotate(check)
    sys.exit(check.exit_code)


def _checked(
    options: argparse.Namespace, baseline: Path, tolerances: dict[str, float]
) -> "tuple[Check, list[Result]]":
    """The check and the run that it is of; a check that says why where nothing can be compared, because also
    this has to reach whoever reads the files that were asked for."""
    from benchmarks.errors import BadInput
    from benchmarks.gate.check import gate
    from benchmarks.records.folders import dataset_of, is_result
    from reports.gate.check import Check
    from reports.record import RecordError, read_result

    folder, router, dataset = options.run or RUNS, "unknown", "unknown"
    try:
        folder = _folder_of_run(options)
        run = read_result(folder)
        router, dataset = run.record.router, dataset_of(run.record)
        if not is_result(baseline):
            raise BadInput(f"{baseline} has no baseline yet; check --update --baseline {baseline} makes one")
        before = read_result(baseline)
    except (BadInput, RecordError) as error:
        return Check(router, dataset, str(folder), str(baseline), [], [str(error)], []), []
    check = gate(run, before, tolerances, QUALITY_TOLERANCE)
    if options.run is None and (note := _other_code(run)):
        check = replace(check, notes=[note, *check.notes])
    return check, [run]


def _other_code(run: "Result") -> str | None:
    """That the newest run is not of this code, in words; None when it is, or nobody knows."""
    from benchmarks.records.provenance import git_states

    for name, now in git_states().items():
        then = run.record.provenance.get(name, {})
        if then != now and None not in (then.get("commit"), now["commit"]):
            states = [
                f"{git['commit'][:9]}{' with uncommitted changes' if git['dirty'] else ''}"
                for git in (then, now)
            ]
            return f"the newest run is of {states[0]}, and the code is now {states[1]}: run again to judge it"
    return None


def argument_parser(verb: str) -> argparse.ArgumentParser:
    parser = verb_parser(verb, "Compare a run with a committed baseline and fail on a regression.", USAGE)
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="result folder (default: the newest in outputs/run)"
    )
    parser.add_argument(
        "--baseline", required=True, metavar="PATH", help="folder of the baseline, or its record.json"
    )
    parser.add_argument(
        "--update", action="store_true", help="make the run the baseline, and show what changes"
    )
    parser.add_argument(
        "--tolerance", action="append", default=[], metavar="NAME=VALUE", help="how much worse is let pass"
    )
    parser.add_argument("--junit", metavar="FILE", help="write JUnit XML")
    parser.add_argument("--json", metavar="FILE", help="write every finding as JSON")
    parser.add_argument(
        "--pytest-benchmark", metavar="FILE", help="write the run's latency as pytest-benchmark's JSON"
    )
    return parser


def _tolerances(given: Sequence[str]) -> dict[str, float]:
    from benchmarks.errors import BadInput
    from benchmarks.gate.check import TOLERANCES
    from benchmarks.gate.quality import GATED, IN_DOLLARS

    found = {}
    names = (*TOLERANCES, *GATED)
    for entry in given:
        name, _, text = entry.partition("=")
        try:
            value = float(text)
        except ValueError:
            raise BadInput(f"--tolerance {entry}: expected NAME=VALUE, such as accuracy=0.01") from None
        if name not in names:
            raise BadInput(f"--tolerance {entry}: no metric {name!r} is checked; there is {', '.join(names)}")
        if not 0 <= value < math.inf:
            raise BadInput(f"--tolerance {entry}: must be a number of at least 0")
        if value >= 1 and name in GATED and name not in IN_DOLLARS:
            raise BadInput(f"--tolerance {entry}: would let anything pass; one point is {name}=0.01")
        found[name] = value
    return found


def _folder_of_run(options: argparse.Namespace) -> Path:
    from benchmarks.errors import BadInput
    from benchmarks.records.folders import is_result

    if options.run == "":
        raise BadInput("RUN is empty, as a variable is that was not set; leave it out for the newest run")
    if options.run:
        return Path(options.run)
    runs = [path for path in RUNS.glob("*") if DATED.match(path.name) and is_result(path)]
    if not runs:
        raise BadInput(f"{RUNS} has no run yet; name a RUN, or make one: python -m benchmarks run router=knn")
    return max(runs, key=lambda path: path.name)


def _refuse_files(options: argparse.Namespace) -> None:
    from benchmarks.errors import BadInput

    if options.junit or options.json or options.pytest_benchmark:
        raise BadInput("--update writes a baseline and no file of findings; check first, then update")


def _folder(baseline: Path) -> Path:
    from benchmarks.errors import BadInput
    from reports.record import RECORD

    folder = baseline.resolve().parent if baseline.name == RECORD else baseline
    if folder.is_file():
        raise BadInput(f"--baseline {baseline} is a file; name the folder of a baseline, or its {RECORD}")
    return folder


def _save_all(options: argparse.Namespace, check: "Check", runs: "Sequence[Result]") -> None:
    """Everywhere that it was asked for, and where GitHub would look."""
    from reports.gate.as_json import check_json
    from reports.gate.github import write_step_summary
    from reports.gate.junit import to_junit
    from reports.gate.pytest_benchmark import to_pytest_benchmark

    if options.junit:
        _save(Path(options.junit), to_junit(check))
    if options.json:
        _save(Path(options.json), check_json(check))
    if options.pytest_benchmark:
        _save(Path(options.pytest_benchmark), to_pytest_benchmark(runs))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        write_step_summary(check, Path(summary))


def _annotate(check: "Check") -> None:
    from reports.gate.github import annotations

    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in annotations(check):
            print(line)


def _save(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _update(folder: Path, baseline: Path, tolerances: dict[str, float]) -> None:
    """Copy the run to the baseline, whole or not at all, after saying what that changes."""
    from benchmarks.errors import BadInput
    from benchmarks.gate.check import gate
    from benchmarks.records.folders import read_results
    from common.files import atomic_dir
    from reports.record import PREDICTIONS, RECORD, RecordError, read_result
    from reports.terminal.check import print_check

    foreign = {path.name for path in baseline.iterdir()} - {RECORD, PREDICTIONS} if baseline.is_dir() else ()
    if foreign:
        raise BadInput(f"{baseline} holds more than a baseline ({min(foreign)}); name a folder of its own")
    (run,) = read_results([folder])
    if run.record.is_dirty:
        raise BadInput(f"{folder} was measured on uncommitted changes; commit them and run again")
    if (baseline / RECORD).exists():
        try:
            before = read_result(baseline)
        except RecordError as error:
            print(f"the old baseline cannot be read: {error}")
        else:
            _check_router(run, before)
            print_check(gate(run, before, tolerances, QUALITY_TOLERANCE), with_code=False)
    with atomic_dir(baseline.resolve()) as work:
        for name in (RECORD, PREDICTIONS):
            (work / name).write_bytes((folder / name).read_bytes())
    print(f"{baseline} is now {folder}; commit it")


def _check_router(run: "Result", before: "Result") -> None:
    from benchmarks.errors import BadInput

    if run.record.router != before.record.router:
        raise BadInput(
            f"{before.folder} is of router {before.record.router}, and {run.folder} of {run.record.router}; "
            "name another folder, or remove the old baseline first"
        )
