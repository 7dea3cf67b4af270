"""Many routers in one process: each gets its own questions, and its output comes back in order."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets.base import Example
from benchmarks.errors import BadInput
from benchmarks.experiment.fit_batch import Fit, FitBatchJob, fit_batch, lessons_of, serve_saved
from benchmarks.workers.in_process import InProcess
from routers.base import Lessons
from tests.benchmarks import fakes
from tests.benchmarks.stand_ins import Recording

MAJORITY = {"_target_": "routers.baselines.MajorityRouter"}
A, B, C = (Example(name, f"question {name}", name[0]) for name in ("a-1", "b-1", "c-1"))
A2, B2 = Example("a-2", "question a-2", "a"), Example("b-2", "question b-2", "b")

pytestmark = pytest.mark.usefixtures("own_cache")


def test_each_fit_learns_from_its_own_questions_and_each_text_is_sent_once() -> None:
    workers = Recording()
    fits = [
        Fit(MAJORITY, [A, A2, B], ["x", "y"]),
        Fit(MAJORITY, [B, B2, A], ["y"]),
        Fit(MAJORITY, [B, C, C], ["z", "x", "x"]),
    ]
    first, second, third = fit_batch(fits, workers, "test")
    assert (first.classes, second.classes, third.classes) == (["a", "b"], ["a", "b"], ["b", "c"])
    np.testing.assert_allclose(first.inference.proba, [[2 / 3, 1 / 3]] * 2)
    np.testing.assert_allclose(second.inference.proba, [[1 / 3, 2 / 3]])
    np.testing.assert_allclose(third.inference.proba, [[1 / 3, 2 / 3]] * 3)
    ((_, job, _),) = workers.calls
    assert isinstance(job, FitBatchJob)
    assert sorted(job.lessons.ids) == ["a-1", "a-2", "b-1", "b-2", "c-1"]
    assert job.queries == ["x", "y", "z"]


def test_the_fitted_router_has_the_outcomes_of_its_questions() -> None:
    known = [Example(str(n), f"q{n}", "ab"[n % 2], outcomes={"m": n / 4, "n": 1.0}) for n in range(4)]
    expecting = {"_target_": "tests.benchmarks.fakes.Expecting"}
    fits = [Fit(expecting, known[:2], ["x"]), Fit(expecting, known[2:], ["x"])]
    early, late = fit_batch(fits, InProcess(), "test")
    assert early.models == late.models == ["m", "n"]
    assert early.inference.expected is not None
    assert late.inference.expected is not None
    np.testing.assert_allclose(early.inference.expected, [[0.125, 1]])
    np.testing.assert_allclose(late.inference.expected, [[0.625, 1]])
    (without,) = fit_batch([Fit(expecting, [A, B], ["x"])], InProcess(), "test")
    assert without.inference.expected is None


def test_outcomes_are_lessons_only_where_there_are_any() -> None:
    assert lessons_of([A, B]) == Lessons(["question a-1", "question b-1"], ["a", "b"], ["a-1", "b-1"])
    lessons = lessons_of([A, B, Example("k", "?", "a", outcomes={"m": 0.5})])
    assert lessons.outcomes == [{}, {}, {"m": 0.5}]
    assert lessons.of([2, 0]) == Lessons(["?", "question a-1"], ["a", "a"], ["k", "a-1"], [{"m": 0.5}, {}])


def test_a_router_that_cannot_be_fitted_says_why() -> None:
    fits = [Fit(MAJORITY, [A, B], ["x"]), Fit(fakes.Refusing().spec(), [A, B], ["x"])]
    with pytest.raises(BadInput, match=fakes.REFUSAL):
        fit_batch(fits, InProcess(), "test")


def test_questions_that_are_longer_than_the_router_reads(tmp_path: Path) -> None:
    fakes.Short().fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    output = serve_saved(tmp_path / "router", ["x" * 8, "x" * 9, ""], InProcess(), "test")
    assert output.cut is not None
    assert output.cut.tolist() == [False, True, False]


def test_an_output_that_breaks_the_contract_is_refused_by_the_routers_name(tmp_path: Path) -> None:
    fakes.Scoring().fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    refused = r"tests\.benchmarks\.fakes\.Scoring\.infer: proba has 5 for 'x'"
    with pytest.raises(BadInput, match=refused):
        serve_saved(tmp_path / "router", ["x"], InProcess(), "test")
    with pytest.raises(BadInput, match=refused):
        fit_batch([Fit(fakes.Scoring().spec(), [A, B], ["x"])], InProcess(), "test")
