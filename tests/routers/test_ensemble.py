"""Votes by hand; stacking learns only from what its members had not seen."""

import numpy as np
import pytest

from routers.base import NotFittedError, RouterError
from routers.baselines import MajorityRouter
from routers.centroid import CentroidRouter
from routers.ensemble import EnsembleRouter
from tests.routers.conftest import FakeEncoder
from tests.routers.spies import Saying

ASKED = ["p", "q"]
FIRST = Saying({"p": (0.9, 0.1), "q": (0.4, 0.6)}, {"p": 0.2, "q": 1.0}, name="first")
SECOND = Saying({"p": (0.3, 0.7), "q": (0.0, 1.0)}, {"p": 0.6, "q": 0.4}, name="second")
TRAIN = ASKED * 5, ["car", "sleep"] * 5
OUTCOMES = [{"small": 0.5, "large": 1.0}] * 10


def soft(weights: dict[str, float] | None = None) -> EnsembleRouter:
    return EnsembleRouter({"first": FIRST, "second": SECOND}, weights=weights)


def test_a_soft_vote_is_the_mean() -> None:
    said = soft().fit(*TRAIN).infer(ASKED)
    assert said.proba == pytest.approx(np.array([[0.6, 0.4], [0.2, 0.8]]))
    assert said.confidence == pytest.approx([0.4, 0.7])
    assert (said.expected, said.sent_on) == (None, None)


def test_expected_is_the_mean_over_the_members_that_predict_it() -> None:
    known = {"p": (0.2, 0.6), "q": (1.0, 0.0)}
    other = {"p": (0.4, 0.8), "q": (0.0, 0.5)}
    members = {
        "a": Saying(FIRST.proba, expected=known),
        "b": Saying(FIRST.proba, expected=other),
        "c": FIRST,
    }
    fitted = EnsembleRouter(members, weights={"a": 3, "b": 1, "c": 9}).fit(*TRAIN, outcomes=OUTCOMES)
    assert fitted.models_ == ["large", "small"]
    expected = fitted.infer(ASKED).expected
    assert expected is not None
    assert expected == pytest.approx(np.array([[0.25, 0.65], [0.75, 0.125]]))


def test_members_are_given_ids_and_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Saying, "fits", [])
    ids = [f"id{row}" for row in range(10)]
    soft().fit(*TRAIN, ids=ids, outcomes=OUTCOMES)
    assert len(Saying.fits) == 2
    for fit in Saying.fits:
        assert fit.ids == ids
        # In the order of `models_`.
        assert fit.outcomes == [[1.0, 0.5]] * 10
    assert not hasattr(FIRST, "classes_"), "the constructor's routers stay as they are given"


def test_stacking_asks_only_about_what_a_member_has_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Saying, "fits", [])
    queries = [f"{label} {row}" for row in range(7) for label in ("car", "sleep")]
    spy = Asked({query: (0.8, 0.2) if query[0] == "c" else (0.3, 0.7) for query in queries})
    monkeypatch.setattr(Asked, "asked", [])
    router = EnsembleRouter({"spy": spy}, method="stacked", folds=3, seed=1)
    router.fit(queries, [query.split()[0] for query in queries])
    folds, everything = Saying.fits[:-1], Saying.fits[-1]
    assert everything.queries == queries
    assert len(folds) == len(Asked.asked) == 3
    for fit, asked in zip(folds, Asked.asked, strict=True):
        assert not set(fit.queries) & set(asked)
        assert sorted([*fit.queries, *asked]) == sorted(queries)
        assert {sum(query.startswith(label) for query in asked) for label in ("car", "sleep")} <= {2, 3}
    assert sorted(query for asked in Asked.asked for query in asked) == sorted(queries)


class Asked(Saying):
    """Notes what each of its copies was asked."""

    asked: list[list[str]] = []  # noqa: RUF012 - replaced by the tests

    def infer(self, queries):  # type: ignore[no-untyped-def]  # as the base's
        self.asked.append(list(queries))
        return super().infer(queries)


def test_stacking_learns_which_member_to_believe() -> None:
    """One member is always wrong and sure of it: a soft vote fails, and stacking reads it backwards."""
    queries = [f"{label} {row}" for row in range(20) for label in ("car", "sleep")]
    labels = [query.split()[0] for query in queries]
    liar = Saying({query: (0.1, 0.9) if query[0] == "c" else (0.9, 0.1) for query in queries})
    vague = Saying(dict.fromkeys(queries, (0.5, 0.5)))
    members = {"liar": liar, "vague": vague}
    assert EnsembleRouter(members).fit(queries, labels).predict(queries[:2]) == ["sleep", "car"]
    stacked = EnsembleRouter(members, method="stacked").fit(queries, labels)
    assert stacked.predict(queries[:2]) == ["car", "sleep"]
    assert stacked.predict_proba(queries[:1])[0, 0] > 0.9


def test_folds_are_as_many_as_the_smallest_class_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Saying, "fits", [])
    queries = ["a1", "a2", "a3", "a4", "a5", "b1", "b2"]
    member = Saying({query: (0.9, 0.1) if query[0] == "a" else (0.1, 0.9) for query in queries})
    EnsembleRouter({"m": member}, method="stacked", folds=5).fit(queries, [query[0] for query in queries])
    assert len(Saying.fits) == 2 + 1
    with pytest.raises(RouterError, match=r"two questions of every class, and 'b' has 1: add some, or use"):
        EnsembleRouter({"m": member}, method="stacked").fit(queries[:6], list("aaaaab"))


@pytest.mark.parametrize(
    ("router", "message"),
    [
        (EnsembleRouter({"a": FIRST}, method="hard"), "method=hard: not one of soft, stacked"),
        (EnsembleRouter({}), "members has none"),
        (soft({"first": 1.0}), "needs one for each of first, second"),
        (soft({"first": 2.0, "second": -1.0}), "weights.second=-1.0: must be at least 0"),
        (soft({"first": 0.0, "second": 0.0}), "the sum of weights=0.0"),
        (EnsembleRouter({"a/b": FIRST}), "'a/b' names a folder too"),
        (EnsembleRouter({"a": FIRST}, method="stacked", folds=1), "folds=1"),
    ],
)
def test_refused_settings(router: EnsembleRouter, message: str) -> None:
    with pytest.raises(RouterError, match=message):
        router.fit(*TRAIN)
    with pytest.raises(NotFittedError):
        router.infer(ASKED)


def test_a_class_that_only_one_member_knows_is_the_others_zero() -> None:
    vectors = {"p": (1.0, 0.0), "q": (0.0, 1.0), "of trains": (-1.0, 0.0)}
    centroid = CentroidRouter(FakeEncoder(vectors), label_prototypes={"train": "of trains"})
    router = EnsembleRouter({"centroid": centroid, "majority": MajorityRouter()}).fit(*TRAIN)
    assert router.classes_ == ["car", "sleep", "train"]
    alone = router.parts_["centroid"].predict_proba(["p"])[0]
    assert router.predict_proba(["p"])[0] == pytest.approx((alone + np.array([0.5, 0.5, 0])) / 2)
