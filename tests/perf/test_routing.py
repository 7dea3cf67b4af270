"""Timings of the steps of routing one query; `make perf` runs them, nothing fails by time."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from routers.base import Router
from routers.centroid import CentroidRouter
from routers.decision import route
from routers.encoder import SentenceEncoder
from routers.indexes.exact import ExactIndex
from routers.knn import KNNRouter

Questions = tuple[list[str], list[str]]

QUERY = "Why does my car shake when I brake on the motorway?"


@pytest.mark.benchmark(group="encode")
def test_encode_one_query(benchmark: BenchmarkFixture, encoder: SentenceEncoder) -> None:
    assert benchmark(encoder.encode, [QUERY]).shape == (1, 384)


@pytest.mark.benchmark(group="encode")
def test_encode_a_batch_of_32(benchmark: BenchmarkFixture, encoder: SentenceEncoder) -> None:
    assert benchmark(encoder.encode, [QUERY] * 32).shape == (32, 384)


@pytest.mark.benchmark(group="search")
def test_search_10k_vectors(benchmark: BenchmarkFixture) -> None:
    vectors = np.random.default_rng(0).normal(size=(10_000, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = benchmark(ExactIndex().build(vectors, {}).search, vectors[7:8], 10)
    assert found.rows[0, 0] == 7


@pytest.mark.benchmark(group="route")
@pytest.mark.parametrize("kind", [CentroidRouter, KNNRouter])
def test_route_one_query(
    benchmark: BenchmarkFixture,
    encoder: SentenceEncoder,
    questions: Questions,
    kind: type[CentroidRouter] | type[KNNRouter],
) -> None:
    router: Router = kind(encoder).fit(*questions)
    assert benchmark(route, router, QUERY).label == "car"
