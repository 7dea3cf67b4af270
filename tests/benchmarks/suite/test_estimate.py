"""Time and price of a suite, by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.datasets.base import Dataset, Example
from benchmarks.measure.latency import Measure
from benchmarks.suite.estimate import (
    OVERHEAD_SECONDS,
    REFERENCE_SECONDS,
    Estimate,
    TryOut,
    estimate,
    few_questions,
    try_out,
)
from benchmarks.suite.plan import Cell
from benchmarks.workers.in_process import InProcess


def dataset(n_train: int, n_test: int) -> Dataset:
    def examples(count: int, part: str) -> list[Example]:
        return [
            Example(f"{part}-{number}", f"question {part} {number}", "ab"[number % 2])
            for number in range(count)
        ]

    return Dataset("made", examples(n_train, "train"), examples(n_test, "test"))


TRIED = TryOut(
    start_seconds=3, fit_fixed_seconds=4, fit_seconds=0.1, batch_seconds=0.01, single_seconds=0.02, usd=0.001
)
MEASURE = Measure(warmup=5, min_queries=100, rounds=2, batch_size=10, min_batches=4)
CELL = Cell("made", "one", ())


def test_fitting_takes_two_processes_and_a_time_for_each_question() -> None:
    (found,) = estimate([CELL], [], {"one": TRIED}, {"made": dataset(200, 50)}, MEASURE).values()
    assert found == Estimate(pytest.approx(OVERHEAD_SECONDS + 6 + 4 + 20 + 0.5), 0, pytest.approx(0.05))


def test_timing_takes_a_process_a_round() -> None:
    (found,) = estimate([], [CELL], {"one": TRIED}, {"made": dataset(200, 30)}, MEASURE).values()
    singles = 2 * (5 + 50)
    seconds = OVERHEAD_SECONDS + 6 + 40 * 0.01 + singles * (0.02 + REFERENCE_SECONDS)
    assert found == Estimate(0, pytest.approx(seconds), pytest.approx(0.001 * (40 + singles)))


def test_both_of_one_cell_are_added() -> None:
    tried, data = {"one": replace(TRIED, usd=0)}, {"made": dataset(20, 10)}
    both = estimate([CELL], [CELL], tried, data, MEASURE)[CELL]
    fitting, timing = estimate([CELL], [], tried, data, MEASURE), estimate([], [CELL], tried, data, MEASURE)
    assert both == fitting[CELL] + timing[CELL]


def test_a_try_out_has_few_questions_of_few_domains() -> None:
    examples, queries = few_questions(dataset(200, 50), seed=0)
    assert len(examples) == 20
    assert len(queries) == 10


def test_a_contestant_is_tried_out_for_real(tmp_path: Path) -> None:
    spec = {"_target_": "tests.benchmarks.fakes.Even"}
    found = try_out(spec, dataset(200, 50), 0, InProcess(), "trying")
    assert (
        min(
            found.start_seconds,
            found.fit_fixed_seconds,
            found.fit_seconds,
            found.batch_seconds,
            found.single_seconds,
        )
        >= 0
    )
    assert found.usd == 0
