"""Routers side by side on the same questions: ranked, with what the tests say of every two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reports.record import BETTER, WORSE, Record, Result
from reports.text.statistics import accuracy_test

BASELINE = "baseline"


@dataclass(frozen=True)
class Against:
    """One router against another, as fractions of the questions with a domain.

    Attributes:
        difference, low, high: accuracy minus that of the other, and its paired interval.
        alone, other_alone: questions that one of the two alone got right.
        p: of the test of accuracy, after Holm's correction; `p_alone` before it.
        verdict: `better`, `worse`, or `cannot tell at n=…`.
        rows_needed: questions that it would take to tell them apart; None without a difference, or with
            weights.
        rouge: ROUGE-L of the answers minus that of the other, and its paired interval.
    """

    n: int
    difference: float
    low: float
    high: float
    alone: int
    other_alone: int
    p: float
    p_alone: float
    verdict: str
    rows_needed: int | None
    rouge: tuple[float, float, float] | None

    def turned(self) -> "Against":
        """The same, said of the other."""
        verdict = {BETTER: WORSE, WORSE: BETTER}.get(self.verdict, self.verdict)
        rouge = self.rouge and (-self.rouge[0], -self.rouge[2], -self.rouge[1])
        return replace(
            self,
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
            alone=self.other_alone,
            other_alone=self.alone,
            verdict=verdict,
            rouge=rouge,
        )


@dataclass(frozen=True)
class Contest:
    """What a report compares.

    Attributes:
        records: by accuracy, best first, baselines after the others; `router` is the name to show.
        met: by the names of two routers, the first against the second; both ways round.
        weighted: whether questions have weights, so that accuracy is tested by random signs in the place of
            McNemar's test.
    """

    records: list[Record]
    met: dict[tuple[str, str], Against]
    weighted: bool = False

    @property
    def test(self) -> str:
        """Of accuracy, in words."""
        return accuracy_test(self.weighted)

    @property
    def candidates(self) -> list[Record]:
        """Those that one could take: not the baselines, unless there is nothing else."""
        return [record for record in self.records if record.family != BASELINE] or self.records

    @property
    def baselines(self) -> list[Record]:
        """The yardsticks: all that are not candidates."""
        return [record for record in self.records if record not in self.candidates]

    def against(self, name: str, other: str) -> Against | None:
        """None when the two were not compared."""
        return self.met.get((name, other))

    def beats(self, name: str, other: str) -> bool:
        """Whether the first is more accurate than the second beyond doubt."""
        found = self.against(name, other)
        return found is not None and found.verdict == BETTER

    def unclear(self, name: str, among: Sequence[Record]) -> list[tuple[Record, Against]]:
        """Those of them that it cannot be told apart from by accuracy; nearest to being better first."""
        met = [(record, found) for record in among if (found := self.against(name, record.router))]
        unclear = [pair for pair in met if pair[1].verdict not in (BETTER, WORSE)]
        return sorted(unclear, key=lambda pair: pair[1].difference)


def contest(results: Mapping[str, Result], pairs: Sequence[Mapping[str, Any]]) -> Contest:
    """Rank `results` and orient `pairs`: keys of `benchmarks.stats.paired.Pair` and `rougeL`."""
    records = [replace(result.record, router=name) for name, result in results.items()]
    weighted = any(pair["weighted"] for pair in pairs)
    met = {}
    for pair in pairs:
        rouge = pair.get("rougeL")
        found = Against(
            n=pair["n"],
            difference=pair["difference"],
            low=pair["ci_low"],
            high=pair["ci_high"],
            alone=pair["only_first"],
            other_alone=pair["only_second"],
            p=pair["p_adjusted"],
            p_alone=pair["p_value"],
            verdict=pair["verdict"],
            rows_needed=pair["rows_needed"],
            rouge=None if rouge is None else (rouge[0], rouge[1], rouge[2]),
        )
        met[pair["first"], pair["second"]] = found
        met[pair["second"], pair["first"]] = found.turned()
    return Contest(sorted(records, key=_rank), met, weighted)


def _rank(record: Record) -> tuple[bool, float]:
    accuracy = record.metric("accuracy")
    # One without an accuracy is last of its kind.
    return record.family == BASELINE, -accuracy.value if accuracy else 1.0
