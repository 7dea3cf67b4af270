"""What `diff` prints: a verdict on every two routers, and questions on which they disagree."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from reports.terminal.console import columns, harmless, plain_console, table
from reports.text.statistics import accuracy_test, enough_already

# A pair as its JSON holds it.
Pair = Mapping[str, Any]

_RIGHT, _WRONG = "✓", "✗"


def print_pairs(pairs: Sequence[Pair], confidence: float, power: float, rows: int) -> None:
    """Print one line a pair, then up to `rows` of the questions on which any two disagree.

    A pair holds `first`, `second`, `n`, `weighted`, `difference`, `ci_low`, `ci_high`, `only_first`,
    `only_second`, `p_value`, `p_adjusted`, `verdict`, `rows_needed` and `disagreements`, each of which holds
    `id`, `query`, `label`, and the domains `first` and `second`.
    """
    console = plain_console()
    console.print()
    console.print(_verdicts(pairs, confidence, power))
    for line in (_method(pairs, confidence), *_disagreements(pairs, rows)):
        console.print(harmless(line), highlight=False, soft_wrap=True)


def _verdicts(pairs: Sequence[Pair], confidence: float, power: float) -> Table:
    shown = table(f"Accuracy on the same {pairs[0]['n']} test questions with a domain")
    interval = f"points\n[{100 * confidence:g} % interval]"
    needed = f"rows to\ntell, {100 * power:g} %"
    corrected = "p,\nHolm" if len(pairs) > 1 else "p"
    columns(shown, "", ["verdict", interval, "alone\nright", corrected, needed])
    for column in shown.columns[1:]:
        column.no_wrap = True
    for pair in pairs:
        shown.add_row(
            harmless(f"{pair['first']} – {pair['second']}"),
            str(pair["verdict"]),
            _points(pair),
            f"{pair['only_first']} – {pair['only_second']}",
            _p(pair["p_adjusted"]),
            "–" if pair["rows_needed"] is None or _enough(pair) else f"{pair['rows_needed']:,}",
        )
    return shown


def _method(pairs: Sequence[Pair], confidence: float) -> str:
    test = accuracy_test(pairs[0]["weighted"])
    corrected = f", corrected for {len(pairs)} comparisons (Holm)" if len(pairs) > 1 else ""
    said = (
        f"The verdict is on the router named first: {test} on the questions that one of the two alone got "
        f"right, at {1 - confidence:.2g}{corrected}."
    )
    if any(map(_enough, pairs)):
        said += (
            " A dash where it cannot tell: the rows there are would do for the formula, which leaves out the "
            "correction and is rough for few of them."
        )
    return said


def _enough(pair: Pair) -> bool:
    return enough_already(pair["verdict"], pair["rows_needed"], pair["n"])


def _points(pair: Pair) -> str:
    low, high = pair["ci_low"], pair["ci_high"]
    return f"{100 * pair['difference']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def _disagreements(pairs: Sequence[Pair], rows: int) -> list[str]:
    """A line for the answers and one for the question."""
    questions = _questions(pairs)
    if not questions:
        return ["", "They chose the same domain for every question."]
    lines = ["", f"Where they disagree, {min(rows, len(questions))} of {len(questions)} questions:"]
    for identity, (query, label, answers) in list(questions.items())[:rows]:
        chosen = ", ".join(
            f"{name}: {answer} {_RIGHT if answer == label else _WRONG}" for name, answer in answers.items()
        )
        lines += [f"  {identity} is {label}; {chosen}", f"    {' '.join(query.split())}"]
    return lines


def _questions(pairs: Sequence[Pair]) -> dict[str, tuple[str, str, dict[str, str]]]:
    """By id: the question, its domain, and what each router answered that disagrees with another."""
    found: dict[str, tuple[str, str, dict[str, str]]] = {}
    for pair in pairs:
        for row in pair["disagreements"]:
            _, _, answers = found.setdefault(row["id"], (row["query"], row["label"], {}))
            answers[pair["first"]] = row["first"]
            answers[pair["second"]] = row["second"]
    return found
