"""Rules of a check: what is let pass, required and accepted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from benchmarks.gate.accepted import Accepted
from benchmarks.gate.requirements import Requirement


@dataclass(frozen=True)
class Rules:
    """Rules of a check.

    Attributes:
        tolerances: by metric name, how much worse is let pass, instead of the defaults.
        margin: a loss of accuracy that has to be shown not to be there; None for the tolerance and the test.
        requirements: limits that the run must keep to, whatever the baseline has.
        advisory: names of metrics that are reported and fail nothing, as `accuracy` or `accuracy[overlap]`.
        accepted: losses that were accepted for a while.
        today: date on which `accepted` is read.
    """

    tolerances: Mapping[str, float] = field(default_factory=dict)
    margin: float | None = None
    requirements: Sequence[Requirement] = ()
    advisory: Sequence[str] = ()
    accepted: Sequence[Accepted] = ()
    today: date = field(default_factory=date.today)
