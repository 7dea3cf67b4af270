"""Experts behind an endpoint: what goes out, what comes back, and what a bad server may do."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from experts.base import Answer, ExpertError, Request, Turn, Usage
from experts.openai import PATIENCE, OpenAIExperts
from tests.benchmarks.helpers import as_in_a_shell, wait_until
from tests.experts.servers import (
    BODIES,
    STATUSES,
    Server,
    closed_port,
    misbehaving,
    transformers_serve,
)

KEY = "sk-very/secret+1234567890"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's backoff without the waiting, and no key of the developer's own."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with misbehaving() as server:
        yield server


def experts(url: str, *models: str, **settings: Any) -> OpenAIExperts:
    """Experts whose domains have the names of their models, and who ask once."""
    settings = {"timeout": 600, "max_retries": 0, **settings}
    return OpenAIExperts(url, {model: model for model in models}, **settings)


def requests_seen(server: Server, number: int) -> bool:
    """Tell whether the server gets this number of requests, the last of which it may not have read yet."""
    wait_until(lambda: len(server.seen) >= number)
    return len(server.seen) == number


def ask(url: str, model: str, question: str = "Why?", **settings: Any) -> Answer:
    return experts(url, model, **settings).answers([Request(model, question)])[0]


# What goes out.


def test_what_is_sent(server: Server) -> None:
    asked = experts(
        server.url, "car", "base", system_prompt="You know {domain}; {braces} stay.", max_new_tokens=12
    )
    start = time.perf_counter()
    answer = asked.answers([Request("car", "Wozu Öl?")])[0]
    assert 0 < answer.seconds < time.perf_counter() - start
    assert answer._replace(seconds=0) == Answer("car: Wozu Öl?", tokens=7)
    assert server.seen == [
        {
            "model": "car",
            "messages": [
                {"role": "system", "content": "You know car; {braces} stay."},
                {"role": "user", "content": "Wozu Öl?"},
            ],
            "temperature": 0,
            "max_tokens": 12,
        }
    ]
    asked.answers([Request("car", "Why?", adapted=False)])
    assert server.seen[1]["model"] == "base"
    assert server.seen[1]["messages"][0]["content"] == "You know car; {braces} stay."


def test_a_conversation_is_sent_as_messages(server: Server) -> None:
    asked = experts(server.url, "car", system_prompt="About {domain}.", max_question_chars=20)
    history = (
        Turn("user", "An old question."),
        Turn("assistant", "An old answer."),
        Turn("user", "It rattles."),
        Turn("assistant", "When?"),
    )
    request = Request("car", "When I brake.", history=history, max_tokens=5)
    answer = asked.answers([request])[0]
    assert answer.note == "the first 2 of 4 earlier messages left out"
    list(asked.stream(request))
    for body in server.seen:
        assert body["max_tokens"] == 5
        assert body["messages"] == [
            {"role": "system", "content": "About car."},
            {"role": "user", "content": "It rattles."},
            {"role": "assistant", "content": "When?"},
            {"role": "user", "content": "When I brake."},
        ]


@pytest.mark.parametrize(("key", "sent"), [(None, "none"), ("", "none"), (f" {KEY}\n", KEY)])
def test_the_key_comes_from_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch, key: str | None, sent: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    if key is not None:
        monkeypatch.setenv("CAR_KEY", key)
    assert ask(server.url, "car", api_key_env="CAR_KEY").text
    assert server.headers[0]["authorization"] == f"Bearer {sent}"


@pytest.mark.parametrize(
    ("length", "limit", "sent", "note"),
    [
        (100, 100, 100, None),
        (101, 100, 100, "question cut from 101 to 100 characters"),
        (100_000, 8000, 8000, "question cut from 100000 to 8000 characters"),
    ],
)
def test_a_long_question_loses_its_middle(
    server: Server, length: int, limit: int, sent: int, note: str | None
) -> None:
    question = "<" + "ä" * (length - 2) + ">"
    answer = ask(server.url, "car", question, max_question_chars=limit)
    asked = server.seen[0]["messages"][-1]["content"]
    assert (len(asked), asked[0], asked[-1], answer.note) == (sent, "<", ">", note)


@pytest.mark.parametrize(("domain", "adapted", "key"), [("sleep", True, "sleep"), ("car", False, "base")])
def test_a_domain_without_a_model(server: Server, domain: str, adapted: bool, key: str) -> None:
    asked = experts(server.url, "car")
    request = Request(domain, "Why?", adapted)
    missing, found = asked.answers([request, Request("car", "Why?")])
    assert missing == Answer(None, error=f"no model is named for {key!r}: set ++experts.models.{key}=NAME")
    assert found.text == "car: Why?"
    for refused in (lambda: asked.identity(domain, adapted), lambda: list(asked.stream(request))):
        with pytest.raises(ExpertError, match=rf"set \+\+experts.models.{key}=NAME"):
            refused()


# What comes back.


def test_answers_come_as_they_finish_and_are_put_in_order(server: Server) -> None:
    asked = experts(server.url, "reversed", max_concurrency=4)
    requests = [Request("reversed", str(number)) for number in range(4)]
    finished = [row for group in asked.generate(requests) for row, _ in group]
    assert sorted(finished) == [0, 1, 2, 3]
    assert finished[-1] == 0
    assert [answer.text for answer in asked.answers(requests)] == [f"reversed: {n}" for n in range(4)]
    assert list(asked.generate([])) == []


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_requests_at_a_time_than_allowed(server: Server, limit: int) -> None:
    requests = [Request("paced", str(number)) for number in range(6)]
    answers = experts(server.url, "paced", max_concurrency=limit).answers(requests)
    assert all(answer.text for answer in answers)
    # Not more, and not one by one where more are allowed.
    assert min(limit, 2) <= server.most <= limit


@pytest.mark.parametrize("model", ["no usage", "null usage", "odd usage"])
def test_tokens_are_unknown_without_usage(server: Server, model: str) -> None:
    assert ask(server.url, model)._replace(seconds=0) == Answer("fine")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("html", "not JSON: <html> <title>Welcome to nginx!</title> </html>"),
        ("empty body", "not JSON: an empty body"),
        ("list", "an answer without choices"),
        ("no choices", "an answer without choices"),
        ("empty choices", "an answer without choices"),
        ("odd choices", "an answer without choices"),
        ("null", "an answer without text (finish_reason stop)"),
        ("empty", "an answer without text (finish_reason stop)"),
        ("blank", "an answer without text (finish_reason stop)"),
        ("number", "an answer without text (finish_reason stop)"),
        ("error 200", "the server reports: the worker is gone"),
        ("busy", "HTTP 429: slow down"),
        ("broken", "HTTP 500: out of memory"),
        ("unknown", "HTTP 404: The model `x` does not exist."),
        ("bad gateway", "HTTP 502: <html><h1>502 Bad Gateway</h1></html>"),
        ("bare", "HTTP 503: Service Unavailable"),
        ("fields", 'HTTP 422: {"detail": [{"loc": ["body"], "msg": "too long"}]}'),
        ("chatty", f"HTTP 400: {'long ' * 39}long…"),
    ],
)
def test_a_bad_answer_is_a_reason(server: Server, model: str, reason: str) -> None:
    answer = ask(server.url, model)
    assert (answer.text, answer.tokens) == (None, None)
    assert answer.error == f"{reason} (model {model} at {server.url})"


def test_one_bad_row_does_not_stop_the_others(server: Server) -> None:
    models = [*BODIES, *STATUSES, "car"]
    answers = experts(server.url, *models).answers([Request(model, "Why?") for model in models])
    assert answers[-1].text == "car: Why?"
    assert [answer.text is None for answer in answers[:-1]].count(True) == len(BODIES) + len(STATUSES) - 3


def test_a_server_that_starts_late_is_asked_again(server: Server) -> None:
    assert ask(server.url, "broken once", max_retries=1).text == "broken once: Why?"
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("model", "retries", "reason"),
    [
        ("busy", 2, "HTTP 429 after 2 retries: slow down"),
        ("broken", 1, "HTTP 500 after 1 retry: out of memory"),
        ("unknown", 2, "HTTP 404: The model `x` does not exist."),
        ("held", 1, "no answer within 0.5 s after 1 retry"),
        ("dropped", 1, "the connection broke after 1 retry: Server disconnected without sending a response."),
    ],
)
def test_retries_are_told(server: Server, model: str, retries: int, reason: str) -> None:
    answer = ask(server.url, model, timeout=0.5 if model == "held" else 30, max_retries=retries)
    assert answer.error == f"{reason} (model {model} at {server.url})"
    assert requests_seen(server, 1 if model == "unknown" else retries + 1)


def test_nobody_listens() -> None:
    url = f"http://127.0.0.1:{closed_port()}/v1"
    answer = ask(url, "car", max_retries=1)
    assert answer.text is None
    assert str(answer.error).startswith("cannot connect after 1 retry: ")
    assert str(answer.error).endswith(f"Connection refused (model car at {url})")
    with pytest.raises(ExpertError, match=r"^cannot connect: "):
        list(experts(url, "car").stream(Request("car", "Why?")))


# The breaker.


def test_an_endpoint_that_is_not_there_is_given_up() -> None:
    asked = experts(f"http://127.0.0.1:{closed_port()}/v1", "car", max_concurrency=1)
    rows = [*[Request("car", "Why?")] * 10, Request("car", ""), Request("sleep", "Why?")]
    answers = asked.answers(rows)
    errors = [str(answer.error) for answer in answers]
    assert all(error.startswith("cannot connect: ") for error in errors[:3])
    assert all(
        error.startswith("not asked after 3 failures in a row: cannot connect") for error in errors[3:10]
    )
    assert errors[10] == "the question is empty"
    assert "experts.models.sleep" in errors[11]


def test_a_server_that_hangs_is_given_up(server: Server) -> None:
    asked = experts(server.url, "held", max_concurrency=1, timeout=0.5)
    errors = [str(answer.error) for answer in asked.answers([Request("held", "Why?")] * 8)]
    assert [error.startswith("no answer within 0.5 s") for error in errors] == [True] * 5 + [False] * 3
    assert all(error.startswith("not asked after 5 failures in a row: no answer") for error in errors[5:])
    assert requests_seen(server, 5)


@pytest.fixture
def only_held_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """No timeout for the other models, which a busy machine may answer late."""
    from openai.resources.chat.completions import Completions

    create = Completions.create

    def patient(self: Completions, **body: Any) -> Any:
        return create(self, **body if body["model"] == "held" else {**body, "timeout": None})

    monkeypatch.setattr(Completions, "create", patient)


@pytest.mark.usefixtures("only_held_times_out")
def test_any_other_end_between_them_is_a_sign_of_life(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PATIENCE, "timeout", 2)
    asked = experts(server.url, "held", "broken", "car", max_concurrency=1, timeout=0.5)
    domains = ["held", "broken", "held", "car", "held"]
    answers = asked.answers([Request(domain, "Why?") for domain in domains])
    assert not any(str(answer.error).startswith("not asked") for answer in answers)
    assert requests_seen(server, len(domains))


def test_statuses_never_give_up(server: Server) -> None:
    asked = experts(server.url, "broken", max_concurrency=1)
    asked.answers([Request("broken", "Why?")] * 8)
    assert len(server.seen) == 8


# Leaving early.


def test_closing_leaves_the_rest_unasked(server: Server) -> None:
    asked = experts(server.url, "car", "held", max_concurrency=2, timeout=30)
    rows = asked.generate([Request("car", "Why?"), *[Request("held", "Why?")] * 20])
    assert next(rows)[0][1].text == "car: Why?"
    rows.close()
    server.closing.set()
    time.sleep(0.1)
    assert len(server.seen) <= 4


INTERRUPTED = """
import sys
from experts.base import Request
from experts.openai import OpenAIExperts
asked = OpenAIExperts(sys.argv[1], {"held": "held"}, timeout=3600).load()
print("ready", flush=True)
list(asked.generate([Request("held", "Why?")] * 20))
"""


@pytest.mark.signals
def test_an_interrupt_does_not_wait_for_the_server(server: Server) -> None:
    command = [sys.executable, "-c", INTERRUPTED, server.url]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background of a shell are deaf to interrupts, and so is what they start.
        preexec_fn=as_in_a_shell,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        wait_until(lambda: server.seen or process.poll() is not None)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        # Long before its own timeout: pytest ends a test that hangs.
        _, errors = process.communicate()
    finally:
        process.kill()
        process.wait()
    assert "KeyboardInterrupt" in errors
    assert process.returncode == -signal.SIGINT


# Streaming.


def test_a_stream(server: Server) -> None:
    asked = experts(server.url, "car", system_prompt="About {domain}.")
    pieces = list(asked.stream(Request("car", "x" * 9000)))
    assert pieces == ["Check ", "the oil."]
    assert server.seen[0]["stream"] is True
    assert server.seen[0]["messages"][0]["content"] == "About car."
    assert len(server.seen[0]["messages"][1]["content"]) == 8000


def test_a_stream_comes_as_it_is_written(server: Server) -> None:
    pieces = experts(server.url, "stream held").stream(Request("stream held", "Why?"))
    # The server writes no more until it is told to.
    assert next(pieces) == "Check "
    server.closing.set()
    assert list(pieces) == ["the oil."]


@pytest.mark.parametrize(
    ("model", "pieces", "reason"),
    [
        ("stream error", ["Check "], "the server reports: out of memory"),
        ("stream garbage", ["Check "], "not JSON: {not json"),
        ("silent", [], "an answer without text"),
        ("html", [], "an answer without text"),
        ("unknown", [], "HTTP 404: The model `x` does not exist."),
    ],
)
def test_a_stream_that_fails(server: Server, model: str, pieces: list[str], reason: str) -> None:
    received: list[str] = []
    stream = experts(server.url, model).stream(Request(model, "Why?"))
    with pytest.raises(ExpertError) as caught:
        received.extend(stream)
    assert received == pieces
    assert str(caught.value) == f"{reason} (model {model} at {server.url})"


# What a stream took.


def stream(asked: OpenAIExperts, model: str) -> Usage:
    usage = Usage()
    assert list(asked.stream(Request(model, "Why?"), usage=usage)) == ["Check ", "the oil."]
    return usage


def test_usage_is_asked_for_where_it_is_wanted(server: Server) -> None:
    asked = experts(server.url, "car")
    assert stream(asked, "car") == Usage(1, 3, "stop")
    list(asked.stream(Request("car", "Why?")))
    assert server.seen[0]["stream_options"] == {"include_usage": True}
    assert "stream_options" not in server.seen[1]


@pytest.mark.parametrize("model", ["ignores counting", "odd usage stream"])
def test_tokens_of_a_stream_are_unknown_where_the_server_does_not_count(server: Server, model: str) -> None:
    assert stream(experts(server.url, model), model) == Usage(None, None, "stop")


def test_a_server_that_refuses_to_count_is_asked_without_from_then_on(server: Server) -> None:
    model = "refuses to count"
    asked = experts(server.url, model)
    assert [stream(asked, model), stream(asked, model)] == [Usage(None, None, "stop")] * 2
    assert ["stream_options" in body for body in server.seen] == [True, False, False]


def test_a_request_that_is_bad_anyway_says_so_and_counting_goes_on(server: Server) -> None:
    asked = experts(server.url, "fields", "car")
    with pytest.raises(ExpertError, match=r"^HTTP 422: .*too long"):
        list(asked.stream(Request("fields", "Why?"), usage=Usage()))
    assert ["stream_options" in body for body in server.seen] == [True, False]
    assert stream(asked, "car") == Usage(1, 3, "stop")


def test_another_end_is_told_as_it_is(server: Server) -> None:
    assert stream(experts(server.url, "odd finish"), "odd finish").finish == "tool_calls"


# Leaving a stream.


def test_a_server_sees_that_its_stream_is_left(server: Server) -> None:
    usage = Usage()
    pieces = experts(server.url, "endless").stream(Request("endless", "Why?"), usage=usage)
    assert [next(pieces), next(pieces)] == ["Check ", "and "]
    assert not server.left.is_set()
    pieces.close()
    # An endless answer would never end: pytest ends a test that hangs.
    assert server.left.wait()
    assert usage == Usage()


@pytest.mark.parametrize(
    ("model", "said", "timeout", "reason"),
    [
        ("held", [], 0.5, "no answer within 0.5 s after 1 retry"),
        # The first piece comes within this, also on a busy machine.
        ("stream held", ["Check "], 3, "no answer within 3 s"),
    ],
)
def test_a_server_that_falls_silent_holds_no_thread(
    server: Server, model: str, said: list[str], timeout: float, reason: str
) -> None:
    """Whoever listens may have gone meanwhile: the thread that waits for the server ends by itself."""
    asked = experts(server.url, model, timeout=timeout, max_retries=1)
    heard: list[str] = []
    errors: list[str] = []

    def listen() -> None:
        try:
            heard.extend(asked.stream(Request(model, "Why?")))
        except ExpertError as error:
            errors.append(str(error))

    thread = Thread(target=listen, daemon=True)
    thread.start()
    # The server is silent for good: pytest ends a test that hangs.
    thread.join()
    assert heard == said
    assert errors == [f"{reason} (model {model} at {server.url})"]
    # What was said is not asked for again.
    assert requests_seen(server, 1 if said else 2)


# Secrets, addresses, identity.


@pytest.mark.parametrize("model", ["echo key", "echo key 200"])
def test_the_key_is_in_no_error(server: Server, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    asked = experts(server.url, model).load()
    error = str(asked.answers([Request(model, "Why?")])[0].error)
    assert "Bearer ***" in error
    # Nor is a part of it that was left by shortening.
    assert KEY[:5] not in error
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(asked) + json.dumps(asked.identity(model))


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-ü"])
def test_a_key_that_no_header_holds(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ExpertError, match="the key in OPENAI_API_KEY has characters") as caught:
        experts("http://127.0.0.1:1/v1", "car").load()
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://me:s3cret@host/v1",
        "https://s3cret@host/v1",
        "http://host/v1?key=s3cret",
        "http://host/v1#s3cret",
    ],
)
def test_an_address_with_a_secret_is_refused(url: str) -> None:
    asked = experts(url, "car")
    request = Request("car", "Why?")
    for refused in (asked.load, lambda: asked.identity("car"), lambda: asked.answers([request])):
        with pytest.raises(
            ExpertError, match="put the key in the environment variable OPENAI_API_KEY"
        ) as caught:
            refused()
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000/v1",
        "ftp://host/v1",
        "http://",
        "http://host:port/v1",
        "http://[::1/v1",
        "me:pw@host",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ExpertError, match=r"^experts\.base_url must be an http:// or https:// address"):
        experts(url, "car").load()


def test_identity() -> None:
    asked = OpenAIExperts(
        "http://127.0.0.1:8000/v1",
        {"car": "car-lora", "base": "smollm"},
        system_prompt="About {domain}.",
        max_new_tokens=5,
        max_question_chars=6,
    )
    expected = {
        "kind": "openai",
        "base_url": "http://127.0.0.1:8000/v1",
        "model": "car-lora",
        "system_prompt": "About car.",
        "max_new_tokens": 5,
        "max_question_chars": 6,
    }
    assert asked.identity("car") == expected
    assert asked.identity("car", adapted=False) == {**expected, "model": "smollm"}


# A real server.

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.mark.process
def test_transformers_serve(tiny_llama: str, tmp_path: Path) -> None:
    missing = [name for name in ("fastapi", "uvicorn", "pydantic", "openai") if find_spec(name) is None]
    if missing:
        pytest.skip(f"transformers serve needs {', '.join(missing)}")
    from transformers import AutoTokenizer

    folder = tmp_path / "model"
    shutil.copytree(tiny_llama, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    with transformers_serve(str(folder), tmp_path / "log") as url:
        asked = OpenAIExperts(
            url, {"car": str(folder)}, system_prompt="About {domain}.", max_new_tokens=8, timeout=600
        )
        requests = [
            Request("car", "Why does my car shake?"),
            Request("car", ""),
            Request("car", "Which oil?"),
        ]
        first, empty, second = asked.answers(requests)
        assert empty.error == "the question is empty"
        for answer in (first, second):
            assert answer.text, answer.error
            assert answer.tokens is not None
            assert 0 < answer.tokens <= 8
        # Greedy: the same again, streamed.
        assert "".join(asked.stream(requests[0])) == first.text


def test_an_answer_that_broke_off_is_none(server: Server) -> None:
    pieces = experts(server.url, "stream broken off").stream(Request("stream broken off", "Why?"))
    assert next(pieces) == "Check "
    with pytest.raises(ExpertError, match="broke off"):
        next(pieces)
