"""A router whose probabilities are calibrated, and that knows which threshold buys what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least, fraction, one_of
from routers.base import FloatArray, Hits, Inference, Lessons, Router, RouterError, saved_arrays
from routers.calibration import IsotonicMaps, best_temperature, with_temperature
from routers.composite import CompositeRouter, Rows, fitted, held_out_rows, in_columns
from routers.inference import promised

METHODS = ("temperature", "isotonic", "none")
SCORES = ("confidence", "probability")


class OutOfReach(RouterError):
    """No threshold has the wanted accuracy.

    Attributes:
        best, threshold: the highest accuracy that one has, and which.
    """

    def __init__(self, message: str, best: float, threshold: float) -> None:
        super().__init__(message)
        self.best = best
        self.threshold = threshold


class HeldOut(NamedTuple):
    """Scores of a router on questions that it has not learned from; they tell which threshold buys what.

    Attributes:
        confidence: float32 (n_held_out,).
        probability: float32 (n_held_out,), the calibrated one of the most probable class.
        right: bool (n_held_out,), whether the most probable class was the right one.
    """

    confidence: FloatArray
    probability: FloatArray
    right: NDArray[np.bool_]

    @classmethod
    def load(cls, folder: Path) -> "HeldOut":
        """Read those of the `CalibratedRouter` saved in `folder`; its router stays unloaded.

        Raises:
            RouterError: the folder is no saved router, or one that holds nothing out.
        """
        arrays = saved_arrays(folder)
        try:
            return cls.from_arrays(arrays)
        except KeyError:
            raise RouterError(
                f"the router saved in {folder} holds no questions out; calibrate it for a threshold"
            ) from None

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "HeldOut":
        """Undo `arrays`. Raises KeyError for one that is missing."""
        return cls(*(arrays[f"held_{name}"] for name in cls._fields))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By the name under which they are saved."""
        return {f"held_{name}": array for name, array in self._asdict().items()}

    def threshold_for(
        self, *, coverage: float | None = None, accuracy: float | None = None, score: str = "confidence"
    ) -> float:
        """The score of a held-out question from which on questions are to be kept.

        Args:
            coverage: share of the held-out questions to keep, in (0, 1]; equal scores may keep more.
            accuracy: share of right ones wanted among those kept, in (0, 1]; the lowest threshold that
                has at least that, which keeps the most questions.
            score: `confidence`, or the `probability` of the most probable class.

        Raises:
            RouterError: not one of `coverage` and `accuracy`, or no threshold has that accuracy.
        """
        if score not in SCORES:
            raise RouterError(f"score {score!r} is not one of {', '.join(SCORES)}")
        if (coverage is None) == (accuracy is None):
            raise RouterError("give coverage or accuracy, one of them")
        wanted = coverage if accuracy is None else accuracy
        if wanted is None or not 0 < wanted <= 1:
            raise RouterError(f"{'coverage' if accuracy is None else 'accuracy'}={wanted}: must be in (0, 1]")
        scores = self.confidence if score == "confidence" else self.probability
        if accuracy is None:
            return _threshold_that_keeps(scores, wanted)
        return _threshold_that_is_right(scores, self.right, wanted, score)


@dataclass(eq=False, repr=False)
class CalibratedRouter(CompositeRouter):
    """`router`, its probabilities calibrated on questions that it has not learned from.

    Confidence and all else that the router says pass through unchanged.

    Args:
        router: the one to calibrate.
        method: `temperature` (Guo et al., 2017) never changes the most probable class; `isotonic`
            (Zadrozny & Elkan, 2002) may, and wants some hundred held-out questions; `none` leaves the
            probabilities, and only `threshold_for` is gained.
        fraction: of the training questions, stratified, that the router does not learn from. A class with
            a single question keeps it for learning.
        seed: of the questions held out.

    Attributes:
        temperature_: of `temperature`.
        held_out_: what was said of the held-out questions.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "method": one_of(*METHODS),
        "fraction": fraction,
        "seed": at_least(0),
    }

    router: Router
    method: str = "temperature"
    fraction: float = 0.2
    seed: int = 0

    def fit(
        self,
        queries: Sequence[str],
        labels: Sequence[str],
        ids: Sequence[str] | None = None,
        outcomes: Sequence[Mapping[str, float]] | None = None,
        *,
        held_out: tuple[Sequence[str], Sequence[str]] | None = None,
    ) -> Self:
        """As `Router.fit`; with `held_out` (queries, labels) the router learns from all of `queries`.

        Raises:
            RouterError: also for a held-out label that is no class, or nothing to hold out.
        """
        self._given = held_out
        try:
            return super().fit(queries, labels, ids, outcomes)
        finally:
            del self._given

    def _parts(self) -> dict[str, Router]:
        return {"router": self.router}

    def _fit_parts(self, lessons: Lessons, targets: Rows) -> None:
        if self._given is None:
            rest, out = held_out_rows(targets, self.fraction, self.seed)
            learned, queries, right = lessons.of(rest), lessons.of(out).queries, targets[out]
        else:
            learned, queries, right = lessons, list(self._given[0]), self._given_targets(*self._given)
        self.parts_ = {"router": fitted(self.router, learned)}
        # Whatever is calibrated looks like probabilities afterwards.
        output = self._in_columns(promised(self.parts_["router"], queries))
        self._calibrate(output.proba, right)
        proba = self._calibrated(output.proba)
        self.held_out_ = HeldOut(output.confidence, proba.max(axis=1), proba.argmax(axis=1) == right)

    def _given_targets(self, queries: Sequence[str], labels: Sequence[str]) -> Rows:
        if len(queries) != len(labels) or not labels:
            raise RouterError(
                f"held_out has {len(queries)} queries and {len(labels)} labels: give one label each, and some"
            )
        unknown = sorted(set(labels) - set(self.classes_))
        if unknown:
            raise RouterError(f"held-out label {unknown[0]!r} is not among the training labels; leave it out")
        return np.array([self.classes_.index(label) for label in labels], dtype=np.int64)

    def _calibrate(self, proba: FloatArray, targets: Rows) -> None:
        if self.method == "temperature":
            self.temperature_ = best_temperature(proba, targets)
        elif self.method == "isotonic":
            self.maps_ = IsotonicMaps.fit(proba, targets)

    def _calibrated(self, proba: FloatArray) -> FloatArray:
        if self.method == "temperature":
            return with_temperature(proba, self.temperature_)
        return self.maps_(proba) if self.method == "isotonic" else proba

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        return self._calibrate_inference(self.parts_["router"].infer(queries))

    def infer_with_hits(self, queries: Sequence[str]) -> tuple[Inference, list[Hits] | None]:
        self._check_fitted()
        said, hits = self.parts_["router"].infer_with_hits(queries)
        return self._calibrate_inference(said), hits

    def _calibrate_inference(self, said: Inference) -> Inference:
        """Answer of the router inside, with calibrated probabilities."""
        said = self._in_columns(said)
        return said._replace(proba=self._calibrated(said.proba))

    def _in_columns(self, said: Inference) -> Inference:
        proba = in_columns(said.proba, self.parts_["router"].classes_, self.classes_)
        return said._replace(proba=proba)

    @property
    def batch_changes_scores(self) -> bool:
        """As of the router inside; the steps of `isotonic` make a difference of its rounding."""
        return self.method == "isotonic" or super().batch_changes_scores

    @property
    def family(self) -> str:  # type: ignore[override]  # a constant elsewhere
        """Family of the router inside: calibrating makes no other kind of it."""
        return self.router.family

    def facts(self) -> dict[str, Any]:
        """Learned figures, and the number of held-out questions they come from."""
        learned = {"temperature": self.temperature_} if self.method == "temperature" else {}
        return {
            **super().facts(),
            "calibration": self.method,
            "held_out": len(self.held_out_.right),
            **learned,
        }

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, meta = super()._state(folder)
        arrays |= self.held_out_.arrays()
        if self.method == "temperature":
            arrays["temperature"] = np.array([self.temperature_])
        elif self.method == "isotonic":
            arrays |= {"knots_x": self.maps_.x, "knots_y": self.maps_.y, "knots_starts": self.maps_.starts}
        return arrays, meta

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        super()._restore(folder, arrays, meta)
        self.held_out_ = HeldOut.from_arrays(arrays)
        if self.method == "temperature":
            self.temperature_ = float(arrays["temperature"][0])
        elif self.method == "isotonic":
            self.maps_ = IsotonicMaps(arrays["knots_x"], arrays["knots_y"], arrays["knots_starts"])


def _threshold_that_keeps(scores: FloatArray, coverage: float) -> float:
    # Less a hair, because 0.7 · 10 is a little over 7.
    kept = max(1, int(np.ceil(coverage * len(scores) - 1e-9)))
    return float(np.sort(scores)[::-1][kept - 1])


def _threshold_that_is_right(
    scores: FloatArray, right: NDArray[np.bool_], accuracy: float, score: str
) -> float:
    thresholds = np.unique(scores)
    reached = np.array([right[scores >= threshold].mean() for threshold in thresholds])
    enough = np.flatnonzero(reached >= accuracy - 1e-9)
    if not len(enough):
        best = int(reached.argmax())
        raise OutOfReach(
            f"no threshold of {score} has an accuracy of {accuracy} on the {len(scores)} held-out questions: "
            f"the best is {reached[best]:.4g}, from {thresholds[best]:.4g} on",
            float(reached[best]),
            float(thresholds[best]),
        )
    return float(thresholds[enough[0]])
