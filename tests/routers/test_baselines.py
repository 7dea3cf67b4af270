"""The baselines against what they imitate: counts, draws by prior, and scikit-learn."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from routers.base import NotFittedError, Router, RouterError
from routers.baselines import MajorityRouter, RandomRouter, TfidfRouter

Questions = tuple[list[str], list[str]]

SERVE = """
import sys
from pathlib import Path
from routers.base import Router
from routers.decision import route
decision = route(Router.load(Path(sys.argv[1])), "My car does not start")
print(decision.label, sorted({"sklearn", "scipy", "joblib"} & set(sys.modules)))
"""

PRIOR_LABELS = ["a"] * 7 + ["b"] * 2 + ["c"]
# Repeated words, words of one letter, punctuation within words, numbers, other alphabets and cases, no words.
ODD = [
    "brake BRAKE Brake brake, brake! a b c",
    "don't over-rev: 5w-30, 0.5 l, 1_000 km, v8",
    "Öl am Motor 🚗 — ÖL İstanbul STRASSE straße ﬁlter",
    "為什麼 我 的車 сон и храп नींद क्यों",
    "e\u0301tat e\u0301tat\nzero\u200bwidth\ttab",
    "",
    " \n?!",
]
ODD_UNSEEN = ["zzyzx", "zzyzx brake", "brake " * 3000, "\ud800 lone brake", "ΣΊΣΥΦΟΣ 42 42 42", "x"]
MANY = [f"question number {number}" for number in range(5000)]


def with_third_class(questions: Questions) -> Questions:
    return questions[0], [*questions[1][:-6], *["night shift"] * 6]


def test_majority_gives_the_prior_to_every_question() -> None:
    router = MajorityRouter().fit(["x"] * 10, PRIOR_LABELS[::-1])
    proba, confidence, *_ = router.infer(["one", "two"])
    assert proba == pytest.approx(np.array([[0.7, 0.2, 0.1]] * 2))
    assert confidence == pytest.approx([0.7, 0.7])
    assert router.predict(["one", "two"]) == ["a", "a"]


def test_random_draws_by_prior() -> None:
    router = RandomRouter(seed=1).fit(["x"] * 10, PRIOR_LABELS)
    proba, confidence, *_, chances = router.infer(MANY)
    assert chances is not None
    assert chances == pytest.approx(np.array([[0.7, 0.2, 0.1]] * len(MANY)))
    assert set(np.unique(proba)) == {0.0, 1.0}
    assert (proba.sum(axis=1) == 1).all()
    assert proba.mean(axis=0) == pytest.approx([0.7, 0.2, 0.1], abs=0.025)
    assert confidence.mean() == pytest.approx(0.5, abs=0.02)
    for column in range(3):
        assert confidence[proba[:, column] == 1].mean() == pytest.approx(0.5, abs=0.05)


def test_random_draws_depend_on_question_and_seed_alone() -> None:
    def draw(seed: int, queries: list[str]) -> list[str]:
        return RandomRouter(seed).fit(["x"] * 10, PRIOR_LABELS).predict(queries)

    assert draw(0, MANY[:200]) == draw(0, MANY[:200])
    assert draw(0, MANY[100:200]) == draw(0, MANY[:200])[100:]
    assert draw(0, MANY[:200]) != draw(1, MANY[:200])


@pytest.mark.parametrize("settings", [{}, {"c": 0.5, "ngram_max": 1}, {"ngram_max": 3}])
@pytest.mark.parametrize("classes", [2, 3])
def test_tfidf_equals_the_sklearn_pipeline(
    questions: Questions, held_out: Questions, tmp_path: Path, settings: dict[str, Any], classes: int
) -> None:
    queries, labels = questions if classes == 2 else with_third_class(questions)
    queries, labels = [*queries, *ODD], [*labels, *labels[: len(ODD)]]
    TfidfRouter(**settings).fit(queries, labels).save(tmp_path / "router")
    router = Router.load(tmp_path / "router")
    assert isinstance(router, TfidfRouter)
    # The softmax of two classes is what scikit-learn computes of one; its own rounding is that of float32.
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, router.ngram_max), sublinear_tf=True, dtype=np.float32),
        LogisticRegression(C=router.c, max_iter=1000),
    ).fit(queries, labels)
    assert router.classes_ == list(pipeline.classes_)
    asked = [*ODD, *held_out[0], *ODD_UNSEEN, *queries]
    wanted = pipeline.predict_proba(asked)
    proba, confidence, *_ = router.infer(asked)
    assert proba == pytest.approx(wanted, abs=1e-6)
    assert confidence == pytest.approx(wanted.max(axis=1), abs=1e-6)
    assert router.predict(asked) == list(pipeline.predict(asked))
    assert np.concatenate([router.infer([query]).proba for query in asked]) == pytest.approx(proba, abs=1e-7)


def test_tfidf_without_a_known_word_falls_back_to_its_intercept(questions: Questions) -> None:
    router = TfidfRouter().fit(*questions)
    assert np.array_equal(router.predict_proba(["zzyzx"]), router.predict_proba([""]))


@pytest.mark.process
def test_tfidf_is_served_without_scikit_learn(questions: Questions, tmp_path: Path) -> None:
    TfidfRouter().fit(*questions).save(tmp_path / "router")
    ran = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path / "router")], capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("car []\n", "")


def test_tfidf_without_any_words_is_an_error_of_the_data() -> None:
    router = TfidfRouter()
    with pytest.raises(RouterError):
        router.fit(["?", "!"], ["car", "sleep"])
    with pytest.raises(NotFittedError):
        router.infer(["a question"])
