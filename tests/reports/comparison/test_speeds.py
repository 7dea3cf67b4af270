"""How many processes a speed comes from, and when two are apart."""

import pytest

from reports.comparison.cells import number
from reports.comparison.speeds import latencies, repeated, separate
from reports.record import Metric
from tests.reports.comparison.samples import changed, in_one_process, sample_result


def test_processes() -> None:
    result = sample_result("knn")
    assert [len(one) for one in latencies(result.record)] == [100, 100]
    assert repeated(result.record)
    assert not repeated(in_one_process(result).record)
    assert latencies(changed(result, timings={}).record) == []


@pytest.mark.parametrize(
    ("end", "beginning", "apart"),
    [(2.0, 2.1, True), (2.0, 2.0, False), (None, 2.1, False), (2.0, None, False)],
)
def test_intervals_apart(end: float | None, beginning: float | None, apart: bool) -> None:
    assert separate(number(1.5, 1, end), number(3, beginning, 4)) == apart
    lower = Metric("latency_p50", 1.5, "ms", False, ci_low=1, ci_high=end)
    higher = Metric("latency_p50", 3, "ms", False, ci_low=beginning, ci_high=4)
    assert separate(lower, higher) == apart
    assert not separate(higher, lower)
