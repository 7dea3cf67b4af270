"""Settings chosen by cross-validation: the folds, the scores, the choice."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.base import Example, by_content
from benchmarks.errors import BadInput
from benchmarks.experiment.fit_batch import FitOutput
from benchmarks.experiment.tune import FOLDS, split_folds, tune
from benchmarks.workers.in_process import InProcess
from reports.record import Tuning
from routers.base import Inference
from tests.benchmarks.stand_ins import ToldFit, ToldFits

TUNABLE = {"_target_": "tests.benchmarks.fakes.Tunable", "setting": 9, "other": "w"}
CANDIDATES: list[dict[str, Any]] = [
    {"setting": 1},
    {"setting": 2},
    {"setting": 3, "other": "y"},
    {"setting": 3, "other": "z"},
]


def examples(**counts: int) -> list[Example]:
    return [
        Example(f"{label}-{n}", f"{label} {n}", label)
        for label, count in counts.items()
        for n in range(count)
    ]


TRAIN = examples(a=10, b=5)


def told(right: Sequence[float], expects: Sequence[float] | None = None) -> ToldFits:
    """Outputs by candidate: `right` is the probability of the right class, `expects` what the router
    expects of model m; of model o it always expects 0.5."""

    def tell(_: int, fit: ToldFit) -> FitOutput:
        (number,) = [n for n, candidate in enumerate(CANDIDATES) if {**TUNABLE, **candidate} == fit.spec]
        p = np.array([right[number] if query[0] == "a" else 1 - right[number] for query in fit.queries])
        inference = Inference(np.stack([p, 1 - p], axis=1).astype(np.float32), np.ones(len(p), np.float32))
        if expects is None:
            return FitOutput(["a", "b"], [], inference)
        expected = np.tile(np.array([[expects[number], 0.5]], dtype=np.float32), (len(p), 1))
        return FitOutput(["a", "b"], ["m", "o"], inference._replace(expected=expected))

    return ToldFits(tell=tell)


def tuned(workers: ToldFits, train: list[Example] = TRAIN) -> tuple[dict[str, Any], Tuning]:
    return tune("fake", TUNABLE, train, workers, seed=0)


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 12), min_size=2),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_folds_are_disjoint_whole_stratified_and_indifferent_to_order(
    counts: dict[str, int], seed: int, draw: Any
) -> None:
    train = examples(**counts)
    folds = list(split_folds(train, FOLDS, seed))
    for others, fold in folds:
        assert Counter(others + fold) == Counter(train)
        assert not set(others) & set(fold)
        for label, count in counts.items():
            inside = sum(example.label == label for example in fold)
            assert count // FOLDS <= inside <= -(-count // FOLDS)
    if sum(count > 1 for count in counts.values()) > 1:
        assert Counter(example for _, fold in folds for example in fold) == Counter(train)
    mixed = list(train)
    draw.shuffle(mixed)
    again = [{example.id for example in fold} for _, fold in split_folds(mixed, FOLDS, seed)]
    assert again == [{example.id for example in fold} for _, fold in folds]


def test_the_seed_deals_the_folds_and_a_new_label_moves_no_other() -> None:
    first, again, other = ([fold for _, fold in split_folds(TRAIN, FOLDS, seed)] for seed in (0, 0, 1))
    assert first == again != other
    after = [fold for _, fold in split_folds([*TRAIN, *examples(c=7)], FOLDS, 0)]
    assert [{one for one in fold if one.label != "c"} for fold in after] == [set(fold) for fold in first]


def test_every_candidate_learns_from_the_others_and_serves_the_fold() -> None:
    workers = told([0.9] * 4)
    tuned(workers)
    folds = list(split_folds(TRAIN, FOLDS, 0))
    assert len(workers.fits) == len(CANDIDATES) * FOLDS
    for number, fit in enumerate(workers.fits):
        others, fold = folds[number % FOLDS]
        assert fit.lessons.ids == [example.id for example in by_content(others)]
        assert fit.queries == [example.query for example in fold]
        assert fit.spec == {**TUNABLE, **CANDIDATES[number // FOLDS]}


@pytest.mark.parametrize(
    ("right", "best"),
    [
        ([0.1, 0.2, 0.6, 0.3], 2),  # the only one that is right
        ([0.6, 0.9, 0.8, 0.7], 1),  # all right: the likeliest
        ([0.6, 0.8, 0.7, 0.8], 1),  # all right, two as likely: the earlier
        ([0.4, 0.45, 0.3, 0.2], 1),  # all wrong
    ],
)
def test_the_best_candidate_wins(right: list[float], best: int) -> None:
    spec, tuning = tuned(told(right))
    assert spec == {**TUNABLE, **CANDIDATES[best]}
    assert (tuning.folds, tuning.chosen) == (FOLDS, CANDIDATES[best])
    assert [(tried.settings, tried.score) for tried in tuning.tried] == [
        (candidate, float(p > 0.5)) for candidate, p in zip(CANDIDATES, right, strict=True)
    ]
    assert [tried.log_likelihood for tried in tuning.tried] == pytest.approx(np.log(right), rel=1e-5)


def test_the_score_is_the_share_over_all_folds_by_hand() -> None:
    def always_a(_: int, fit: ToldFit) -> FitOutput:
        proba = np.tile(np.array([[0.75, 0.25]], dtype=np.float32), (len(fit.queries), 1))
        return FitOutput(["a", "b"], [], Inference(proba, proba[:, 0]))

    _, tuning = tuned(ToldFits(tell=always_a))
    # Ten of 15 are a.
    assert tuning.tried[0].score == pytest.approx(10 / 15)
    assert tuning.tried[0].log_likelihood == pytest.approx((10 * np.log(0.75) + 5 * np.log(0.25)) / 15)


def with_outcomes(first: float, second: float, **others: float) -> list[Example]:
    """Twelve questions; the outcome of model m is by turns `first` and `second`."""
    return [
        Example(f"{label}-{n}", f"{label} {n}", label, outcomes={"m": (first, second)[n % 2], **others})
        for label in "ab"
        for n in range(6)
    ]


def test_outcomes_are_scored_by_how_far_models_are_apart() -> None:
    # The most accurate of labels expects the worst; half of all questions have 1, half 0.
    workers = told([0.9, 0.1, 0.1, 0.1], [1.0, 0.75, 0.5, 0.0])
    spec, tuning = tuned(workers, with_outcomes(0, 1, o=0.5, unknown=1.0))
    assert (spec["setting"], spec["other"]) == (3, "y")
    # An error in m alone is half an error of m against the mean of both, and half one of o.
    errors = [-tried.score for tried in tuning.tried]
    assert errors == pytest.approx([0.5 / 4, (0.5625 + 0.0625) / 2 / 4, 0.25 / 4, 0.5 / 4])


def test_that_a_question_is_easy_for_every_model_is_no_error() -> None:
    workers = told([0.1, 0.9, 0.1, 0.1], [0.75, 0.5, 0.25, 0.0])
    spec, tuning = tuned(workers, with_outcomes(0.75, 0.75, o=1.0))
    assert (spec["setting"], spec["other"]) == (3, "y")
    assert tuning.tried[2].score == pytest.approx(0.0)


def test_nothing_to_tune_and_nothing_to_tune_on_are_refused() -> None:
    with pytest.raises(BadInput, match="majority has no settings to choose from"):
        tune("majority", {"_target_": "routers.baselines.MajorityRouter"}, TRAIN, InProcess(), 0)
    with pytest.raises(BadInput, match="no domain has two training questions"):
        tuned(told([0.9] * 4), examples(a=1, b=1, c=1))
