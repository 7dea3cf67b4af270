"""Quality of a router that draws its choices: the mean over draws, by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.metrics.answers import experts_of
from common.settings import Policy
from reports.reasons import Reason
from reports.record import Prediction
from tests.benchmarks.metrics import test_answers as answers
from tests.benchmarks.metrics.samples import computed, interval, metric, reasons, values
from tests.benchmarks.metrics.test_cost_quality import TWO, of_two

CHANCES = {"a": 0.75, "b": 0.25}


def drawn(
    label: str | None,
    predicted: str,
    chances: dict[str, float] | None = None,
    highest: float = 1.0,
    **changes: Any,
) -> Prediction:
    """A row of a router that has drawn `predicted`, and gives it the probability `highest`."""
    chances = chances or CHANCES
    rest = (1 - highest) / (len(chances) - 1)
    scores = {name: highest if name == predicted else rest for name in chances}
    row = Prediction("id", "?", label, predicted, 0.5, scores, "standard", chances=chances)
    return replace(row, **changes)


# True a, a, a, b.
HAND = [drawn(*pair) for pair in ("aa", "ab", "aa", "ba")]


def test_every_figure_by_hand() -> None:
    found = computed(HAND)
    assert found.confusion_matrix.rows_true_columns_predicted == [[2.25, 0.75], [0.75, 0.25]]
    expected = {
        "accuracy": (3 * 0.75 + 0.25) / 4,
        "balanced_accuracy": (0.75 + 0.25) / 2,
        # Of expected numbers: 2 · 2.25 of 3 + 3, and 2 · 0.25 of 1 + 1.
        "macro_f1": (0.75 + 0.25) / 2,
        # A wrong draw costs 2.
        "brier": 2 * (3 * 0.25 + 0.75) / 4,
        # Every draw is sure of itself.
        "ece": 1 - 0.625,
        # The products of two different rows' gaps: 1.5² less 3 · 0.25² and 0.75², of 4² less 4.
        "calibration_error": np.sqrt((1.5**2 - 0.75) / 12),
        "aurc": 1 - 0.625,
    }
    assert {name: values(found)[name] for name in expected} == pytest.approx(expected)
    for domain, share in {"a": 0.75, "b": 0.25}.items():
        assert values(found, domain) == pytest.approx({"precision": share, "recall": share})
    assert metric(found, "accuracy").n == 4


def test_the_draw_does_not_matter() -> None:
    others = [drawn(row.label, "ba"["ab".index(row.predicted)]) for row in HAND]
    assert computed(others) == computed(HAND)


def test_figures_are_means_over_all_draws() -> None:
    # Of a calibrated router, which is not quite sure of its draw.
    rows = [
        drawn(label, "a", highest=0.8, labels=labels) for label, labels in (("a", ["a", "b"]), ("b", None))
    ]
    how: dict[str, Any] = {"label_threshold": 0.5}
    found = values(computed(rows, **how))
    names = ("accuracy", "brier", "subset_accuracy", "jaccard", "hamming_loss", "label_recall")
    means = dict.fromkeys(names, 0.0)
    for choice, chance in CHANCES.items():
        draw = [drawn(row.label, choice, highest=0.8, labels=row.labels) for row in rows]
        of_draw = values(computed([replace(row, chances=None) for row in draw], **how))
        for name in names:
            means[name] += chance * of_draw[name]
    assert {name: found[name] for name in names} == pytest.approx(means)
    # One of two right ones is drawn for sure, and the only one by 0.25; three are right, and two are drawn.
    assert found["micro_f1"] == pytest.approx(2 * (1 + 0.25) / (3 + 2))


def test_intervals_hold_the_figures() -> None:
    found = computed(HAND * 20, label_threshold=0.5)
    for name in ("accuracy", "macro_f1", "brier", "subset_accuracy", "micro_f1"):
        low, high = interval(metric(found, name))
        assert low <= metric(found, name).value + 1e-9
        assert metric(found, name).value - 1e-9 <= high
    # The mean of the chances of both domains is one half whatever the questions are.
    assert metric(found, "balanced_accuracy").ci_low is None


def test_rows_that_a_threshold_accepts() -> None:
    confidences = (0.9, 0.9, 0.1, 0.9)
    rows = [replace(row, confidence=one) for row, one in zip(HAND, confidences, strict=True)]
    found = computed(rows, policy=Policy(threshold=0.5), refuses=True)
    assert metric(found, "coverage").value == 0.75
    assert metric(found, "selective_accuracy").value == pytest.approx((0.75 + 0.75 + 0.25) / 3)


def test_many_domains() -> None:
    names = [f"d{number}" for number in range(40)]
    even = dict.fromkeys(names, 1 / 40)
    found = computed([drawn(name, names[0], even) for name in names], names)
    assert values(found)["accuracy"] == pytest.approx(1 / 40)
    assert values(found)["macro_f1"] == pytest.approx(1 / 40)
    assert values(found, "d7") == pytest.approx({"precision": 1 / 40, "recall": 1 / 40})


def test_answers_of_all_experts_that_might_be_asked() -> None:
    chances = {"car": 0.75, "sleep": 0.25}
    scores = {"car": 1.0, "sleep": 0.0}
    rows = [replace(row, predicted="car", scores=scores, chances=chances) for row in answers.ROWS]
    found = answers.evaluated(rows)
    # By hand from the table of answers; in r4 the expert for car failed.
    expected = {"r1": 0.75, "r2": 0.25, "r3": 0.75 * 2 / 3 + 0.25 * 1 / 3, "r4": None}
    assert {row.id: row.rougeL for row in found.predictions} == pytest.approx(expected)
    assert answers.metric(found, "rougeL").value == pytest.approx((0.75 + 0.25 + 7 / 12) / 3)
    assert answers.metric(found, "rougeL").n == 3
    assert answers.metric(found, "answered").value == pytest.approx((1 + 1 + 1 + 0.25) / 4)
    # Not sure enough of r2, which nobody answers.
    refusing = answers.evaluated(rows, policy=Policy(threshold=0.5, fallback="abstain"))
    assert answers.metric(refusing, "rougeL").value == pytest.approx((0.75 + 0 + 7 / 12) / 3)
    assert answers.metric(refusing, "answered").value == pytest.approx((1 + 0 + 1 + 0.25) / 4)


def test_the_policy_asks_experts_with_the_chances_of_their_domains() -> None:
    row = drawn("a", "a", {"a": 0.5, "b": 0.5, "c": 0.0}, confidence=0.3)
    assert experts_of(row, Policy()) == {"a": 0.5, "b": 0.5}
    assert experts_of(row, Policy(threshold=0.4, fallback="b")) == {"b": 1.0}
    assert experts_of(row, Policy(threshold=0.4, fallback="abstain")) == {None: 1.0}
    assert experts_of(replace(row, chances=None), Policy()) == {"a": 1.0}


def test_models_that_might_be_chosen() -> None:
    chances = {"small": 0.75, "large": 0.25}
    outcomes = [(1.0, 1.0), (0.0, 1.0), (0.0, 0.0), (0.0, 1.0)]
    rows = [of_two(str(place), *both, place % 2, chances=chances) for place, both in enumerate(outcomes)]
    figures = values(computed(rows, sorted(TWO), prices=TWO))
    assert figures["quality"] == pytest.approx((1 + 0.25 + 0 + 0.25) / 4)
    assert figures["cost"] == pytest.approx(0.75 * 1 + 0.25 * 5)
    # As good as mixing both models without seeing the question.
    assert figures["apgr"] == figures["calls_for_50"] == pytest.approx(0.5)
    assert figures["gap_to_oracle"] == pytest.approx(1 - 0.375 / 0.75)
    unknown = [replace(row, chances={**chances, "small": 0.5, "other": 0.25}) for row in rows]
    found = reasons(computed(unknown, ["large", "other", "small"], prices=TWO))
    assert found["quality", "all"] == Reason.NOT_AMONG_OUTCOMES
