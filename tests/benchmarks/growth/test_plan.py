"""Points that are measured, those that cannot be, and axes that do not apply."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.config import compose_settings
from benchmarks.datasets.base import Dataset, Example
from benchmarks.growth.plan import (
    Plan,
    Sizes,
    defaults,
    drawn_queries,
    how_made,
    make_plan,
    missing_of,
    word_sizes,
)
from benchmarks.settings import Axes, Grow
from reports.growth.model import Axis, Point
from reports.reasons import Reason
from reports.record import Unscored
from routers.base import Router
from routers.baselines import MajorityRouter, TfidfRouter
from routers.encoder import SentenceEncoder
from routers.knn import KNNRouter
from routers.svm import SVMRouter
from tests.benchmarks.fakes import Expensive


def dataset(n_train: int = 60, n_test: int = 5) -> Dataset:
    train = [Example(f"id-{row}", f"question {row}", "ab"[row % 2]) for row in range(n_train)]
    test = [Example(f"test-{row}", "word " * (row + 1), "a") for row in range(n_test)]
    return Dataset("made-up", train, test)


def settings(**changes: Any) -> Grow:
    found: Grow = compose_settings("grow", ["measure.threads=1", "measure.batch_size=32"])
    return replace(found, grow=Axes(**changes))


def plan(router: Router, **changes: Any) -> Plan:
    chosen = settings(**changes)
    return make_plan(chosen, router, how_made(chosen, router.spec(), router, dataset()))


def knn(**changes: Any) -> KNNRouter:
    return KNNRouter(SentenceEncoder("nowhere", **changes))


def test_each_axis_grows_alone() -> None:
    found = plan(
        knn(), stored=[1_000, 100], domains=[2, 50], length=[8], threads=[1], batch=[4], domain_questions=500
    )
    assert [(one.axis, one.value, one.sizes) for one in found.points] == [
        (Axis.STORED, 100, Sizes(100, 1, 32)),
        (Axis.STORED, 1_000, Sizes(1_000, 1, 32)),
        (Axis.DOMAINS, 2, Sizes(500, 1, 32, domains=2)),
        (Axis.DOMAINS, 50, Sizes(500, 1, 32, domains=50)),
        (Axis.LENGTH, 8, Sizes(60, 1, 32, length=8)),
        (Axis.THREADS, 1, Sizes(60, 1, 32)),
        (Axis.BATCH, 4, Sizes(60, 1, 4)),
    ]
    assert (found.refused, found.not_measured) == ([], [])


def test_only_the_axes_asked_for_in_their_order_and_each_value_once() -> None:
    found = plan(TfidfRouter(), axes=["batch", "stored"], stored=[20, 20], batch=[2])
    assert [(one.axis, one.value) for one in found.points] == [(Axis.BATCH, 2), (Axis.STORED, 20)]


def test_what_learns_from_text_has_a_limit_and_says_so() -> None:
    values = {"axes": ["stored", "domains"], "stored": [50, 5_000], "domains": [2, 400], "most_texts": 300}
    found = plan(SVMRouter(SentenceEncoder("nowhere")), **values)
    assert [(one.axis, one.value, one.sizes.stored) for one in found.points] == [
        (Axis.STORED, 50, 50),
        (Axis.DOMAINS, 2, 300),
    ]
    assert [(one.axis, one.value) for one in found.refused] == [(Axis.STORED, 5_000), (Axis.DOMAINS, 400)]
    for point in found.refused:
        assert point.missing == Unscored(point.axis, Reason.TOO_FEW_TEXTS, str(point.value), {"most": 300})
    assert plan(knn(), **values).refused == []
    # Fine-tuning reads the texts.
    assert [reason.reason for reason in plan(knn(finetune="triplet"), **values).not_measured] == [
        Reason.TRAINED_TOO_LONG,
        Reason.TRAINED_TOO_LONG,
    ]


@pytest.mark.parametrize(
    ("router", "reason", "left_out"),
    [
        (MajorityRouter(), Reason.READS_NO_QUESTION, {Axis.STORED, Axis.LENGTH}),
        (Expensive("nowhere"), Reason.TRAINED_TOO_LONG, {Axis.STORED, Axis.DOMAINS}),
        (TfidfRouter(), None, set()),
    ],
)
def test_axes_that_do_not_apply_say_why(router: Router, reason: Reason | None, left_out: set[Axis]) -> None:
    found = plan(router)
    assert {one.name for one in found.not_measured} == left_out
    assert {one.reason for one in found.not_measured} <= {reason}
    assert {one.axis for one in found.points} == set(Axis) - left_out
    assert all(one.sentence for one in found.not_measured)


def test_more_threads_than_cores_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.growth.plan.cpu_count", lambda most: 2)
    found = plan(TfidfRouter(), axes=["threads"], threads=[1, 2, 3])
    assert [one.value for one in found.points] == [1, 2]
    (refused,) = found.refused
    assert refused.missing == Unscored(Axis.THREADS, Reason.TOO_FEW_CORES, "3", {"cores": 2})


def test_what_was_measured_is_not_planned_again_but_what_failed_is() -> None:
    found = plan(TfidfRouter(), axes=["batch"], batch=[1, 2, 3])
    failed = Point(Axis.BATCH, 2, missing=Unscored("batch", Reason.PROCESS_ENDED, "2", {"error": "killed"}))
    done = [Point(Axis.BATCH, 1), failed, Point(Axis.STORED, 3)]
    assert [one.value for one in missing_of(found, done)] == [2, 3]


def test_how_questions_are_made_depends_on_the_router(tmp_path: Path, minilm: str) -> None:
    router = KNNRouter(SentenceEncoder(minilm, max_tokens=64))
    made = how_made(settings(queries=3), router.spec(), router, dataset())
    assert (made.real, made.queries, made.unit, made.cut_at, made.most_texts) == (60, 3, "tokens", 64, None)
    tfidf = how_made(settings(most_texts=70), TfidfRouter().spec(), TfidfRouter(), dataset())
    assert (tfidf.unit, tfidf.cut_at, tfidf.most_texts, tfidf.noise) == ("words", None, 70, None)
    assert (tfidf.domain_questions, tfidf.queries) == (70, 5)


def test_words_are_counted_as_the_router_splits_them(minilm: str) -> None:
    size = word_sizes({"encoder": {"model": minilm}})
    # A file of the tokenizer may say that every text is filled up to one length.
    assert [size(word) for word in ("car", "rattle?", "unbelievabilities")] == [1, 2, 5]
    assert word_sizes({"c": 1.0})("unbelievabilities") == 1


def test_defaults_are_those_of_the_data_and_the_settings() -> None:
    chosen = settings()
    made = how_made(chosen, {}, TfidfRouter(), dataset())
    assert defaults(chosen, dataset(), made, lambda word: 1) == {
        Axis.STORED: 60,
        Axis.DOMAINS: 2,
        Axis.LENGTH: 3,
        Axis.THREADS: 1,
        Axis.BATCH: 32,
    }


def test_the_default_length_is_that_of_the_questions_that_are_served() -> None:
    chosen = settings(queries=3)
    made = how_made(chosen, {}, TfidfRouter(), dataset(n_test=9))
    served = drawn_queries(dataset(n_test=9), 3, chosen.seed)
    lengths = sorted(len(query.split()) for query in served)
    # Of the first three it would be 2.
    assert lengths[1] != 2
    assert defaults(chosen, dataset(n_test=9), made, lambda word: 1)[Axis.LENGTH] == lengths[1]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("grow.axes=[]", "grow.axes=[]:"),
        ("grow.axes=[stored,stored]", "grow.axes=['stored', 'stored']:"),
        ("grow.axes=[depth]", "grow.axes=['depth']:"),
        ("grow.stored=[]", "grow.stored=[]:"),
        ("grow.domains=[1]", "grow.domains=[1]:"),
        ("grow.batch=[0,1]", "grow.batch=[0, 1]:"),
        ("grow.domain_questions=999", "grow.domain_questions=999"),
        ("grow.queries=0", "grow.queries=0:"),
        ("measure.enabled=false", "measure.enabled=false:"),
        ("seed=-1", "seed=-1:"),
    ],
)
def test_settings_that_cannot_be_used(override: str, words: str) -> None:
    from benchmarks.config import explain

    with pytest.raises(Exception) as caught:  # noqa: PT011  # OmegaConf wraps it
        compose_settings("grow", [override])
    assert words in explain(caught.value)


def test_values_of_an_axis_that_is_not_asked_for_do_not_matter() -> None:
    assert compose_settings("grow", ["grow.axes=[batch]", "grow.stored=[]"]).grow.stored == []
