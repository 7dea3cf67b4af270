"""What the regression gate found: one finding a metric, and the exit code that follows."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of one metric."""

    PASSED = "passed"
    IMPROVED = "improved"
    REGRESSION = "regression"
    MISSING = "missing"
    SKIPPED = "skipped"


FINE, REGRESSED, CANNOT_TELL = 0, 1, 2


@dataclass(frozen=True)
class Finding:
    """One metric of a run beside the same of its baseline.

    Attributes:
        kind: `quality`, `latency` or `memory`.
        baseline, run: the values, in `unit`; None where there is none.
        change: run minus baseline of quality, in `unit`; of anything else run / baseline − 1.
        ci_low, ci_high: interval of `change`, with the confidence that the baseline was made with.
        p: that chance alone makes it this much worse (of an improved one: better), corrected for how many
            were tested; quality only.
        tolerance: how much worse is let pass, in the unit of `change`.
        reason: one sentence: what, how much, how sure; or why it was skipped or is missing.
    """

    metric: str
    slice: str
    kind: str
    unit: str
    higher_is_better: bool
    outcome: Outcome
    reason: str
    tolerance: float
    baseline: float | None = None
    run: float | None = None
    change: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None


@dataclass(frozen=True)
class Check:
    """A run beside its baseline.

    Attributes:
        run, baseline: the folders.
        refusals: why the two cannot be compared at all; there are no findings then.
        notes: what differs between the two besides figures: commit, configuration, packages.
    """

    router: str
    dataset: str
    run: str
    baseline: str
    findings: list[Finding]
    refusals: list[str]
    notes: list[str]

    def of(self, outcome: Outcome) -> list[Finding]:
        """The findings with that outcome."""
        return [finding for finding in self.findings if finding.outcome == outcome]

    @property
    def exit_code(self) -> int:
        """1 for a regression, whatever else could not be told; 2 when something, or everything, could not."""
        if self.of(Outcome.REGRESSION):
            return REGRESSED
        told = self.of(Outcome.PASSED) or self.of(Outcome.IMPROVED)
        return FINE if told and not self.refusals and not self.of(Outcome.MISSING) else CANNOT_TELL
