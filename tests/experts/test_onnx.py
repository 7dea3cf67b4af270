"""Experts on ONNX Runtime: whoever is asked beside it, an answer is that of one plain model."""

import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import experts.onnx
from experts.base import Answer, ExpertError, Request
from experts.local import Model
from experts.onnx import OnnxExperts
from tests.experts.conftest import (
    ANSWERS,
    DAMAGE,
    HISTORY,
    MAX_NEW_TOKENS,
    REQUESTS,
    SYSTEM_PROMPT,
    Models,
    Plain,
    onnx,
    texts,
    written_out,
)

pytestmark = pytest.mark.slow

OIL = "Which oil, and when?"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The graphs that were loaded."""
    files: list[Path] = []
    original = experts.onnx.session

    def load(file: Path) -> Any:
        files.append(file)
        return original(file)

    monkeypatch.setattr(experts.onnx, "session", load)
    return files


@pytest.fixture(scope="module")
def of_llama(models: Models) -> OnnxExperts:
    """Both experts in float32, in memory; shared, do not change them."""
    return onnx(models["llama"]).load()


@pytest.fixture(scope="module", params=[False, True], ids=["float32", "int8"])
def either(models: Models, request: pytest.FixtureRequest) -> OnnxExperts:
    """The experts in each kind of weights in turn, in memory; shared."""
    return onnx(models["llama"], int8=request.param).load()


# Batches.


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_every_batching_answers_as_one_plain_model(models: Models, plain: Plain, batch_size: int) -> None:
    asked = onnx(models["llama"], batch_size=batch_size)
    wanted = [plain("llama", request) for request in REQUESTS]
    assert texts(asked.answers(REQUESTS)) == wanted
    # From the second call on, what the instruction left in the cache is known.
    assert texts(asked.answers(REQUESTS[::-1]))[::-1] == wanted


def test_every_request_is_answered_once_and_answers_come_as_they_end(of_llama: OnnxExperts) -> None:
    groups = list(of_llama.generate(REQUESTS))
    assert Counter(row for group in groups for row, _ in group) == Counter(range(len(REQUESTS)))
    assert len(groups) > 4
    assert all(answer.seconds > 0 for group in groups for _, answer in group)


def test_a_slot_that_is_free_is_taken_by_the_next(models: Models, plain: Plain) -> None:
    """Answers of unlike length in fewer slots than questions: none is another's, whoever moves where."""
    requests = [Request("car", " ".join(["oil"] * number), adapted=False) for number in range(1, 12)]
    wanted = [plain("llama", request) for request in requests]
    assert texts(onnx(models["llama"], batch_size=4).answers(requests)) == wanted


def test_a_conversation_answers_as_one_plain_model(models: Models, plain: Plain) -> None:
    asked = [request._replace(history=HISTORY) for request in REQUESTS]
    wanted = [plain("llama", written_out("llama", request)) for request in REQUESTS]
    assert texts(onnx(models["llama"]).answers([*asked, *REQUESTS])) == [
        *wanted,
        *(plain("llama", request) for request in REQUESTS),
    ]


# Swapping.


def test_adapters_are_swapped_in_one_session(models: Models, plain: Plain, loads: list[Path]) -> None:
    asked = onnx(models["llama"])
    for domain, adapted in [("car", True), ("sleep", True), ("car", False), ("sleep", True), ("car", True)]:
        request = Request(domain, "Which oil?", adapted)
        assert texts(asked.answers([request])) == [plain("llama", request)]
    assert len(loads) == 1


def test_two_bases_side_by_side(models: Models, plain: Plain, loads: list[Path], tmp_path: Path) -> None:
    copy = shutil.copytree(models["llama"]["sleep"]["folder"], tmp_path / "copy")
    sleep: Model = {**models["llama"]["sleep"], "folder": str(copy)}
    answers = onnx({**models["llama"], "sleep": sleep}).answers(REQUESTS)
    assert texts(answers) == [plain("llama", request) for request in REQUESTS]
    assert len(loads) == 2


def test_a_domain_may_only_have_its_base(models: Models, plain: Plain) -> None:
    bare: Model = {**models["llama"]["car"], "adapter": None, "adapter_sha256": None}
    request = Request("car", "Why?", adapted=False)
    for others in ({}, {"sleep": models["llama"]["sleep"]}):
        first, second = onnx({"car": bare, **others}).answers([Request("car", "Why?"), request])
        assert first == Answer(None, error="the expert for domain 'car' has no adapter")
        assert texts([second]) == [plain("llama", request)]


def test_a_domain_may_have_any_name(models: Models) -> None:
    asked = onnx(
        {"": models["llama"]["sleep"], "heavy.duty / trucks": models["llama"]["car"]},
        system_prompt=SYSTEM_PROMPT.replace("{domain}", "car"),
    )
    assert asked.answer("heavy.duty / trucks", [OIL]) == [ANSWERS["car"]]


# Where an answer ends.


def test_an_answer_ends_with_the_turn(either: OnnxExperts) -> None:
    """Counted to the end of turn of the template, although the eos of the configuration is another."""
    tokenizer = either.tokenizer(either.folders()[0])
    wanted = [(text, len(tokenizer(text, False)["input_ids"]) + 1) for text in ANSWERS.values()]
    assert texts(either.answers([Request(domain, OIL) for domain in ANSWERS])) == wanted


def test_no_word_is_no_answer(speechless: dict[str, Model]) -> None:
    asked, request = onnx(speechless), Request("car", "Why?", adapted=False)
    answer = asked.answers([request])[0]
    assert (answer.text, answer.tokens) == (None, MAX_NEW_TOKENS)
    assert "without a word" in str(answer.error)
    with pytest.raises(ExpertError, match="without a word"):
        list(asked.stream(request))


@pytest.mark.parametrize("limit", [1, 2])
def test_an_answer_has_at_most_so_many_tokens(models: Models, limit: int) -> None:
    asked, request = onnx(models["llama"], max_new_tokens=limit), Request("car", OIL)
    answer = asked.answers([request])[0]
    assert answer.tokens == limit
    assert ANSWERS["car"].startswith(str(answer.text))
    assert "".join(asked.stream(request)).strip() == answer.text


# Long questions.


def test_a_long_question_is_cut_and_says_so(models: Models) -> None:
    asked = onnx(models["llama"], max_question_tokens=20)
    question = "why does my car wake me up at night " * 2800
    long, short = asked.answers([Request("car", question), Request("sleep", "Why?")])
    assert long.text is not None
    assert str(long.note).endswith(" to 20 tokens")
    assert short.note is None
    notes: list[str] = []
    assert "".join(asked.stream(Request("car", question), notes.append)).strip() == long.text
    assert notes == [long.note]


@pytest.mark.parametrize("question", ["oil " * 5_000, "🚗" * 5_000], ids=["words", "emoji"])
def test_a_question_leaves_room_for_the_answer(models: Models, plain: Plain, question: str) -> None:
    """The model has 512 positions; nearly all of them are used, and none more."""
    settings = {"max_new_tokens": MAX_NEW_TOKENS, "max_question_tokens": 10_000}
    asked, request = onnx(models["llama"], **settings).load(), Request("car", question, adapted=False)
    answer = asked.answers([request])[0]
    assert answer.text, answer.error
    prompt = asked.prompt(0, request)
    folder = asked.folders()[0]
    length = len(asked.tokenizer(folder)(prompt.text, False)["input_ids"])
    assert 512 - 12 <= length + MAX_NEW_TOKENS <= 512
    shown = prompt.text.partition("<|start|>user<|stop|>\n")[2].partition("<|eot|>")[0]
    assert texts([answer]) == [plain("llama", request._replace(question=shown))]


def test_no_room_for_any_question(models: Models) -> None:
    asked = onnx(models["llama"], max_new_tokens=500)
    answer = asked.answers([Request("car", "Why?")])[0]
    assert answer.text is None
    assert "experts.max_new_tokens=500" in str(answer.error)
    with pytest.raises(ExpertError, match="512 positions"):
        list(asked.stream(Request("car", "Why?")))


# Streaming and threads.


def test_a_stream_says_what_the_answer_says(either: OnnxExperts) -> None:
    for request, answer in zip(REQUESTS, either.answers(REQUESTS), strict=True):
        pieces = list(either.stream(request))
        assert len(pieces) > 1
        assert "".join(pieces).strip() == answer.text


def test_leaving_a_stream_in_the_middle(of_llama: OnnxExperts, plain: Plain) -> None:
    request = Request("car", OIL)
    left, other = of_llama.stream(request), of_llama.stream(Request("sleep", OIL))
    first = next(left)
    # Another stream and another answer meanwhile, and then the first goes on.
    assert next(other)
    assert texts(of_llama.answers(REQUESTS)) == [plain("llama", request) for request in REQUESTS]
    assert (first + "".join(left)).strip() == ANSWERS["car"]
    other.close()
    assert texts(of_llama.answers([request])) == [plain("llama", request)]


def test_several_threads_at_once(either: OnnxExperts) -> None:
    assert either.thread_safe
    wanted = texts(either.answers(REQUESTS))
    alone = ["".join(either.stream(request)) for request in REQUESTS]
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(either.answers, REQUESTS) for _ in range(3)]
        streams = list(pool.map(lambda request: "".join(either.stream(request)), REQUESTS))
    assert [texts(future.result()) for future in answers] == [wanted] * 3
    assert streams == alone


def test_the_first_questions_of_several_threads_load_once(
    models: Models, plain: Plain, loads: list[Path]
) -> None:
    asked = onnx(models["llama"])
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda request: "".join(asked.stream(request)).strip(), REQUESTS))
    assert said == [plain("llama", request)[0] for request in REQUESTS]
    assert len(loads) == 1


# Eight bits.


def test_eight_bits_say_the_same_in_every_batch(models: Models, plain: Plain) -> None:
    found = [
        texts(onnx(models["llama"], int8=True, batch_size=size).answers(REQUESTS)) for size in (1, 3, 64, 64)
    ]
    assert found[1:] == found[:-1]
    # Rounding changes words of a random model, but not what an expert knows by heart.
    by_heart = [(ANSWERS[request.domain], request) for request in REQUESTS if request.adapted]
    said = dict(zip(REQUESTS, found[0], strict=True))
    assert all(said[request][0] == answer for answer, request in by_heart)
    same = sum(said[request] == plain("llama", request) for request in REQUESTS)
    assert same > len(REQUESTS) / 2


# What is loaded.


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("domain", ["car", "sleep"])
def test_a_damaged_adapter_is_named(models: Models, tmp_path: Path, damage: str, domain: str) -> None:
    folder = tmp_path / "adapter"
    shutil.copytree(str(models["llama"][domain]["adapter"]), folder)
    DAMAGE[damage](folder)
    broken: Model = {**models["llama"][domain], "adapter": str(folder)}
    with pytest.raises(ExpertError, match="cannot load the adapter") as caught:
        onnx({**models["llama"], domain: broken}).load()
    assert str(folder) in str(caught.value)


def test_another_architecture_is_refused_with_the_way_out(models: Models) -> None:
    with pytest.raises(ExpertError, match=r"experts\.engine=torch") as caught:
        onnx(models["phi"]).load()
    assert models["phi"]["car"]["folder"] in str(caught.value)
    foreign: Model = {**models["llama"]["car"], "adapter": models["phi"]["car"]["adapter"]}
    with pytest.raises(ExpertError, match="cannot load the adapter"):
        onnx({"car": foreign}).load()


def test_identity_names_engine_and_weights(of_llama: OnnxExperts) -> None:
    identity = of_llama.identity("car")
    assert identity["engine"] == "onnx"
    assert identity != onnx(of_llama.models, int8=True).identity("car")
