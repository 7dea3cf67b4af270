"""Routers side by side on the same questions: ranked, with the test of every two."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from reports.record import Constant, Estimate, Metric, Pair, PairedDifference, Record, Verdict
from reports.record_files import Result

BASELINE = "baseline"
_OTHER_WAY = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
Found = TypeVar("Found", bound=PairedDifference)


@dataclass(frozen=True)
class Ranking:
    """The routers of a report.

    Attributes:
        records: by accuracy, best first, baselines after the others; `router` is the name to show.
        pairs: by the names of two routers, the first against the second; both ways round.
        constant: the best constant choice, where the routers were compared with it.
    """

    records: list[Record]
    pairs: dict[tuple[str, str], Pair]
    constant: Constant | None = None

    @property
    def n_pairs(self) -> int:
        """Number of pairs that were compared together."""
        return len(self.pairs) // 2

    @property
    def weighted(self) -> bool:
        """Tell whether questions have weights, so that accuracy is tested by permutation."""
        return any(pair.weighted for pair in self.pairs.values())

    @property
    def candidates(self) -> list[Record]:
        """Routers that one could take: not the baselines, unless there is nothing else."""
        return [record for record in self.records if record.family != BASELINE] or self.records

    @property
    def eligible(self) -> list[Record]:
        """Candidates whose quality is scored: one of the others cannot be recommended."""
        return [record for record in self.candidates if record.is_scored]

    @property
    def baselines(self) -> list[Record]:
        """Routers to compare with: all that are not candidates."""
        return [record for record in self.records if record not in self.candidates]

    def pair(self, name: str, other: str) -> Pair | None:
        """None when the two were not compared."""
        return self.pairs.get((name, other))

    def beats(self, name: str, other: str) -> bool:
        """Tell whether the first is significantly more accurate than the second."""
        found = self.pair(name, other)
        return found is not None and found.verdict == Verdict.BETTER

    def beaten(self, name: str, among: Iterable[Record]) -> list[str]:
        """Routers among them that it is significantly more accurate than."""
        return [record.router for record in among if self.beats(name, record.router)]

    def beating(self, name: str, among: Iterable[Record]) -> list[str]:
        """Routers among them that are significantly more accurate."""
        return [record.router for record in among if self.beats(record.router, name)]

    def answers_better(self, name: str, other: str) -> bool:
        """Tell whether the answers with the first have a significantly higher ROUGE-L."""
        found = self.pair(name, other)
        return found is not None and found.rouge is not None and found.rouge.verdict == Verdict.BETTER

    def unclear(self, name: str, among: Iterable[Record]) -> list[tuple[Record, Pair]]:
        """Routers among them whose accuracy does not differ significantly; nearest to being better first."""
        met = [(record, found) for record in among if (found := self.pair(name, record.router))]
        unclear = [both for both in met if both[1].verdict == Verdict.CANNOT_TELL]
        return sorted(unclear, key=lambda both: both[1].difference)


def rank(results: Mapping[str, Result], pairs: Sequence[Pair], constant: Constant | None = None) -> Ranking:
    """Rank `results`, by the name to show."""
    records = [replace(result.record, router=name) for name, result in results.items()]
    both_ways = {}
    for pair in pairs:
        both_ways[pair.first, pair.second] = pair
        both_ways[pair.second, pair.first] = _turned(pair)
    return Ranking(sorted(records, key=_order), both_ways, constant)


def difference(pair: PairedDifference) -> Estimate:
    """The difference with its interval."""
    return Estimate(pair.difference, pair.ci_low, pair.ci_high)


def gains(ranking: Ranking, name: str, others: Sequence[str]) -> dict[str, Estimate]:
    """Gains in accuracy over each of them."""
    return {other: difference(found) for other in others if (found := ranking.pair(name, other))}


def value_of(metric: Metric | None) -> float | None:
    """The value, if the metric was computed."""
    return metric.value if metric else None


def estimate(metric: Metric | None) -> Estimate | float | None:
    """A metric with its interval where it has one."""
    if metric is None or metric.ci_low is None or metric.ci_high is None:
        return value_of(metric)
    return Estimate(metric.value, metric.ci_low, metric.ci_high)


def _turned(pair: Pair) -> Pair:
    """The same, the second against the first."""
    return replace(
        _negative(pair),
        first=pair.second,
        second=pair.first,
        only_first=pair.only_second,
        only_second=pair.only_first,
        rouge=pair.rouge and _negative(pair.rouge),
    )


def _negative(found: Found) -> Found:
    return replace(
        found,
        difference=-found.difference,
        ci_low=-found.ci_high,
        ci_high=-found.ci_low,
        verdict=_OTHER_WAY.get(found.verdict, found.verdict),
    )


def _order(record: Record) -> tuple[bool, float]:
    accuracy = record.metric("accuracy")
    # One without an accuracy is last of its kind.
    return record.family == BASELINE, -accuracy.value if accuracy else 1.0
