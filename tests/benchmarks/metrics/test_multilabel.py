"""Sets of domains: by hand, and against scikit-learn on random ones."""

import numpy as np
import pytest
from sklearn import metrics as sk

from benchmarks.metrics.multilabel import NAMES, multilabel, predicted_labels
from common.settings import Statistics
from reports.record import Metric, Prediction

CLASSES = ["a", "b", "c"]
QUICK = Statistics(resamples=100)


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


def judged(rows: list[Prediction], threshold: float = 0.3, seed: int = 0) -> list[Metric]:
    metrics, unscored = multilabel(rows, CLASSES, threshold, QUICK, seed)
    assert unscored == []
    return metrics


def values(metrics: list[Metric], slice_: str = "all") -> dict[str, float]:
    return {entry.name: entry.value for entry in metrics if entry.slice == slice_}


def test_every_metric_by_hand() -> None:
    assert values(judged(HAND)) == {
        "subset_accuracy": pytest.approx(1 / 3),
        "jaccard": pytest.approx((1 + 1 / 2 + 0) / 3),
        "hamming_loss": pytest.approx((0 + 1 + 2) / 9),
        # Three right ones of four, and of five chosen.
        "micro_f1": pytest.approx(2 * 3 / (4 + 5)),
        "label_recall": pytest.approx(3 / 4),
        "label_precision": pytest.approx(3 / 5),
    }


def test_slices_are_judged_by_themselves() -> None:
    metrics = judged(HAND)
    assert [entry.slice for entry in metrics] == [
        part for part in ("all", "overlap", "standard") for _ in NAMES
    ]
    assert values(metrics, "overlap")["jaccard"] == pytest.approx(1 / 2)
    assert values(metrics, "standard")["subset_accuracy"] == pytest.approx(1 / 2)
    assert {(entry.slice, entry.n) for entry in metrics} == {("all", 3), ("overlap", 1), ("standard", 2)}


def test_only_a_loss_is_better_when_lower() -> None:
    assert {entry.name for entry in judged(HAND) if not entry.higher_is_better} == {"hamming_loss"}


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


def test_out_of_scope_rows_count_for_nothing() -> None:
    assert judged([*HAND, row(None, (0.9, 0.1, 0.0), slice_="out_of_scope")]) == judged(HAND)


def test_no_rows_have_reasons() -> None:
    metrics, unscored = multilabel([row(None, (1, 0, 0))], CLASSES, 0.3, QUICK, 0)
    assert metrics == []
    assert [entry.name for entry in unscored] == list(NAMES)


def test_a_weight_of_two_is_the_row_twice() -> None:
    weighted = [row("ba", (0.5, 0.4, 0.1)), row("c", (0.45, 0.15, 0.4), weight=2), HAND[2]]
    repeated = [HAND[0], row("c", (0.45, 0.15, 0.4)), row("c", (0.45, 0.15, 0.4)), HAND[2]]
    assert values(judged(weighted)) == pytest.approx(values(judged(repeated)))
    assert values(judged(weighted)) != pytest.approx(values(judged(HAND)))


def test_the_seed_decides_the_intervals() -> None:
    rows = HAND * 5
    assert judged(rows, seed=1) == judged(rows, seed=1) != judged(rows, seed=2)
    assert values(judged(rows, seed=1)) == values(judged(rows, seed=2))
    for entry in judged(rows):
        assert entry.ci_low is not None
        assert entry.ci_high is not None
        assert entry.ci_low <= entry.value <= entry.ci_high


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(60):
        labels = "".join(generator.permutation(CLASSES)[: generator.integers(1, 4)])
        scores = generator.dirichlet(np.ones(3))
        rows.append(row(labels, tuple(scores.tolist()), weight=float(generator.integers(1, 4))))
    right = np.array([[name in (one.labels or [one.label]) for name in CLASSES] for one in rows])
    chosen = np.array([[name in predicted_labels(one, 0.3) for name in CLASSES] for one in rows])
    weights = [one.weight for one in rows]
    assert values(judged(rows)) == pytest.approx(
        {
            "subset_accuracy": sk.accuracy_score(right, chosen, sample_weight=weights),
            "jaccard": sk.jaccard_score(right, chosen, average="samples", sample_weight=weights),
            "hamming_loss": sk.hamming_loss(right, chosen, sample_weight=weights),
            "micro_f1": sk.f1_score(right, chosen, average="micro", sample_weight=weights),
            "label_recall": sk.recall_score(right, chosen, average="micro", sample_weight=weights),
            "label_precision": sk.precision_score(right, chosen, average="micro", sample_weight=weights),
        }
    )
