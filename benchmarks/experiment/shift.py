"""Comparison of the test with the questions that a threshold was chosen on: a promise
holds only where both are alike."""

from collections.abc import Mapping
from typing import NamedTuple

from benchmarks.stats.significance import holm
from reports.record import Shift


class Count(NamedTuple):
    """Questions of which something is true, of how many."""

    true: int
    n: int


def shifts(counts: Mapping[str, tuple[Count, Count]]) -> list[Shift]:
    """Shares on the questions that a threshold was chosen on, and on the test, by figure; those that lack
    questions on one side are left out.

    Both sides are compared by Fisher's exact test, two-sided, with Holm's correction over the figures.
    """
    from scipy.stats import fisher_exact

    known = {figure: sides for figure, sides in counts.items() if all(one.n for one in sides)}
    tables = [[[one.true, one.n - one.true] for one in sides] for sides in known.values()]
    p_values = [float(fisher_exact(table).pvalue) for table in tables]
    return [
        Shift(figure, chosen_on.true / chosen_on.n, chosen_on.n, test.true / test.n, test.n, p)
        for (figure, (chosen_on, test)), p in zip(known.items(), holm(p_values), strict=True)
    ]
