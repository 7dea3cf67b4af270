"""The router contract: a scikit-learn style estimator that turns questions into class probabilities."""

import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from traceback import extract_tb
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from common.checks import ConfigError, Constraints, check_arguments
from common.files import atomic_dir, read_json, write_json
from routers.errors import NotFittedError as NotFittedError
from routers.errors import RouterError as RouterError
from routers.weights import KEY, Locate, Reference, resolve

FloatArray = NDArray[np.float32]

# Folder of pretrained weights; a configuration names a package, a hub repository or a folder in its place.
ModelFolder = Annotated[str, "folder of pretrained weights"]

# The same, or what a server calls a model of its own; `weights_arguments` of the class tells which.
ModelFolderOrName = Annotated[str, "folder of pretrained weights, or a server's name of a model"]

FORMAT_VERSION = 3
FAMILIES = ("embedding", "classifier", "composite", "outside", "baseline", "other")


class Inference(NamedTuple):
    """Result of routing n queries.

    Attributes:
        proba: float32 (n_queries, n_classes), rows sum to 1, columns in the order of `classes_`.
        confidence: float32 (n_queries,), in [0, 1]; how much the query looks like the training
            questions. It ranks in-scope before out-of-scope queries and is not a probability
            of being right.
        expected: float32 (n_queries, n_models), the expected quality of each model's answer in the order
            of the router's `models_`; None of a router that does not predict it.
        sent_on: bool (n_queries,), whether a second, more expensive router was asked; None of a router
            that has no second one.
        cut: bool (n_queries,), whether the router read only the beginning of the query; None where nobody
            asked (`routers.inference.with_cut`).
        chances: float32 (n_queries, n_classes), of a router that draws its choice by chance: how probable
            each class is to be drawn, rows sum to 1. `proba` is then that of the draw, highest at the class
            that was drawn, and quality is evaluated in the mean over draws. None of any other router.
    """

    proba: FloatArray
    confidence: FloatArray
    expected: FloatArray | None = None
    sent_on: NDArray[np.bool_] | None = None
    cut: NDArray[np.bool_] | None = None
    chances: FloatArray | None = None

    @property
    def choices(self) -> FloatArray:
        """Probability that each class is chosen, (n_queries, n_classes): 1 for one unless it is drawn."""
        if self.chances is not None:
            return self.chances
        return np.asarray(np.eye(self.proba.shape[1], dtype=np.float32)[self.proba.argmax(axis=1)])


class Hit(TypedDict):
    """A training question near a query, as the KNN Router server names it, and the cosine between them."""

    id: str
    category: str
    similarity: float


class TargetScore(TypedDict):
    """Score of a target, as the KNN Router server names it: a model, or a class where no outcome is known."""

    target: str
    score: float


class Hits(TypedDict):
    """Answer of the KNN Router server to one query: the nearest training questions, nearest first, and the
    targets they speak for, best first."""

    hits: list[Hit]
    scores: list[TargetScore]


class Configurable:
    """A constructor that only stores its arguments, and can therefore be described and rebuilt.

    `parameter_constraints` says which values its arguments can have, for `fit` and configurations. A class
    whose arguments depend on each other adds a static `check_together(values, prefix)`.
    """

    parameter_constraints: ClassVar[Constraints] = {}

    def check_parameters(self, prefix: str = "") -> None:
        """Raises RouterError for a constructor argument that cannot be used, here or in a part."""
        parameters = self.get_params()
        try:
            check_arguments(type(self), parameters, prefix)
        except ConfigError as error:
            raise RouterError(str(error)) from error
        for name, value in parameters.items():
            if isinstance(value, Configurable):
                value.check_parameters(f"{prefix}{name}.")

    @classmethod
    @cache
    def _parameter_names(cls) -> tuple[str, ...]:
        """Kept, because taking them from the signature takes longer than some routers for a query."""
        if cls.__init__ is object.__init__:
            return ()
        return tuple(inspect.signature(cls.__init__).parameters)[1:]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor arguments by name, as scikit-learn's `clone` expects them."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Replace constructor arguments. Raises ValueError for a name that is not one."""
        unknown = sorted(set(params) - set(self._parameter_names()))
        if unknown:
            raise ValueError(f"{type(self).__name__} has no parameter {', '.join(unknown)}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def spec(self, portable: bool = False) -> dict[str, Any]:
        """A JSON value from which `build` makes an equal, unfitted object.

        Args:
            portable: refer to pretrained weights by checksum, not by folder.
        """
        params = {name: _described(value, portable) for name, value in self.get_params().items()}
        pretrained = self.pretrained() if portable else None
        if pretrained:
            params["model"] = pretrained.as_json()
        return {"_target_": f"{type(self).__module__}.{type(self).__qualname__}", **params}

    def pretrained(self) -> Reference | None:
        """Reference to the weights in the folder that parameter `model` names; None without it."""
        return None


def _described(value: Any, portable: bool) -> Any:
    if isinstance(value, Configurable):
        return value.spec(portable)
    if isinstance(value, dict):
        return {key: _described(item, portable) for key, item in value.items()}
    return value


def build(spec: Any, locate: Locate | None = None) -> Any:
    """Rebuild the object that `Configurable.spec` described; other JSON values pass through.

    Args:
        locate: finds the folder of weights that a portable description refers to.
    """
    if not isinstance(spec, dict):
        return spec
    if spec.keys() == {KEY} and isinstance(spec[KEY], dict) and "sha256" in spec[KEY]:
        return resolve(spec[KEY], locate)
    if "_target_" not in spec:
        return {key: build(value, locate) for key, value in spec.items()}
    module, _, name = str(spec["_target_"]).rpartition(".")
    try:
        target = getattr(importlib.import_module(module), name)
    # A module of the user's may fail in any way.
    except Exception as error:
        raise RouterError(f"cannot import {spec['_target_']}: {_reason(error)}") from error
    if not (isinstance(target, type) and issubclass(target, Configurable)):
        raise RouterError(f"{spec['_target_']} is not a routers.base.Router or Configurable class")
    try:
        return target(**{key: build(value, locate) for key, value in spec.items() if key != "_target_"})
    except TypeError as error:
        raise RouterError(f"{spec['_target_']}: {error}") from error


def _reason(error: Exception) -> str:
    """Reason why an import failed: the kind of error, what it says, and the line where the module failed."""
    frames = [frame for frame in extract_tb(error.__traceback__)[1:] if "importlib" not in frame.filename]
    # A syntax error says itself where it is.
    known = not frames or isinstance(error, SyntaxError)
    place = "" if known else f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"
    return f"{type(error).__name__}: {error}{place}"


@dataclass(frozen=True)
class Lessons:
    """Training data of one router: the arguments of `Router.fit`, all of one length."""

    queries: list[str]
    labels: list[str]
    ids: list[str]
    outcomes: list[dict[str, float]] | None = None

    def of(self, rows: Iterable[int]) -> "Lessons":
        """Lessons of some of the rows."""
        rows = list(rows)
        queries, labels, ids = (
            [values[row] for row in rows] for values in (self.queries, self.labels, self.ids)
        )
        return Lessons(queries, labels, ids, self.outcomes and [self.outcomes[row] for row in rows])

    def outcomes_of(self, models: Sequence[str]) -> FloatArray:
        """Outcomes of `models`, float32 (n_queries, n_models), NaN where unknown."""
        by_query = self.outcomes or [{}] * len(self.queries)
        known = [[scores.get(model, np.nan) for model in models] for scores in by_query]
        return np.array(known, dtype=np.float32)


class Router(Configurable, ABC):
    """Base of every router.

    A subclass implements `_fit`, `infer`, `_state` and `_restore`. Learned attributes end
    in an underscore.
    """

    fit_is_expensive = False
    """Whether a fitted router is worth keeping between runs."""

    family: ClassVar[str] = "other"
    """Kind of router in a comparison, one of `FAMILIES`."""

    names_neighbours: ClassVar[bool] = False
    """Whether `infer_with_hits` names training questions."""

    classes_: list[str]
    train_ids_: list[str]
    models_: list[str]

    def fit(
        self,
        queries: Sequence[str],
        labels: Sequence[str],
        ids: Sequence[str] | None = None,
        outcomes: Sequence[Mapping[str, float]] | None = None,
    ) -> Self:
        """Learn from one label a query, forgetting any earlier fit.

        `ids` name the queries in what a router later returns of them; row numbers by default. `outcomes`
        are the quality of each model's answer by query, for a router that can predict it; models may lack.

        Raises:
            RouterError: a parameter cannot be used, lengths differ, nothing to learn from, or fewer than
                two classes.
        """
        self.check_parameters()
        ids = [str(row) for row in range(len(queries))] if ids is None else list(ids)
        by_query = [dict(scores) for scores in ([{}] * len(queries) if outcomes is None else outcomes)]
        if not len(queries) == len(labels) == len(ids) == len(by_query):
            counts = f"{len(labels)} labels, {len(ids)} ids and {len(by_query)} outcomes"
            raise RouterError(f"{len(queries)} queries but {counts}")
        classes = sorted(set(labels) | self._declared_classes())
        if len(classes) < 2:
            raise RouterError(
                f"a router needs at least two classes, and the training data has {len(classes)}"
            )
        self.classes_ = classes
        self.train_ids_ = ids
        # For routers made of routers, which hand them on.
        self._lessons = Lessons(list(queries), list(labels), ids, by_query)
        self.models_ = sorted({model for scores in by_query for model in scores})
        try:
            self._fit(list(queries), np.array([classes.index(label) for label in labels], dtype=np.int64))
            if self.models_:
                self._fit_outcomes(self._lessons.outcomes_of(self.models_))
        except BaseException:
            # Half of an old fit and half of a new one must not answer anything.
            del self.classes_, self.train_ids_, self.models_
            raise
        finally:
            del self._lessons
        return self

    def _declared_classes(self) -> set[str]:
        """Classes known from the configuration, without an example."""
        return set()

    @abstractmethod
    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        """Learn; `targets` index `classes_`, which is already set."""

    def _fit_outcomes(self, outcomes: FloatArray) -> None:
        """Learn to predict `expected`, after `_fit`; float32 (n_queries, n_models), NaN where unknown."""
        return

    @property
    def predicts_outcomes(self) -> bool:
        """True if it learns from outcomes, and its inferences are then `expected` too."""
        return type(self)._fit_outcomes is not Router._fit_outcomes

    @abstractmethod
    def infer(self, queries: Sequence[str]) -> Inference:
        """Probabilities and confidence of `queries`, in their order; zero queries are allowed."""

    def infer_with_hits(self, queries: Sequence[str]) -> tuple[Inference, list[Hits] | None]:
        """`infer`, and for each query the training questions near it from the same search; None of a router
        that searches none."""
        return self.infer(queries), None

    def is_cut(self, query: str) -> bool:
        """True if the query is longer than the router reads."""
        return False

    @property
    def batch_changes_scores(self) -> bool:
        """True if the scores of a query depend on the others in its batch by more than rounding, 1e-6; known
        once the router is ready to serve."""
        return False

    def predict_proba(self, queries: Sequence[str]) -> FloatArray:
        """float32 (n_queries, n_classes), columns in the order of `classes_`."""
        return self.infer(queries).proba

    def predict(self, queries: Sequence[str]) -> list[str]:
        """The most probable class of each query."""
        return [self.classes_[column] for column in self.predict_proba(queries).argmax(axis=1)]

    def load_pretrained(self) -> None:
        """Load what fitting starts from, so that the time of fitting is of learning alone."""
        return

    def prepare(self) -> Self:
        """Load whatever inference needs, so that the first query does not pay for it."""
        return self

    def grid(self) -> list[dict[str, list[Any]]]:
        """Arguments to choose from by cross-validation, every combination within each mapping; on a tie the
        earlier one."""
        return []

    def facts(self) -> dict[str, Any]:
        """Facts about the fit for a reader, as JSON: a chosen threshold, how an encoder changed."""
        return {}

    @property
    def training_skipped(self) -> bool:
        """True if `fit` trained nothing, because pretrained weights have random values: see
        `routers.weights.is_untrained`."""
        return False

    def events(self) -> dict[str, float]:
        """How often something happened that the answers do not show, since the router was made: requests,
        requests sent again, answers that changed, tokens, US dollars; empty of a router that asks nobody."""
        return {}

    def neighbour_recall(self, queries: Sequence[str]) -> NDArray[np.float64] | None:
        """Share of the nearest training questions that an approximate index finds, by query, float64
        (n_queries,); None of a router that searches none, or exactly."""
        return None

    def asset_paths(self) -> list[Path]:
        """Files outside the saved folder that serving reads: their size is part of the router's."""
        return []

    def weights_sha256(self) -> dict[str, str]:
        """SHA-256 by role of the pretrained weights that this router runs on."""
        return {}

    @abstractmethod
    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Learned arrays and JSON metadata; anything larger is written under `folder`."""

    @abstractmethod
    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        """Undo `_state`."""

    def _restore_parts(self, folder: Path, locate: Locate | None) -> None:
        """Load the routers that this one saved inside `folder`, before `_restore`."""
        return

    def save(self, folder: Path) -> None:
        """Write the fitted router as safetensors and JSON, replacing `folder`, which may then be moved.

        Pretrained weights are referred to by name and checksum; only what was learned is written.
        """
        from safetensors.numpy import save_file

        self._check_fitted()
        with atomic_dir(Path(folder)) as work:
            arrays, meta = self._state(work)
            contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            save_file(contiguous, work / "state.safetensors")
            header = {
                "format_version": FORMAT_VERSION,
                "spec": self.spec(portable=True),
                "classes": self.classes_,
                "train_ids": self.train_ids_,
                "models": self.models_,
                "meta": meta,
            }
            write_json(work / "router.json", header)

    @staticmethod
    def load(folder: Path, locate: Locate | None = None) -> "Router":
        """Read a router saved by any subclass, ready to serve.

        Args:
            locate: finds the pretrained weights that it refers to; without, those that this machine has used.

        Raises:
            RouterError: the folder is not a saved router of this format version, or its weights are missing.
        """
        folder = Path(folder)
        with _refused_by_name(folder):
            header, arrays = _read(folder)
            router = build(header["spec"], locate)
            if not isinstance(router, Router):
                raise RouterError(f"it holds a {type(router).__name__}")
            router.classes_, router.train_ids_ = header["classes"], header["train_ids"]
            router.models_ = header["models"]
            router._restore_parts(folder, locate)
            router._restore(folder, arrays, header["meta"])
            return router.prepare()

    def _check_fitted(self) -> None:
        if not hasattr(self, "classes_"):
            raise NotFittedError(f"{type(self).__name__} is not fitted: call fit or load first")


def saved_arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """Learned arrays of a saved router by name, those of its parts left out; no router is built for it.

    Raises:
        RouterError: the folder is not a saved router of this format version.
    """
    with _refused_by_name(folder):
        return _read(Path(folder))[1]


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays that `Router.save` wrote."""
    from safetensors.numpy import load_file

    header: dict[str, Any] = read_json(folder / "router.json")
    arrays: dict[str, NDArray[Any]] = load_file(folder / "state.safetensors")
    version = header["format_version"]
    if version != FORMAT_VERSION:
        raise RouterError(f"format version {version}, this reads {FORMAT_VERSION}")
    return header, arrays


@contextmanager
def _refused_by_name(folder: Path) -> Iterator[None]:
    """Turn whatever a damaged folder leads to into a RouterError that names it."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise RouterError(
            f"cannot load the router saved in {folder}: {type(error).__name__}: {error}"
        ) from error


def valid_text(text: str) -> str:
    """`text` with lone surrogates, which no tokeniser accepts, replaced by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def softmax(logits: NDArray[Any]) -> FloatArray:
    """Row-wise softmax, float32."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)
