"""A record's quality follows from its rows and its derivation: nothing else is asked."""

import json
from dataclasses import replace

import pytest

from benchmarks.metrics.compute import Derivation, derive
from common.settings import Policy, Statistics
from reports.record import Prediction
from tests.benchmarks.helpers import row

QUICK = Statistics(resamples=100)
PLAIN = Derivation(["a", "b"], 0, QUICK)
ROWS = [
    row("a", "a", 0.9, id_="1"),
    row("b", "a", 0.2, id_="2"),
    row("b", "b", 0.8, id_="3"),
    row(None, "b", 0.1),
]


def names(rows: list[Prediction], how: Derivation) -> set[str]:
    return {entry.name for entry in derive(rows, how).metrics}


def test_a_derivation_survives_json() -> None:
    how = replace(PLAIN, policy=Policy(threshold=0.3, fallback="abstain"), refuses=True, prices={"m": 0.5})
    assert Derivation.from_json(json.loads(json.dumps(how.as_json()))) == how


@pytest.mark.parametrize("content", [{}, {"statistics": {}, "policy": {}}, {"statistics": 5, "policy": {}}])
def test_what_is_no_derivation(content: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError)):
        Derivation.from_json(content)


def test_routing_alone() -> None:
    found = names(ROWS, PLAIN)
    assert {"accuracy", "macro_f1", "out_of_scope_auroc", "ece", "brier"} <= found
    assert not {"coverage", "sent_on", "subset_accuracy", "quality", "rougeL", "flips_typos"} & found


@pytest.mark.parametrize(
    ("rows", "how", "metric"),
    [
        (ROWS, replace(PLAIN, policy=Policy(threshold=0.3), refuses=True), "coverage"),
        (ROWS, replace(PLAIN, label_threshold=0.3), "subset_accuracy"),
        ([replace(one, sent_on=True) for one in ROWS], PLAIN, "sent_on"),
        ([replace(one, changed={"typos": "a"}) for one in ROWS], PLAIN, "flips_typos"),
        ([replace(one, outcomes={"a": 1.0, "b": 0.0}) for one in ROWS], PLAIN, "quality"),
        (
            [
                replace(one, reference="x", expert="a", answer="x", answers={"a": "x", "b": "y"})
                for one in ROWS
            ],
            PLAIN,
            "rougeL",
        ),
    ],
    ids=["threshold", "sets", "cascade", "robustness", "outcomes", "answers"],
)
def test_what_the_rows_have_is_derived(rows: list[Prediction], how: Derivation, metric: str) -> None:
    assert metric in names(rows, how)


def test_a_chosen_threshold_of_zero_refuses_nothing_but_is_reported() -> None:
    found = derive(ROWS, replace(PLAIN, refuses=True))
    assert next(entry.value for entry in found.metrics if entry.name == "coverage") == 1
