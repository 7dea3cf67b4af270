"""A comparison report before it is Markdown, HTML or JSON: what it says, in the order in which it says it."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Column:
    """Of a table.

    Attributes:
        key: stable name in report.json.
        title: short, as the table's head has it; the unit stands beside it.
        unit: `%`, `ms`, `MB`, …; empty for words.
        about: one sentence on what it is and how it was taken.
    """

    key: str
    title: str
    unit: str = ""
    about: str = ""


@dataclass(frozen=True)
class Cell:
    """Of a table.

    Attributes:
        text: what is shown; an en dash where there is nothing.
        value, low, high: the figure and its interval in the column's unit, where it is one.
        best: better than every other in its column, beyond doubt.
        why: why there is no figure.
    """

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    best: bool = False
    why: str | None = None


@dataclass(frozen=True)
class Row:
    """Of a table; `note` says what kind of row it is where that is not plain, such as `baseline`."""

    name: str
    cells: list[Cell]
    note: str = ""


@dataclass(frozen=True)
class Table:
    """One row head and as many cells a row as `columns`; `about` is what a reader has to know of it."""

    key: str
    title: str
    columns: list[Column]
    rows: list[Row]
    about: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer to "which router?".

    Attributes:
        router: the one to take.
        sentence: the answer with its figures, one sentence.
        evidence, doubts: further sentences, the weightiest first.
    """

    router: str
    sentence: str
    evidence: list[str]
    doubts: list[str]


@dataclass(frozen=True)
class Choice:
    """What one router made of a question.

    Attributes:
        answer: what the expert that was asked said.
        expert: who was asked, by the policy; None where nobody was.
        abstained: experts were there, and the policy asked none.
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
        alt: what somebody who cannot see it needs to know: the finding, not the looks.
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
    """A result that does not belong beside the others."""

    folder: Path
    reason: str


@dataclass(frozen=True)
class Report:
    """Everything that a comparison report says.

    Attributes:
        dataset: name of the data set.
        facts: what was compared, in a few words each: questions, machine, threads, commit.
        notices: what has to be known before a figure is believed.
        comparison: the table of the first screen.
        interval: what stands in its square brackets.
        tables: the further ones, in order.
        questions: those shown; there are `n_questions` in all.
        method: how it was measured: tables of conditions, weights, checksums.
    """

    dataset: str
    facts: list[str]
    notices: list[str]
    verdict: Verdict
    comparison: Table
    interval: str
    tables: list[Table]
    figures: list[Figure]
    questions: list[Question]
    n_questions: int
    method: list[Table]
    skipped: list[Skipped]
