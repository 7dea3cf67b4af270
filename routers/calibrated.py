"""A router whose probabilities are calibrated, and that knows which threshold buys what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least, fraction, one_of
from common.splits import stratified_folds
from routers.base import FloatArray, Hits, Inference, Lessons, Router, RouterError, saved_arrays
from routers.calibration import IsotonicMaps, best_temperature, with_temperature
from routers.composite import CompositeRouter, Rows, fitted, held_out_rows, in_columns
from routers.inference import promised
from routers.risk_control import Levels, fewest, highest, loosest

METHODS = ("temperature", "isotonic", "none")
SCORES = ("confidence", "probability")
# Of the held-out questions, for isotonic maps.
CROSS_FITS = 5


class Choice(NamedTuple):
    """A threshold, the held-out questions that it accepts, and how many of them are right."""

    threshold: float
    accepted: int
    right: int


class OutOfReach(RouterError):
    """No threshold can be shown to have the wanted accuracy.

    Attributes:
        nearest: the threshold of which the highest accuracy can be shown.
        best: that accuracy; 0 where none can.
        fewest: held-out questions, all right, that would show the wanted one.
    """

    def __init__(self, message: str, nearest: Choice, best: float, fewest: int) -> None:
        super().__init__(message)
        self.nearest = nearest
        self.best = best
        self.fewest = fewest


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

    def for_coverage(self, coverage: float, score: str = "confidence") -> Choice:
        """The threshold that accepts the share `coverage` of new questions on average, and hardly more.

        The mean is over draws of the held-out questions and of a new one like them: the k-th highest of n
        scores is reached by a new one with probability k / (n + 1), as in split conformal prediction (Vovk et
        al., 2005). Equal scores may accept more. Where so few questions cannot tell, it is 0, which accepts
        all.

        Args:
            coverage: in (0, 1].
            score: `confidence`, or the `probability` of the most probable class.

        Raises:
            RouterError: another share or score.
        """
        levels = self._levels(score)
        if not 0 < coverage <= 1:
            raise RouterError(f"coverage={coverage}: must be in (0, 1]")
        n = len(self.right)
        # Less a hair, because 0.7 · 10 is a little over 7.
        kept = int(np.ceil(coverage * (n + 1) - 1e-9))
        if kept > n:
            return Choice(0.0, n, int(self.right.sum()))
        return _choice(levels, int(np.searchsorted(levels.accepted, kept)))

    def for_accuracy(self, accuracy: float, confidence_level: float, score: str = "confidence") -> Choice:
        """The lowest threshold that is shown to have an accuracy on new questions like the held-out ones.

        Args:
            accuracy: share of right ones among those accepted, in (0, 1).
            confidence_level: least probability, over draws of the held-out questions, that the threshold has
                that accuracy, in (0, 1); see `routers.risk_control.loosest`.
            score: `confidence`, or the `probability` of the most probable class.

        Raises:
            OutOfReach: there is none.
            RouterError: another share or score.
        """
        levels = self._levels(score)
        for name, share in (("accuracy", accuracy), ("confidence_level", confidence_level)):
            if not 0 < share < 1:
                raise RouterError(f"{name}={share}: must be between 0 and 1")
        error = 1 - confidence_level
        found = loosest(levels, accuracy, error)
        if found is not None:
            return _choice(levels, found)
        best, number = highest(levels, accuracy, error) or (0.0, len(levels.threshold) - 1)
        nearest, needed = _choice(levels, number), fewest(accuracy, error, len(self.right))
        raise OutOfReach(
            f"no threshold of {score} can be shown to have an accuracy of {accuracy} with "
            f"{100 * confidence_level:.4g} % confidence on {len(self.right)} held-out questions: the highest "
            f"that can is {best:.4g}, from {nearest.threshold:.4g} on, where {nearest.right} of "
            f"{nearest.accepted} are right; without a mistake it would take {needed}",
            nearest,
            best,
            needed,
        )

    def _levels(self, score: str) -> Levels:
        if score not in SCORES:
            raise RouterError(f"score {score!r} is not one of {', '.join(SCORES)}")
        return Levels.of(self.confidence if score == "confidence" else self.probability, self.right)


def _choice(levels: Levels, number: int) -> Choice:
    found = (levels.threshold[number], levels.accepted[number], levels.right[number])
    return Choice(float(found[0]), int(found[1]), int(found[2]))


@dataclass(eq=False, repr=False)
class CalibratedRouter(CompositeRouter):
    """`router`, its probabilities calibrated on questions that it has not learned from.

    Confidence and all else that the router says pass through unchanged.

    Args:
        router: the one to calibrate.
        method: `temperature` (Guo et al., 2017) never changes the most probable class; `isotonic`
            (Zadrozny & Elkan, 2002) may, and wants some hundred held-out questions; `none` leaves the
            probabilities, and only thresholds are gained.
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
        proba = self._calibrated_apart(output.proba, right)
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

    def _calibrated_apart(self, proba: FloatArray, targets: Rows) -> FloatArray:
        """Calibrated probabilities of the held-out questions, as those of new questions would be.

        Isotonic maps follow the questions that they were fitted on, so each question gets maps of others, by
        cross-fitting. A temperature is one number and leaves the most probable class as it is.
        """
        if self.method != "isotonic":
            return self._calibrated(proba)
        apart = np.empty_like(proba)
        fold_of = stratified_folds(targets, CROSS_FITS, self.seed)
        for fold in np.unique(fold_of):
            out = fold_of == fold
            apart[out] = IsotonicMaps.fit(proba[~out], targets[~out])(proba[out])
        return apart

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
        if self.method == "isotonic":
            # It may make another class than the drawn one the most probable.
            said = said._replace(chances=None)
        return said._replace(proba=self._calibrated(said.proba))

    def _in_columns(self, said: Inference) -> Inference:
        names, chances = self.parts_["router"].classes_, said.chances
        if chances is not None:
            chances = in_columns(chances, names, self.classes_)
        return said._replace(proba=in_columns(said.proba, names, self.classes_), chances=chances)

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
