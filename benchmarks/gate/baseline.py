"""A committed baseline: a run is checked against it, or takes its place."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.errors import BadInput
from benchmarks.gate.check import gate
from benchmarks.records.folders import RUNS, dataset_of, dated_runs, is_result, read_results
from benchmarks.records.provenance import git_states
from common.files import atomic_dir
from reports.gate.results import Check, Code, Remark
from reports.record_files import PREDICTIONS, RECORD, RecordError, Result, read_result

QUALITY_TOLERANCE = 0.005


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
    """The folder of a baseline that was named by itself or by its record.

    Raises:
        BadInput: it is another file.
    """
    folder = named.resolve().parent if named.name == RECORD else named
    if folder.is_file():
        raise BadInput(f"--baseline {named} is a file; name the folder of a baseline, or its {RECORD}")
    return folder


def check_run(
    named: str | None, baseline: Path, tolerances: Mapping[str, float]
) -> tuple[Check, Result | None]:
    """Check a run, the newest by default, against a baseline.

    Also where the two cannot be compared there is a check, which says why: it has to reach whoever reads
    the files that were asked for.
    """
    folder, router, dataset = named or str(RUNS), "unknown", "unknown"

    def refused(code: Code, **details: str) -> tuple[Check, None]:
        remark = Remark(code, details)
        return Check(router, dataset, str(folder), str(baseline), refusals=[remark]), None

    try:
        folder = str(run_folder(named))
        run = read_result(Path(folder))
    except BadInput as error:
        return refused(Code.NO_RUN, error=str(error))
    except RecordError as error:
        return refused(Code.UNREADABLE, error=str(error))
    router, dataset = run.record.router, dataset_of(run.record)
    if not is_result(baseline):
        return refused(Code.NO_BASELINE, folder=str(baseline))
    try:
        before = read_result(baseline)
    except RecordError as error:
        return refused(Code.UNREADABLE, error=str(error))
    check = gate(run, before, tolerances, QUALITY_TOLERANCE)
    notes = [] if named else _other_code(run)
    return replace(check, notes=[*notes, *check.notes]), run


def update_baseline(
    folder: Path, baseline: Path, tolerances: Mapping[str, float]
) -> Check | RecordError | None:
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
    found = _against_old(run, baseline, tolerances)
    with atomic_dir(baseline.resolve()) as work:
        for name in (RECORD, PREDICTIONS):
            (work / name).write_bytes((folder / name).read_bytes())
    return found


def _against_old(run: Result, baseline: Path, tolerances: Mapping[str, float]) -> Check | RecordError | None:
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
    return gate(run, before, tolerances, QUALITY_TOLERANCE)


def _other_code(run: Result) -> list[Remark]:
    """A note when the newest run is known to be of other code than the present one."""
    provenance = run.record.provenance
    for then, now in zip((provenance.git, provenance.own_git), git_states(), strict=True):
        if then and now and then != now and None not in (then.commit, now.commit):
            details = {"run": then.commit, "run_dirty": then.dirty, "now": now.commit, "now_dirty": now.dirty}
            return [Remark(Code.OTHER_CODE_NOW, details)]
    return []
