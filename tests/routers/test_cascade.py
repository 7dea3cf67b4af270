"""Who is asked about what, by hand; how the threshold follows from the share."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routers.base import NotFittedError, Router, RouterError
from routers.cascade import EVERYTHING, CascadeRouter, threshold_of_share
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
    proba, confidence, expected, sent_on = cascade(threshold=0.6).infer(QUERIES)
    assert Counting.asked == [["torn", "even"]]
    assert proba == pytest.approx(np.array([CHEAP["sure"], CHEAP["so-so"], DEAR["torn"], DEAR["even"]]))
    assert sent_on is not None
    assert sent_on.tolist() == [False, False, True, True]
    # One scale, that of the cheap router.
    assert confidence == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert expected is None


def test_the_threshold_itself_is_not_under_it() -> None:
    sent_on = cascade(threshold=0.5).infer(QUERIES).sent_on
    assert sent_on is not None
    assert not sent_on.any()


def test_nothing_sent_on_asks_nobody() -> None:
    proba, _, _, sent_on = cascade(threshold=0.0).infer(QUERIES)
    assert Counting.asked == []
    assert proba == pytest.approx(np.array(list(CHEAP.values())))
    assert sent_on is not None
    assert not sent_on.any()


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
    router = CascadeRouter(first, second, share=0.3, fraction=0.4, seed=2)
    router.fit(queries, [query.split()[0] for query in queries], [f"id {query}" for query in queries])
    rest, cheap, dear = Saying.fits
    assert len(rest.queries) == 60
    assert rest.ids == [f"id {query}" for query in rest.queries]
    assert cheap.queries == dear.queries == queries
    held_out = [query for query in queries if query not in rest.queries]
    sent_on = router.infer(held_out).sent_on
    assert sent_on is not None
    assert sent_on.sum() == 12
    assert router.facts() == {"threshold": router.threshold_}


TOPS = np.array([0.5, 0.6, 0.7, 0.8, 0.9], dtype=np.float32)


@pytest.mark.parametrize(
    ("share", "threshold"),
    [(0.0, 0.0), (0.2, 0.55), (0.29, 0.55), (0.31, 0.65), (0.6, 0.75), (1.0, EVERYTHING)],
)
def test_the_threshold_of_a_share(share: float, threshold: float) -> None:
    assert threshold_of_share(TOPS, share) == pytest.approx(threshold)


@given(st.lists(st.floats(0.125, 1.0, width=32), min_size=1), st.floats(0, 1))
def test_no_other_threshold_comes_nearer(tops: list[float], share: float) -> None:
    values = np.array(tops, dtype=np.float32).astype(np.float64)
    off = abs((values < threshold_of_share(values, share)).mean() - share)
    assert off <= min(abs((values < other).mean() - share) for other in [*tops, 2.0]) + 1e-12


@pytest.mark.parametrize("settings", [{"share": None}, {"share": 1.5}, {"share": -0.1}, {"fraction": 0.0}])
def test_refused_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(RouterError, match=r"share|fraction"):
        cascade(**settings)
    with pytest.raises(NotFittedError):
        CascadeRouter(Saying(CHEAP), Saying(DEAR), **settings).infer(QUERIES)
