"""Base of routers made of routers: their parts are fitted, loaded, saved and asked for by them."""

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.progress import progress
from common.splits import Rows as Rows
from common.splits import stratified_folds, stratified_holdout
from routers.base import FloatArray, Inference, Lessons, Router, RouterError
from routers.inference import promised
from routers.vector_cache import encoded_once
from routers.weights import Locate

# Under this a probability is as good as none: its logarithm would outweigh everything else.
FLOOR = 1e-6
NOTHING_TO_HOLD_OUT = "nothing to hold out: no class has two training questions; add some"


class CompositeRouter(Router):
    """A router made of routers.

    The constructor's routers stay as they are given: what is fitted are others of the same settings.
    They may know of classes and models in another order than the whole, or lack some.
    """

    family: ClassVar[str] = "composite"

    parts_: dict[str, Router]

    @abstractmethod
    def _parts(self) -> dict[str, Router]:
        """The constructor's routers by name."""

    @abstractmethod
    def _fit_parts(self, lessons: Lessons, targets: Rows) -> None:
        """Learn, and set `parts_`."""

    def _fit(self, queries: list[str], targets: Rows) -> None:
        for name in self._parts():
            if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
                raise RouterError(f"{name!r} names a folder too: use letters, digits, - and _ only")
        # Several parts, or one several times, see the same questions.
        with encoded_once():
            self._fit_parts(self._lessons, targets)
        # A part that was spared some of the questions may not have met every model.
        parts = self.parts_.values()
        self.models_ = [model for model in self.models_ if all(model in part.models_ for part in parts)]

    def _out_of_fold(
        self, lessons: Lessons, fold_of: Rows, routers: Sequence[Router]
    ) -> Iterator[tuple[Rows, list[Inference]]]:
        """Rows of each fold, and what each router says of them, fitted on all others.

        Args:
            fold_of: number of each row's fold; rows with a negative one are always learned from.
        """
        folds = np.unique(fold_of[fold_of >= 0])
        for done, fold in enumerate(folds):
            progress("cross-validating", done, len(folds))
            rest, out = lessons.of(np.flatnonzero(fold_of != fold)), np.flatnonzero(fold_of == fold)
            queries = lessons.of(out).queries
            parts = [fitted(router, rest) for router in routers]
            yield out, [self._in_own_columns(part, promised(part, queries)) for part in parts]
        progress("cross-validating", len(folds), len(folds))

    def _in_own_columns(self, part: Router, said: Inference) -> Inference:
        """Answer of a part with the columns of the whole; 0 in those that the part lacks. Without chances,
        since several answers are made into one."""
        expected = said.expected
        if expected is not None:
            expected = in_columns(expected, part.models_, self.models_)
        proba = in_columns(said.proba, part.classes_, self.classes_)
        return said._replace(proba=proba, expected=expected, chances=None)

    def _declared_classes(self) -> set[str]:
        return {name for part in self._parts().values() for name in part._declared_classes()}

    @property
    def fit_is_expensive(self) -> bool:  # type: ignore[override]  # nobody sets it
        return any(part.fit_is_expensive for part in self._parts().values())

    @property
    def predicts_outcomes(self) -> bool:
        return any(part.predicts_outcomes for part in self._parts().values())

    def load_pretrained(self) -> None:
        for part in self._parts().values():
            part.load_pretrained()

    def prepare(self) -> Self:
        self._check_fitted()
        for part in self.parts_.values():
            part.prepare()
        return self

    def facts(self) -> dict[str, Any]:
        """Facts of the parts, by name."""
        known = {name: part.facts() for name, part in self.parts_.items()}
        return {name: facts for name, facts in known.items() if facts}

    @property
    def training_skipped(self) -> bool:
        return any(part.training_skipped for part in self.parts_.values())

    def events(self) -> dict[str, float]:
        """Sums over the parts."""
        sums: dict[str, float] = {}
        for part in self.parts_.values():
            for name, number in part.events().items():
                sums[name] = sums.get(name, 0) + number
        return sums

    def neighbour_recall(self, queries: Sequence[str]) -> NDArray[np.float64] | None:
        """Mean over the parts that have one."""
        found = [part.neighbour_recall(queries) for part in self.parts_.values()]
        known = [shares for shares in found if shares is not None]
        return np.mean(known, axis=0) if known else None

    def is_cut(self, query: str) -> bool:
        """True if it is longer than one of the parts reads."""
        self._check_fitted()
        return any(part.is_cut(query) for part in self.parts_.values())

    @property
    def batch_changes_scores(self) -> bool:
        self._check_fitted()
        return any(part.batch_changes_scores for part in self.parts_.values())

    def asset_paths(self) -> list[Path]:
        return list(dict.fromkeys(path for part in self._present().values() for path in part.asset_paths()))

    def weights_sha256(self) -> dict[str, str]:
        """By `<part>/<role>`."""
        return {
            f"{name}/{role}": checksum
            for name, part in self._present().items()
            for role, checksum in part.weights_sha256().items()
        }

    def _present(self) -> dict[str, Router]:
        return self.parts_ if hasattr(self, "classes_") else self._parts()

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        for name, part in self.parts_.items():
            part.save(folder / "parts" / name)
        return {}, {}

    def _restore_parts(self, folder: Path, locate: Locate | None) -> None:
        self.parts_ = {name: Router.load(folder / "parts" / name, locate) for name in self._parts()}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        return


def fitted(router: Router, lessons: Lessons) -> Router:
    """Another router of the same settings, and of the same loaded encoder, that has learned."""
    fresh = type(router)(**router.get_params(deep=False))
    return fresh.fit(lessons.queries, lessons.labels, lessons.ids, lessons.outcomes)


def in_columns(values: FloatArray, names: Sequence[str], wanted: Sequence[str]) -> FloatArray:
    """`values` with a column for each of `names`, as columns of `wanted`; 0 for those without one."""
    if list(names) == list(wanted):
        return values
    column = {name: number for number, name in enumerate(wanted)}
    known = [number for number, name in enumerate(names) if name in column]
    placed = np.zeros((len(values), len(wanted)), dtype=np.float32)
    placed[:, [column[names[number]] for number in known]] = values[:, known]
    return placed


def log_proba(proba: FloatArray) -> FloatArray:
    """Logarithms of probabilities, finite also of 0."""
    return np.log(np.maximum(proba, FLOOR, dtype=np.float32))


def held_out_rows(targets: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Row numbers to learn from and to hold out, stratified by class, without one in common.

    Raises:
        RouterError: no class has a question to spare.
    """
    rest, out = stratified_holdout(targets, fraction, seed)
    # The only question of a class is in both.
    out = np.setdiff1d(out, rest)
    if not len(out):
        raise RouterError(NOTHING_TO_HOLD_OUT)
    return rest, out


def fold_numbers(targets: Rows, n_folds: int, seed: int) -> Rows:
    """A fold for each row, stratified by class; -1 for the only question of a class, to be learned from."""
    counts = np.bincount(targets)
    return np.where(counts[targets] > 1, stratified_folds(targets, n_folds, seed), -1)
