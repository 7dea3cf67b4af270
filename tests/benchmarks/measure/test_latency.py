"""Raw values that serving returns for routers that cost nothing: all of them, of real calls."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measure.latency import (
    FirstRound,
    Measure,
    RoundJob,
    ServeJob,
    reference_memory,
    serve,
    time_again,
    timed_in,
)
from benchmarks.measure.reference_workload import VERSION, ReferenceWorkload
from benchmarks.workers.launch import Workers
from common.typed_json import from_json, to_json
from routers.base import Inference, Router, RouterError
from routers.baselines import TfidfRouter
from routers.encoder import SentenceEncoder
from routers.indexes.hnsw import HnswIndex
from routers.inference_files import load_inferences
from routers.knn import KNNRouter
from routers.stages import STAGES
from tests.benchmarks import fakes

Questions = tuple[list[str], list[str]]
Served = tuple[FirstRound, Inference]
QUICK = Measure(warmup=2, min_queries=30, rounds=1, batch_size=16, min_batches=5)


def serve_job(folder: Path, queries: list[str], measure: Measure = QUICK) -> ServeJob:
    return ServeJob(str(folder / "router"), queries, queries, measure, str(folder / "outputs"))


@pytest.fixture(scope="module")
def tfidf(questions: Questions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tfidf")
    TfidfRouter().fit(*questions).save(folder / "router")
    return folder


@pytest.fixture(scope="module")
def served(tfidf: Path, questions: Questions) -> Served:
    """What serving the TF-IDF router returned, and the router's output."""
    first = serve(serve_job(tfidf, questions[0]))
    return first, load_inferences(tfidf / "outputs", 1)[0]


def test_latencies_are_raw_and_each_stage_is_timed_within_its_query(served: Served) -> None:
    one = served[0].round
    assert len(one.latency_seconds) == len(one.reference_seconds) == 30
    assert all(0 < seconds < 60 for seconds in one.latency_seconds + one.reference_seconds)
    assert min(one.load_seconds, one.first_query_seconds) > 0
    assert set(one.stage_seconds) == {"encode", "search", "decide"} <= set(STAGES)
    for total, *parts in zip(one.latency_seconds, *one.stage_seconds.values(), strict=True):
        assert 0 < sum(parts) <= total
    assert from_json(json.loads(json.dumps(to_json(served[0]))), FirstRound) == served[0]


def test_outputs_and_sizes_are_the_routers(served: Served, tfidf: Path, questions: Questions) -> None:
    first, output = served
    expected = Router.load(tfidf / "router").infer(questions[0])
    assert (output.expected, output.sent_on) == (None, None)
    np.testing.assert_allclose(output.proba, expected.proba, atol=1e-6)
    np.testing.assert_allclose(output.confidence, expected.confidence, atol=1e-6)
    assert first.index_bytes == sum(path.stat().st_size for path in (tfidf / "router").iterdir()) > 0
    assert first.weights_bytes == 0
    assert first.peak_rss_bytes > 10_000_000


@pytest.mark.parametrize(
    ("n_queries", "min_batches", "batches"),
    [
        (40, 5, [16, 16, 8, 16, 16, 16]),  # two full ones and three more; the rest of 8 is served, not timed
        (3, 2, [3, 16, 16]),  # fewer queries than a batch: they go round
    ],
)
def test_every_call_is_made_and_none_is_cached(
    tmp_path: Path, n_queries: int, min_batches: int, batches: list[int]
) -> None:
    fakes.Counting().fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    measure = Measure(warmup=3, min_queries=25, rounds=1, batch_size=16, min_batches=min_batches)
    fakes.calls.clear()
    first = serve(serve_job(tmp_path, [f"question {number}" for number in range(n_queries)], measure))
    assert len(first.round.latency_seconds) == 30  # whole blocks of ten
    assert fakes.calls == [1, *batches, *[1] * (measure.warmup + 30)]
    assert len(first.batch_seconds) == batches.count(16) >= min_batches
    assert len(load_inferences(tmp_path / "outputs", 1)[0].proba) == n_queries
    assert set(first.round.stage_seconds) == {"decide"}


def test_an_approximate_index_is_compared_with_an_exact_search(
    encoder: SentenceEncoder, questions: Questions, served: Served, tmp_path: Path
) -> None:
    KNNRouter(encoder, k=5, index=HnswIndex()).fit(*questions).save(tmp_path / "router")
    recall = serve(serve_job(tmp_path, [*questions[0]] * 6)).neighbour_recall
    assert recall is not None
    assert (len(recall), set(recall) <= {0.6, 0.8, 1.0}) == (200, True)
    assert sum(recall) > 190
    assert served[0].neighbour_recall is None


def test_an_output_that_breaks_the_contract_is_not_measured(tmp_path: Path) -> None:
    fakes.Spare().fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    with pytest.raises(RouterError, match=r"fakes\.Spare\.infer: proba has shape \(1, 3\), not \(1, 2\)"):
        serve(serve_job(tmp_path, [f"question {number}" for number in range(40)]))
    assert not (tmp_path / "outputs").exists()


def test_a_further_round_is_timed_but_serves_nothing(tmp_path: Path) -> None:
    fakes.Counting().fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    # 41 queries in three rounds are 14 each, which is two blocks of ten.
    measure = Measure(warmup=3, min_queries=41, rounds=3, batch_size=16)
    fakes.calls.clear()
    timed = time_again(RoundJob(str(tmp_path / "router"), [f"question {n}" for n in range(40)], measure))
    assert fakes.calls == [1] * (1 + measure.warmup + 20)
    assert len(timed.latency_seconds) == len(timed.reference_seconds) == 20
    assert min(timed.load_seconds, timed.first_query_seconds) > 0


def test_rounds_time_every_kind_of_question_and_each_round_others() -> None:
    measure = Measure(warmup=5, min_queries=60, rounds=3)
    queries = [f"q{number}" for number in range(100)]
    rounds = [timed_in(queries, number, measure, seed=0) for number in range(3)]
    assert all(sorted(one) == sorted(queries) for one in rounds)
    # 5 to warm up and 20 timed, then the next 25.
    assert [*rounds[0][:25], *rounds[1][:25], *rounds[2][:25]] == rounds[0][:75]
    assert rounds[0][:25] != queries[:25]
    assert timed_in(queries, 0, measure, seed=0) == rounds[0] != timed_in(queries, 0, measure, seed=1)
    # Few questions go round.
    assert sorted(timed_in(queries[:7], 9, measure, seed=0)) == sorted(queries[:7])


@pytest.mark.process
def test_the_reference_workload_needs_little_memory() -> None:
    assert 60e6 < Workers(1).run(reference_memory, None, "reference") < 140e6


def test_the_reference_workload_is_that_of_its_version() -> None:
    workload = ReferenceWorkload()
    assert workload() == workload() == ReferenceWorkload()()
    assert VERSION == 2
    assert workload() == pytest.approx(25387.945, abs=0.1), "a change needs a new VERSION"
