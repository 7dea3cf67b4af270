"""Every two routers of a report on the same questions: how much better, and how sure."""

from itertools import combinations

from reports.comparison.cells import nothing, number, words
from reports.comparison.model import Cell, Column, Row, Table
from reports.comparison.ranking import Against, Contest
from reports.record import BETTER, WORSE
from reports.terminal.console import LEAST_P
from reports.text.statistics import Paired, enough_already

# Every two of ten routers.
MOST = 45


def pairs_table(contest: Contest, chosen: str, paired: Paired) -> Table | None:
    """The better ranked of each two first; of more than `MOST` pairs those of `chosen` go before the others.

    None where nothing was compared.
    """
    names = [record.router for record in contest.records]
    pairs = [pair for pair in combinations(names, 2) if contest.against(*pair)]
    if not pairs:
        return None
    shown = sorted(pairs, key=lambda pair: chosen not in pair)[:MOST] if len(pairs) > MOST else pairs
    met = [(pair, found) for pair in shown if (found := contest.against(*pair))]
    answered = any(found.rouge for _, found in met)
    n = met[0][1].n
    several = len(pairs) > 1
    corrected = f", corrected for all {len(pairs)} pairs (Holm)" if several else ""
    left_out = f" The {len(shown)} of {len(pairs)} pairs that matter most." if len(shown) < len(pairs) else ""
    return Table(
        key="pairs",
        title="Every two routers",
        columns=_columns(answered, several, paired),
        rows=[
            Row(f"{first} – {second}", _cells(first, second, found, answered, several))
            for (first, second), found in met
        ],
        about=(
            f"On the same {n:,} questions with a domain, the router named first minus the second. The "
            f"verdict is {contest.test} on the questions that one of the two alone got right, at "
            f"{paired.level}{corrected}.{left_out}"
        ),
    )


def _columns(answered: bool, several: bool, paired: Paired) -> list[Column]:
    columns = [
        Column("verdict", "verdict", "", "what is beyond doubt about accuracy"),
        Column(
            "difference",
            "difference",
            "points",
            f"of accuracy, with its paired {paired.interval} (bootstrap)",
        ),
        Column(
            "only_first", "first alone right", "", "questions that the first got right and the second wrong"
        ),
        Column(
            "only_second", "second alone right", "", "questions that the second got right and the first wrong"
        ),
        Column(
            "p_adjusted",
            "p (Holm)" if several else "p",
            "",
            "how often chance alone would do as much" + (", corrected for all pairs" if several else ""),
        ),
        Column(
            "rows_needed",
            "questions needed",
            "",
            "to tell the two apart with 80 % power if the difference seen is the true one, at "
            f"{paired.level}" + (", not corrected for all pairs" if several else ""),
        ),
    ]
    if answered:
        columns.append(
            Column(
                "rougeL",
                "ROUGE-L difference",
                "× 100",
                f"of the chosen experts' answers, with its paired {paired.interval}",
            )
        )
    return columns


def _cells(first: str, second: str, found: Against, answered: bool, several: bool) -> list[Cell]:
    verdicts = {BETTER: f"{first} is better", WORSE: f"{second} is better"}
    cells = [
        words(verdicts.get(found.verdict, "cannot tell")),
        _points((found.difference, found.low, found.high)),
        number(found.alone, digits=0),
        number(found.other_alone, digits=0),
        Cell(f"{found.p:.3f}" if found.p >= LEAST_P else f"<{LEAST_P}", found.p),
        _needed(found, several),
    ]
    if answered:
        cells.append(
            _points(found.rouge) if found.rouge else nothing("the answers of the two were not compared")
        )
    return cells


def _needed(found: Against, several: bool) -> Cell:
    if found.rows_needed is None:
        why = "not known for weighted questions" if found.difference else "no difference was observed"
        return nothing(why)
    if enough_already(found.verdict, found.rows_needed, found.n):
        why = "leaves out the correction for several pairs" if several else "is rough for few questions"
        return nothing(f"those there are would do for the formula, which {why}")
    return number(found.rows_needed, digits=0)


def _points(values: tuple[float, float, float]) -> Cell:
    value, low, high = (100 * part for part in values)
    return number(value, low, high, digits=1, interval=True, signed=True)
