"""Sets of domains, by hand."""

import numpy as np
import pytest
from sklearn.metrics import hamming_loss, jaccard_score, precision_score, recall_score

from benchmarks.metrics.multilabel import predicted_labels
from reports.record import Metric, Prediction
from tests.benchmarks.metrics.samples import computed

CLASSES = ["a", "b", "c"]
NAMES = ("subset_accuracy", "jaccard", "hamming_loss", "micro_f1", "label_recall", "label_precision")


def row(
    labels: str | None, scores: tuple[float, ...], weight: float = 1.0, slice_: str = "standard"
) -> Prediction:
    """A row whose right classes are the letters of `labels`, the first of them its label."""
    named = dict(zip(CLASSES, scores, strict=True))
    best = max(named, key=lambda name: named[name])
    several = sorted(labels) if labels and len(labels) > 1 else None
    label = labels[0] if labels else None
    return Prediction("id", "?", label, best, 0.5, named, slice_, labels=several, weight=weight)


# With 0.3 and more: a and b, which is right; a and c, one too many; c alone, which is wrong.
HAND = [
    row("ba", (0.5, 0.4, 0.1)),
    row("c", (0.45, 0.15, 0.4), slice_="overlap"),
    row("b", (0.25, 0.25, 0.5)),
]


def evaluated(rows: list[Prediction], threshold: float = 0.3, seed: int = 0) -> list[Metric]:
    found = computed(rows, CLASSES, seed, label_threshold=threshold)
    return [entry for entry in found.metrics if entry.name in NAMES]


def values(metrics: list[Metric], slice_: str = "all") -> dict[str, float]:
    return {entry.name: entry.value for entry in metrics if entry.slice == slice_}


def test_every_metric_by_hand() -> None:
    assert values(evaluated(HAND)) == {
        "subset_accuracy": pytest.approx(1 / 3),
        "jaccard": pytest.approx((1 + 1 / 2 + 0) / 3),
        "hamming_loss": pytest.approx((0 + 1 + 2) / 9),
        # Three right ones of four, and of five chosen.
        "micro_f1": pytest.approx(2 * 3 / (4 + 5)),
        # Both, one and none of the right ones; both of two, one of two, none of one.
        "label_recall": pytest.approx((1 + 1 + 0) / 3),
        "label_precision": pytest.approx((1 + 1 / 2 + 0) / 3),
    }


def test_scikit_learn_agrees() -> None:
    generator = np.random.default_rng(0)
    scores, right = generator.random((60, 3)), generator.random((60, 3)) < 0.4
    right[~right.any(axis=1), 0] = True
    labels = ["".join(np.array(CLASSES)[one]) for one in right]
    found = values(
        evaluated([row(*one) for one in zip(labels, map(tuple, scores.tolist()), strict=True)], 0.6)
    )
    chosen = (scores >= 0.6) | (scores == scores.max(axis=1, keepdims=True))
    assert found["label_recall"] == pytest.approx(recall_score(right, chosen, average="samples"))
    assert found["label_precision"] == pytest.approx(precision_score(right, chosen, average="samples"))
    assert found["jaccard"] == pytest.approx(jaccard_score(right, chosen, average="samples"))
    assert found["hamming_loss"] == pytest.approx(hamming_loss(right, chosen))


def test_slices_are_evaluated_by_themselves() -> None:
    metrics = evaluated(HAND)
    assert values(metrics, "overlap")["jaccard"] == pytest.approx(1 / 2)
    assert values(metrics, "standard")["subset_accuracy"] == pytest.approx(1 / 2)
    assert {(entry.slice, entry.n) for entry in metrics} == {("all", 3), ("overlap", 1), ("standard", 2)}


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ((0.3, 0.3, 0.4), "abc"),
        ((0.29, 0.3, 0.41), "bc"),
        ((0.9, 0.05, 0.05), "a"),
        # The best one always, the first of equals.
        ((0.25, 0.25, 0.25), "a"),
        ((0.0, 0.1, 0.2), "c"),
    ],
)
def test_the_classes_that_score_enough(scores: tuple[float, ...], chosen: str) -> None:
    assert predicted_labels(row("a", scores), 0.3) == list(chosen)


def test_a_weight_of_two_is_the_row_twice() -> None:
    weighted = [row("ba", (0.5, 0.4, 0.1)), row("c", (0.45, 0.15, 0.4), weight=2), HAND[2]]
    repeated = [HAND[0], row("c", (0.45, 0.15, 0.4)), row("c", (0.45, 0.15, 0.4)), HAND[2]]
    assert values(evaluated(weighted)) == pytest.approx(values(evaluated(repeated)))
    assert values(evaluated(weighted)) != pytest.approx(values(evaluated(HAND)))
