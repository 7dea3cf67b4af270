"""Contents of a comparison report before it is text: the terminal, Markdown, HTML and JSON show these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports.comparison.sentences import Code, sentence
from reports.record import Pair
from reports.table import Table


@dataclass(frozen=True)
class Statement:
    """Something that a report says: a code, and the names and figures of its sentence."""

    code: Code
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The statement in words."""
        return sentence(self.code, self.details)


def state(code: Code, **details: Any) -> Statement:
    """A statement; details that are None are unknown, and their part of the sentence is left out."""
    return Statement(code, {name: value for name, value in details.items() if value is not None})


@dataclass(frozen=True)
class Recommendation:
    """The answer to "which router?".

    Attributes:
        router: the one to take; None where no candidate's quality is scored.
        headline: with accuracy, latency and memory.
        reasons, caveats: the most important first.
    """

    router: str | None
    headline: Statement
    reasons: list[Statement]
    caveats: list[Statement]


@dataclass(frozen=True)
class Choice:
    """Decision of one router on a question.

    Attributes:
        answer: text of the expert that was asked.
        expert: who was asked, by the policy; None where nobody was.
        abstained: whether experts were there, and the policy asked none.
    """

    router: str
    predicted: str
    right: bool | None
    probability: float
    confidence: float
    answer: str | None = None
    expert: str | None = None
    abstained: bool = False


@dataclass(frozen=True)
class Question:
    """A question on which routers disagree or that one of them got wrong; `label` None is out of scope."""

    id: str
    query: str
    label: str | None
    slice: str
    reference: str | None
    choices: list[Choice]


@dataclass(frozen=True)
class Figure:
    """A picture in both formats.

    Attributes:
        name: of its files, without the ending.
        caption: what it shows, with n and how to read it.
        alt: the result in words, for somebody who cannot see it.
        svg: text whose ids no other figure has.
    """

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    png: bytes = field(repr=False)


@dataclass(frozen=True)
class Skipped:
    """A result that cannot be compared with the others, and why."""

    folder: Path
    reason: Statement


@dataclass(frozen=True)
class Report:
    """Everything that a comparison report says.

    Attributes:
        dataset: name of the data set.
        facts: what was compared: questions, machine, threads, commit.
        notices: what a reader has to know before using a figure.
        comparison: the first table.
        interval: `95 % interval`, what stands in its square brackets.
        tables: the others, in order.
        pairs: every two routers, as they were compared.
        questions: those shown; there are `n_questions` in all.
        method: how it was measured: tables of conditions, weights, checksums.
    """

    dataset: str
    facts: list[Statement]
    notices: list[Statement]
    recommendation: Recommendation
    comparison: Table
    interval: str
    tables: list[Table]
    pairs: list[Pair]
    figures: list[Figure]
    questions: list[Question]
    n_questions: int
    method: list[Table]
    skipped: list[Skipped]
