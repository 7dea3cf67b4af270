"""Results of the regression gate: one a metric, and the exit code that follows."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reports.record import Unscored


class Outcome(StrEnum):
    """Outcome for one metric."""

    PASSED = "passed"
    IMPROVED = "improved"
    REGRESSION = "regression"
    MISSING = "missing"
    SKIPPED = "skipped"


class Code(StrEnum):
    """Reasons, refusals and notes; their sentences are in `reports.gate.wording`."""

    # Reasons of a result: `details` in brackets.
    MAY_BE_CHANCE = "may_be_chance"
    NOT_IN_RUN = "not_in_run"
    NOT_IN_BASELINE = "not_in_baseline"
    OTHER_MACHINE = "other_machine"  # [differences: list of {name, baseline, run}]
    ONE_PROCESS = "one_process"
    TOO_FAST = "too_fast"  # [least: share of the reference workload's time]
    TOO_NOISY = "too_noisy"
    # Refusals: why the two cannot be compared at all.
    UNREADABLE = "unreadable"  # [error]
    NO_BASELINE = "no_baseline"  # [folder]
    NO_RUN = "no_run"  # [error]
    DIRTY_BASELINE = "dirty_baseline"  # [folder]
    OTHER_ROUTER = "other_router"  # [folder, baseline, run]
    OTHER_QUESTIONS = "other_questions"  # [baseline, run: names of the data sets; difference]
    # Notes: what differs besides figures.
    OTHER_COMMIT = "other_commit"  # [repository: git or own_git; baseline, run]
    DIRTY_RUN = "dirty_run"
    OTHER_CODE_NOW = "other_code_now"  # [run, run_dirty, now, now_dirty]
    UNTRAINED = "untrained"  # [sides: list of run, baseline; weights]
    CHANGED = "changed"  # [what: packages, training questions, weights or configuration; key, baseline, run]


@dataclass(frozen=True)
class Remark:
    """A code with the names and figures that its sentence needs."""

    code: Code
    details: dict[str, Any] = field(default_factory=dict)


FINE, REGRESSED, CANNOT_TELL = 0, 1, 2


@dataclass(frozen=True)
class GateResult:
    """One metric of a run beside the same of its baseline.

    Attributes:
        kind: `quality`, `latency` or `memory`.
        tolerance: how much worse is let pass, in the unit of `change`.
        reason: why it was skipped or is missing, or why a loss passed; None where the figures say it all.
        unscored: of a missing metric, what the run's record says of it.
        baseline, run: the values, in `unit`; None where there is none.
        change: run minus baseline of quality, in `unit`; of anything else run / baseline - 1.
        ci_low, ci_high: interval of `change`, with the confidence that the baseline was made with.
        p: that chance alone makes it this much worse (of an improved one: better), corrected for how many
            were tested; quality only.
        n: rows of quality, processes of latency.
    """

    metric: str
    slice: str
    kind: str
    unit: str
    higher_is_better: bool
    outcome: Outcome
    tolerance: float
    reason: Remark | None = None
    unscored: Unscored | None = None
    baseline: float | None = None
    run: float | None = None
    change: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Check:
    """A run beside its baseline.

    Attributes:
        run, baseline: the folders.
        refusals: why the two cannot be compared at all; there are no results then.
        notes: what differs between the two besides figures: commit, configuration, packages.
    """

    router: str
    dataset: str
    run: str
    baseline: str
    results: list[GateResult] = field(default_factory=list)
    refusals: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)

    def of(self, outcome: Outcome) -> list[GateResult]:
        """The results with that outcome."""
        return [result for result in self.results if result.outcome == outcome]

    @property
    def exit_code(self) -> int:
        """1 for a regression, whatever else could not be told; 2 when something, or everything, could not."""
        if self.of(Outcome.REGRESSION):
            return REGRESSED
        told = self.of(Outcome.PASSED) or self.of(Outcome.IMPROVED)
        return FINE if told and not self.refusals and not self.of(Outcome.MISSING) else CANNOT_TELL
