"""Every protocol against the application: what clients send, and what they get."""

import json
from typing import Any

import pytest

from routers.base import Hits
from routers.knn import KNNRouter
from tests.benchmarks.server import parrot
from tests.benchmarks.server.helpers import Client

OIL, NIGHT = "How often should the engine oil be changed?", "Why do I lie awake every night?"


def events(text: str) -> list[Any]:
    """Chunks of a stream, without the mark of its end."""
    *lines, end = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert end == "[DONE]"
    return [json.loads(line) for line in lines]


# The KNN Router server's.


def test_neighbours_are_those_of_the_router(client: Client, knn: KNNRouter) -> None:
    answer = client.post("/?router=knn", content=json.dumps({"query": OIL, "other": 1}))
    expected: Hits = knn.respond(OIL)
    assert answer.status_code == 200
    assert answer.json()["scores"] == expected["scores"]
    assert [hit["id"] for hit in answer.json()["hits"]] == [hit["id"] for hit in expected["hits"]]
    assert [hit["similarity"] for hit in answer.json()["hits"]] == pytest.approx(
        [hit["similarity"] for hit in expected["hits"]], abs=1e-6
    )
    assert answer.headers["x-router-derby-domain"] == "car"


def test_headers_have_the_whole_decision_but_its_scores(client: Client) -> None:
    answer = client.chat(OIL, model="router-knn-0.99", route_only=True)
    routing, found = answer.json()["routing"], answer.headers
    ours = {name: found[f"x-router-derby-{name}"] for name in ("best-guess", "threshold", "fallback", "cut")}
    assert ours == {"best-guess": "car", "threshold": "0.99", "fallback": "true", "cut": "false"}
    assert found["x-router-derby-checksum"] == routing["checksum"]
    assert found["x-request-id"] == routing["request_id"]
    phases = dict(phase.split(";dur=") for phase in found["server-timing"].split(", "))
    assert phases.keys() == routing["milliseconds"].keys()
    assert float(phases["routing"]) == pytest.approx(routing["milliseconds"]["routing"], abs=1e-3)


def test_a_router_without_neighbours_has_scores_alone(client: Client) -> None:
    answer = client.post("/", content=json.dumps({"query": NIGHT})).json()
    assert answer["hits"] == []
    assert [score["target"] for score in answer["scores"]] == ["sleep", "car"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "failed to parse request body"),
        (b"{", "failed to parse request body"),
        (b"[1]", "failed to parse request body"),
        (b'{"query": 5}', "failed to parse request body"),
        (b'{"query": "a", "truncate_strategy": 9}', "failed to parse request body"),
        (b"\xff\xfe", "failed to parse request body"),
        (b"[" * 100_000, "failed to parse request body"),
        (b"{}", "query is required"),
        (b'{"query": null}', "query is required"),
        (b'{"query": ""}', "query is required"),
    ],
)
def test_errors_of_the_knn_router_server(client: Client, body: bytes, message: str) -> None:
    answer = client.post("/", content=body)
    assert (answer.status_code, answer.text) == (400, message + "\n")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(("strategy", "domain"), [(1, "sleep"), (2, "car"), (3, "car"), (4, "sleep")])
def test_a_long_query_loses_the_part_that_is_named(client: Client, strategy: int, domain: str) -> None:
    # Car, sleep in three quarters of the middle, a little car: what is removed decides.
    parts = [f"{OIL} " * 60, f"{NIGHT} " * 240, f"{OIL} " * 2]
    if strategy == 1:
        parts[2] = ""
    query = "".join(parts)[:19_000]
    answer = client.post("/?router=knn", json={"query": query, "truncate_strategy": strategy})
    assert answer.headers["x-router-derby-domain"] == domain


# OpenAI's.


def test_the_chosen_expert_answers(client: Client) -> None:
    answer = client.chat(OIL)
    body = answer.json()
    assert answer.status_code == 200
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": f"car 0: {OIL}",
        "refusal": None,
    }
    assert body["model"] == "car"
    assert body["usage"] == {"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 15}
    routing = body["routing"]
    assert (routing["router"], routing["domain"], routing["best_guess"]) == ("tfidf", "car", "car")
    assert routing["confidence"] == pytest.approx(float(answer.headers["x-vsr-confidence"]), abs=1e-4)
    assert sum(routing["scores"].values()) == pytest.approx(1)
    assert {"queue", "routing", "answer", "total"} <= set(routing["milliseconds"])
    assert answer.headers["x-vsr-replay-id"] == routing["request_id"] == answer.headers["x-request-id"]


def test_a_stream_says_the_same(client: Client) -> None:
    answer = client.chat(NIGHT + " (asked as a stream)", stream=True, stream_options={"include_usage": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    chunks = events(answer.text)
    text = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    assert text == f"sleep 0: {NIGHT} (asked as a stream)"
    assert chunks[0]["routing"]["domain"] == chunks[-2]["routing"]["domain"] == "sleep"
    assert "answer" in chunks[-2]["routing"]["milliseconds"]
    assert [choice["finish_reason"] for choice in chunks[-2]["choices"]] == ["stop"]
    assert chunks[-1]["usage"]["completion_tokens"] == len(text.split())


@pytest.mark.parametrize(
    ("model", "router", "domain"),
    [
        ("auto", "tfidf", "car"),
        ("tfidf", "tfidf", "car"),
        ("knn", "knn", "car"),
        ("router-knn-0.5", "knn", "car"),
        ("sleep", None, "sleep"),
        ("domain:sleep", None, "sleep"),
    ],
)
def test_names_of_models(client: Client, model: str, router: str | None, domain: str) -> None:
    body = client.chat(OIL, model=model).json()
    assert body["model"] == domain
    assert (body["routing"] or {}).get("router") == router
    assert body["choices"][0]["message"]["content"].startswith(f"{domain} ")


@pytest.mark.parametrize(
    ("model", "status"),
    [("router-knn-2", 400), ("router-knn-x", 400), ("router-no-0.5", 404), ("gpt-4", 404)],
)
def test_models_that_there_are_not(client: Client, model: str, status: int) -> None:
    answer = client.chat(OIL, model=model)
    assert answer.status_code == status
    assert answer.json()["object"] == "error"
    assert answer.json()["error"]["message"] == answer.json()["message"]


def test_a_threshold_in_the_name(client: Client) -> None:
    high = client.chat(OIL, model="router-knn-1", route_only=True).json()["routing"]
    low = client.chat(OIL, model="router-knn-0", route_only=True).json()["routing"]
    assert (high["threshold"], high["fallback"]) == (1.0, True)
    assert (low["threshold"], low["fallback"]) == (0.0, False)


def test_only_the_decision(client: Client) -> None:
    body = client.chat(OIL, model="knn", route_only=True, neighbours=True).json()
    assert body["choices"][0]["message"]["content"] == ""
    assert parrot.heard == []
    first = body["routing"]["neighbours"][0]
    assert (first["domain"], first["question"]) == ("car", "How often should I change the engine oil?")
    chunks = events(client.chat(OIL, route_only=True, stream=True).text)
    assert chunks[0]["routing"]["domain"] == "car"
    assert parrot.heard == []


def test_messages_as_clients_send_them(client: Client) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": OIL}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
        {"role": "tool", "content": "42", "tool_call_id": "1"},
        {"role": "assistant", "content": "Every year."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "and the engine"}, {"type": "text", "text": "filter?"}],
        },
    ]
    answer = client.post("/v1/chat/completions", json={"messages": messages, "tools": [], "temperature": 1.5})
    assert answer.json()["choices"][0]["message"]["content"] == "car 2: and the engine filter?"
    assert [tuple(turn) for turn in parrot.heard[-1].history] == [("user", OIL), ("assistant", "Every year.")]


def test_an_answer_may_be_shorter(client: Client) -> None:
    body = client.chat(OIL, max_tokens=3).json()
    assert body["choices"][0]["message"]["content"] == "car 0: How"
    assert body["choices"][0]["finish_reason"] == "length"


def test_a_note_reaches_the_client(client: Client) -> None:
    assert client.chat(f"{OIL} noted").json()["note"] == "a note"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        "hello",
        [{"role": "assistant", "content": "hello"}],
        [{"role": "user", "content": "  "}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
        [{"role": "pirate", "content": "hello"}],
        [{"content": "hello"}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": "hello"}] * 65,
        [{"role": "user", "content": "x" * 20_001}],
    ],
)
def test_conversations_that_cannot_be_answered(client: Client, messages: Any) -> None:
    answer = client.post("/v1/chat/completions", json={"messages": messages})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_an_expert_that_fails(client: Client) -> None:
    answer = client.chat(f"{OIL} fails")
    assert answer.status_code == 502
    # What an expert says of itself may name addresses.
    assert "ill" not in answer.text
    assert client.chat(f"{OIL} fails", stream=True).status_code == 502
    chunks = events(client.chat(f"{OIL} breaks", stream=True).text)
    assert chunks[-1]["error"]["code"] == "expert_failed"


def test_models_are_listed(client: Client) -> None:
    names = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert names == ["auto", "tfidf", "knn", "domain:car", "domain:sleep"]


# vLLM Semantic Router's and NVIDIA's.


def test_an_intent(client: Client) -> None:
    body = client.post(
        "/api/v1/classify/intent", json={"text": OIL, "options": {"return_probabilities": True}}
    ).json()
    assert (
        body["classification"]["category"] == body["recommended_model"] == body["routing_decision"] == "car"
    )
    assert body["probabilities"] == body["routing"]["scores"]
    assert client.post("/api/v1/classify/intent", json={"text": OIL}).json()["probabilities"] is None


def test_a_batch_has_the_answers_of_its_texts(client: Client) -> None:
    texts = [OIL, NIGHT, "car " * 300]
    body = client.post("/api/v1/classify/batch?router=knn", json={"texts": texts}).json()
    alone = [client.post("/api/v1/classify/intent?router=knn", json={"text": text}).json() for text in texts]
    assert [one["routing"]["scores"]["car"] for one in body["results"]] == pytest.approx(
        [one["routing"]["scores"]["car"] for one in alone], abs=1e-6
    )
    assert [one["routing"]["cut"] for one in body["results"]] == [False, False, True]
    assert (body["total_count"], sum(body["statistics"]["category_distribution"].values())) == (3, 3)
    confidences = [one["classification"]["confidence"] for one in body["results"]]
    assert body["statistics"]["avg_confidence"] == pytest.approx(sum(confidences) / 3)
    strict = {"texts": texts, "options": {"confidence_threshold": 1}}
    assert (
        client.post("/api/v1/classify/batch", json=strict).json()["statistics"]["low_confidence_count"] == 3
    )


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("intent", {}),
        ("intent", {"text": ""}),
        ("intent", {"text": "a", "options": {"confidence_threshold": 2}}),
        ("intent", []),
        ("batch", {"texts": []}),
        ("batch", {"texts": ["a", ""]}),
        ("batch", {"texts": ["a"] * 257}),
    ],
)
def test_errors_of_vllm_semantic_router(client: Client, path: str, body: Any) -> None:
    answer = client.post(f"/api/v1/classify/{path}", json=body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"code", "message", "timestamp"}
    assert answer.json()["error"]["code"] == "INVALID_INPUT"


def test_a_routing_decision(client: Client) -> None:
    asked = {"messages": [{"role": "user", "content": NIGHT}]}
    body = client.post("/router", json=asked).json()
    assert (body["object"], body["selected_model"]) == ("routing.decision", "sleep")
    assert [one["label"] for one in body["classifications"]] == ["sleep", "car"]
    assert body["id"] == body["routing"]["request_id"]
    assert client.post("/router?router=knn", json={"query": OIL}).json()["selected_model"] == "car"
    assert client.post("/router", json={}).status_code == 400
    assert client.post("/router?router=none", json={"query": OIL}).status_code == 404
