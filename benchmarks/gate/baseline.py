"""A baseline: a run is checked against it, or against the last results of a folder, or takes its place."""

from dataclasses import replace
from pathlib import Path

from benchmarks.errors import BadInput
from benchmarks.gate.check import gate, required_alone
from benchmarks.gate.pool import of_other_runs, pool, results_in
from benchmarks.gate.rules import Rules
from benchmarks.records.folders import RUNS, dated_runs, is_result, read_results
from benchmarks.records.provenance import git_states
from common.files import atomic_dir
from reports.gate.results import Check, Code, Outcome, Remark
from reports.gate.wording import name
from reports.record_files import PREDICTIONS, RECORD, RecordError, Result, read_result


def run_folder(named: str | None) -> Path:
    """The folder of the named run, or of the newest.

    Raises:
        BadInput: the name is empty, or there is no run.
    """
    if named == "":
        raise BadInput("RUN is empty, as a variable is that was not set; leave it out for the newest run")
    if named:
        return Path(named)
    runs = [path for path in dated_runs() if is_result(path)]
    if not runs:
        raise BadInput(f"{RUNS} has no run yet; name a RUN, or make one: python -m benchmarks run router=knn")
    return runs[-1]


def baseline_folder(named: Path) -> Path:
    """The folder of a baseline, or of several, that was named by itself or by its record.

    Raises:
        BadInput: it is another file.
    """
    folder = named.resolve().parent if named.name == RECORD else named
    if folder.is_file():
        raise BadInput(f"--baseline {named} is a file; name the folder of a baseline, or its {RECORD}")
    return folder


def check_run(
    named: str | None, baseline: Path | None, rules: Rules, last: int
) -> tuple[Check, Result | None]:
    """Check a run, the newest by default, against a baseline, or without one against the requirements alone.

    Also where the two cannot be compared there is a check, which says why: it has to reach whoever reads
    the files that were asked for.

    Args:
        last: where `baseline` is a folder of several results, how many of them are pooled, by name the last.
    """
    folder = named or str(RUNS)
    try:
        folder = str(run_folder(named))
        run = read_result(Path(folder))
    except (BadInput, RecordError) as error:
        code = Code.UNREADABLE if isinstance(error, RecordError) else Code.NO_RUN
        refusal = Remark(code, {"error": str(error)})
        where = None if baseline is None else str(baseline)
        return Check("unknown", "unknown", folder, where, refusals=[refusal]), None
    check = required_alone(run, rules) if baseline is None else _compared(run, baseline, rules, last)
    notes = [] if named else _other_code(run)
    return replace(check, notes=[*notes, *check.notes]), run


def _compared(run: Result, baseline: Path, rules: Rules, last: int) -> Check:
    """The check of a run against a baseline, or the last results in its folder."""
    # One more, as the run itself may have been copied there already.
    newest = [] if is_result(baseline) else results_in(baseline)[-last - 1 :]
    try:
        before = read_result(baseline) if is_result(baseline) else None
        several = of_other_runs(run, map(read_result, newest))[-last:]
    except RecordError as error:
        return _refused(run, baseline, rules, [Remark(Code.UNREADABLE, {"error": str(error)})])
    if before is not None:
        check = gate(run, before, rules)
    elif not several:
        code = Code.ONLY_ITSELF if newest else Code.NO_BASELINE
        return _refused(run, baseline, rules, [Remark(code, {"folder": str(baseline)})])
    else:
        found = pool(run, several)
        if isinstance(found, list):
            return _refused(run, baseline, rules, found)
        check = gate(run, found.quality, rules, speed=found.speed)
        check = replace(check, baseline=str(baseline), notes=[*found.notes, *check.notes])
    improved = [name(result) for result in check.of(Outcome.IMPROVED)]
    if before is not None and improved:
        better = Remark(Code.NEW_BASELINE, {"folder": str(baseline), "metrics": improved})
        check = replace(check, notes=[better, *check.notes])
    return check


def _refused(run: Result, baseline: Path, rules: Rules, refusals: list[Remark]) -> Check:
    return replace(required_alone(run, rules), baseline=str(baseline), refusals=refusals)


def update_baseline(folder: Path, baseline: Path, rules: Rules) -> Check | RecordError | None:
    """Copy a run to a baseline, whole or not at all.

    Returns the check of the run against the old baseline, why that cannot be read, or None without one.

    Raises:
        BadInput: the run was made from uncommitted changes, or the folder holds something else.
    """
    foreign = {path.name for path in baseline.iterdir()} - {RECORD, PREDICTIONS} if baseline.is_dir() else ()
    if foreign:
        raise BadInput(f"{baseline} holds more than a baseline ({min(foreign)}); name a folder of its own")
    (run,) = read_results([folder])
    if run.record.is_dirty:
        raise BadInput(f"{folder} was measured on uncommitted changes; commit them and run again")
    found = _against_old(run, baseline, rules)
    with atomic_dir(baseline.resolve()) as work:
        for name in (RECORD, PREDICTIONS):
            (work / name).write_bytes((folder / name).read_bytes())
    return found


def _against_old(run: Result, baseline: Path, rules: Rules) -> Check | RecordError | None:
    if not (baseline / RECORD).exists():
        return None
    try:
        before = read_result(baseline)
    except RecordError as error:
        return error
    if run.record.router != before.record.router:
        raise BadInput(
            f"{before.folder} is of router {before.record.router}, and {run.folder} of {run.record.router}; "
            "name another folder, or remove the old baseline first"
        )
    return gate(run, before, rules)


def _other_code(run: Result) -> list[Remark]:
    """A note when the newest run is known to be of other code than the present one."""
    provenance = run.record.provenance
    for then, now in zip((provenance.git, provenance.own_git), git_states(), strict=True):
        if then and now and then != now and None not in (then.commit, now.commit):
            details = {"run": then.commit, "run_dirty": then.dirty, "now": now.commit, "now_dirty": now.dirty}
            return [Remark(Code.OTHER_CODE_NOW, details)]
    return []
