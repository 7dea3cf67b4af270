"""Probabilities that mean what they say: temperature scaling and isotonic regression on held-out scores."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from routers.base import FloatArray, softmax
from routers.composite import Rows, log_proba

# Held-out questions that are all right ask for a temperature of 0, and all wrong ones for infinity.
COLDEST, HOTTEST = 0.05, 20.0


def with_temperature(proba: FloatArray, temperature: float) -> FloatArray:
    """softmax(log p / T) by row (Guo et al., 2017, 4.2, log p being the logits but for a constant)."""
    return softmax(log_proba(proba) / temperature)


def best_temperature(proba: FloatArray, targets: Rows) -> float:
    """The T of the least mean negative log-likelihood of `targets`, from 0.05 to 20.

    Args:
        proba: float32 (n_queries, n_classes).
        targets: the right column of each row.
    """
    from scipy.optimize import minimize_scalar

    logits = log_proba(proba).astype(np.float64)

    def loss(sharpness: float) -> float:
        scaled = logits * np.exp(sharpness)
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float((total - scaled[np.arange(len(targets)), targets]).mean())

    # Convex in 1 / T, hence with one minimum on the logarithmic scale too.
    bounds = (-np.log(HOTTEST), -np.log(COLDEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(-found.x))


@dataclass(frozen=True)
class IsotonicMaps:
    """For each class a rising piecewise linear map of its probability (Zadrozny & Elkan, 2002).

    Attributes:
        x, y: float64 (n_knots,), the knots of all classes, one class after the other.
        starts: int64 (n_classes + 1,), where the knots of each class start, and the end.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    starts: Rows

    @classmethod
    def fit(cls, proba: FloatArray, targets: Rows) -> Self:
        """By isotonic regression of `targets == column`; one that does not occur keeps its probability."""
        from sklearn.isotonic import IsotonicRegression

        x, y = [], []
        for column in range(proba.shape[1]):
            if (targets == column).any():
                model = IsotonicRegression(y_min=0, y_max=1).fit(
                    proba[:, column].astype(np.float64), targets == column
                )
                x.append(model.X_thresholds_)
                y.append(model.y_thresholds_)
            else:
                x.append(np.array([0.0, 1.0]))
                y.append(np.array([0.0, 1.0]))
        starts = np.cumsum([0, *map(len, x)])
        return cls(np.concatenate(x).astype(np.float64), np.concatenate(y).astype(np.float64), starts)

    def __call__(self, proba: FloatArray) -> FloatArray:
        """Each column through its map, then rows to sum 1; a row of nothing but 0 stays as it was."""
        mapped = np.empty(proba.shape, dtype=np.float64)
        for column, (start, end) in enumerate(zip(self.starts, self.starts[1:], strict=False)):
            mapped[:, column] = np.interp(proba[:, column], self.x[start:end], self.y[start:end])
        total = mapped.sum(axis=1, keepdims=True)
        scaled = np.divide(mapped, total, out=proba.astype(np.float64), where=total > 0)
        return np.asarray(scaled, dtype=np.float32)
