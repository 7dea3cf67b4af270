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
    UNMET = "not met"  # a requirement
    MISSING = "missing"
    UNDECIDED = "undecided"  # not shown to be within the margin
    WARNING = "warning"  # failing, of an advisory metric
    ACCEPTED = "accepted"  # failing, and accepted for a while
    SKIPPED = "skipped"


# In the order of how bad they are.
FAILING = (Outcome.REGRESSION, Outcome.UNMET, Outcome.MISSING, Outcome.UNDECIDED)
COMPARED = (Outcome.WARNING, Outcome.ACCEPTED, Outcome.IMPROVED, Outcome.PASSED)


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
    WITHIN_MARGIN = "within_margin"  # [margin]
    BEYOND_MARGIN = "beyond_margin"  # [margin]
    NOT_SHOWN = "not_shown"  # [margin]
    NOT_MEASURED = "not_measured"
    NO_SUCH_SLICE = "no_such_slice"  # [metric, slices]
    ADVISORY = "advisory"  # [outcome]
    ACCEPTED = "accepted"  # [outcome, up_to, kind, unit, until, why, place]
    # Refusals: why the two cannot be compared at all.
    UNREADABLE = "unreadable"  # [error]
    NO_BASELINE = "no_baseline"  # [folder]
    ONLY_ITSELF = "only_itself"  # [folder]
    NO_RUN = "no_run"  # [error]
    DIRTY_BASELINE = "dirty_baseline"  # [folder]
    OTHER_ROUTER = "other_router"  # [folder, baseline, run]
    ONE_DRAWS = "one_draws"  # [folder]
    OTHER_QUESTIONS = "other_questions"  # [baseline, run: names of the data sets; difference]
    NO_ACCURACY = "no_accuracy"
    # Notes: what differs besides figures, and what to do next.
    OTHER_COMMIT = "other_commit"  # [repository: git or own_git; baseline, run]
    DIRTY_RUN = "dirty_run"
    OTHER_CODE_NOW = "other_code_now"  # [run, run_dirty, now, now_dirty]
    UNTRAINED = "untrained"  # [sides: list of run, baseline; weights]
    CHANGED = "changed"  # [what: packages, training questions, weights or configuration; key, baseline, run]
    EXPIRED = "expired"  # [place, metric, expired]
    EXCEEDED = "exceeded"  # [place, metric, up_to, kind, unit]
    LEFT_OUT = "left_out"  # [folder, refusal: a remark]
    POOLED = "pooled"  # [results: their number; quality, speed: folders]
    NEW_BASELINE = "new_baseline"  # [folder, metrics: list of names]


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
        tolerance: how much worse is let pass, in the unit of `change`; of a requirement 0.
        reason: why it was skipped or is missing, why a loss passed, or what a margin's test found; None where
            the figures say it all.
        unscored: of a missing metric, what the run's record says of it.
        baseline, run: the values, in `unit`; None where there is none.
        change: run minus baseline of quality, in `unit`; of anything else run / baseline - 1.
        ci_low, ci_high: interval of `change`. Of quality each end is a one-sided limit at the level of the
            metric's own test; of latency the interval has the confidence that the baseline was made with.
        p: that chance alone makes it this much worse (of an improved one: better), corrected for how many
            were tested; quality only. Of accuracy with a margin: that it changes as little for the worse, or
            as much where it is a regression, if the true loss is the margin.
        n: rows of quality, processes of latency.
        primary: whether it is the one metric that is tested at full strength.
        detects: of the primary metric, the smallest loss that this test finds in 80 of 100 cases, in the unit
            of `change`; None where that is not known, or a margin was tested.
        required: of a requirement, its text, such as `accuracy>=0.8`.
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
    primary: bool = False
    detects: float | None = None
    required: str | None = None

    @property
    def worse_by(self) -> float | None:
        """The change for the worse, negative for the better; None without one."""
        return -self.change if self.change is not None and self.higher_is_better else self.change


@dataclass(frozen=True)
class ChangedQuestion:
    """A question that one side alone got right.

    Attributes:
        query: with its conversation, on one line.
        label: the right domain.
        baseline, run: the domain that each chose.
    """

    id: str
    query: str
    label: str
    baseline: str
    run: str


@dataclass(frozen=True)
class Check:
    """A run beside its baseline, or beside its requirements alone.

    Attributes:
        run, baseline: the folders; without a baseline None.
        results: none but those of requirements where there are refusals.
        refusals: why the two cannot be compared at all.
        notes: what differs between the two besides figures: commit, configuration, packages.
        newly_wrong, newly_right: questions that the baseline alone, and the run alone, got right.
    """

    router: str
    dataset: str
    run: str
    baseline: str | None
    results: list[GateResult] = field(default_factory=list)
    refusals: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)
    newly_wrong: list[ChangedQuestion] = field(default_factory=list)
    newly_right: list[ChangedQuestion] = field(default_factory=list)

    def of(self, *outcomes: Outcome) -> list[GateResult]:
        """The results with those outcomes, by outcome in the order given."""
        return [result for outcome in outcomes for result in self.results if result.outcome == outcome]

    @property
    def primary(self) -> GateResult | None:
        """The result of the metric that is tested at full strength."""
        return next((result for result in self.results if result.primary), None)

    @property
    def exit_code(self) -> int:
        """1 for a regression or an unmet requirement, whatever else could not be told; 2 when something, or
        everything, could not."""
        if self.of(Outcome.REGRESSION, Outcome.UNMET):
            return REGRESSED
        in_doubt = self.refusals or self.of(Outcome.MISSING, Outcome.UNDECIDED)
        return FINE if self.of(*COMPARED) and not in_doubt else CANNOT_TELL
