"""Decisions about changed questions, by hand: of a router that depends on nothing but shouting."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.datasets.perturb import PERTURBATIONS, perturb
from benchmarks.experiment.robustness import EXAMPLES_KEPT, flipped_examples, serve_changed
from benchmarks.workers.in_process import InProcess
from common.settings import Context
from reports.record import Flip, Prediction
from tests.benchmarks.fakes import Shouted

QUESTIONS = [f"Question number {letter}, what is it?" for letter in "abcdefghijklmnopqrst"] * 2
SHOUTED = [perturb(question, "case", 0).isupper() for question in QUESTIONS]
SCORES = {"a": 1.0, "b": 0.0}
LABELLED = [
    Prediction(str(n), text, "ab"[n % 2], "a", 1.0, SCORES, "standard") for n, text in enumerate(QUESTIONS)
]
FOREIGN = Prediction("f", "Lima?", None, "a", 1.0, SCORES, "out_of_scope")


@pytest.mark.usefixtures("own_cache")
def test_labelled_questions_are_changed_and_those_that_flip_are_shown(tmp_path: Path) -> None:
    Shouted().fit(["x", "y"], ["a", "b"]).save(tmp_path / "router")
    rows = [*LABELLED[:20], FOREIGN, *LABELLED[20:]]
    changed = serve_changed("fake", tmp_path / "router", rows, ["a", "b"], Context(), InProcess(), 0)
    assert [replace(row, changed=None) for row in changed] == rows
    assert changed[20] == FOREIGN
    assert sum(SHOUTED) > EXAMPLES_KEPT, "the case must have more than are kept"
    # Shouted questions are taken for b, all others for a.
    for row, loud in zip([*changed[:20], *changed[21:]], SHOUTED, strict=True):
        assert row.changed == {kind: "b" if loud and kind == "case" else "a" for kind in PERTURBATIONS}
    flipped = flipped_examples(changed, 0)
    shouted = [question for question, loud in zip(QUESTIONS, SHOUTED, strict=True) if loud]
    assert flipped == {
        **{kind: [] for kind in PERTURBATIONS},
        "case": [Flip(question, question.upper(), "a", "b") for question in shouted[:EXAMPLES_KEPT]],
    }
