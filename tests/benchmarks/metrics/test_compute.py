"""A record's quality follows from its rows and its derivation: nothing else is read."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.metrics.compute import compute_metrics
from benchmarks.metrics.entry import Questions
from benchmarks.metrics.table import entry_of
from common.settings import Policy
from reports.record import Derivation, Prediction
from reports.record_files import read_result
from tests.benchmarks.helpers import row
from tests.benchmarks.metrics.samples import QUICK, computed, interval, metric

BASELINES = Path(__file__).resolve().parents[3] / "reports" / "baselines"
PLAIN = Derivation(["a", "b"], 0, QUICK)
ROWS = [
    row("a", "a", 0.9, id_="1"),
    row("b", "a", 0.2, id_="2"),
    row("b", "b", 0.8, id_="3"),
    row(None, "b", 0.1),
]


def names(rows: list[Prediction], how: Derivation) -> set[str]:
    return {entry.name for entry in compute_metrics(rows, how).metrics}


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
            [replace(one, reference="x", expert="a", answer="x", answers={"a": "x"}) for one in ROWS],
            PLAIN,
            "rougeL",
        ),
    ],
    ids=["threshold", "sets", "cascade", "robustness", "outcomes", "answers"],
)
def test_metrics_depend_on_what_the_rows_have(rows: list[Prediction], how: Derivation, metric: str) -> None:
    assert metric in names(rows, how)


def test_the_same_share_under_four_names_has_one_interval() -> None:
    rows = [row("a", "ab"[n % 3 == 0], id_=str(n)) for n in range(60)]
    twins = [replace(one, slice="twin", sent_on=one.predicted == one.label) for one in rows]
    found = computed(twins)
    same = [
        metric(found, *key)
        for key in (("accuracy", "all"), ("accuracy", "twin"), ("recall", "a"), ("sent_on", "all"))
    ]
    assert len({(one.value, *interval(one)) for one in same}) == 1


def test_the_seed_decides_what_is_drawn_and_nothing_else() -> None:
    rows = [replace(one, scores={"a": 0.5, "b": 0.5}) for one in ROWS * 5]
    first, again, other = (computed(rows, seed=seed) for seed in (1, 1, 2))
    assert first == again
    pairs = zip(first.metrics, other.metrics, strict=True)
    assert {one.name for one, two in pairs if one != two} == {"ece_by_chance", "calibration_p"}


@pytest.mark.parametrize(
    "folder", sorted(BASELINES.glob("*/*/record.json")), ids=lambda path: "/".join(path.parts[-3:-1])
)
def test_committed_records_keep_their_values(folder: Path) -> None:
    result = read_result(folder.parent)
    how = replace(result.record.derivation, statistics=QUICK)
    found = {(one.name, one.slice): one for one in compute_metrics(result.predictions, how).metrics}
    recorded = {(one.name, one.slice): one for one in result.record.metrics}
    assert len(found) > 15
    questions = Questions(result.predictions, result.record.derivation)
    for key, one in found.items():
        entry = entry_of(one.name)
        assert entry
        if not entry.is_defined_in(result.record.schema_version, questions):
            continue
        assert one.value == pytest.approx(recorded[key].value, rel=1e-12, abs=1e-14)
        assert (one.n, one.unit) == (recorded[key].n, recorded[key].unit)
