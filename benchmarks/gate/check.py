"""The regression gate: a run beside its baseline, metric by metric."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from benchmarks.errors import BadInput
from benchmarks.gate.findings import beyond, finding, missing, only_in_the_run
from benchmarks.gate.quality import Side, quality_findings
from benchmarks.measure.ratios import quotient, total
from benchmarks.records.folders import dataset_of
from benchmarks.stats.paired import aligned
from common.settings import Statistics
from reports.gate.check import Check, Finding, Outcome
from reports.record import REPOSITORIES, Metric, Record, Result

LATENCY = "latency_mean_vs_reference"
MEMORY = ("peak_rss_vs_reference", "cuda_peak")
SIZES = ("weights_size", "index_size")
# How much worse is let pass: shares.
TOLERANCES = dict.fromkeys((LATENCY, *MEMORY, *SIZES), 0.10)
# What a process was dealt at its start moves the fastest routers by tenths: a change of less than this, in
# times the reference workload's, says nothing of the code.
LEAST_LATENCY = 0.01
_LITTLE = f"which is less than {LEAST_LATENCY:.0%} of the reference workload's time"
# The reference workload is made of it: another version changes what a multiple of the workload means.
SAME_PACKAGES = ("numpy",)


def gate(run: Result, baseline: Result, tolerances: Mapping[str, float], tolerance: float) -> Check:
    """Compare them.

    Args:
        tolerances: by metric name, instead of the defaults.
        tolerance: of the quality metrics that `tolerances` does not name, in their unit.
    """
    check = Check(
        router=run.record.router,
        dataset=dataset_of(run.record),
        run=str(run.folder),
        baseline=str(baseline.folder),
        findings=[],
        refusals=list(_refusals(run, baseline)),
        notes=[],
    )
    if check.refusals:
        return check
    allowed = {**TOLERANCES, **tolerances}
    theirs, ours = aligned({"baseline": baseline.predictions, "run": run.predictions})
    statistics = Statistics(**baseline.record.derivation["statistics"])
    findings = quality_findings(
        Side(run.record, ours), Side(baseline.record, theirs), allowed, tolerance, statistics
    )
    findings += _performance_findings(run.record, baseline.record, allowed, statistics.confidence)
    return replace(check, findings=findings, notes=list(_notes(run.record, baseline.record)))


def _refusals(run: Result, baseline: Result) -> Iterator[str]:
    """Why the two say nothing about each other."""
    if baseline.record.is_dirty:
        yield (
            f"{baseline.folder} is a dirty baseline: it was measured on uncommitted changes, so nobody can "
            "go back to it; make one from a commit with check --update"
        )
    if run.record.router != baseline.record.router:
        yield (
            f"{baseline.folder} is a foreign baseline: of router {baseline.record.router}, and the run is of "
            f"{run.record.router}"
        )
    try:
        aligned({"the run": run.predictions, "the baseline": baseline.predictions})
    except BadInput as error:
        names = f"{dataset_of(run.record)} and {dataset_of(baseline.record)}"
        yield f"other data ({names}): {error}; compare a run on the baseline's test questions"


def _performance_findings(
    run: Record, baseline: Record, allowed: Mapping[str, float], confidence: float
) -> list[Finding]:
    different, measured = _other_machine(run, baseline), run.metric(LATENCY) is not None
    findings = []
    for name in TOLERANCES:
        before, after = baseline.metric(name), run.metric(name)
        if before is None:
            if after is not None:
                findings.append(only_in_the_run(_kind_of(name), after))
            continue
        # What is on a disk does not depend on the machine; and there may be no GPU to measure.
        if different and measured and name not in SIZES:
            skipped = (before, after, allowed[name], Outcome.SKIPPED, different)
            findings.append(finding(_kind_of(name), *skipped))
        elif after is None:
            findings.append(missing(_kind_of(name), before, run, allowed[name]))
        elif name == LATENCY:
            findings.append(_latency(run, baseline, before, after, allowed[name], confidence))
        else:
            findings.append(_exact(before, after, allowed[name]))
    return findings


def _kind_of(name: str) -> str:
    return "latency" if name == LATENCY else "memory"


def _other_machine(run: Record, baseline: Record) -> str | None:
    """What makes their timings incomparable, in words; None when nothing does."""
    differences = [
        f"{name} {there} in the baseline, {here} here"
        for name, here, there in zip(_KIND, _kind(run.provenance), _kind(baseline.provenance), strict=True)
        if here != there
    ]
    return f"another kind of machine: {'; '.join(differences)}" if differences else None


_KIND = ("CPU", "CPU version", "cores", "GPU", "threads", "reference workload", "Python", *SAME_PACKAGES)


def _kind(provenance: Mapping[str, Any]) -> tuple[Any, ...]:
    """What timings and peak memory are only comparable between equals of."""
    machine, packages = provenance.get("machine", {}), provenance.get("packages", {})
    return (
        *(machine.get(key) for key in ("cpu", "cpu_version", "cores", "gpu")),
        provenance.get("threads"),
        provenance.get("reference_workload"),
        ".".join(str(provenance.get("python", "")).split(".")[:2]),
        *(packages.get(name) for name in SAME_PACKAGES),
    )


def _latency(
    run: Record, baseline: Record, before: Metric, after: Metric, tolerance: float, confidence: float
) -> Finding:
    logs = [total(record.timings["served"]["rounds"]) for record in (run, baseline)]
    if any(len(rounds) < 2 for rounds in logs):
        reason = "timed in one process alone, which says nothing of the next: set measure.rounds=3 or more"
        return finding("latency", before, after, tolerance, Outcome.MISSING, reason)
    ratio = quotient(logs[0], logs[1], confidence)
    change, low, high = (limit - 1 for limit in ratio)
    found = f"{_signed(change)} [{_signed(low)}, {_signed(high)}] in {len(logs[0])} processes"
    if beyond(change, tolerance) and change * before.value < LEAST_LATENCY:
        outcome, reason = Outcome.SKIPPED, f"too fast to tell: {found}, {_LITTLE}"
    elif low > 0 and beyond(change, tolerance):
        outcome, reason = Outcome.REGRESSION, f"slower by {found}"
    elif beyond(change, tolerance):
        outcome, reason = Outcome.SKIPPED, f"too noisy to tell: {found}"
    elif high < 0 and beyond(-change, tolerance):
        outcome, reason = Outcome.IMPROVED, f"faster: {found}"
    else:
        outcome, reason = Outcome.PASSED, found
    return finding("latency", before, after, tolerance, outcome, reason, change, low, high)


def _exact(before: Metric, after: Metric, tolerance: float) -> Finding:
    """Of what repeats itself: no interval."""
    change = after.value / before.value - 1 if before.value else float(after.value > 0)
    if beyond(change, tolerance):
        outcome, reason = Outcome.REGRESSION, f"more by {_signed(change)}"
    elif beyond(-change, tolerance):
        outcome, reason = Outcome.IMPROVED, f"less: {_signed(change)}"
    else:
        outcome, reason = Outcome.PASSED, _signed(change)
    return finding("memory", before, after, tolerance, outcome, reason, change)


def _signed(share: float) -> str:
    return f"{100 * share:+.1f} %"


def _notes(run: Record, baseline: Record) -> Iterator[str]:
    """What else differs between the two, a line each."""
    here, there = run.provenance, baseline.provenance
    for name, words in REPOSITORIES.items():
        commits = [provenance.get(name, {}).get("commit") for provenance in (there, here)]
        if commits[0] != commits[1]:
            yield f"{words}: {commits[0]} in the baseline, {commits[1]} in the run"
    if run.is_dirty:
        yield "the run is of uncommitted changes"
    pairs = {
        "packages": (there.get("packages", {}), here.get("packages", {})),
        "training questions": (_training(there), _training(here)),
        "weights": (there.get("weights", {}).get("loaded", {}), here.get("weights", {}).get("loaded", {})),
        "configuration": (_flat(baseline.config), _flat(run.config)),
    }
    for what, (before, after) in pairs.items():
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                yield f"{what}: {key} was {before.get(key)}, is {after.get(key)}"


def _training(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return dict(provenance.get("dataset", {}).get("train", {}))


def _flat(config: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """The values of a configuration under their dotted names; without folders of the machine, and without
    what else ran beside the router."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if key == "baselines":
            continue
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{key}.")
        elif key != "path":
            found[before + key] = value
    return found
