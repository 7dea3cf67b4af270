"""Power of tests of paired differences: rows that a difference takes, and the smallest loss that is found."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.significance import ROUNDING, holm_steps

POWER = 0.8
# Halvings of [0, 1]: the loss is exact to a ten-thousandth of a point.
_STEPS = 20
# Numbers of discordant rows that are looked at; of more, evenly spread ones stand for their neighbours.
_NUMBERS = 2000

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


def mcnemar_power(n: int, discordant: float, first: float, level: float) -> float:
    """Power of McNemar's exact test at `level` on `n` rows: a share `discordant` of them is right for one
    alone, and a share `first` of those for the first. In the mean over the number of discordant rows."""
    numbers, chances = _discordant(n, discordant)
    most = _most_for_the_loser(numbers, level)
    return float(chances @ (_at_most(most, numbers, first) + _at_most(most, numbers, 1 - first)))


def loss_power(n: int, discordant: float, loss: float, alpha: float, tolerance: float) -> float:
    """Probability that McNemar's exact test, one-sided at `alpha`, finds a loss of a share, and that the
    observed loss is beyond the tolerance.

    Each of the `n` rows is discordant with probability `discordant`, or with `loss` where that is more, and
    lost rather than gained so that the share falls by `loss`. The number of discordant rows is binomial, and
    so is that of the lost ones among them: the probability is a sum, not an approximation.
    """
    discordant = max(discordant, loss)
    if not discordant:
        return 0.0
    numbers, chances = _discordant(n, discordant)
    # Gained rows at most, where the loss is beyond the tolerance.
    beyond = np.ceil((numbers - n * (tolerance + ROUNDING)) / 2) - 1
    most = np.minimum(_most_for_the_loser(numbers, 2 * alpha), beyond)
    return float(chances @ _at_most(most, numbers, (discordant - loss) / (2 * discordant)))


def _discordant(n: int, share: float) -> tuple[Numbers, Floats]:
    """Numbers of discordant rows among `n` within six standard deviations of the mean, and their
    probabilities, which sum to 1."""
    from scipy.special import gammaln, xlog1py, xlogy

    reach = 6 * math.sqrt(n * share * (1 - share)) + 1
    first, last = max(0, math.floor(n * share - reach)), min(n, math.ceil(n * share + reach))
    numbers = np.arange(first, last + 1, 1 + (last - first) // _NUMBERS)
    logs = (
        xlogy(numbers, share) + xlog1py(n - numbers, -share) - gammaln(numbers + 1) - gammaln(n - numbers + 1)
    )
    chances = np.exp(logs - logs.max())
    return numbers, chances / chances.sum()


def _at_most(most: Floats | Numbers, numbers: Numbers, share: float) -> Floats:
    """Probability that at most so many of the numbers (n,) are of a kind that has this share."""
    from scipy.special import betainc

    # As `scipy.special.bdtr`, which takes no number above 2^31.
    return np.where(most >= 0, betainc(numbers - most, np.maximum(most, 0) + 1, 1 - share), 0.0)


def _most_for_the_loser(discordant: Numbers, level: float) -> Floats:
    """Rows (n,) that the loser alone may have right at most where McNemar's exact test decides, of so many
    discordant ones (n,); -1 where it never does."""
    spread = NormalDist().inv_cdf(1 - level / 2) * np.sqrt(discordant)
    # The normal approximation is off by less than three.
    tried = np.floor((discordant - spread) / 2)[:, None] + np.arange(-3, 4)
    tried = np.clip(tried, -1, discordant[:, None])
    decides = 2 * _at_most(tried, discordant[:, None], 0.5) <= level
    return np.asarray(np.where(decides, tried, -1).max(axis=1))


def rows_needed(only_first: int, only_second: int, n: int, level: float = 0.05) -> int | None:
    """Rows with which McNemar's exact test at `level` finds the observed difference with `POWER`, if what was
    observed of `n` rows is the truth; to three digits. None where no difference was observed."""
    if only_first == only_second:
        return None
    discordant = (only_first + only_second) / n
    first = only_first / (only_first + only_second)

    def is_enough(rows: int) -> bool:
        return mcnemar_power(rows, discordant, first, level) >= POWER

    enough = 1
    while not is_enough(enough):
        enough *= 2
    few, step = enough // 2, int(10 ** max(0, len(str(enough)) - 3))
    while enough - few > step:
        middle = (few + enough) // 2
        few, enough = (few, middle) if is_enough(middle) else (middle, enough)
    return math.ceil(enough / step) * step


def rows_needed_together(
    alone: Sequence[tuple[int, int] | None], p_values: Sequence[float], n: int, alpha: float
) -> list[int | None]:
    """`rows_needed` of several pairs, tested together by Holm's procedure at `alpha`: each at the level that
    its p meets, and not before those whose p is smaller.

    Args:
        alone: by pair, rows that the first alone and the second alone got right; None where it is tested
            otherwise than by McNemar's test.
        p_values: of the pairs' tests.
        n: rows.
    """
    needed: list[int | None] = [None] * len(alone)
    before = 0
    for index, level in holm_steps(p_values, alpha):
        counts = alone[index]
        found = None if counts is None else rows_needed(*counts, n, level)
        if found is not None:
            needed[index] = before = max(before, found)
    return needed


def detectable_loss(n: int, discordant: float, alpha: float, tolerance: float) -> float | None:
    """Smallest loss of a share that `loss_power` finds with `POWER`; None where it finds none."""
    if loss_power(n, discordant, 1.0, alpha, tolerance) < POWER:
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if loss_power(n, discordant, middle, alpha, tolerance) < POWER:
            low = middle
        else:
            high = middle
    return high


def detectable_shift(error: float, alpha: float, tolerance: float) -> float | None:
    """Smallest change for the worse that a one-sided test at `alpha` finds with `POWER`, and beyond the
    tolerance, where the change is normal with the standard `error`; None of an error of 0, which says that
    nothing changed and not how much could."""
    if not error or math.isnan(error):
        return None
    normal = NormalDist()
    return max(tolerance, normal.inv_cdf(1 - alpha) * error) + normal.inv_cdf(POWER) * error
