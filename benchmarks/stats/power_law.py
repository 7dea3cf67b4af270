"""Power laws: how a figure grows with a size."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class PowerLaw(NamedTuple):
    """Exponent of figure ~ size ^ exponent, and its interval; None for two points, which have no residual."""

    exponent: float
    low: float | None
    high: float | None


def power_law(sizes: Sequence[float], figures: Sequence[float], confidence: float) -> PowerLaw:
    """Least squares on the logarithms of two points or more, all above 0, at two sizes or more.

    The interval of the exponent is Student's t with n - 2 degrees of freedom (Draper & Smith, 1998, section
    1.4).
    """
    x, y = np.log(np.asarray(sizes, dtype=float)), np.log(np.asarray(figures, dtype=float))
    away = x - x.mean()
    spread = float(away @ away)
    exponent = float(away @ y) / spread
    if len(x) < 3:
        return PowerLaw(exponent, None, None)
    # `scipy.stats` takes seconds to import.
    from scipy.special import stdtrit

    rest = y - y.mean() - exponent * away
    error = math.sqrt(float(rest @ rest) / (len(x) - 2) / spread)
    reach = float(stdtrit(len(x) - 2, (1 + confidence) / 2)) * error
    return PowerLaw(exponent, exponent - reach, exponent + reach)
