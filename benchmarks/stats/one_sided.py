"""Smallest loss that a one-sided test finds."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.significance import POWER, ROUNDING

# Numbers of discordant rows that are left out are together less likely than this.
_NEGLIGIBLE = 1e-9
# Halvings of [0, 1]: the loss is exact to a ten-thousandth of a point.
_STEPS = 20

Floats = NDArray[np.float64]


def loss_power(n: int, discordant: float, loss: float, alpha: float, tolerance: float) -> float:
    """Probability that McNemar's exact test, one-sided at `alpha`, finds a loss of a share, and that the
    observed loss is beyond the tolerance.

    Each of the `n` rows is discordant with probability `discordant`, or with `loss` where that is more, and
    lost rather than gained so that the share falls by `loss`. The number of discordant rows is binomial, and
    so is that of the lost ones among them: the probability is a sum, not an approximation.
    """
    from scipy.stats import binom

    discordant = max(discordant, loss)
    if not discordant:
        return 0.0
    first, last = binom.ppf([_NEGLIGIBLE, 1 - _NEGLIGIBLE], n, discordant)
    numbers = np.arange(first, last + 1)
    least = _least_lost(numbers, n, alpha, tolerance)
    found = binom.sf(least - 1, numbers, (discordant + loss) / (2 * discordant))
    return float(binom.pmf(numbers, n, discordant) @ found)


def _least_lost(discordant: Floats, n: int, alpha: float, tolerance: float) -> Floats:
    """Fewest lost rows that are significant and beyond the tolerance, by number of discordant rows."""
    from scipy.stats import binom

    least = binom.isf(alpha, discordant, 0.5) + 1
    # `isf` lets p be just alpha, and the test does not.
    least += binom.sf(least - 1, discordant, 0.5) >= alpha
    beyond = np.floor((discordant + n * (tolerance + ROUNDING)) / 2) + 1
    return np.asarray(np.maximum(least, beyond))


def detectable_loss(
    n: int, discordant: float, alpha: float, tolerance: float, power: float = POWER
) -> float | None:
    """Smallest loss of a share that `loss_power` finds with the power; None where it finds none."""
    if loss_power(n, discordant, 1.0, alpha, tolerance) < power:
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if loss_power(n, discordant, middle, alpha, tolerance) < power:
            low = middle
        else:
            high = middle
    return high


def detectable_shift(error: float, alpha: float, tolerance: float, power: float = POWER) -> float | None:
    """Smallest change for the worse that a one-sided test at `alpha` finds with the power, and beyond the
    tolerance, where the change is normal with the standard `error`; None of an error of 0, which says that
    nothing changed and not how much could."""
    if not error or math.isnan(error):
        return None
    normal = NormalDist()
    return max(tolerance, normal.inv_cdf(1 - alpha) * error) + normal.inv_cdf(power) * error
