"""The regression gate: a run beside its baseline, metric by metric."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.config import flat
from benchmarks.errors import BadInput
from benchmarks.gate.accepted import excused
from benchmarks.gate.performance import performance_results
from benchmarks.gate.quality import ACCURACY, Side, quality_results
from benchmarks.gate.requirements import requirement_results
from benchmarks.gate.rules import Rules
from benchmarks.records.folders import dataset_of
from benchmarks.stats.paired import aligned, draws
from common.typed_json import to_json
from reports.gate.results import ChangedQuestion, Check, Code, Outcome, Remark
from reports.record import ALL, Prediction, Provenance, Record
from reports.record_files import Result


def gate(
    run: Result, baseline: Result, rules: Rules, committed: bool = True, speed: Record | None = None
) -> Check:
    """Compare them.

    Args:
        committed: the baseline will be compared with again, so it must be of a commit.
        speed: what latency, memory and sizes are compared with; by default the baseline.
    """
    check = required_alone(run, rules)
    check = replace(check, baseline=str(baseline.folder))
    if found := refusals(run, baseline, committed):
        return replace(check, refusals=found)
    before, after = aligned({"baseline": baseline.predictions, "run": run.predictions})
    sides = (Side(run.record, after), Side(baseline.record, before))
    results = quality_results(*sides, rules)
    results += performance_results(run.record, speed or baseline.record, rules.tolerances)
    tested = {(one.metric, one.slice) for one in results if one.outcome != Outcome.SKIPPED}
    without_accuracy = rules.margin is not None and (ACCURACY, ALL) not in tested
    check = replace(
        check,
        results=[*check.results, *results],
        refusals=[Remark(Code.NO_ACCURACY)] if without_accuracy else [],
        notes=list(_notes(run.record, baseline.record)),
        newly_wrong=_alone(before, after, right_before=True),
        newly_right=_alone(before, after, right_before=False),
    )
    return excused(check, rules.advisory, rules.accepted, rules.today)


def required_alone(run: Result, rules: Rules) -> Check:
    """Compare a run with its requirements, without a baseline."""
    results = requirement_results(rules.requirements, run.record)
    return Check(run.record.router, dataset_of(run.record), str(run.folder), None, results)


def _alone(
    before: Sequence[Prediction], after: Sequence[Prediction], right_before: bool
) -> list[ChangedQuestion]:
    """Questions that the baseline alone got right, or the run alone; none of a router that draws."""
    wanted = (1.0, 0.0) if right_before else (0.0, 1.0)
    return [
        ChangedQuestion(now.id, now.shown, now.label, then.predicted, now.predicted)
        for then, now in zip(before, after, strict=True)
        if now.label is not None and (then.right, now.right) == wanted
    ]


def refusals(run: Result, baseline: Result, committed: bool = True) -> list[Remark]:
    """Reasons why the two say nothing about each other; `committed` is as in `gate`."""
    return list(_refusals(run, baseline, committed))


def _refusals(run: Result, baseline: Result, committed: bool) -> Iterator[Remark]:
    folder = str(baseline.folder)
    if committed and baseline.record.is_dirty:
        yield Remark(Code.DIRTY_BASELINE, {"folder": folder})
    routers = {"baseline": baseline.record.router, "run": run.record.router}
    if routers["baseline"] != routers["run"]:
        yield Remark(Code.OTHER_ROUTER, {"folder": folder, **routers})
    if draws(run.predictions) != draws(baseline.predictions):
        yield Remark(Code.ONE_DRAWS, {"folder": folder})
    try:
        aligned({"the run": run.predictions, "the baseline": baseline.predictions})
    except BadInput as error:
        names = {"baseline": dataset_of(baseline.record), "run": dataset_of(run.record)}
        yield Remark(Code.OTHER_QUESTIONS, {**names, "difference": str(error)})


def _notes(run: Record, baseline: Record) -> Iterator[Remark]:
    """Other differences between the two."""
    here, there = run.provenance, baseline.provenance
    ours, theirs = here.repositories, there.repositories
    for name in {**theirs, **ours}:
        before, after = (git[name].commit if name in git else None for git in (theirs, ours))
        if before != after:
            yield Remark(Code.OTHER_COMMIT, {"repository": name, "baseline": before, "run": after})
    if run.is_dirty:
        yield Remark(Code.DIRTY_RUN)
    names = {"run": run.derivation.untrained or [], "baseline": baseline.derivation.untrained or []}
    if sides := [side for side, found in names.items() if found]:
        weights = ", ".join(dict.fromkeys([*names["run"], *names["baseline"]]))
        yield Remark(Code.UNTRAINED, {"sides": sides, "weights": weights})
    compared = {
        "packages": (there.packages, here.packages),
        "training questions": (_training(there), _training(here)),
        "weights": (there.weights.loaded, here.weights.loaded),
        "configuration": (_compared(baseline.config), _compared(run.config)),
    }
    for what, (old, new) in compared.items():
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                details = {"what": what, "key": key, "baseline": old.get(key), "run": new.get(key)}
                yield Remark(Code.CHANGED, details)


def _training(provenance: Provenance) -> dict[str, Any]:
    return dict(to_json(provenance.dataset.train) or {})


def _compared(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted name, without folders of the machine and without the baselines beside the router."""
    return {
        name: value
        for name, value in flat(config).items()
        if name.split(".")[0] != "baselines" and name.split(".")[-1] != "path"
    }
