"""The baselines against what they imitate: counts, draws by prior, and scikit-learn."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from routers.base import NotFittedError, RouterError
from routers.baselines import MajorityRouter, RandomRouter, TfidfRouter

Questions = tuple[list[str], list[str]]

PRIOR_LABELS = ["a"] * 7 + ["b"] * 2 + ["c"]
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
    proba, confidence, *_ = router.infer(MANY)
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


@pytest.mark.parametrize("settings", [{}, {"c": 0.5, "ngram_max": 1}])
@pytest.mark.parametrize("classes", [2, 3])
def test_tfidf_equals_the_sklearn_pipeline(
    questions: Questions, held_out: Questions, settings: dict[str, float], classes: int
) -> None:
    queries, labels = questions if classes == 2 else with_third_class(questions)
    router = TfidfRouter(**settings).fit(queries, labels)
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, router.ngram_max), sublinear_tf=True, dtype=np.float32),
        LogisticRegression(C=router.c, max_iter=1000),
    ).fit(queries, labels)
    assert router.classes_ == list(pipeline.classes_)
    wanted = pipeline.predict_proba(held_out[0])
    proba, confidence, *_ = router.infer(held_out[0])
    assert proba == pytest.approx(wanted, abs=1e-4)
    assert confidence == pytest.approx(wanted.max(axis=1), abs=1e-4)


def test_tfidf_without_a_known_word_falls_back_to_its_intercept(questions: Questions) -> None:
    router = TfidfRouter().fit(*questions)
    assert np.array_equal(router.predict_proba(["zzyzx"]), router.predict_proba([""]))


def test_tfidf_without_any_words_is_an_error_of_the_data() -> None:
    router = TfidfRouter()
    with pytest.raises(RouterError):
        router.fit(["?", "!"], ["car", "sleep"])
    with pytest.raises(NotFittedError):
        router.infer(["a question"])
