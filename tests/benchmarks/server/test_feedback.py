"""Votes: kept with the decision that they are about."""

from pathlib import Path
from typing import Any

from tests.benchmarks.helpers import json_lines
from tests.benchmarks.server.helpers import Client, serving

VOTES = "/v1/router/outcomes"
# As a client has them that another process answered.
TOLD = {"router": "tfidf", "domain": "sleep", "confidence": 0.7}


def counted(client: Client) -> list[str]:
    lines = client.get("/metrics").text.splitlines()
    return [line for line in lines if line.startswith("router_derby_feedback_total{")]


def test_a_vote_has_the_facts_of_its_decision(tfidf_run: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "votes.jsonl"
    with serving({"tfidf": tfidf_run}, feedback=str(file)) as client:
        routing = client.chat("How often should the oil be changed?", route_only=True).json()["routing"]
        vote: dict[str, Any] = {"request_id": routing["request_id"], "vote": "down", "comment": "no"}
        # What the server knows counts, not what it is told.
        assert client.post(VOTES, json={**vote, **TOLD}).json() == {"status": "kept"}
        assert client.post(VOTES, json={"request_id": "elsewhere", "vote": "up", **TOLD}).status_code == 200
        made_up = {**TOLD, "router": "made-up"}
        assert (
            client.post(VOTES, json={"request_id": "elsewhere", "vote": "up", **made_up}).status_code == 200
        )
        assert client.post(VOTES, json={**vote, "vote": "maybe"}).status_code == 400
        assert counted(client) == [
            'router_derby_feedback_total{router="tfidf",vote="down"} 1.0',
            'router_derby_feedback_total{router="tfidf",vote="up"} 1.0',
            'router_derby_feedback_total{router="",vote="up"} 1.0',
        ]
    known, told, invented = json_lines(file)
    facts = {name: known[name] for name in ("router", "checksum", "domain", "confidence", "vote", "comment")}
    same = {name: routing[name] for name in ("router", "checksum", "domain", "confidence")}
    assert facts == {**same, "vote": "down", "comment": "no"}
    assert told["told"] == TOLD
    assert "router" not in told
    assert invented["told"]["router"] == "made-up"


def test_without_a_file_no_vote_is_kept(tfidf_run: Path) -> None:
    with serving({"tfidf": tfidf_run}) as client:
        assert client.post(VOTES, json={"request_id": "any", "vote": "up"}).json() == {"status": "not kept"}
