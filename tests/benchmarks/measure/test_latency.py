"""What `measure` returns for routers that cost nothing: raw values, all of them, of real calls."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.inferences import load_inferences
from benchmarks.measure import reference_workload as reference
from benchmarks.measure.latency import Measure, measure, measure_again, timed_in
from benchmarks.measure.reference_workload import ReferenceWorkload
from benchmarks.workers.launch import run_isolated
from routers.base import Inference, Router, RouterError
from routers.baselines import TfidfRouter
from routers.stages import STAGES
from tests.benchmarks import fakes

Questions = tuple[list[str], list[str]]
Served = tuple[dict[str, Any], Inference]
QUICK = Measure(warmup=2, min_queries=30, rounds=1, batch_size=16, min_batches=5)


@pytest.fixture(scope="module")
def tfidf(questions: Questions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tfidf") / "router"
    TfidfRouter().fit(*questions).save(folder)
    return folder


@pytest.fixture(scope="module")
def served(tfidf: Path, questions: Questions) -> Served:
    """What measuring the TF-IDF router returned, and what the router said."""
    scores = tfidf.parent / "scores.safetensors"
    raw = measure(tfidf, questions[0], questions[0], vars(QUICK), scores)
    return raw, load_inferences(scores, 1)[0]


def test_latencies_are_raw_and_enough(served: Served) -> None:
    (raw,) = served[0]["rounds"]
    assert len(raw["latency_seconds"]) == len(raw["reference_seconds"]) >= QUICK.min_queries
    assert all(0 < seconds < 60 for seconds in raw["latency_seconds"] + raw["reference_seconds"])
    assert raw["load_seconds"] > 0
    assert raw["first_query_seconds"] > 0


def test_every_stage_is_timed_within_every_query(served: Served) -> None:
    (raw,) = served[0]["rounds"]
    assert set(raw["stage_seconds"]) == {"encode", "search", "decide"} <= set(STAGES)
    assert {len(values) for values in raw["stage_seconds"].values()} == {len(raw["latency_seconds"])}
    for total, *parts in zip(raw["latency_seconds"], *raw["stage_seconds"].values(), strict=True):
        assert 0 < sum(parts) <= total


def test_served_scores_are_the_routers(served: Served, tfidf: Path, questions: Questions) -> None:
    expected = Router.load(tfidf).infer(questions[0])
    assert (served[1].expected, served[1].sent_on) == (None, None)
    np.testing.assert_allclose(served[1].proba, expected.proba, atol=1e-6)
    np.testing.assert_allclose(served[1].confidence, expected.confidence, atol=1e-6)


def test_sizes(served: Served, tfidf: Path) -> None:
    raw = served[0]
    assert raw["index_bytes"] == sum(path.stat().st_size for path in tfidf.iterdir()) > 0
    assert raw["weights_bytes"] == 0
    assert raw["peak_rss_bytes"] > 10_000_000


@pytest.mark.parametrize(
    ("n_queries", "min_batches", "batches"),
    [
        (40, 5, [16, 16, 8, 16, 16, 16]),  # two full ones and three more; the rest of 8 is served, not timed
        (40, 1, [16, 16, 8]),
        (16, 1, [16]),
        (3, 2, [3, 16, 16]),  # fewer queries than a batch: they go round
    ],
)
def test_every_call_is_made_and_none_is_cached(
    tmp_path: Path, n_queries: int, min_batches: int, batches: list[int]
) -> None:
    fakes.Counting().fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    settings = Measure(warmup=3, min_queries=25, rounds=1, batch_size=16, min_batches=min_batches)
    fakes.calls.clear()
    queries = [f"question {number}" for number in range(n_queries)]
    raw = measure(tmp_path / "router", queries, queries, vars(settings), tmp_path / "scores")
    (timed,) = raw["rounds"]
    assert len(timed["latency_seconds"]) == 30  # whole blocks of ten
    assert fakes.calls == [1, *batches, *[1] * (settings.warmup + 30)]
    assert len(raw["batch_seconds"]) == batches.count(16) >= min_batches
    assert raw["batch_size"] == 16
    assert len(load_inferences(tmp_path / "scores", 1)[0].proba) == n_queries
    assert set(timed["stage_seconds"]) == {"decide"}


@pytest.mark.parametrize(
    ("router", "complaint"),
    [
        (fakes.Scoring(), r"fakes\.Scoring\.infer: proba has 5 for 'question 0', not a number from 0 to 1"),
        (
            fakes.Spare(),
            r"fakes\.Spare\.infer: proba has shape \(1, 3\), not \(1, 2\): a row a query, a column",
        ),
    ],
)
def test_a_broken_promise_is_not_measured(tmp_path: Path, router: Router, complaint: str) -> None:
    router.fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    queries = [f"question {number}" for number in range(40)]
    with pytest.raises(RouterError, match=complaint):
        measure(tmp_path / "router", queries, queries, vars(QUICK), tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


def test_a_further_round_is_timed_but_serves_nothing(tmp_path: Path) -> None:
    fakes.Counting().fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    # 41 queries in three rounds are 14 each, which is two blocks of ten.
    settings = Measure(warmup=3, min_queries=41, rounds=3, batch_size=16)
    fakes.calls.clear()
    timed = measure_again(tmp_path / "router", [f"question {n}" for n in range(40)], vars(settings))
    assert fakes.calls == [1, *[1] * (settings.warmup + 20)]
    assert len(timed["latency_seconds"]) == len(timed["reference_seconds"]) == 20
    assert min(timed["load_seconds"], timed["first_query_seconds"]) > 0


def test_rounds_time_every_kind_of_question_and_each_others() -> None:
    settings = vars(Measure(warmup=5, min_queries=60, rounds=3))
    queries = [f"q{number}" for number in range(100)]
    rounds = [timed_in(queries, number, settings, seed=0) for number in range(3)]
    assert all(sorted(one) == sorted(queries) for one in rounds)
    # 5 to warm up and 20 timed, then the next 25.
    assert [*rounds[0][:25], *rounds[1][:25], *rounds[2][:25]] == rounds[0][:75]
    assert rounds[0][:25] != queries[:25]
    assert timed_in(queries, 0, settings, seed=0) == rounds[0] != timed_in(queries, 0, settings, seed=1)
    # Few questions go round.
    assert sorted(timed_in(queries[:7], 9, settings, seed=0)) == sorted(queries[:7])


def test_the_reference_workload_needs_little_memory() -> None:
    assert 60e6 < run_isolated("reference_memory", {}) < 140e6


def test_reference_workload_always_does_the_same() -> None:
    workload = ReferenceWorkload()
    assert workload() == workload() == ReferenceWorkload()()
    assert np.isfinite(workload())


def test_reference_workload_is_the_one_of_its_version() -> None:
    shape = (reference._TOKENS, reference._WIDTH, reference._LAYERS, reference._PYTHON_STEPS)
    assert (reference.VERSION, shape) == (2, (12, 384, 9, 500)), "a change needs a new VERSION"
