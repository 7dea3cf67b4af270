"""RouterArena's score of a router (Lu et al., 2025, arXiv 2510.00202), as its evaluation code computes it."""

import numpy as np

from benchmarks.metrics.entry import Floats, ratio

# Weight of cost against accuracy.
BETA = 0.1
# US dollars for 1,000 questions: a cost outside of these counts as the nearer one.
LOWEST, HIGHEST = 0.0044, 200.0


def arena_score(cost: Floats, accuracy: Floats) -> Floats:
    """Harmonic mean of accuracy and cheapness, where accuracy counts ten times as much (…,).

    S = (1 + β) A C / (β A + C), with C falling from 1 to 0 over the logarithm of the cost. `cost` is in US
    dollars for 1,000 questions; NaN where it is not above 0, which the original refuses.
    """
    limited = np.clip(cost, LOWEST, HIGHEST)
    cheapness = np.log2(HIGHEST / limited) / np.log2(HIGHEST / LOWEST)
    score = ratio((1 + BETA) * accuracy * cheapness, BETA * accuracy + cheapness)
    return np.asarray(np.where(cost > 0, score, np.nan))
