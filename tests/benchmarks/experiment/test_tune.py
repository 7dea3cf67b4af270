"""Settings chosen by cross-validation: the folds, the scores, the choice."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.base import Example
from benchmarks.errors import BadInput
from benchmarks.experiment.trials import Outcome, Trial
from benchmarks.experiment.tune import FOLDS, split_folds, tune
from routers.base import Inference

TUNABLE = {"_target_": "tests.benchmarks.fakes.Tunable", "setting": 9, "other": "w"}
CANDIDATES = [{"setting": 1}, {"setting": 2}, {"setting": 3, "other": "y"}, {"setting": 3, "other": "z"}]


def examples(**counts: int) -> list[Example]:
    return [
        Example(f"{label}-{n}", f"{label} {n}", label)
        for label, count in counts.items()
        for n in range(count)
    ]


TRAIN = examples(a=10, b=5)


class Told:
    """In the place of `run_trials`: says for each candidate what it is told to, and keeps the trials.

    `says` is, by candidate, the probability of the right class; under 1/2 is wrong. `expects` is what it
    expects of model m; of model o it always expects 0.5.
    """

    def __init__(self, says: Sequence[float], expects: Sequence[float] | None = None) -> None:
        self.says, self.expects = says, expects
        self.trials: list[Trial] = []

    def __call__(self, trials: Sequence[Trial], threads: int, title: str) -> list[Outcome]:
        self.trials = list(trials)
        return [self._answer(trial) for trial in trials]

    def _answer(self, trial: Trial) -> Outcome:
        number = CANDIDATES.index({key: trial.spec[key] for key in CANDIDATES[self._place(trial)]})
        right = np.array([query[0] == "a" for query in trial.queries])
        p = np.where(right, self.says[number], 1 - self.says[number])
        proba = np.stack([p, 1 - p], axis=1).astype(np.float32)
        confidence = np.ones(len(p), dtype=np.float32)
        if self.expects is None:
            return Outcome(["a", "b"], [], Inference(proba, confidence))
        expected = np.tile(np.array([[self.expects[number], 0.5]], dtype=np.float32), (len(p), 1))
        return Outcome(["a", "b"], ["m", "o"], Inference(proba, confidence, expected))

    @staticmethod
    def _place(trial: Trial) -> int:
        if trial.spec["setting"] < 3:
            return int(trial.spec["setting"]) - 1
        return 2 if trial.spec["other"] == "y" else 3


def tuned(
    monkeypatch: pytest.MonkeyPatch, told: Told, train: list[Example] = TRAIN, seed: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    monkeypatch.setattr("benchmarks.experiment.tune.run_trials", told)
    return tune("fake", TUNABLE, train, 1, seed)


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
    if max(counts.values()) > 1 and sum(count > 1 for count in counts.values()) > 1:
        assert Counter(example for _, fold in folds for example in fold) == Counter(train)
    mixed = list(train)
    draw.shuffle(mixed)
    again = [{example.id for example in fold} for _, fold in split_folds(mixed, FOLDS, seed)]
    assert again == [{example.id for example in fold} for _, fold in folds]


def test_the_seed_deals_the_folds() -> None:
    first, again, other = ([fold for _, fold in split_folds(TRAIN, FOLDS, seed)] for seed in (0, 0, 1))
    assert first == again != other


def test_a_label_that_is_added_moves_no_other() -> None:
    before = [set(fold) for _, fold in split_folds(TRAIN, FOLDS, 0)]
    after = [set(fold) for _, fold in split_folds([*TRAIN, *examples(c=7)], FOLDS, 0)]
    assert [{one for one in fold if one.label != "c"} for fold in after] == before


def test_every_candidate_learns_from_the_others_and_is_asked_the_fold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told([0.9] * 4)
    tuned(monkeypatch, told)
    folds = list(split_folds(TRAIN, FOLDS, 0))
    assert len(told.trials) == len(CANDIDATES) * FOLDS
    for number, trial in enumerate(told.trials):
        others, fold = folds[number % FOLDS]
        assert list(trial.train) == others
        assert list(trial.queries) == [example.query for example in fold]
        assert trial.spec == {**TUNABLE, **CANDIDATES[number // FOLDS]}


@pytest.mark.parametrize(
    ("says", "best"),
    [
        ([0.1, 0.2, 0.6, 0.3], 2),  # the only one that is right
        ([0.6, 0.9, 0.8, 0.7], 1),  # all right: the likeliest
        ([0.6, 0.8, 0.7, 0.8], 1),  # all right, two as likely: the earlier
        ([0.8, 0.8, 0.8, 0.8], 0),
        ([0.4, 0.45, 0.3, 0.2], 1),  # all wrong
    ],
)
def test_the_best_candidate_wins(monkeypatch: pytest.MonkeyPatch, says: list[float], best: int) -> None:
    spec, facts = tuned(monkeypatch, Told(says))
    assert spec == {**TUNABLE, **CANDIDATES[best]}
    assert facts["chosen"] == CANDIDATES[best]
    assert facts["folds"] == FOLDS
    assert facts["tried"] == [
        {
            **candidate,
            "score": float(p > 0.5),
            "log_likelihood": pytest.approx(np.log(p), rel=1e-5),
        }
        for candidate, p in zip(CANDIDATES, says, strict=True)
    ]


def test_the_score_is_the_share_over_all_folds_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    class AlwaysA(Told):
        def _answer(self, trial: Trial) -> Outcome:
            proba = np.tile(np.array([[0.75, 0.25]], dtype=np.float32), (len(trial.queries), 1))
            return Outcome(["a", "b"], [], Inference(proba, proba[:, 0]))

    _, facts = tuned(monkeypatch, AlwaysA([]))
    # Ten of 15 are a.
    assert facts["tried"][0]["score"] == pytest.approx(10 / 15)
    assert facts["tried"][0]["log_likelihood"] == pytest.approx((10 * np.log(0.75) + 5 * np.log(0.25)) / 15)


def test_a_class_that_a_fold_did_not_teach_is_wrong_and_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    train = [*examples(a=5, b=5), *examples(c=1)]
    _, facts = tuned(monkeypatch, Told([0.9] * 4), train)
    assert facts["tried"][0]["score"] == pytest.approx(10 / 11)
    assert np.isfinite(facts["tried"][0]["log_likelihood"])


def test_outcomes_are_scored_by_how_far_models_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    train = [
        Example(f"{label}-{n}", f"{label} {n}", label, outcomes={"m": float(n % 2), "o": 0.5, "unknown": 1.0})
        for label in "ab"
        for n in range(6)
    ]
    # The most accurate of labels expects the worst; half of all questions have 1, half 0.
    spec, facts = tuned(monkeypatch, Told([0.9, 0.1, 0.1, 0.1], [1.0, 0.75, 0.5, 0.0]), train)
    assert spec["setting"] == 3
    assert spec["other"] == "y"
    errors = [-tried["score"] for tried in facts["tried"]]
    # An error in m alone is half an error of m against the mean of both, and half one of o.
    assert errors == pytest.approx([0.5 / 4, (0.5625 + 0.0625) / 2 / 4, 0.25 / 4, 0.5 / 4])


def test_that_a_question_is_easy_for_every_model_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = {"m": 0.75, "o": 1.0}
    train = [
        Example(f"{label}-{n}", f"{label} {n}", label, outcomes=outcomes) for label in "ab" for n in range(6)
    ]
    spec, facts = tuned(monkeypatch, Told([0.1, 0.9, 0.1, 0.1], [0.75, 0.5, 0.25, 0.0]), train)
    assert (spec["setting"], spec["other"]) == (3, "y")
    assert facts["tried"][2]["score"] == pytest.approx(0.0)


def test_nothing_to_tune_is_refused_in_one_line() -> None:
    with pytest.raises(BadInput) as refusal:
        tune("majority", {"_target_": "routers.baselines.MajorityRouter"}, TRAIN, 1, 0)
    assert str(refusal.value) == "tune=true: majority has no settings to choose from; leave it out"


def test_too_little_to_tune_on_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"^tune=true: no domain has two training questions.*$"):
        tuned(monkeypatch, Told([0.9] * 4), examples(a=1, b=1, c=1))
