"""What every expert promises, be it a local model or one behind an endpoint."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from experts.base import ExpertError, Experts, Request
from experts.local import Model
from experts.openai import OpenAIExperts
from tests.experts.conftest import lora, onnx
from tests.experts.servers import Handler, Server, completion, misbehaving

pytestmark = pytest.mark.slow

Make = Callable[..., Experts]

CASES = ("lora", "lora_two_bases", "onnx", "onnx_int8", "openai")
QUESTIONS = ("Why does my car shake when I brake?", "Hi", "How late can I drink coffee without insomnia?")
# What an answer depends on, and a value that no case has already.
SETTINGS: dict[str, Any] = {"system_prompt": "Say something else.", "max_new_tokens": 7}
OWN_SETTINGS: dict[str, dict[str, Any]] = {
    "lora": {"max_question_tokens": 9, "dtype": "bfloat16", "quantization": "nf4"},
    "lora_two_bases": {"max_question_tokens": 9},
    "onnx": {"max_question_tokens": 9, "int8": True},
    "onnx_int8": {"max_question_tokens": 9, "int8": False},
    "openai": {"max_question_chars": 9, "base_url": "http://127.0.0.1:9/v1"},
}
# What it does not depend on.
INDIFFERENT: dict[str, dict[str, Any]] = {
    "lora": {"batch_size": 1},
    "lora_two_bases": {"batch_size": 1},
    "onnx": {"batch_size": 1},
    "onnx_int8": {"batch_size": 1},
    "openai": {"timeout": 9.0, "max_retries": 9, "max_concurrency": 1, "api_key_env": "ANOTHER_KEY"},
}


class Honest(Handler):
    """Streams, a word at a time, what it would have said in one piece."""

    def answer(self, model: str, body: dict[str, Any], tries: int) -> None:
        if not body.get("stream"):
            return super().answer(model, body, tries)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for piece in f"{model}: {body['messages'][-1]['content']}".split(" "):
            chunk = completion(None) | {
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": {"content": f"{piece} "}}],
            }
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")
        return None


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with misbehaving() as server:
        server.RequestHandlerClass = Honest
        yield server


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def make(case: str, models: dict[str, dict[str, Model]], server: Server) -> Make:
    """Makes experts for `car` and `sleep`, not loaded, with other settings where a test says so."""

    def make(**settings: Any) -> Experts:
        if case == "openai":
            names = {"car": "car-lora", "sleep": "sleep-lora", "base": "base"}
            return OpenAIExperts(**{"base_url": server.url, "models": names, "max_retries": 0, **settings})
        sleep = models["phi" if case == "lora_two_bases" else "llama"]["sleep"]
        own = {"car": models["llama"]["car"], "sleep": sleep}
        if case.startswith("onnx"):
            return onnx(**{"models": own, "int8": case == "onnx_int8", **settings})
        return lora(**{"models": own, **settings})

    return make


@pytest.fixture(scope="module")
def experts(make: Make) -> Experts:
    """Shared by the tests that only ask; `make()` is for those that set something."""
    return make().load()


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return [
        Request(domain, question, adapted)
        for question in QUESTIONS
        for domain, adapted in (("sleep", True), ("car", False), ("car", True))
    ] + [Request("sleep", QUESTIONS[1])]


def test_a_parameter_that_cannot_be_used_is_refused_by_name(make: Make) -> None:
    with pytest.raises(ExpertError, match=r"^experts\.max_new_tokens=0: must be at least 1$"):
        make(max_new_tokens=0).load()


def test_the_first_question_loads(make: Make, experts: Experts) -> None:
    assert make().answer("car", ["Which oil, and when?"]) == experts.answer("car", ["Which oil, and when?"])


def test_answers_are_in_the_order_asked(experts: Experts, requests: list[Request]) -> None:
    together = experts.answers(requests)
    alone = [experts.answers([request])[0] for request in requests]
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    assert len({answer.text for answer in together}) > 3
    assert all(answer.text and answer.error is None for answer in together)
    assert all(answer.tokens and answer.seconds > 0 for answer in together)


def test_the_experts_differ(experts: Experts) -> None:
    question = "Which oil, and when?"
    asked = [Request("car", question), Request("sleep", question), Request("car", question, adapted=False)]
    assert len({answer.text for answer in experts.answers(asked)}) == 3


def test_a_stream_says_what_the_answer_says(experts: Experts, requests: list[Request]) -> None:
    for request in requests[:3]:
        remarks: list[str] = []
        pieces = list(experts.stream(request, remarks.append))
        assert len(pieces) > 1
        assert "".join(pieces).strip() == str(experts.answers([request])[0].text).strip()
        assert remarks == []


@pytest.mark.parametrize("question", ["", " \t\n "])
def test_an_empty_question_is_an_error(experts: Experts, question: str) -> None:
    empty, full = experts.answers([Request("car", question), Request("car", "Which oil, and when?")])
    assert (empty.text, empty.error) == (None, "the question is empty")
    assert full.text
    with pytest.raises(ExpertError, match=r"^the question is empty$"):
        list(experts.stream(Request("car", question)))


def test_an_unknown_domain_is_an_error_of_its_row(experts: Experts) -> None:
    rows = [Request("boat", "Why?"), Request("sleep", "Why?"), Request("boat", "Why?", adapted=True)]
    first, known, last = experts.answers(rows)
    assert known.text
    for unknown in (first, last):
        assert unknown.text is None
        assert "boat" in str(unknown.error)
    for refused in (lambda: list(experts.stream(rows[0])), lambda: experts.identity("boat")):
        with pytest.raises(ExpertError, match="boat"):
            refused()
    with pytest.raises(ExpertError, match="boat"):
        experts.answer("boat", ["Why?"])


@pytest.mark.parametrize(
    "text",
    ["🚗💤🧑‍🔧", "כמה שעות \u202eمرحبا\u202c", "a\x00b\x1b[31m\ufeff", "<|eot|>Why<eos><pad>"],
    ids=["emoji", "right_to_left", "control", "special"],
)
def test_any_text_is_answered(experts: Experts, text: str) -> None:
    answers = experts.answers([Request("car", text), Request("sleep", "Why?")])
    assert all(answer.text for answer in answers)
    assert answers[1].text == experts.answers([Request("sleep", "Why?")])[0].text


def test_a_long_question_is_cut_with_a_note(experts: Experts) -> None:
    question = "why does my car wake me up at night " * 2800
    long, short = experts.answers([Request("car", question), Request("car", "Why?")])
    assert long.text
    assert str(long.note).startswith("question cut from ")
    assert short.note is None
    remarks: list[str] = []
    stream = experts.stream(Request("car", question), remarks.append)
    next(stream)
    assert remarks == [long.note]
    list(stream)


def test_identity_is_json_and_tells_experts_apart(make: Make, experts: Experts) -> None:
    # Before anything is loaded: a cache that has every answer needs no model.
    unloaded = make()
    asked = [("car", True), ("sleep", True), ("car", False)]
    identities = [unloaded.identity(domain, adapted) for domain, adapted in asked]
    texts = [json.dumps(identity, sort_keys=True) for identity in identities]
    assert [json.loads(text) for text in texts] == identities
    assert len(set(texts)) == 3
    assert [experts.identity(domain, adapted) for domain, adapted in asked] == identities


def test_identity_changes_with_what_an_answer_depends_on(make: Make, case: str) -> None:
    seen = [make().identity("car")]
    for name, value in {**SETTINGS, **OWN_SETTINGS[case]}.items():
        identity = make(**{name: value}).identity("car")
        assert identity not in seen, name
        seen.append(identity)
    for name, value in INDIFFERENT[case].items():
        assert make(**{name: value}).identity("car") == seen[0], name


def test_identity_names_the_domain_where_the_prompt_does(make: Make) -> None:
    bare = make(system_prompt="About {domain}.")
    assert bare.identity("car", False) != bare.identity("sleep", False)
    assert "{domain}" not in json.dumps(bare.identity("car"))


def test_identity_changes_with_the_weights(
    make: Make, case: str, models: dict[str, dict[str, Model]]
) -> None:
    asked = (("car", True), ("car", False), ("sleep", True))
    changes: list[dict[str, Any]] = [{"car": "car-2", "sleep": "sleep-lora", "base": "base"}]
    if case != "openai":
        of_car = models["llama"]["car"]
        sleep = models["phi" if case == "lora_two_bases" else "llama"]["sleep"]
        changes = [
            {"car": {**of_car, "adapter_sha256": "another"}, "sleep": sleep},
            {"car": {**of_car, "sha256": "another"}, "sleep": sleep},
        ]
    before = [make().identity(*one) for one in asked]
    for number, changed in enumerate(changes):
        after = [make(models=changed).identity(*one) for one in asked]
        # The base of the car expert has changed in the second.
        assert [was != now for was, now in zip(before, after, strict=True)] == [True, number == 1, False]
