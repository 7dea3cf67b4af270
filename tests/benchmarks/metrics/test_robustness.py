"""Flips by kind of change, by hand: of a router that hears nothing but shouting."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.perturb import PERTURBATIONS, perturb
from benchmarks.experiment import trials
from benchmarks.metrics import robustness as module
from benchmarks.metrics.robustness import ask_changed, examples_flipped, flips
from common.settings import Statistics
from reports.record import Metric, Prediction
from tests.benchmarks.fakes import Shouted
from tests.benchmarks.helpers import here

QUICK = Statistics(resamples=100)
QUESTIONS = [f"Question number {letter}, what is it?" for letter in "abcdefghijklmnopqrst"]
SHOUTED = [perturb(question, "case", 0).isupper() for question in QUESTIONS]


def rows(weight: float = 1.0) -> list[Prediction]:
    """All said to be `a`, as they are; those that will be shouted count `weight`."""
    return [
        Prediction(str(n), text, "ab"[n % 2], "a", 1.0, {"a": 1.0, "b": 0.0}, "standard", weight=heavy)
        for n, (text, heavy) in enumerate(
            zip(QUESTIONS, [weight if loud else 1.0 for loud in SHOUTED], strict=True)
        )
    ]


FOREIGN = Prediction("f", "Lima?", None, "a", 1.0, {"a": 1.0, "b": 0.0}, "out_of_scope")


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Path:
    monkeypatch.setattr(trials, "run_isolated", here)
    Shouted().fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    return tmp_path / "router"


def found(saved: Path, some: list[Prediction]) -> tuple[dict[str, Metric], dict[str, Any]]:
    asked = ask_changed("fake", saved, some, ["a", "b"], 1, 0)
    assert [replace(row, changed=None) for row in asked] == some
    assert [row.changed is None for row in asked] == [row.label is None for row in some]
    return {entry.name: entry for entry in flips(asked, QUICK, 0)}, examples_flipped(asked, 0)


def test_flips_and_accuracy_by_hand(saved: Path) -> None:
    metrics, flipped = found(saved, [*rows(), FOREIGN])
    n_loud = sum(SHOUTED)
    assert 0 < n_loud < 20, "the case must have both"
    assert list(metrics) == [f"{what}_{kind}" for kind in PERTURBATIONS for what in ("flips", "accuracy")]
    for kind in PERTURBATIONS:
        expected = n_loud / 20 if kind == "case" else 0
        assert metrics[f"flips_{kind}"].value == pytest.approx(expected)
        assert not metrics[f"flips_{kind}"].higher_is_better
    # Shouted questions are taken for b, which every other one is; all others for a.
    right = sum((n % 2 == 1) == loud for n, loud in enumerate(SHOUTED))
    assert metrics["accuracy_case"].value == pytest.approx(right / 20)
    assert metrics["accuracy_typos"].value == pytest.approx(1 / 2)
    assert {(entry.n, entry.slice, entry.unit) for entry in metrics.values()} == {(20, "all", "fraction")}
    first = SHOUTED.index(True)
    assert flipped["case"][0] == {
        "query": QUESTIONS[first],
        "changed": QUESTIONS[first].upper(),
        "predicted": "a",
        "flipped_to": "b",
    }
    assert len(flipped["case"]) == min(n_loud, module.EXAMPLES_KEPT)
    assert flipped["typos"] == []


def test_a_question_counts_by_its_weight(saved: Path) -> None:
    metrics, _ = found(saved, rows(weight=3))
    n_loud = sum(SHOUTED)
    assert metrics["flips_case"].value == pytest.approx(3 * n_loud / (20 + 2 * n_loud))
