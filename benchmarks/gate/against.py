"""A run of the present code beside the same run of another commit, both made here and now, in turns.

A committed baseline was timed on a machine that has changed since, even where it is still called the same:
its neighbours take more or less of the memory's bandwidth. Runs in turns meet the same neighbours.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from benchmarks.errors import BadInput
from benchmarks.gate.check import gate
from benchmarks.gate.performance import LATENCY, MEMORY
from benchmarks.gate.rules import Rules
from benchmarks.measure.ratios import over_rounds, total
from benchmarks.records.folders import CHECKS, read_results
from benchmarks.records.provenance import run_git, top_of
from common.progress import say
from reports.gate.results import Check
from reports.record import Metric
from reports.record_files import Result

_BASE, _HERE = "base", "here"


def check_against(revision: str, settings: Sequence[str], pairs: int, rules: Rules) -> tuple[Check, Result]:
    """Run both `pairs` times with the settings of `run`, and check the present code against the revision.

    Quality is that of the first pair, since runs repeat it; latency is over the processes of all pairs, and
    memory the median over them.

    Raises:
        BadInput: there is no such commit, a run failed, or the base ran other code than its own.
    """
    found = top_of(Path.cwd())
    if found is None:
        raise BadInput("--against: not a git repository here, or git is not installed")
    top = Path(found)
    commit = run_git(top, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if not commit:
        raise BadInput(
            f"--against: no commit {revision!r} here; a shallow clone lacks it (git fetch --unshallow)"
        )
    outputs = Path.cwd() / CHECKS / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{commit[:7]}"
    runs: dict[str, list[Path]] = {_BASE: [], _HERE: []}
    with _checked_out(top, commit) as base:
        for number in range(2 * pairs):
            # Base, here, here, base: what drifts evenly meanwhile weighs on both alike.
            side = (_BASE, _HERE, _HERE, _BASE)[number % 4]
            say(f"run {number + 1} of {2 * pairs}: {commit[:7] if side == _BASE else 'the code as it is'}")
            folder = outputs / f"{side}-{len(runs[side]) + 1}"
            _run(base if side == _BASE else top, top, settings, folder)
            runs[side].append(folder)
    before, after = (read_results(runs[side]) for side in (_BASE, _HERE))
    if commit not in {git.commit for git in before[0].record.provenance.repositories.values()}:
        raise BadInput(
            f"the run of {revision} was made with code that is not in this repository; install Router Derby "
            "from here (pip install -e .), or go to the repository that has your router"
        )
    here = pooled(after)
    return gate(here, pooled(before), rules, committed=False), here


def pooled(results: Sequence[Result]) -> Result:
    """The first of several runs of one code, timed over the processes of all."""
    first, served = results[0], [one.record.timings.served for one in results]
    if first.record.timings.served is None or None in served:
        return first
    rounds = [one for serving in served if serving for one in serving.rounds]
    timings = replace(first.record.timings, served=replace(first.record.timings.served, rounds=rounds))

    def of_all(metric: Metric) -> Metric:
        if metric.name == LATENCY:
            ratio = over_rounds(total(rounds), first.record.derivation.statistics.confidence)
            return replace(metric, value=ratio.value, n=len(rounds), ci_low=ratio.low, ci_high=ratio.high)
        if metric.name == MEMORY:
            found = [one.record.metric(MEMORY) for one in results]
            return replace(metric, value=statistics.median(one.value for one in found if one))
        return metric

    metrics = [of_all(metric) for metric in first.record.metrics]
    return replace(first, record=replace(first.record, timings=timings, metrics=metrics))


@contextmanager
def _checked_out(top: Path, commit: str) -> Iterator[Path]:
    """The files of a commit of the repository at `top`, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="router-derby-base-") as folder:
        place = Path(folder, "base")
        try:
            if run_git(top, "worktree", "add", "--detach", "--quiet", str(place), commit) is None:
                raise BadInput(f"--against: git cannot check {commit} out into {place}; is the disk full?")
            yield place
        finally:
            run_git(top, "worktree", "remove", "--force", str(place))


def _run(place: Path, top: Path, settings: Sequence[str], folder: Path) -> None:
    """Run the files at `place`, in the folder of it that is the present one of the repository at `top`."""
    here = place / Path.cwd().relative_to(top)
    # Quoted: a path may hold what Hydra's grammar knows.
    quoted = str(folder).replace("'", "\\'")
    command = [sys.executable, "-m", "benchmarks", "run", *settings, f"hydra.run.dir='{quoted}'"]
    paths = [str(place), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    # Set for this process by its command line.
    environment.pop("HYDRA_FULL_ERROR", None)
    done = subprocess.run(
        command,
        cwd=here,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2].removeprefix("error: ")
        raise BadInput(f"run {' '.join(settings)} in {here} ended with status {done.returncode}: {last}")
