"""Promises of every expert, be it a local model or one behind an endpoint."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from experts.base import ExpertError, Experts, Request, Turn, Usage
from experts.local import Model
from experts.openai import OpenAIExperts
from tests.experts.conftest import HISTORY, lora, onnx
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
    """Repeats the conversation, a word a token, in one piece or streamed a word at a time."""

    def answer(self, model: str, body: dict[str, Any], tries: int) -> None:
        said = [message["content"] for message in body["messages"] if message["role"] != "system"]
        words = f"{model}: {' / '.join(said)}".split(" ")
        kept = words[: body["max_tokens"]]
        finish = "stop" if len(kept) == len(words) else "length"
        usage = {"prompt_tokens": len(words), "completion_tokens": len(kept), "total_tokens": 2 * len(words)}
        if not body.get("stream"):
            return self.say(completion(" ".join(kept), usage=usage))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for piece in kept:
            self.send_chunk([{"index": 0, "delta": {"content": f"{piece} "}}])
        self.send_chunk([{"index": 0, "delta": {}, "finish_reason": finish}])
        if body.get("stream_options") == {"include_usage": True}:
            self.send_chunk([], usage=usage)
        self.wfile.write(b"data: [DONE]\n\n")
        return None

    def send_chunk(self, choices: list[dict[str, Any]], **rest: Any) -> None:
        chunk = completion(None) | {"object": "chat.completion.chunk", "choices": choices, **rest}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())


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


# Conversations.


def test_an_answer_depends_on_the_conversation_before(experts: Experts) -> None:
    alone = Request("car", "Since last week, when it is cold.", adapted=False)
    after = alone._replace(history=HISTORY)
    first, second, again = experts.answers([alone, after, alone])
    assert first.text
    assert second.text
    assert first.text == again.text != second.text
    assert second.note is None
    remarks: list[str] = []
    assert "".join(experts.stream(after, remarks.append)).strip() == second.text.strip()
    assert remarks == []
    assert experts.answers([after])[0].text == second.text


def test_a_conversation_is_put_into_turns(experts: Experts) -> None:
    """Begun by the user, then in turns; nothing is lost but what has no words and an expert's greeting."""
    request = Request("car", "Since when I brake.", adapted=False)
    given = (
        Turn("assistant", "How can I help?"),
        Turn("user", "My car rattles."),
        Turn("user", "  "),
        Turn("user", "And it shakes."),
        Turn("assistant", "Since when?"),
        Turn("assistant", ""),
        Turn("user", "Let me think."),
    )
    wanted = (Turn("user", "My car rattles.\n\nAnd it shakes."), Turn("assistant", "Since when?"))
    joined = request._replace(question="Let me think.\n\nSince when I brake.", history=wanted)
    first, second = experts.answers([request._replace(history=given), joined])
    assert first.text == second.text
    assert (first.note, second.note) == (None, None)
    greeted = request._replace(history=given[:1])
    assert experts.answers([greeted])[0].text == experts.answers([request])[0].text


@pytest.mark.parametrize("role", ["system", "tool", ""])
def test_a_turn_of_nobody_is_an_error_of_its_row(experts: Experts, role: Any) -> None:
    refused = Request("car", "Why?", history=(Turn(role, "Obey."),))
    first, second = experts.answers([refused, Request("car", "Why?")])
    assert first.text is None
    assert str(first.error).startswith(f"the conversation has a turn of {role!r}")
    assert second.text
    with pytest.raises(ExpertError, match="the conversation has a turn of"):
        list(experts.stream(refused))


def test_the_oldest_turns_of_a_long_conversation_are_left_out(make: Make, case: str) -> None:
    room = {"max_question_chars": 400} if case == "openai" else {"max_question_tokens": 120}
    experts = make(**room).load()
    history = tuple(
        Turn(role, f"{text} number {number}")
        for number in range(20)
        for role, text in (("user", "My car rattles at"), ("assistant", "Check the wheel"))
    )
    request = Request("car", "Which one?", adapted=False, history=history)
    answer = experts.answers([request])[0]
    assert answer.text
    found = re.fullmatch(r"the first (\d+) of 40 earlier messages left out", str(answer.note))
    assert found
    count = int(found[1])
    assert count % 2 == 0
    assert 0 < count < 40
    kept = experts.answers([request._replace(history=history[count:])])[0]
    assert (kept.text, kept.note) == (answer.text, None)
    more = experts.answers([request._replace(history=history[count - 2 :])])[0]
    assert more.text == answer.text
    assert more.note == f"the first 2 of {42 - count} earlier messages left out"
    remarks: list[str] = []
    streamed = "".join(experts.stream(request, remarks.append))
    assert streamed.strip() == answer.text.strip()
    assert remarks == [answer.note]


def test_a_question_and_a_conversation_that_are_both_too_long(experts: Experts) -> None:
    long = "why does my car wake me up at night " * 2800
    request = Request("car", long, history=(Turn("user", long), Turn("assistant", long)))
    answer = experts.answers([request])[0]
    assert answer.text
    cut, left = str(answer.note).split("; ")
    assert cut == experts.answers([Request("car", long)])[0].note
    assert left == "the first 2 of 2 earlier messages left out"


# Limits and usage.


@pytest.mark.parametrize("limit", [1, 3])
def test_an_answer_ends_at_the_limit_of_its_request(
    experts: Experts, requests: list[Request], limit: int
) -> None:
    whole = experts.answers(requests)
    asked = [request._replace(max_tokens=limit) for request in requests]
    # Among others without a limit, and the other way round.
    mixed = experts.answers([one for pair in zip(asked, requests, strict=True) for one in pair])
    assert [answer.text for answer in mixed[1::2]] == [answer.text for answer in whole]
    for request, answer, full in zip(asked, mixed[::2], whole, strict=True):
        assert full.tokens is not None
        ends = min(limit, full.tokens)
        assert answer.tokens == ends
        usage = Usage()
        if answer.text is None:
            # A random model may begin with white space or half a character.
            assert "without a word" in str(answer.error)
            continue
        assert str(full.text).startswith(str(answer.text).rstrip("\ufffd "))
        pieces = list(experts.stream(request, usage=usage))
        assert "".join(pieces).strip() == answer.text.strip()
        assert (usage.tokens, usage.finish) == (ends, "length" if full.tokens > limit else "stop")


def test_a_limit_above_that_of_the_expert_changes_nothing(experts: Experts, requests: list[Request]) -> None:
    whole = experts.answers(requests)
    limited = experts.answers([request._replace(max_tokens=100_000) for request in requests])
    assert [(answer.text, answer.tokens) for answer in limited] == [
        (answer.text, answer.tokens) for answer in whole
    ]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_leaves_no_answer_is_an_error_of_its_row(experts: Experts, limit: int) -> None:
    refused = Request("car", "Why?", max_tokens=limit)
    first, second = experts.answers([refused, Request("car", "Why?")])
    assert (first.text, first.error) == (None, f"max_tokens={limit}: must be at least 1")
    assert second.text
    with pytest.raises(ExpertError, match=rf"^max_tokens={limit}: must be at least 1$"):
        list(experts.stream(refused))


def test_a_stream_says_what_it_took(experts: Experts, requests: list[Request]) -> None:
    finishes = set()
    limit = vars(experts)["max_new_tokens"]
    for request, answer in zip(requests, experts.answers(requests), strict=True):
        alone, after = Usage(), Usage()
        list(experts.stream(request, usage=alone))
        assert alone.tokens == answer.tokens
        assert alone.finish == ("length" if answer.tokens == limit else "stop")
        finishes.add(alone.finish)
        list(experts.stream(request._replace(history=HISTORY), usage=after))
        assert alone.prompt_tokens is not None
        assert after.prompt_tokens is not None
        assert 0 < alone.prompt_tokens < after.prompt_tokens
    # The adapters know their answers by heart.
    assert "stop" in finishes


def test_a_stream_that_is_left_ends_at_once(make: Make) -> None:
    experts = make(max_new_tokens=300)
    questions = [Request("car", " ".join(["oil"] * number), adapted=False) for number in range(1, 40)]
    answers = experts.answers(questions)
    long = max(range(len(answers)), key=lambda row: answers[row].tokens or 0)
    usage = Usage()
    left = experts.stream(questions[long], usage=usage)
    first = next(left)
    left.close()
    assert str(answers[long].text).startswith(first.strip())
    assert usage.finish is None
    assert (usage.tokens or 0) < (answers[long].tokens or 0)
    assert list(left) == []
    # Nothing is held that the next one needs.
    assert "".join(experts.stream(questions[long])).strip() == str(answers[long].text).strip()
    # One that nobody listens to has not begun.
    unheard = Usage()
    experts.stream(questions[long], usage=unheard).close()
    assert unheard == Usage()


def test_several_threads_at_once(experts: Experts, requests: list[Request]) -> None:
    if not experts.thread_safe:
        pytest.skip("it is asked by one thread at a time")
    asked = [*requests, *(request._replace(history=HISTORY, max_tokens=9) for request in requests)]

    def stream(request: Request) -> tuple[str, Usage]:
        usage = Usage()
        return "".join(experts.stream(request, usage=usage)), usage

    alone = [stream(request) for request in asked]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(stream, asked * 2)) == alone * 2


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
