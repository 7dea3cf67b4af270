"""LLMRouterBench's scores of a router (Li et al., 2026, arXiv 2601.07206, sections 3.2 and 6).

The authors' repository has them in words and not in code. The formulas are those of two public
re-implementations that name these sections, of the cost saved of one alone; the paper itself could not be
read here. The paper averages each score over its data sets; here it is of one data set.
"""

import numpy as np

from benchmarks.metrics.entry import Floats, ratio

# Sums of the same numbers in another order differ by less.
ROUNDING = 1e-9


def gain(quality: Floats, single: Floats) -> Floats:
    """Gain over the best single model, as a share of its quality: `Gain@B`."""
    return ratio(quality, single) - 1


def gap(quality: Floats, best: Floats) -> Floats:
    """Gap to an oracle of that quality, as a share of it: `Gap@O`."""
    return 1 - ratio(quality, best)


def saved(cost: Floats, quality: Floats, single_cost: Floats, single_quality: Floats) -> Floats:
    """Cost saved against the best single model (n_curves,), as a share of its cost: `CostSave`.

    It is that of the cheapest setting whose quality is not below the single model's; NaN where there is none.
    `cost` and `quality` are those of each setting (n_curves, n_settings).
    """
    reached = quality >= single_quality[:, None] - ROUNDING
    least = np.where(reached, cost, np.inf).min(axis=1)
    return np.asarray(np.where(reached.any(axis=1), 1 - ratio(least, single_cost), np.nan))
