"""The router that answers each question, by hand; thresholds from a share or a loss."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routers.base import NotFittedError, Router, RouterError
from routers.cascade import EVERYTHING, CascadeRouter, OutOfFold, threshold_of_loss, threshold_of_share
from tests.routers.spies import Saying

CHEAP = {"sure": (0.9, 0.1), "so-so": (0.35, 0.65), "torn": (0.5, 0.5), "even": (0.48, 0.52)}
DEAR = {"sure": (0.0, 1.0), "so-so": (1.0, 0.0), "torn": (0.2, 0.8), "even": (0.7, 0.3)}
QUERIES = list(CHEAP)
TRAIN = QUERIES * 5, ["car", "sleep"] * 10
OUTCOMES = [{"small": 0.5}] * 20


class Counting(Saying):
    """Notes what it is asked."""

    asked: list[list[str]] = []  # noqa: RUF012 - replaced by the fixture

    def infer(self, queries):  # type: ignore[no-untyped-def]  # as the base's
        self.asked.append(list(queries))
        return super().infer(queries)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Saying, "fits", [])
    monkeypatch.setattr(Counting, "asked", [])


def cascade(
    cheap: dict[str, Any] | None = None, dear: dict[str, Any] | None = None, **settings: Any
) -> Router:
    confidence = {"sure": 0.1, "so-so": 0.2, "torn": 0.3, "even": 0.4}
    first = Saying(CHEAP, confidence, cheap, name="cheap")
    second = Counting(DEAR, expected=dear, name="dear")
    return CascadeRouter(first, second, **settings).fit(*TRAIN, outcomes=OUTCOMES)


def test_hesitation_is_sent_on_in_one_batch() -> None:
    said = cascade(threshold=0.6).infer(QUERIES)
    assert Counting.asked == [["torn", "even"]]
    assert said.proba == pytest.approx(np.array([CHEAP["sure"], CHEAP["so-so"], DEAR["torn"], DEAR["even"]]))
    assert said.sent_on is not None
    assert said.sent_on.tolist() == [False, False, True, True]
    # One scale, that of the cheap router.
    assert said.confidence == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert said.expected is None


def test_the_threshold_itself_is_not_under_it() -> None:
    sent_on = cascade(threshold=0.5).infer(QUERIES).sent_on
    assert sent_on is not None
    assert not sent_on.any()


def test_nothing_sent_on_asks_nobody() -> None:
    said = cascade(threshold=0.0).infer(QUERIES)
    assert Counting.asked == []
    assert said.proba == pytest.approx(np.array(list(CHEAP.values())))
    assert said.sent_on is not None
    assert not said.sent_on.any()


@pytest.mark.parametrize(
    ("cheap", "dear", "wanted"),
    [
        (0.2, None, [0.2, 0.2, 0.2, 0.2]),
        (None, 0.9, None),
        (0.2, 0.9, [0.2, 0.2, 0.9, 0.9]),
    ],
)
def test_expected_is_of_who_answered(
    cheap: float | None, dear: float | None, wanted: list[float] | None
) -> None:
    both = [None if value is None else dict.fromkeys(QUERIES, (value,)) for value in (cheap, dear)]
    expected = cascade(*both, threshold=0.6).infer(QUERIES).expected
    assert (None if expected is None else expected[:, 0].tolist()) == (wanted and pytest.approx(wanted))


def test_the_share_is_found_on_questions_that_the_cheap_one_has_not_seen() -> None:
    queries = [f"{label} {row}" for row in range(50) for label in ("car", "sleep")]
    tops = np.random.default_rng(0).permutation(np.linspace(0.51, 0.99, 100))
    first = Saying(
        {query: (top, 1 - top) for query, top in zip(queries, tops.tolist(), strict=True)}, name="cheap"
    )
    second = Saying(dict.fromkeys(queries, (0.5, 0.5)), name="dear")
    router = CascadeRouter(first, second, share=0.3, folds=5, seed=2)
    router.fit(queries, [query.split()[0] for query in queries], [f"id {query}" for query in queries])
    *folds, cheap, dear = Saying.fits
    assert [len(fold.queries) for fold in folds] == [80] * 5
    assert all(fold.ids == [f"id {query}" for query in fold.queries] for fold in folds)
    # Each question is left out of one fit.
    assert Counter(query for fold in folds for query in fold.queries) == dict.fromkeys(queries, 4)
    assert cheap.queries == dear.queries == queries
    sent_on = router.infer(queries).sent_on
    assert sent_on is not None
    assert sent_on.sum() == 30
    assert router.facts() == {"threshold": router.threshold_}


def test_the_loss_is_found_on_questions_that_neither_has_seen() -> None:
    queries = [f"{label} {row}" for row in range(10) for label in ("car", "sleep")]
    # The cheap one is wrong on the three of which it is least sure; the dear one never.
    tops = {query: 0.6 + 0.01 * number for number, query in enumerate(queries)}
    correct = {query: (1.0, 0.0) if query.startswith("car") else (0.0, 1.0) for query in queries}
    first = {
        query: (tops[query], 1 - tops[query])
        if query.startswith("car") != (query in queries[:3])
        else (1 - tops[query], tops[query])
        for query in queries
    }
    router = CascadeRouter(Saying(first), Saying(correct), loss=0.05, folds=5)
    router.fit(queries, [query.split()[0] for query in queries])
    sent_on = router.infer(queries).sent_on
    assert len(Saying.fits) == 2 * 5 + 2
    assert sent_on is not None
    # One mistake in twenty may stay.
    assert [query for query, sent in zip(queries, sent_on, strict=True) if sent] == queries[:2]


def test_a_class_with_one_question_is_always_learned() -> None:
    queries = [*QUERIES, *QUERIES]
    labels = ["car", "sleep", "car", "sleep", "car", "sleep", "car", "sleep"]
    proba = {query: (*values, 0.0) for query, values in CHEAP.items()} | {"once": (0.0, 0.0, 1.0)}
    router = CascadeRouter(Saying(proba), Saying(proba), loss=0.0, folds=2)
    router.fit([*queries, "once"], [*labels, "work"])
    assert all("once" in fit.queries for fit in Saying.fits)
    with pytest.raises(RouterError, match="no class has two training questions"):
        CascadeRouter(Saying(CHEAP), Saying(CHEAP), share=0.5).fit(["sure", "torn"], ["car", "sleep"])


@pytest.mark.parametrize(
    ("loss", "threshold"),
    # The expensive router alone is right at 0.6 and 0.8: two of five; at 0.7 it is the other way round.
    [(0.0, 0.85), (0.19, 0.85), (0.2, 0.65), (0.39, 0.65), (0.4, 0.0), (1.0, 0.0)],
)
def test_the_threshold_of_a_loss(loss: float, threshold: float) -> None:
    cheap = np.array([True, False, True, False, True])
    expensive = np.array([True, True, False, True, True])
    assert threshold_of_loss(OutOfFold(TOPS.astype(np.float64), cheap, expensive), loss) == pytest.approx(
        threshold
    )


def test_a_cheap_router_that_is_no_worse_sends_nothing_on_and_a_hopeless_one_everything() -> None:
    tops = TOPS.astype(np.float64)
    right, wrong = np.ones(5, dtype=bool), np.zeros(5, dtype=bool)
    assert threshold_of_loss(OutOfFold(tops, right, wrong), 0.0) == 0
    assert threshold_of_loss(OutOfFold(tops, wrong, right), 0.1) == EVERYTHING


TOPS = np.array([0.5, 0.6, 0.7, 0.8, 0.9], dtype=np.float32)


@pytest.mark.parametrize(
    ("share", "threshold"),
    [(0.0, 0.0), (0.2, 0.55), (0.29, 0.55), (0.31, 0.65), (0.6, 0.75), (1.0, EVERYTHING)],
)
def test_the_threshold_of_a_share(share: float, threshold: float) -> None:
    assert threshold_of_share(TOPS.astype(np.float64), share) == pytest.approx(threshold)


@given(st.lists(st.floats(0.125, 1.0, width=32), min_size=1), st.floats(0, 1))
def test_no_other_threshold_comes_nearer(tops: list[float], share: float) -> None:
    values = np.array(tops, dtype=np.float32).astype(np.float64)
    off = abs((values < threshold_of_share(values, share)).mean() - share)
    assert off <= min(abs((values < other).mean() - share) for other in [*tops, 2.0]) + 1e-12


@pytest.mark.parametrize(
    "settings", [{"loss": None}, {"share": 1.5}, {"share": -0.1}, {"loss": 2.0}, {"folds": 1}]
)
def test_refused_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(RouterError, match=r"share|loss|folds"):
        cascade(**settings)
    with pytest.raises(NotFittedError):
        CascadeRouter(Saying(CHEAP), Saying(DEAR), **settings).infer(QUERIES)
