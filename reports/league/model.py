"""Contents of `league.json`: names, numbers and checksums, and no text of a question."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from common.settings import Statistics
from reports.metric_info import MetricInfo
from reports.record import DatasetUsed, Estimate, Metric, Provenance, Unscored


class Score(StrEnum):
    """Metric by which the contestants of a data set are compared."""

    ACCURACY = "accuracy"
    QUALITY = "quality"


class Front(StrEnum):
    """Metric beside the score of which a Pareto front is made; less is better."""

    LATENCY = "latency_p50"
    MEMORY = "peak_rss"
    COST = "cost"


@dataclass(frozen=True)
class Entry:
    """A contestant on a data set.

    Attributes:
        contestant: its name in the league.
        family: as in its record.
        metrics, unscored: those of the record that the league shows, and why others are missing.
        beats, beaten_by: contestants whose score is significantly lower, and higher.
        fronts: the Pareto fronts that it is on.
        provenance: of the record, without packages and data.
        record_sha256, predictions_sha256: of the files; None where they are not on this disk.
    """

    contestant: str
    family: str
    metrics: list[Metric]
    unscored: list[Unscored]
    provenance: Provenance
    beats: list[str] = field(default_factory=list)
    beaten_by: list[str] = field(default_factory=list)
    fronts: list[Front] = field(default_factory=list)
    record_sha256: str | None = None
    predictions_sha256: str | None = None

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, on all questions or on those out of scope."""
        return next((one for one in self.metrics if one.name == name), None)

    def missing(self, name: str) -> Unscored | None:
        """Reason why that metric was not computed, if the record says so."""
        return next((one for one in self.unscored if one.name == name), None)


@dataclass(frozen=True)
class Reference:
    """A choice to compare with, computed from the data set alone.

    Attributes:
        choice: domain or model that is always chosen; None of the oracle.
    """

    metrics: list[Metric]
    choice: str | None = None

    def metric(self, name: str) -> Metric | None:
        """The metric of that name."""
        return next((one for one in self.metrics if one.name == name), None)


@dataclass(frozen=True)
class DatasetResults:
    """Every contestant on one data set.

    Attributes:
        name: in the league.
        score: metric by which contestants are compared.
        questions: test questions that the score counts.
        used: the data set as the records have it, with its checksums.
        constant: the best of always the same domain, or model.
        oracle: the right domain, or the cheapest of the models with the best answer.
        entries: the best score first; last those without a score.
        absent: contestants without a result, and why.
        pairs: pairs of contestants that were compared.
        permuted: whether they were compared by a permutation test, and not by McNemar's.
    """

    name: str
    score: Score
    questions: int
    used: DatasetUsed
    constant: Reference
    oracle: Reference
    entries: list[Entry]
    absent: dict[str, str]
    pairs: int
    permuted: bool

    def entry(self, contestant: str) -> Entry | None:
        """The contestant's results; None where it has none."""
        return next((one for one in self.entries if one.contestant == contestant), None)

    def score_of(self, contestant: str) -> Metric | None:
        """The contestant's score, if it has one."""
        found = self.entry(contestant)
        return found.metric(self.score) if found else None

    def is_worthless(self, contestant: str) -> bool:
        """True for an accuracy that the best constant reaches for nothing: such a contestant is on no Pareto
        front and in no figure. Of the quality of answers it says nothing: the best model may cost more."""
        score, constant = self.score_of(contestant), self.constant.metric(self.score)
        if score is None or constant is None or self.score != Score.ACCURACY:
            return False
        return score.value <= constant.value

    @property
    def best(self) -> str | None:
        """The contestant that is significantly better than every other one with a score; None where there is
        none."""
        scored = [one for one in self.entries if one.metric(self.score)]
        return next((one.contestant for one in scored if 0 < len(one.beats) == len(scored) - 1), None)


@dataclass(frozen=True)
class Standing:
    """A contestant over all data sets.

    Attributes:
        place: 1 is first, equal means share one; None without a score on every data set that counts.
        score: mean over these data sets, each counting the same; None without a place.
        behind: mean score of the first less this one's, on the same questions, with an interval that holds
            together with those of all others; None of the first, and without a place.
        wins, losses: contestants that it beats, and is beaten by, beyond chance, summed over data sets.
        lacks: data sets that count on which it has no score.
    """

    contestant: str
    family: str
    wins: int
    losses: int
    lacks: list[str] = field(default_factory=list)
    place: int | None = None
    score: Estimate | None = None
    behind: Estimate | None = None


@dataclass(frozen=True)
class League:
    """Everything that a league table says.

    Attributes:
        suite: name of the suite.
        statistics, seed: of the intervals over all data sets, and of the tests.
        metrics: descriptions by name of what the tables show.
        standings: by place; last those without one.
    """

    suite: str
    statistics: Statistics
    seed: int
    metrics: dict[str, MetricInfo]
    datasets: list[DatasetResults]
    standings: list[Standing]

    @property
    def ranked(self) -> list[Standing]:
        """Contestants with a place."""
        return [one for one in self.standings if one.place is not None]

    @property
    def counted(self) -> list[DatasetResults]:
        """Data sets on which somebody has a score: those that the ranking is over."""
        return [one for one in self.datasets if any(entry.metric(one.score) for entry in one.entries)]

    @property
    def entries(self) -> Iterator[Entry]:
        """Every contestant on every data set."""
        for dataset in self.datasets:
            yield from dataset.entries
