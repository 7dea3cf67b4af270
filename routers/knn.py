"""k nearest training questions in sentence-embedding space."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least, one_of, positive
from routers.base import FloatArray, Hits, Inference, RouterError
from routers.embedding_base import EmbeddingRouter
from routers.encoder_base import Encoder
from routers.indexes.base import ApproximateIndex, Index, Neighbours
from routers.indexes.exact import ExactIndex
from routers.interop.points import Points, ranked, server_uid, shortest, unit_rows
from routers.stages import stage

# Utterances of points that are encoded again to see whether the encoder is the one that made them: the
# same with other settings stays near its vectors, another one comes nowhere near.
PROBES = 5
RELATED = 0.5


@dataclass(eq=False, repr=False)
class KNNRouter(EmbeddingRouter):
    """Weighted vote of the k nearest training questions, by cosine similarity.

    The probability of a class is its share of the neighbours' weights; the confidence is
    the neighbours' mean cosine, clipped to [0, 1]. Fitted with outcomes, it expects of each model
    the mean outcome of the neighbours, with the same weights, over those whose outcome is known; of a
    model that none of them knows, the mean over the training questions. With `k=100` and
    `weighting=uniform` that is the plain average over the hundred nearest.

    Args:
        encoder: text to unit vectors.
        k: neighbours that vote (all, when there are fewer).
        weighting: of a neighbour's vote: `softmax` exp(similarity / temperature), `similarity`
            (negative ones count nothing), or `uniform`.
        temperature: of the `softmax` weighting.
        index: the engine that finds the neighbours, with its settings; None is `ExactIndex`.
    """

    names_neighbours = True
    parameter_constraints: ClassVar[Constraints] = {
        "k": at_least(1),
        "weighting": one_of("softmax", "similarity", "uniform"),
        "temperature": positive,
    }

    encoder: Encoder
    k: int = 20
    weighting: str = "softmax"
    temperature: float = 0.1
    index: Index | None = None

    @property
    def fit_is_expensive(self) -> bool:  # type: ignore[override]  # a constant elsewhere, of the settings here
        # The cache of fitted routers must not refer to a table that may be dropped.
        return super().fit_is_expensive and (self.index is None or self.index.is_in_folder)

    def _fresh_index(self) -> Index:
        return ExactIndex() if self.index is None else self.index.fresh()

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        if not queries:
            raise RouterError("nearest neighbours need at least one training question")
        self._learn_encoder(queries, targets)
        self.index_ = self._fresh_index().build(self.encoder_.encode(queries), self.encoder_fingerprint_)
        self.targets_ = targets

    def _fit_outcomes(self, outcomes: FloatArray) -> None:
        self.outcomes_ = outcomes
        known = ~np.isnan(outcomes)
        sums, counts = np.where(known, outcomes, 0).sum(axis=0, dtype=np.float64), known.sum(axis=0)
        self.mean_outcomes_ = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)

    def fit_points(self, points: Points) -> Self:
        """Learn from points: their categories are the classes, their targets the models.

        Their vectors are taken as they are, brought to length 1: nothing is fine-tuned. A single
        category will do, where `fit` wants two.

        Raises:
            RouterError: no points, or vectors that `encoder` cannot have made.
        """
        self.check_parameters()
        if not points.uids:
            raise RouterError("nearest neighbours need at least one point")
        vectors = unit_rows(points.vectors)
        _check_made_by(self.encoder, vectors, points.utterances)
        self.classes_ = sorted(set(points.categories))
        self.train_ids_, self.models_ = list(points.uids), points.targets
        self._use_encoder()
        self.index_ = self._fresh_index().build(vectors, self.encoder_fingerprint_)
        self.targets_ = np.array([self.classes_.index(name) for name in points.categories], dtype=np.int64)
        if self.models_:
            known = [[scores.get(target, np.nan) for target in self.models_] for scores in points.scores]
            self._fit_outcomes(np.array(known, dtype=np.float32))
        return self

    def to_points(self, queries: Sequence[str | None] | None = None) -> Points:
        """The fitted state as points; each training id becomes a UUID where it is none.

        Scores are the known outcomes; without any, each question scores 1 for its own class as target.

        Args:
            queries: the questions it was fitted on, in order, to be the utterances; None for unknown ones.

        Raises:
            RouterError: as many questions as it was fitted on have to be given.
        """
        self._check_fitted()
        if queries is not None and len(queries) != len(self.train_ids_):
            raise RouterError(f"{len(queries)} questions, but it was fitted on {len(self.train_ids_)}")
        return Points(
            [server_uid(identity) for identity in self.train_ids_],
            [self.classes_[target] for target in self.targets_],
            self.index_.vectors,
            [None] * len(self.train_ids_) if queries is None else list(queries),
            [self._scores(row) for row in range(len(self.train_ids_))],
        )

    def respond(self, query: str) -> Hits:
        """Answer of the KNN Router server: the neighbours, and the targets they speak for, best first.

        A target's score is the mean of the neighbours' scores for it weighted with their similarity,
        whatever `weighting` is, rounded to two decimals. As in the server (its `internal/server/server.go`,
        `query`) a neighbour without a score for a target counts as one with score 0, and targets
        that no neighbour has a score for are left out. `Inference.expected` leaves the unknown out instead.
        """
        return self._hits(self._infer([query])[1])[0]

    def _hits(self, found: Neighbours) -> list[Hits]:
        """Answer of the server to each query, by its neighbours."""
        return [
            self._response(list(zip(rows, similarities, strict=True)))
            for rows, similarities in zip(found.rows.tolist(), found.similarities, strict=True)
        ]

    def _response(self, neighbours: Sequence[tuple[int, np.float32]]) -> Hits:
        weighed = [(float(similarity), self._scores(row)) for row, similarity in neighbours]
        return {
            "hits": [
                {
                    "id": self.train_ids_[row],
                    "category": self.classes_[self.targets_[row]],
                    "similarity": shortest(similarity),
                }
                for row, similarity in neighbours
            ],
            "scores": ranked(weighed),
        }

    def _scores(self, row: int) -> dict[str, float]:
        """Known outcomes of a training question by model; without any, 1 for its class."""
        if not self.models_:
            return {self.classes_[self.targets_[row]]: 1.0}
        outcomes = zip(self.models_, self.outcomes_[row], strict=True)
        return {model: shortest(outcome) for model, outcome in outcomes if not np.isnan(outcome)}

    def grid(self) -> list[dict[str, list[Any]]]:
        k = [1, 5, 10, 20, 50, 100]
        return [
            {"k": k, "weighting": ["uniform"]},
            {"k": k, "weighting": ["softmax"], "temperature": [0.05, 0.1]},
        ]

    def infer(self, queries: Sequence[str]) -> Inference:
        return self._infer(queries)[0]

    def infer_with_hits(self, queries: Sequence[str]) -> tuple[Inference, list[Hits] | None]:
        said, found = self._infer(queries)
        return said, self._hits(found)

    def _infer(self, queries: Sequence[str]) -> tuple[Inference, Neighbours]:
        """Vote on each query, and who voted."""
        self._check_fitted()
        vectors = self.encoder_.encode(queries)
        with stage("search"):
            found = self.index_.search(vectors, self.k)
            return self._vote(found), found

    def neighbour_recall(self, queries: Sequence[str]) -> NDArray[np.float64] | None:
        self._check_fitted()
        if not isinstance(self.index_, ApproximateIndex):
            return None
        return self.index_.recall(self.encoder_.encode(queries), self.k)

    def facts(self) -> dict[str, Any]:
        index = self.index_.facts()
        return {**super().facts(), **({"index": index} if index else {})}

    def _vote(self, found: Neighbours) -> Inference:
        weights = self._weights(found.similarities)
        votes = np.zeros((len(weights), len(self.classes_)), dtype=np.float32)
        np.add.at(votes, (np.arange(len(weights))[:, None], self.targets_[found.rows]), weights)
        proba = votes / votes.sum(axis=1, keepdims=True)
        confidence = found.similarities.mean(axis=1).clip(0, 1)
        return Inference(proba, confidence, self._expected(found.rows, weights))

    def _expected(self, rows: NDArray[np.int64], weights: FloatArray) -> FloatArray | None:
        """Mean outcome of each model over the neighbours at `rows` that know it, float32 (n, n_models)."""
        if not self.models_:
            return None
        outcomes = self.outcomes_[rows].astype(np.float64)
        known = ~np.isnan(outcomes)
        shares = weights[:, :, None] * known
        total = shares.sum(axis=1)
        sums = (shares * np.where(known, outcomes, 0)).sum(axis=1)
        means = np.where(total > 0, sums / np.where(total > 0, total, 1), self.mean_outcomes_)
        return means.astype(np.float32)

    def _weights(self, similarities: FloatArray) -> FloatArray:
        if self.weighting == "softmax":
            # Relative to the nearest, so that no temperature overflows.
            weights: FloatArray = np.exp((similarities - similarities[:, :1]) / self.temperature)
            return weights
        if self.weighting == "similarity":
            # The floor keeps a row of only dissimilar neighbours from dividing by zero.
            return np.maximum(similarities, 1e-6)
        return np.ones_like(similarities)

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays: dict[str, NDArray[Any]] = {**self.index_.save(folder), "targets": self.targets_}
        if self.models_:
            arrays["outcomes"] = self.outcomes_
        return arrays, self._encoder_state(folder)

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        self.index_ = self._fresh_index().load(folder, arrays)
        self.targets_ = arrays["targets"]
        if self.models_:
            self._fit_outcomes(arrays["outcomes"])
        self._restore_encoder(folder, meta)


def _check_made_by(encoder: Encoder, vectors: FloatArray, utterances: Sequence[str | None]) -> None:
    """Raises RouterError where `encoder` has another dimension or gives utterances quite other vectors."""
    rows = [row for row, utterance in enumerate(utterances) if utterance is not None][:PROBES]
    made = encoder.encode([str(utterances[row]) for row in rows])
    if made.shape[1] != vectors.shape[1]:
        raise RouterError(
            f"the points have {vectors.shape[1]} dimensions, the encoder in {encoder.model} has "
            f"{made.shape[1]}; choose the encoder that made them"
        )
    if rows and (cosine := float(np.median((made * vectors[rows]).sum(axis=1)))) < RELATED:
        raise RouterError(
            f"the encoder in {encoder.model} did not make these points: its vectors of their utterances "
            f"are at cosine {cosine:.2f} from theirs; choose the encoder that did"
        )
