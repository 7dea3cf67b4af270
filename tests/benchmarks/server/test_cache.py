"""Answers that are given again, and to whom."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.server.cache import Answers, Key, WholeAnswer
from benchmarks.settings import AnswerCache
from routers.knn import KNNRouter
from routers.static_encoder import StaticEncoder
from tests.benchmarks.server import parrot
from tests.benchmarks.server.helpers import Client, keep, serving

Questions = tuple[list[str], list[str]]
OIL = "How often should the engine oil be changed?"
KEYS = {"ROUTER_DERBY_API_KEYS": "anna:first,ben:second"}


def answer(text: str) -> WholeAnswer:
    return WholeAnswer(text, None, "stop", 1, 2)


def test_the_answer_that_was_not_used_for_longest_goes() -> None:
    answers = Answers(2, None)
    for name in ("a", "b"):
        answers.put(Key("", name), answer(name))
    assert answers.exact(Key("", "a")) == answer("a")
    answers.put(Key("", "c"), answer("c"))
    assert [name for name in "abc" if answers.exact(Key("", name))] == ["a", "c"]


def test_the_most_similar_question_of_the_same_scope() -> None:
    answers = Answers(5, 0.9)
    for scope, name, vector in (
        ("x", "near", (0.96, 0.28)),
        ("x", "far", (0.0, 1.0)),
        ("y", "same", (1.0, 0.0)),
    ):
        answers.put(Key(scope, name), answer(name), np.array(vector, dtype=np.float32))
    asked = np.array([1.0, 0.0], dtype=np.float32)
    # The cosine with `near` is 0.96, with `far` 0; `same` is somebody else's.
    assert answers.similar(Key("x", "asked"), asked) == answer("near")
    assert answers.similar(Key("z", "asked"), asked) is None
    assert Answers(5, None).similar(Key("x", "asked"), asked) is None


def test_nothing_is_kept_of_size_0() -> None:
    answers = Answers(0, None)
    answers.put(Key("", "a"), answer("a"))
    assert len(answers) == 0


@pytest.fixture
def fresh(tfidf_run: Path) -> Iterator[Client]:
    with serving({"tfidf": tfidf_run}, KEYS) as client:
        yield client


def asked(client: Client, key: str, *messages: str, **fields: object) -> str | None:
    client.headers["authorization"] = f"Bearer {key}"
    found: str | None = client.chat(*messages, **fields).json()["routing"]["cache"]
    return found


def test_the_same_question_is_answered_once(fresh: Client) -> None:
    assert asked(fresh, "first", OIL) is None
    assert asked(fresh, "first", f"  {OIL}\n") == "exact"
    first, again = fresh.chat(OIL).json(), fresh.chat(OIL).json()
    assert again["choices"] == first["choices"]
    assert again["usage"] == first["usage"]
    assert len(parrot.heard) == 1
    assert OIL in fresh.chat(OIL, stream=True).text
    assert len(parrot.heard) == 1


def test_others_do_not_get_it(fresh: Client) -> None:
    assert asked(fresh, "first", OIL) is None
    assert asked(fresh, "second", OIL) is None
    assert asked(fresh, "first", OIL, max_tokens=2) is None
    assert asked(fresh, "first", "Hello car", "car 0: Hello car", OIL) is None
    assert len(parrot.heard) == 4


def test_others_get_it_where_they_may(tfidf_run: Path) -> None:
    with serving({"tfidf": tfidf_run}, KEYS, cache=AnswerCache(shared=True)) as client:
        assert asked(client, "first", OIL) is None
        assert asked(client, "second", OIL) == "exact"


def test_an_answer_that_failed_is_not_kept(fresh: Client) -> None:
    fresh.headers["authorization"] = "Bearer first"
    assert fresh.chat(f"{OIL} fails").status_code == 502
    assert fresh.chat(f"{OIL} fails").status_code == 502
    assert len(parrot.heard) == 2


def test_a_question_that_means_the_same(knn: KNNRouter, tmp_path: Path) -> None:
    with serving({"knn": keep(knn, tmp_path / "knn")}, cache=AnswerCache(similarity=0.9)) as client:
        assert client.chat(OIL).json()["routing"]["cache"] is None
        near = client.chat("how often should engine oil be changed").json()
        assert near["routing"]["cache"] == "similar"
        assert near["choices"][0]["message"]["content"] == f"car 0: {OIL}"
        assert client.chat("Which tyres for snow on the car?").json()["routing"]["cache"] is None


def test_vectors_of_two_encoders_are_not_compared(
    knn: KNNRouter, tiny_static: StaticEncoder, questions: Questions, tmp_path: Path
) -> None:
    other = KNNRouter(tiny_static, k=5).fit(*questions)
    folders = {"good": keep(knn, tmp_path / "good"), "fast": keep(other, tmp_path / "fast")}
    with serving(folders, cache=AnswerCache(similarity=0.9)) as client:
        for model in ("fast", "good", "fast", "good"):
            answer = client.chat(f"{OIL} {model}", model=model)
            assert answer.status_code == 200
            assert answer.json()["routing"]["cache"] in (None, "exact", "similar")
        assert client.chat("how often should engine oil be changed good", model="good").json()["routing"][
            "cache"
        ]
