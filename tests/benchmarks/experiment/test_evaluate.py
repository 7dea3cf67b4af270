"""How often a router is served: as often as asked, and then until its figure is known or time is up."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.base import Dataset, Example
from benchmarks.experiment import evaluate as judging
from benchmarks.experiment.evaluate import _further_rounds
from benchmarks.measure.latency import Measure
from benchmarks.settings import Run
from common.settings import Statistics
from tests.benchmarks.test_rounds import timed

QUESTIONS = Dataset("two", [Example("1", "?", "a")], [Example("2", "??", "a"), Example("3", "!", "b")])


def rounds_after_the_first(
    monkeypatch: pytest.MonkeyPatch, measure: Measure, ratios: list[float], precise: bool = True
) -> int:
    """How many further rounds there are when they have these ratios, and a second passes with each."""
    ratio, seconds = iter(ratios[1:]), count()

    def served(task: str, payload: dict[str, Any], threads: int, title: str) -> dict[str, Any]:
        assert (task, sorted(payload["timed"]), threads) == ("serve_again", ["!", "??"], measure.threads)
        return timed((next(ratio), 1.0))

    monkeypatch.setattr(judging, "run_isolated", served)
    monkeypatch.setattr(judging, "monotonic", lambda: next(seconds))
    settings = Run(measure=measure, statistics=Statistics())
    first = [timed((ratios[0], 1.0))]
    return len(_further_rounds(Path("saved"), QUESTIONS, settings, first, "fake", precise))


STEADY, WILD = [1.0] * 50, [1.0, 2.0] * 25


def test_as_many_rounds_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds_after_the_first(monkeypatch, Measure(rounds=4, budget=0), WILD) == 3
    assert rounds_after_the_first(monkeypatch, Measure(rounds=1, budget=0), WILD) == 0


def test_no_more_once_the_figure_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds_after_the_first(monkeypatch, Measure(rounds=3, budget=1000), STEADY) == 2
    # The interval of 1, 2, then ever more 1.4 is wide at first.
    settling = [1.0, 2.0, *[1.4] * 48]
    many = rounds_after_the_first(monkeypatch, Measure(rounds=3, budget=1000), settling)
    assert 5 < many < 48


def test_no_more_once_the_budget_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock is read before the first and once a round from the third on.
    assert rounds_after_the_first(monkeypatch, Measure(rounds=3, budget=5), WILD) == 2 + 5


def test_baselines_are_not_measured_more_precisely(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds_after_the_first(monkeypatch, Measure(rounds=3, budget=1000), WILD, precise=False) == 2
