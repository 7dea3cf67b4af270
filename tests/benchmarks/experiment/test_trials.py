"""Many routers in one process: each gets its own questions, and its answers come back in order."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.datasets.base import Example
from benchmarks.errors import BadInput
from benchmarks.experiment.trials import Trial, ask_saved, fit_arguments, run_trials
from routers.base import RouterError
from tests.benchmarks import fakes
from tests.benchmarks.helpers import here

MAJORITY = {"_target_": "routers.baselines.MajorityRouter"}
EXPECTING = {"_target_": "tests.benchmarks.fakes.Expecting"}
A, B, C = (Example(name, f"question {name}", name[0]) for name in ("a-1", "b-1", "c-1"))
A2, B2 = Example("a-2", "question a-2", "a"), Example("b-2", "question b-2", "b")


@pytest.fixture
def payloads(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> list[dict[str, Any]]:
    """What the worker, which is this process, is given."""
    found: list[dict[str, Any]] = []

    def spy(task: str, payload: dict[str, Any], *more: Any) -> Any:
        assert task == "trials"
        found.append(payload)
        return here(task, payload, *more)

    monkeypatch.setattr("benchmarks.experiment.trials.run_isolated", spy)
    return found


def test_each_trial_learns_from_its_own_questions(payloads: list[dict[str, Any]]) -> None:
    trials = [
        Trial(MAJORITY, [A, A2, B], ["x", "y"]),
        Trial(MAJORITY, [B, B2, A], ["y"]),
        Trial(MAJORITY, [B, C, C], ["z", "x", "y"]),
    ]
    first, second, third = run_trials(trials, 1, "test")
    assert (first.classes, second.classes, third.classes) == (["a", "b"], ["a", "b"], ["b", "c"])
    np.testing.assert_allclose(first.inference.proba, [[2 / 3, 1 / 3]] * 2)
    np.testing.assert_allclose(second.inference.proba, [[1 / 3, 2 / 3]])
    np.testing.assert_allclose(third.inference.proba, [[1 / 3, 2 / 3]] * 3)


def test_a_text_goes_to_the_worker_once(payloads: list[dict[str, Any]]) -> None:
    run_trials([Trial(MAJORITY, [A, B], ["x", "x", "y"]), Trial(MAJORITY, [B, A, A2], ["y"])], 1, "test")
    (payload,) = payloads
    assert payload["questions"]["ids"] == ["a-1", "b-1", "a-2"]
    assert payload["queries"] == ["x", "y"]
    assert [trial["train"] for trial in payload["trials"]] == [[0, 1], [1, 0, 2]]
    assert [trial["asked"] for trial in payload["trials"]] == [[0, 0, 1], [1]]


def test_the_fitted_router_has_the_ids_labels_and_outcomes_of_its_questions(
    payloads: list[dict[str, Any]],
) -> None:
    known = [Example(str(n), f"q{n}", "ab"[n % 2], outcomes={"m": n / 4, "n": 1.0}) for n in range(4)]
    even, odd = run_trials(
        [Trial(EXPECTING, known[:2], ["x"]), Trial(EXPECTING, known[2:], ["x"])], 1, "test"
    )
    assert even.models == odd.models == ["m", "n"]
    np.testing.assert_allclose(even.inference.expected, [[0.125, 1]])
    np.testing.assert_allclose(odd.inference.expected, [[0.625, 1]])
    assert run_trials([Trial(EXPECTING, [A, B], ["x"])], 1, "test")[0].inference.expected is None


def test_outcomes_are_arguments_only_where_there_are_any() -> None:
    assert fit_arguments([A, B]) == {
        "queries": ["question a-1", "question b-1"],
        "labels": ["a", "b"],
        "ids": ["a-1", "b-1"],
    }
    known = Example("k", "?", "a", outcomes={"m": 0.5})
    assert fit_arguments([A, known])["outcomes"] == [{}, {"m": 0.5}]


def test_a_router_that_cannot_be_fitted_says_why(own_cache: Path) -> None:
    refusing = {"_target_": "tests.benchmarks.fakes.Refusing"}
    with pytest.raises(BadInput, match=fakes.REFUSAL):
        run_trials([Trial(MAJORITY, [A, B], ["x"]), Trial(refusing, [A, B], ["x"])], 1, "test")


def test_a_router_that_breaks_its_promise_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    monkeypatch.setattr("benchmarks.experiment.trials.run_isolated", here)
    fakes.Scoring().fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    refused = r"tests\.benchmarks\.fakes\.Scoring\.infer: proba has 5 for 'x'"
    with pytest.raises(RouterError, match=refused):
        ask_saved(tmp_path / "router", ["x"], 1, "test")
    with pytest.raises(RouterError, match=refused):
        run_trials([Trial(fakes.Scoring().spec(), [A, B], ["x"])], 1, "test")
