"""A server as a router: its protocols, its failures, its time, and what it must not learn."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from common.progress import Event, listening
from routers import http_client
from routers.base import Router, RouterError
from routers.stages import collect_stages
from routers.url import UrlRouter
from tests.routers import servers
from tests.routers.servers import Answer, Asked, Server

QUERIES, LABELS = ["oil", "brakes", "dreams"], ["car", "car", "sleep"]
Serve = Callable[[Callable[[Asked], Answer]], Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(servers.listening(answer))


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that a client would have waited for."""
    waited: list[float] = []
    monkeypatch.setattr(http_client, "sleep", waited.append)
    return waited


def router_of(server: Server, protocol: str = "vsr", **settings: Any) -> UrlRouter:
    return UrlRouter(server.url, protocol, **settings).fit(QUERIES, LABELS)


def vsr(category: str = "car", **rest: Any) -> Answer:
    return Answer({"classification": {"category": category, "confidence": 0.5, **rest}})


BODIES: dict[str, tuple[str, Any, list[float], float]] = {
    "own": (
        "/api/v1/classify/batch",
        {"results": [{"routing": {"scores": {"car": 0.25, "sleep": 0.75}, "confidence": 0.3}}]},
        [0.25, 0.75],
        0.3,
    ),
    "vsr": ("/api/v1/classify/intent", vsr("sleep").body, [0, 1], 0.5),
    "nvidia": (
        "/router",
        {"classifications": [{"label": "sleep", "score": 0.75}, {"label": "car", "score": 0.25}]},
        [0.25, 0.75],
        0.75,
    ),
    "knn": (
        "/",
        {
            "hits": [
                {"id": "1", "category": "sleep", "similarity": 0.6},
                {"id": "2", "category": "car", "similarity": 0.2},
            ],
            "scores": [{"target": "gpt", "score": 1.0}],
        },
        [0.25, 0.75],
        0.6,
    ),
    "openai": ("/v1/chat/completions", {"model": "sleep", "choices": []}, [0, 1], 1),
}
OTHERS: dict[str, tuple[str, Any, list[float], float]] = {
    "vsr_probabilities": (
        "vsr",
        {**vsr("car").body, "probabilities": {"car": 0.75, "sleep": 0.25}},
        [0.75, 0.25],
        0.5,
    ),
    "nvidia_alone": ("nvidia", {"selected_model": "car"}, [1, 0], 1),
    "knn_scores": ("knn", {"hits": None, "scores": [{"target": "car", "score": 0.5}]}, [1, 0], 1),
    "knn_nothing": ("knn", {"hits": [], "scores": []}, [0.5, 0.5], 0),
    "openai_routing": (
        "openai",
        {"model": "x", "routing": {"scores": {"car": 1, "sleep": 3}, "confidence": 0.1}},
        [0.25, 0.75],
        0.1,
    ),
}


@pytest.mark.parametrize("protocol", BODIES)
def test_protocols(serve: Serve, protocol: str) -> None:
    path, body, proba, confidence = BODIES[protocol]
    server = serve(lambda asked: Answer(body))
    said = router_of(server, protocol).infer(["why\ud800"])
    assert said.proba[0].tolist() == pytest.approx(proba)
    assert said.confidence[0] == pytest.approx(confidence)
    (asked,) = server.asked
    assert asked.path == path
    # Half a character is none.
    assert "why?" in str(asked.body)
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("name", OTHERS)
def test_other_shapes_of_answers(serve: Serve, name: str) -> None:
    protocol, body, proba, confidence = OTHERS[name]
    said = router_of(serve(lambda asked: Answer(body)), protocol).infer(["why"])
    assert said.proba[0].tolist() == pytest.approx(proba)
    assert said.confidence[0] == pytest.approx(confidence)


@pytest.mark.parametrize("header", ["x-vsr-selected-model", "x-litellm-model-id"])
def test_the_model_that_a_header_names(serve: Serve, header: str) -> None:
    server = serve(lambda asked: Answer({"model": "auto"}, headers={header: "sleep"}))
    router = UrlRouter(f"{server.url}/v1/", "openai", model="router-mf-0.5").fit(QUERIES, LABELS)
    assert router.predict(["why"]) == ["sleep"]
    assert (server.asked[0].path, server.asked[0].body["model"]) == ("/v1/chat/completions", "router-mf-0.5")


def test_own_sends_several_questions_at_once(serve: Serve) -> None:
    server = serve(servers.route_by_words)
    router = router_of(server, "own", max_batch=2)
    assert router.predict(["oil", "bed", "brake"]) == ["car", "sleep", "car"]
    assert [asked.body["texts"] for asked in server.asked] == [["oil", "bed"], ["brake"]]
    # One connection was kept.
    assert server.connections == 1


def test_names_of_the_server_are_mapped(serve: Serve) -> None:
    scores = {"auto": 0.5, "truck": 0.25, "sleep": 0.25, "other": 3}
    bodies = iter([{"probabilities": scores}, {}, {}])
    names = iter(["auto", "truck", "other"])
    server = serve(lambda asked: Answer({**vsr(next(names)).body, **next(bodies)}))
    router = router_of(server, domains={"auto": "car", "truck": "car", "other": None})
    said = router.infer(["a", "b", "c"])
    assert said.proba.tolist() == [[0.75, 0.25], [1, 0], [0.5, 0.5]]
    assert said.confidence.tolist() == [0.5, 0.5, 0]
    assert (router.events()["unnamed"], router.events()["questions"]) == (1, 3)


def test_a_mapping_to_what_is_no_domain_is_refused(serve: Serve) -> None:
    with pytest.raises(RouterError, match=r"router\.domains: 'cars' is no domain; there is: car, sleep"):
        router_of(serve(lambda asked: vsr()), domains={"auto": "cars"})


UNUSABLE: dict[str, tuple[str, Answer, str]] = {
    "unknown domain": (
        "vsr",
        vsr("law"),
        r"'why' is answered with unknown domain 'law'; there is: car, sleep; .* \+router.domains.law=DOMAIN",
    ),
    "confidence": ("vsr", vsr(confidence=7), "'why' has confidence 7, not one from 0 to 1"),
    "nan": (
        "nvidia",
        Answer({"classifications": [{"label": "car", "score": float("nan")}]}),
        "score of 'car' is nan",
    ),
    "another protocol": ("vsr", Answer({"hits": []}), "{'hits': .*} is no answer of this protocol"),
    "a list": ("openai", Answer([1]), "is no answer of this protocol"),
    "too few": ("own", Answer({"results": []}), "1 questions have 0 answers"),
    "html": ("vsr", Answer(b"<html>hello\n</html>"), "not JSON: <html>hello </html>"),
    "nothing": ("vsr", Answer(b""), "not JSON: an empty body"),
    "no path": (
        "vsr",
        Answer({"detail": "Not Found"}, 404),
        "HTTP 404: Not Found .*router.url is the address",
    ),
    "no key": (
        "vsr",
        Answer({"error": {"message": "who are you"}}, 401),
        "HTTP 401: who are you .*environment variable router.api_key_env",
    ),
    "moved": ("vsr", Answer(b"", 301), "HTTP 301"),
    "broken": ("vsr", Answer({"error": "out of memory"}, 500), "HTTP 500: out of memory"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_used_is_named(serve: Serve, name: str) -> None:
    protocol, answer, message = UNUSABLE[name]
    server = serve(lambda asked: answer)
    with pytest.raises(RouterError, match=message) as caught:
        router_of(server, protocol).infer(["why"])
    assert server.url in str(caught.value)
    # Nothing of it would pass.
    assert len(server.asked) == 1


def test_passing_failures_are_asked_again_and_counted(serve: Serve, pauses: list[float]) -> None:
    failures = [Answer({}, 429, {"retry-after": "7"}), Answer({}, 503, {"retry-after": "1e9"}), vsr("sleep")]
    server = serve(lambda asked: failures[len(server.asked) - 1])
    router = router_of(server)
    assert router.predict(["why"]) == ["sleep"]
    assert pauses == [7, 30]
    assert (router.events()["requests"], router.events()["retries"]) == (1, 2)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer({"detail": "busy"}, 503), "HTTP 503: busy after 2 retries"),
        (Answer(None, hang_up=True), "cannot connect: Remote end closed connection without response after 2"),
    ],
)
def test_failures_that_do_not_pass(serve: Serve, pauses: list[float], answer: Answer, message: str) -> None:
    server = serve(lambda asked: answer)
    with pytest.raises(RouterError, match=message):
        router_of(server).infer(["why"])
    assert len(server.asked) == 3
    assert pauses == [0.2, 0.4]


def test_a_connection_that_was_closed_while_idle_is_no_failure(serve: Serve) -> None:
    server = serve(lambda asked: vsr("sleep")._replace(headers={"connection": "close"}))
    router = router_of(server)
    assert router.predict(["a", "b", "c"]) == ["sleep"] * 3
    silent = serve(lambda asked: Answer(None, hang_up=True) if len(silent.asked) == 2 else vsr("sleep"))
    router = router_of(silent)
    assert router.predict(["a", "b"]) == ["sleep"] * 2
    assert (len(silent.asked), router.events()["retries"]) == (3, 0)


def test_nobody_there(serve: Serve) -> None:
    server = serve(lambda asked: vsr())
    router = router_of(server, max_retries=0)
    server.shutdown()
    server.server_close()
    with pytest.raises(RouterError, match="cannot connect: connection refused; is the server running"):
        router.infer(["why"])


def test_silence(serve: Serve) -> None:
    from threading import Event as Signal

    over = Signal()

    def answer(asked: Asked) -> Answer:
        over.wait()
        return vsr()

    router = router_of(serve(answer), timeout=0.1, max_retries=1)
    try:
        with pytest.raises(RouterError, match=r"no answer within 0\.1 s \(router\.timeout\) after 1 retry"):
            router.infer(["why"])
    finally:
        over.set()


@pytest.mark.parametrize(
    ("answer", "milliseconds"),
    [
        (vsr(processing_time_ms=0.25), 0.25),
        (vsr()._replace(headers={"server-timing": "db;dur=0.1, total;dur=0.2;desc=x, app;dur=9"}), 0.2),
        (vsr()._replace(headers={"Server-Timing": 'db;dur=0.1, app;dur="0.15"'}), 0.15),
        (vsr()._replace(headers={"x-litellm-overhead-duration-ms": "0.125"}), 0.125),
        (vsr()._replace(headers={"server-timing": "cache;desc=hit"}), None),
        (vsr()._replace(headers={"x-litellm-overhead-duration-ms": "soon"}), None),
        (vsr(processing_time_ms=1e9), "all"),
    ],
)
def test_the_servers_own_time_is_told_from_the_network(
    serve: Serve, answer: Answer, milliseconds: float | str | None
) -> None:
    router = router_of(serve(lambda asked: answer))
    with collect_stages() as times:
        router.infer(["why"])
    if milliseconds is None:
        assert times == {}
    elif milliseconds == "all":
        # More than the request took: a clock of its own.
        assert (times["network"], times["server"] > 0) == (0, True)
    else:
        assert isinstance(milliseconds, float)
        assert times["server"] == round(milliseconds * 1e6)
        assert times["network"] > 0


def test_another_answer_to_the_same_question_is_noticed(serve: Serve) -> None:
    answers = iter(["car", "car", "sleep", "sleep"])
    router = router_of(serve(lambda asked: vsr(next(answers))))
    heard: list[Event] = []
    with listening(heard.append):
        router.infer(["a", "b", "a", "a"])
    events = router.events()
    assert (events["repeated"], events["changed"]) == (2, 2)
    (notice,) = heard
    assert "'a' has another answer than before" in notice.what


def test_the_key_is_sent_and_told_to_nobody(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MY_KEY", " sk-secret\n")
    server = serve(lambda asked: vsr() if len(server.asked) == 1 else Answer({"error": "sk-secret?"}, 403))
    router = router_of(server, api_key_env="MY_KEY")
    router.infer(["why"])
    assert server.asked[0].headers["authorization"] == "Bearer sk-secret"
    with pytest.raises(RouterError, match=r"HTTP 403: \*\*\*\? ") as caught:
        router.infer(["why"])
    router.save(tmp_path / "router")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "router").iterdir())
    assert b"MY_KEY" in kept
    for text in (
        str(caught.value).encode(),
        kept,
        str(router.facts()).encode(),
        str(router.events()).encode(),
    ):
        assert b"sk-secret" not in text
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(
        RouterError, match=r"router\.api_key_env=MY_KEY: the environment variable is not set; exp"
    ):
        Router.load(tmp_path / "router")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://host",
        "http://me:sk-secret@host/",
        "http://host/?key=sk-secret",
        "http://host:x",
    ],
)
def test_an_address_that_cannot_be_used_is_not_repeated(url: str) -> None:
    with pytest.raises(RouterError, match=r"^router\.url must ") as caught:
        UrlRouter(url).fit(QUERIES, LABELS)
    assert "secret" not in str(caught.value)


def test_fitting_sends_nothing(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda asked: vsr())
    router = router_of(server)
    router.save(tmp_path / "router")
    loaded = Router.load(tmp_path / "router")
    assert server.asked == []
    assert loaded.predict(["why"]) == ["car"]
