"""The built-in questions: enough of each kind, none twice, and not from a template."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmarks
from benchmarks.datasets.base import fold
from benchmarks.datasets.files import load
from routers.encoder import SentenceEncoder

FOLDER = Path(benchmarks.__path__[0], "datasets", "car_sleep")
NAMES = ("car", "sleep", "overlap", "out_of_scope")
DATA: dict[str, list[dict[str, Any]]] = {
    name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["qna"] for name in NAMES
}
ANSWERED = ("car", "sleep", "overlap")


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
