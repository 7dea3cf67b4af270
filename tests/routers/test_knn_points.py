"""Expected outcomes of neighbours, and a fitted router as points and back, computed by hand."""

import json
from collections.abc import Sequence
from math import exp
from pathlib import Path

import numpy as np
import pytest

from routers.base import FloatArray, RouterError
from routers.encoder_base import Encoder
from routers.indexes.base import Neighbours
from routers.indexes.exact import ExactIndex
from routers.interop.points import Points, ranked, read_points, server_uid, unit_rows, write_points
from routers.knn import KNNRouter
from tests.routers.conftest import FakeEncoder

VECTORS = {
    "east": (1.0, 0.0),
    "north-east": (0.6, 0.8),
    "north": (0.0, 1.0),
    "west": (-1.0, 0.0),
}
TRAIN = list(VECTORS)
LABELS = ["car", "car", "sleep", "sleep"]
# y is unknown of the two to the east, z of all but the west.
OUTCOMES = [{"x": 1.0}, {"x": 0.5}, {"x": 0.0, "y": 0.7}, {"x": 0.25, "y": 0.1, "z": 0.9}]
UIDS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(4)]


def fit(k: int, weighting: str = "uniform", temperature: float = 0.5) -> KNNRouter:
    router = KNNRouter(FakeEncoder(VECTORS), k=k, weighting=weighting, temperature=temperature)
    return router.fit(TRAIN, LABELS, UIDS, OUTCOMES)


def expected(router: KNNRouter, *queries: str) -> list[list[float]]:
    found = router.infer(queries).expected
    assert found is not None
    assert found.dtype == np.float32
    return [[float(value) for value in row] for row in found]


def test_uniform_neighbours_give_the_plain_mean_of_what_they_know() -> None:
    router = fit(3)
    assert router.models_ == ["x", "y", "z"]
    # Nearest to the east: east, north-east, north; of z none knows, so all of training counts.
    assert expected(router, "east") == [pytest.approx([0.5, 0.7, 0.9])]
    # Of y neither of these two knows: the mean over training.
    assert expected(fit(2), "east") == [pytest.approx([0.75, 0.4, 0.9])]


def test_similar_neighbours_count_more() -> None:
    # north 1, north-east 0.8, then east (the lower row of two) about 0.
    assert expected(fit(2, "similarity"), "north") == [pytest.approx([0.4 / 1.8, 0.7, 0.9], rel=1e-5)]


def test_weights_are_those_of_the_vote() -> None:
    weights = np.array([1.0, exp(-0.4 / 0.5), exp(-1 / 0.5)])
    assert expected(fit(3, "softmax"), "east") == [
        pytest.approx([(weights @ [1, 0.5, 0]) / weights.sum(), 0.7, 0.9], rel=1e-5)
    ]


def test_a_neighbour_without_weight_knows_nothing() -> None:
    # At this temperature the north's weight is exactly 0 in the east.
    assert expected(fit(3, "softmax", 1e-4), "east") == [pytest.approx([1.0, 0.4, 0.9])]


def test_without_outcomes_nothing_is_expected_not_even_from_an_earlier_fit() -> None:
    router = fit(2)
    assert router.fit(TRAIN, LABELS).infer(["east"]).expected is None
    assert KNNRouter(FakeEncoder(VECTORS)).fit(TRAIN, LABELS).infer(["east"]).expected is None


# Points --------------------------------------------------------------------------------------


def points(**changes: object) -> Points:
    vectors = np.array(list(VECTORS.values()), dtype=np.float32)
    fields = {
        "uids": UIDS,
        "categories": LABELS,
        "vectors": vectors,
        "utterances": [None] * 4,
        "scores": OUTCOMES,
    }
    return Points(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_fitted_router_as_points() -> None:
    assert fit(2).to_points() == points()
    assert fit(2).to_points(TRAIN) == points(utterances=TRAIN)
    with pytest.raises(RouterError, match="1 questions, but it was fitted on 4"):
        fit(2).to_points(["east"])


def test_without_outcomes_the_class_is_the_target() -> None:
    router = KNNRouter(FakeEncoder(VECTORS), k=2).fit(TRAIN, LABELS)
    found = router.to_points()
    assert found.scores == [{label: 1.0} for label in LABELS]
    assert found.uids == [server_uid(str(row)) for row in range(4)]
    assert len({*found.uids}) == 4


@pytest.mark.parametrize("weighting", ["softmax", "similarity", "uniform"])
def test_points_give_the_same_router_again(weighting: str) -> None:
    router = fit(3, weighting)
    again = KNNRouter(FakeEncoder(VECTORS), k=3, weighting=weighting, temperature=0.5)
    again.fit_points(router.to_points(TRAIN))
    assert (again.classes_, again.models_, again.train_ids_) == (["car", "sleep"], ["x", "y", "z"], UIDS)
    for mine, theirs in zip(router.infer(TRAIN), again.infer(TRAIN), strict=True):
        assert (mine is None and theirs is None) or np.array_equal(mine, theirs)
    assert [again.respond(text) for text in TRAIN] == [router.respond(text) for text in TRAIN]
    assert again.to_points() == points()


def test_vectors_of_any_length_are_brought_to_one() -> None:
    vectors = np.array(list(VECTORS.values()), dtype=np.float32)
    long = KNNRouter(FakeEncoder(VECTORS), k=4).fit_points(points(vectors=vectors * 7))
    assert long.to_points().vectors == pytest.approx(vectors)
    with pytest.raises(RouterError, match="the vector of point 2 is zero"):
        unit_rows(np.array([[1, 0], [0, 0]], dtype=np.float32))


def test_a_single_category_will_do() -> None:
    router = KNNRouter(FakeEncoder(VECTORS), k=2).fit_points(points(categories=["all"] * 4))
    assert router.predict(["east"]) == ["all"]
    assert expected(router, "east")[0][0] > 0.5


def test_points_of_another_encoder_are_refused() -> None:
    encoder = FakeEncoder(VECTORS)
    encoder.model = "here"
    with pytest.raises(RouterError, match="the points have 3 dimensions, the encoder in here has 2"):
        KNNRouter(encoder).fit_points(points(vectors=np.ones((4, 3), dtype=np.float32)))
    turned = np.array([(-y, x) for x, y in VECTORS.values()], dtype=np.float32)
    assert KNNRouter(encoder).fit_points(points(vectors=turned)).classes_ == ["car", "sleep"]
    with pytest.raises(RouterError, match=r"the encoder in here did not make these points: .* cosine 0\.00"):
        KNNRouter(encoder).fit_points(points(vectors=turned, utterances=TRAIN))
    with pytest.raises(RouterError, match="weighting=cubic: not one of"):
        KNNRouter(encoder, weighting="cubic").fit_points(points())


def test_the_answer_of_the_server() -> None:
    # The three nearest to the north-east: itself 1, north 0.8, east 0.6. What a point has no score for
    # counts as 0: x (0.5 + 0 + 0.6) / 2.4 = 0.458, y 0.8 * 0.7 / 2.4 = 0.233; nobody near knows z.
    router = fit(3, "uniform")
    assert router.respond("north-east") == {
        "hits": [
            {"id": UIDS[1], "category": "car", "similarity": pytest.approx(1.0)},
            {"id": UIDS[2], "category": "sleep", "similarity": pytest.approx(0.8)},
            {"id": UIDS[0], "category": "car", "similarity": pytest.approx(0.6)},
        ],
        "scores": [{"target": "x", "score": 0.46}, {"target": "y", "score": 0.23}],
    }
    assert json.loads(json.dumps(router.respond("east")))


def test_scores_and_hits_of_several_queries_come_from_one_search(monkeypatch: pytest.MonkeyPatch) -> None:
    router = fit(3, "softmax")
    encoded: list[list[str]] = []
    searched: list[tuple[int, ...]] = []
    encode, search = FakeEncoder.encode, ExactIndex.search

    def encode_and_note(self: FakeEncoder, texts: Sequence[str], batch_size: int | None = None) -> FloatArray:
        encoded.append(list(texts))
        return encode(self, texts, batch_size)

    def search_and_note(self: ExactIndex, queries: FloatArray, k: int) -> Neighbours:
        searched.append(queries.shape)
        return search(self, queries, k)

    monkeypatch.setattr(FakeEncoder, "encode", encode_and_note)
    monkeypatch.setattr(ExactIndex, "search", search_and_note)
    said, hits = router.infer_with_hits(["north-east", "west"])
    assert encoded == [["north-east", "west"]]
    assert searched == [(2, 2)]
    assert hits == [router.respond("north-east"), router.respond("west")]
    for got, wanted in zip(said, router.infer(["north-east", "west"]), strict=True):
        assert (got is None and wanted is None) or np.array_equal(got, wanted)
    assert router.infer_with_hits([])[1] == []


def test_without_outcomes_a_class_speaks_for_itself() -> None:
    router = KNNRouter(FakeEncoder(VECTORS), k=3).fit(TRAIN, LABELS, UIDS)
    # (1 + 0.6) / 2.4 and 0.8 / 2.4.
    assert router.respond("north-east")["scores"] == [
        {"target": "car", "score": 0.67},
        {"target": "sleep", "score": 0.33},
    ]


def test_halves_go_away_from_zero_and_names_break_ties() -> None:
    found = ranked([(1.0, {"b": 0.125, "a": 0.125, "c": -0.125, "d": 1.0})])
    assert found == [
        {"target": "d", "score": 1.0},
        {"target": "a", "score": 0.13},
        {"target": "b", "score": 0.13},
        {"target": "c", "score": -0.13},
    ]
    # Opposite similarities that add up to nothing.
    assert ranked([(0.5, {"a": 1.0}), (-0.5, {})]) == [{"target": "a", "score": 0.0}]


@pytest.mark.parametrize("name", ["tiny_encoder", "tiny_static"])
def test_the_whole_way_through_files(tmp_path: Path, name: str, request: pytest.FixtureRequest) -> None:
    encoder: Encoder = request.getfixturevalue(name)
    router = KNNRouter(encoder, k=3).fit(TRAIN, LABELS, outcomes=OUTCOMES)
    write_points(router.to_points(TRAIN), tmp_path / "points")
    again = KNNRouter(encoder, k=3).fit_points(read_points(tmp_path / "points"))
    # As after loading: its encoder is the one that it was made with.
    assert again.prepare() is again
    assert again.predict_proba(TRAIN).tobytes() == router.predict_proba(TRAIN).tobytes()
    assert again.respond("a new question")["scores"] == router.respond("a new question")["scores"]
