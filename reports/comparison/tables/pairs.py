"""Every two routers of a report on the same questions: how much better, and how sure."""

from collections.abc import Sequence
from itertools import combinations

from reports.comparison.ranking import Ranking
from reports.record import Pair, PairedDifference, Verdict
from reports.table import Cell, Column, Row, Table
from reports.text.cells import p_text
from reports.text.statistics import Paired, accuracy_test

# Every two of ten routers.
MOST = 45


def pairs_table(ranking: Ranking, chosen: str | None, paired: Paired) -> Table | None:
    """The better ranked of each two first; of more than `MOST` pairs those of `chosen` go before the others.

    None where nothing was compared.
    """
    names = [record.router for record in ranking.records]
    pairs = [found for first, second in combinations(names, 2) if (found := ranking.pair(first, second))]
    if not pairs:
        return None
    shown = sorted(pairs, key=lambda pair: chosen not in (pair.first, pair.second))[:MOST]
    # In the order of the ranking, where all of them are shown.
    return table_of_pairs(pairs if len(pairs) <= MOST else shown, len(pairs), paired)


def table_of_pairs(pairs: Sequence[Pair], n_compared: int, paired: Paired) -> Table:
    """A row a pair, at least one, of `n_compared` that were compared together."""
    answered = any(pair.rouge for pair in pairs)
    several = n_compared > 1
    drawn = any(pair.drawn for pair in pairs)
    corrected = f", corrected for all {n_compared} pairs (Holm)" if several else ""
    about = [
        f"On the same {pairs[0].n:,} questions with a domain: the router named first minus the second.",
        f"The verdict is on accuracy: {accuracy_test(pairs[0].weighted, drawn)} on the questions that one of "
        f"the two alone got right, at {paired.level}{corrected}.",
    ]
    if drawn:
        about.append(
            "A router that draws its choices, such as random, is measured by the mean over all draws; where "
            "choices are shown, they are of one draw."
        )
    if answered:
        about.append(f"ROUGE-L: a permutation test at {paired.level}{corrected}.")
    about.append(
        f"In square brackets the {paired.interval}: it is as wide as the test asks, and excludes 0 exactly "
        "where the difference is significant."
    )
    if len(pairs) < n_compared:
        about.append(f"The {len(pairs)} of {n_compared} pairs that matter most.")
    return Table(
        key="pairs",
        title="Every two routers",
        columns=_columns(answered, several, paired),
        rows=[Row(f"{pair.first} – {pair.second}", _cells(pair, answered)) for pair in pairs],
        head="pair",
        about=about,
    )


def _columns(answered: bool, several: bool, paired: Paired) -> list[Column]:
    corrected = ", corrected for all pairs" if several else ""
    columns = [
        Column("verdict", "verdict", about="the significantly more accurate one"),
        _points(
            "difference",
            "difference",
            "points",
            f"of accuracy, with its {paired.interval}",
        ),
        Column("only_first", "first alone right", "", "questions that only the first got right", digits=0),
        Column("only_second", "second alone right", "", "questions that only the second got right", digits=0),
        Column(
            "p", "p (Holm)" if several else "p", "", f"how often chance alone would do as much{corrected}"
        ),
        Column(
            "rows_needed",
            "questions needed",
            "",
            f"for a significant difference at {paired.level}{corrected}, with 80 % power, if the difference "
            "seen is the true one; empty where there is none, or where the test is a permutation test",
            digits=0,
        ),
    ]
    if answered:
        about = f"of the chosen experts' answers, with its {paired.interval}"
        columns.append(_points("rougeL", "ROUGE-L difference", "F1 × 100", about))
        title = "p of ROUGE-L (Holm)" if several else "p of ROUGE-L"
        columns.append(Column("rougeL_p", title, "", f"as p, of ROUGE-L{corrected}"))
    return columns


def _points(key: str, title: str, unit: str, about: str) -> Column:
    return Column(key, title, unit, about, scale=100, digits=1, interval=True, signed=True)


def _cells(pair: Pair, answered: bool) -> list[Cell]:
    better = {Verdict.BETTER: pair.first, Verdict.WORSE: pair.second}.get(pair.verdict)
    cells = [
        Cell(f"{better} is better" if better else "not significant"),
        _estimate(pair),
        Cell(pair.only_first),
        Cell(pair.only_second),
        Cell(p_text(pair.p_adjusted)),
        Cell(pair.rows_needed),
    ]
    rouge = pair.rouge
    answers = [_estimate(rouge), Cell(p_text(rouge.p_adjusted))] if rouge else [Cell(), Cell()]
    return [*cells, *answers] if answered else cells


def _estimate(found: PairedDifference) -> Cell:
    return Cell(found.difference, found.ci_low, found.ci_high)
