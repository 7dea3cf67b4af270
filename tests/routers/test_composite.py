"""Routers made of routers: classes, weights and fine-tuning of their parts."""

import numpy as np
import pytest

from routers.baselines import MajorityRouter, TfidfRouter
from routers.calibrated import CalibratedRouter
from routers.cascade import CascadeRouter
from routers.centroid import CentroidRouter
from routers.composite import held_out_rows, in_columns, log_proba
from routers.encoder import SentenceEncoder
from routers.ensemble import EnsembleRouter
from routers.indexes.hnsw import HnswIndex
from routers.knn import KNNRouter
from routers.url import UrlRouter
from tests.routers.servers import listening, route_by_words

Questions = tuple[list[str], list[str]]


def test_columns_are_placed_by_name() -> None:
    values = np.array([[0.25, 0.75]], dtype=np.float32)
    assert in_columns(values, ["b", "a"], ["a", "b", "c"]).tolist() == [[0.75, 0.25, 0.0]]
    assert in_columns(values, ["b", "x"], ["a", "b"]).tolist() == [[0.0, 0.25]]
    assert in_columns(values, ["b", "a"], ["b", "a"]) is values


def test_logarithms_are_finite() -> None:
    assert log_proba(np.array([[1.0, 0.0]], dtype=np.float32))[0] == pytest.approx([0.0, np.log(1e-6)])


def test_held_out_rows_are_stratified_and_apart() -> None:
    targets = np.array([0] * 10 + [1] * 5 + [2])
    rest, out = held_out_rows(targets, 0.2, seed=3)
    assert not set(rest) & set(out)
    assert sorted([*rest, *out]) == list(range(16))
    assert np.bincount(targets[out], minlength=3).tolist() == [2, 1, 0]


def test_parts_within_parts(encoder: SentenceEncoder, questions: Questions) -> None:
    inner = EnsembleRouter({"mean": CentroidRouter(encoder), "near": KNNRouter(encoder)}, method="stacked")
    router = CalibratedRouter(inner)
    assert router.weights_sha256() == {
        "router/mean/encoder": encoder.weights_sha256(),
        "router/near/encoder": encoder.weights_sha256(),
    }
    router.fit(*questions)
    assert set(router.weights_sha256()) == {"router/mean/encoder", "router/near/encoder"}
    # Both read the same files, which count once.
    assert sorted(router.asset_paths()) == sorted(encoder.asset_paths())
    assert router.predict(questions[0]) == questions[1]


def test_recall_is_that_of_the_parts_that_search_approximately(
    encoder: SentenceEncoder, questions: Questions
) -> None:
    poor = HnswIndex(m=2, ef_construction=1, ef_search=1)
    parts = {
        "exact": KNNRouter(encoder),
        "poor": KNNRouter(encoder, k=1, index=poor),
        "mean": CentroidRouter(encoder),
    }
    router = EnsembleRouter(parts).fit(*questions)
    alone = router.parts_["poor"].neighbour_recall(questions[0])
    recall = router.neighbour_recall(questions[0])
    assert recall is not None
    assert alone is not None
    assert recall.tolist() == alone.tolist()
    del parts["poor"]
    assert EnsembleRouter(parts).fit(*questions).neighbour_recall(questions[0]) is None


def test_what_fits_several_times_encodes_once(
    encoder: SentenceEncoder, questions: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str] = []
    plain = SentenceEncoder._encode

    def counting(self: SentenceEncoder, texts: list[str], batch_size: int | None) -> np.ndarray:  # type: ignore[type-arg]
        encoded.extend(texts)
        return plain(self, texts, batch_size)

    monkeypatch.setattr(SentenceEncoder, "_encode", counting)
    parts = {"a": KNNRouter(encoder), "b": KNNRouter(encoder, k=5)}
    router = EnsembleRouter(parts, method="stacked").fit(*questions)
    assert sorted(encoded) == sorted(questions[0])
    # Parts that are asked the same do it once too.
    encoded.clear()
    router.infer(["a new question", "another"])
    assert sorted(encoded) == ["a new question", "another"]
    encoded.clear()
    CascadeRouter(KNNRouter(encoder), CentroidRouter(encoder), threshold=1.0).fit(*questions).infer(["new"])
    assert sorted(encoded) == sorted([*questions[0], "new"])


def test_a_failed_fit_leaves_nothing_behind(questions: Questions) -> None:
    router = CalibratedRouter(MajorityRouter(), fraction=2.0)
    with pytest.raises(ValueError, match="fraction"):
        router.fit(*questions)
    assert vars(router) == router.get_params()


def test_events_are_sums_over_the_parts(questions: Questions) -> None:
    with listening(route_by_words) as server:
        parts = {
            "one": UrlRouter(server.url, max_batch=1),
            "all": UrlRouter(server.url),
            "words": TfidfRouter(),
        }
        router = EnsembleRouter(parts).fit(*questions)
        router.infer(["oil", "bed", "oil"])
    assert router.events() == {
        **{"requests": 4, "retries": 0, "questions": 6, "unnamed": 0},
        **{"repeated": 2, "changed": 0},
    }
    assert MajorityRouter().fit(*questions).events() == {}
