"""The built-in questions and dialogues: enough of each kind, none twice, and not from a template."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmarks
from benchmarks.datasets.base import fold
from benchmarks.datasets.dialogues import KINDS
from benchmarks.datasets.dialogues import load as load_dialogues
from benchmarks.datasets.files import load
from routers.encoder import SentenceEncoder

FOLDER = Path(benchmarks.__path__[0], "datasets", "car_sleep")
NAMES = ("car", "sleep", "overlap", "out_of_scope")
DATA: dict[str, list[dict[str, Any]]] = {
    name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["qna"] for name in NAMES
}
ANSWERED = ("car", "sleep", "overlap")
DIALOGUES = FOLDER.with_name("car_sleep_dialogues") / "dialogues.json"
CONVERSATIONS: list[dict[str, Any]] = json.loads(DIALOGUES.read_text(encoding="utf-8"))["dialogues"]


def questions(name: str) -> list[str]:
    return [entry["question"] for entry in DATA[name]]


def test_nothing_else_is_in_the_folder() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)


@pytest.mark.parametrize(
    ("name", "least"), [("car", 300), ("sleep", 300), ("overlap", 80), ("out_of_scope", 200)]
)
def test_there_is_enough(name: str, least: int) -> None:
    assert len(DATA[name]) >= least


def test_overlap_has_both_domains_and_says_why() -> None:
    by_domain = Counter(entry["domain"] for entry in DATA["overlap"])
    assert set(by_domain) == {"car", "sleep"}
    assert min(by_domain.values()) >= 0.4 * len(DATA["overlap"])
    assert all(entry["domains"] == ["car", "sleep"] for entry in DATA["overlap"])
    assert all(len(entry["why"].split()) >= 4 for entry in DATA["overlap"])


def test_half_of_what_is_out_of_scope_nearly_is_in() -> None:
    by_kind = Counter(entry["kind"] for entry in DATA["out_of_scope"])
    assert set(by_kind) == {"near_miss", "far"}
    assert by_kind["near_miss"] >= len(DATA["out_of_scope"]) / 2


def test_no_question_twice() -> None:
    seen = Counter(fold(text) for name in NAMES for text in questions(name))
    assert [text for text, count in seen.items() if count > 1] == []


@pytest.mark.parametrize("name", ANSWERED)
def test_answers_are_one_to_three_sentences(name: str) -> None:
    for entry in DATA[name]:
        answer = entry["answer"].strip()
        sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z0-9\"“])", answer)
        assert 1 <= len(sentences) <= 3, answer
        assert answer.endswith((".", "!", "?")), answer
        assert len(answer.split()) >= 5, answer


@pytest.mark.parametrize("name", NAMES)
def test_no_opening_is_a_template(name: str) -> None:
    openings = Counter(" ".join(re.findall(r"[\w']+", text.lower())[:4]) for text in questions(name))
    (opening, count) = openings.most_common(1)[0]
    assert count <= 0.02 * len(DATA[name]), opening


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_two_questions_say_the_same(name: str, encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(questions(name))
    similarities = np.triu(vectors @ vectors.T, k=1)
    row, column = np.unravel_index(similarities.argmax(), similarities.shape)
    assert similarities[row, column] <= 0.95, (questions(name)[row], questions(name)[column])


def test_it_loads_as_any_folder_does() -> None:
    dataset = load("car_sleep", str(FOLDER))
    assert dataset.classes == ["car", "sleep"]
    by_slice = Counter(row.slice for row in dataset.test)
    assert by_slice["overlap"] == len(DATA["overlap"])
    assert by_slice["out_of_scope"] == len(DATA["out_of_scope"])
    assert by_slice["standard"] + len(dataset.train) == len(DATA["car"]) + len(DATA["sleep"])
    identities = [row.id for row in [*dataset.train, *dataset.test]]
    assert len(set(identities)) == len(identities)


def test_there_are_enough_dialogues_of_each_kind() -> None:
    dialogues = [conversation["turns"] for conversation in CONVERSATIONS]
    assert len(dialogues) >= 110
    assert {len(turns) for turns in dialogues} == {2, 3, 4}
    switches = [[turn["kind"] for turn in turns].count("switch") for turns in dialogues]
    assert sum(map(bool, switches)) >= len(dialogues) / 3
    # There and back.
    assert sum(count > 1 for count in switches) >= 10
    splits = Counter(conversation["split"] for conversation in CONVERSATIONS)
    assert 35 <= splits["tune"] <= 50
    assert splits["test"] >= 70
    domains = Counter(turns[0]["domain"] for turns in dialogues)
    assert min(domains["car"], domains["sleep"]) >= 0.4 * len(dialogues)


def test_dialogues_load_and_none_of_their_messages_is_learned() -> None:
    dataset = load_dialogues("car_sleep_dialogues", str(DIALOGUES), str(FOLDER), split="all")
    assert {row.slice for row in dataset.test} == set(KINDS)
    assert len({row.id for row in dataset.test}) == len(dataset.test)
    learned = {fold(row.query) for row in dataset.train}
    assert not [row.query for row in dataset.test if fold(row.query) in learned]
    assert dataset.train == load("car_sleep", str(FOLDER)).train


def test_no_opening_of_a_dialogue_is_a_template() -> None:
    messages = [turn["message"] for conversation in CONVERSATIONS for turn in conversation["turns"]]
    openings = Counter(" ".join(message.lower().split()[:4]) for message in messages)
    opening, count = openings.most_common(1)[0]
    assert count <= 0.01 * len(messages), opening


@pytest.mark.slow
def test_no_message_of_a_dialogue_nearly_says_what_is_learned(encoder: SentenceEncoder) -> None:
    dataset = load_dialogues("car_sleep_dialogues", str(DIALOGUES), str(FOLDER), split="all")
    learned, tested = ([row.query for row in rows] for rows in (dataset.train, dataset.test))
    similarities = encoder.encode(learned) @ encoder.encode(tested).T
    row, column = np.unravel_index(similarities.argmax(), similarities.shape)
    assert similarities[row, column] < 0.95, (learned[row], tested[column])
