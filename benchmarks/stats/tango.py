"""Score interval of a difference of two shares of the same rows (Tango, 1998, Statistics in Medicine 17,
891-908).

The difference may be tested against any value, and not only against none: by that a non-inferiority test
shows that a loss is smaller than a margin.
"""

import math
from statistics import NormalDist

from benchmarks.stats.bootstrap import Interval

# The statistic is not defined at differences of -1 and 1.
_EDGE = 1e-12


def score(gained: float, lost: float, n: float, difference: float) -> float:
    """Score statistic of the hypothesis that the share changed by `difference`, in (-1, 1): standard normal
    where it did.

    The share of lost rows in its variance is the most likely one under the hypothesis, a root of a quadratic
    equation. Numbers of rows need not be whole: they may be effective ones.
    """
    distance = gained - lost - n * difference
    if not distance:
        # Without a discordant row the variance is 0 as well.
        return 0.0
    a = 2 * n
    b = -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    share = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = n * (2 * share + difference * (1 - difference))
    return distance / math.sqrt(variance)


def score_p(gained: float, lost: float, n: float, difference: float) -> float:
    """Probability of so high a change where the share changed by `difference`: below `alpha` just where the
    lower one of `score_limits` is above `difference`."""
    return NormalDist().cdf(-score(gained, lost, n, difference))


def score_limits(gained: float, lost: float, n: float, alpha: float) -> Interval:
    """Two one-sided limits, each at level `alpha`, of the change of a share: the differences that the score
    does not reject. Together they are the interval with confidence 1 - 2 * alpha."""
    from scipy.optimize import brentq

    z = NormalDist().inv_cdf(1 - alpha)
    observed = (gained - lost) / n

    def limit(end: float, target: float) -> float:
        if abs(observed - end) <= _EDGE:
            return end
        inner = end - math.copysign(_EDGE, end)
        return float(brentq(lambda value: score(gained, lost, n, value) - target, inner, observed))

    return Interval(limit(-1.0, z), limit(1.0, -z))
