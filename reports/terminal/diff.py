"""Output of `diff`: a verdict on every two routers, and questions on which they disagree."""

from collections.abc import Iterator, Sequence

from reports.comparison.tables.pairs import table_of_pairs
from reports.record import Pair
from reports.terminal.render import plain_console, print_lines, print_table
from reports.text.statistics import Paired

_RIGHT, _WRONG = "✓", "✗"


def print_pairs(pairs: Sequence[Pair], paired: Paired, rows: int) -> None:
    """Print one line a pair, then up to `rows` of the questions on which any two disagree."""
    console = plain_console()
    print_table(console, table_of_pairs(pairs, len(pairs), paired))
    print_lines(console, _disagreements(pairs, rows))


def _disagreements(pairs: Sequence[Pair], rows: int) -> Iterator[str]:
    """A line for the answers and one for the question."""
    questions = _questions(pairs)
    yield ""
    if not questions:
        yield "They chose the same domain for every question."
        return
    yield f"Where they disagree, {min(rows, len(questions))} of {len(questions)} questions:"
    for identity, (query, label, answers) in list(questions.items())[:rows]:
        chosen = ", ".join(
            f"{name}: {answer} {_RIGHT if answer == label else _WRONG}" for name, answer in answers.items()
        )
        yield f"  {identity} is {label}; {chosen}"
        yield f"    {' '.join(query.split())}"


def _questions(pairs: Sequence[Pair]) -> dict[str, tuple[str, str, dict[str, str]]]:
    """By id: the question, its domain, and the answer of each router that disagrees with another."""
    found: dict[str, tuple[str, str, dict[str, str]]] = {}
    for pair in pairs:
        for row in pair.disagreements:
            _, _, answers = found.setdefault(row.id, (row.query, row.label, {}))
            answers[pair.first] = row.first
            answers[pair.second] = row.second
    return found
