"""A language model that names the domain: what it is asked, what is made of its words, and what it costs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from routers.base import Router, RouterError
from routers.llm import LLMRouter, Names
from tests.routers import servers
from tests.routers.servers import Answer, Asked, Server, chat

QUERIES = ["oil", "brakes", "tyres", "dreams", "beds"]
LABELS = ["car", "car", "car", "sleep", "sleep"]
Serve = Callable[[Callable[[Asked], Answer]], Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(servers.listening(answer))


def router_of(server: Server, **settings: Any) -> LLMRouter:
    return LLMRouter("mine", f"{server.url}/v1", **settings).fit(QUERIES, LABELS)


def test_without_examples_the_prompt_has_the_names_alone(serve: Serve) -> None:
    server = serve(lambda asked: chat("sleep"))
    router = router_of(server, prompt="One of:\n{domains}\nWhich?", max_tokens=5, max_chars=3)
    assert router.predict(["why\ud800 not"]) == ["sleep"]
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.body == {
        "model": "mine",
        "messages": [
            {"role": "system", "content": "One of:\n- car\n- sleep\nWhich?"},
            {"role": "user", "content": "why"},
        ],
        "temperature": 0,
        "max_tokens": 5,
    }


def test_examples_are_drawn_by_the_seed_and_kept(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda asked: chat("car"))
    router = router_of(server, shots=3, seed=4)
    router.infer(["why"])
    turns = [message["content"] for message in server.asked[0].body["messages"][1:-1]]
    # By turns, until a domain has no more.
    assert turns[1::2] == ["car", "sleep", "car", "sleep", "car"]
    assert sorted(turns[::2]) == sorted(QUERIES)
    assert router_of(server, shots=3, seed=4).shots_ == router.shots_
    assert len({tuple(router_of(server, shots=2, seed=seed).shots_) for seed in range(8)}) > 1
    router.save(tmp_path / "router")
    Router.load(tmp_path / "router").infer(["why"])
    assert server.asked[0].body == server.asked[-1].body


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("car", "car"),
        (" **Car**.\n", "car"),
        ('"used  cars"', "used cars"),
        ("The domain is: sleep", "sleep"),
        ("It is about used cars, I think.", "used cars"),
        ("sleep, sleep and SLEEP", "sleep"),
        ("ÜBER", "über"),
        # Not as a part of another word, not one of two, and not nothing.
        ("carpets", None),
        ("car or sleep", None),
        ("neither", None),
        ("", None),
        ("!?", None),
    ],
)
def test_names_are_found_in_what_is_said(text: str, domain: str | None) -> None:
    names = ["car", "sleep", "used cars", "über"]
    column = Names(names).find(text)
    assert (None if column is None else names[column]) == domain


def test_odd_names_are_found_as_they_are() -> None:
    names = Names(["", "a.b", "🚗", "axb"])
    assert [names.find(text) for text in ("", "A.B", "🚗", "take axb")] == [0, 1, 2, 3]
    assert Names(["?", "!"]).find("none") is None


def test_an_answer_without_a_domain_is_counted(serve: Serve) -> None:
    texts = iter(["sleep", "no idea", None])
    router = router_of(serve(lambda asked: chat(next(texts))))
    said = router.infer(["a", "b", "c"])
    assert said.proba.tolist() == [[0, 1], [0.5, 0.5], [0.5, 0.5]]
    assert said.confidence.tolist() == [1, 0, 0]
    assert (router.events()["questions"], router.events()["unnamed"]) == (3, 2)


def test_tokens_and_their_price_are_counted(serve: Serve) -> None:
    uncounted = Answer({"choices": [{"message": {"content": "car"}}]})
    answers = [chat("car", 100, 1), chat("car", 200, 3), uncounted]
    server = serve(lambda asked: answers[(len(server.asked) - 1) % 3])
    router = router_of(server, usd_per_million_in=0.5, usd_per_million_out=10)
    router.infer(["a", "b", "c"])
    events = router.events()
    assert (events["counted"], events["tokens"], events["prompt_tokens"]) == (2, 304, 300)
    assert events["usd"] == pytest.approx((300 * 0.5 + 4 * 10) / 1e6)
    assert "usd" not in router_of(server, usd_per_million_in=0.5).events()


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": [{}]}, [1], "text", {"choices": [5]}])
def test_what_is_no_completion_is_named(serve: Serve, body: Any) -> None:
    with pytest.raises(RouterError, match="is no chat completion"):
        router_of(serve(lambda asked: Answer(body))).infer(["why"])


def test_the_key_is_in_nothing_that_is_kept(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    server = serve(lambda asked: chat("car"))
    router = router_of(server, api_key_env="MY_KEY")
    router.infer(["why"])
    assert server.asked[0].headers["authorization"] == "Bearer sk-secret"
    router.save(tmp_path / "router")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "router").iterdir())
    assert b"sk-secret" not in kept + str(router.events()).encode()
