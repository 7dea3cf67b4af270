"""Dialogues as a data set: an example a turn, and refusals that say where and what."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.base import Example
from benchmarks.datasets.dialogues import load
from benchmarks.datasets.files import load as load_questions
from tests.benchmarks.datasets.helpers import refusal, sha256
from tests.conftest import write_qna


def turn(domain: Any, message: Any, **more: Any) -> dict[str, Any]:
    return {"domain": domain, "message": message, **more}


OIL = turn("car", "When is the oil changed?")
OFTEN = turn("car", "and how often?")
TIRED = turn("sleep", "Why am I so tired?", kind="switch")
DIALOGUES = [
    {"turns": [OIL, OFTEN, TIRED]},
    {
        "split": "tune",
        "turns": [turn("sleep", "What is REM?", kind="first"), turn("sleep", "and how often?")],
    },
]


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return write_qna(tmp_path / "questions", size=10)


def written(folder: Path, content: Any) -> Path:
    path = folder / "mine.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_an_example_a_turn(tmp_path: Path, trained: Path) -> None:
    path = written(tmp_path, {"dialogues": DIALOGUES, "about": "whatever else"})
    dataset = load("mine", str(path), str(trained))
    ids = [example.id for example in dataset.test]
    first = ids[0]
    assert dataset.test == [
        Example(ids[0], OIL["message"], "car", slice="first", dialogue=first),
        Example(
            ids[1], "and how often?", "car", slice="follow_up", history=(OIL["message"],), dialogue=first
        ),
        Example(
            ids[2],
            TIRED["message"],
            "sleep",
            slice="switch",
            history=(OIL["message"], "and how often?"),
            dialogue=first,
        ),
    ]
    assert dataset.test[2].messages == [OIL["message"], "and how often?", TIRED["message"]]
    # The router is that of the same questions alone.
    alone = load_questions("mine", str(trained))
    assert dataset.train == alone.train
    assert dataset.files == {**alone.files, "mine.json": sha256(path)}
    tuned = load("mine", str(path), str(trained), split="tune")
    assert [example.slice for example in tuned.test] == ["first", "follow_up"]
    both = load("mine", str(path), str(trained), split="all").test
    assert both == [*dataset.test, *tuned.test]
    # The same words after others are another question.
    assert len({example.id for example in both}) == 5


def test_an_id_depends_on_the_conversation_alone(tmp_path: Path, trained: Path) -> None:
    path = written(tmp_path, {"dialogues": DIALOGUES})
    before = [example.id for example in load("mine", str(path), str(trained), split="all").test]
    path = written(tmp_path, {"dialogues": DIALOGUES[::-1]})
    after = [example.id for example in load("mine", str(path), str(trained), split="all").test]
    assert before == [*after[2:], *after[:2]]


@pytest.mark.parametrize(
    ("dialogues", "message"),
    [
        ([DIALOGUES[0], "hello"], "mine.json: dialogue 2: Expected `object`, got `str`; a dialogue is {"),
        ([{"turn": [OIL]}], "dialogue 1: Object contains unknown field `turn`; a dialogue is {"),
        ([{"turns": [OIL], "spilt": "tune"}], "dialogue 1: Object contains unknown field `spilt`"),
        (
            [{"turns": [{"message": "?"}]}],
            "dialogue 1: Object missing required field `domain` - at `$.turns[0]`",
        ),
        ([{"turns": []}], "dialogue 1: it has no turns; a dialogue is {"),
        (
            [{"turns": [OIL], "split": "train"}],
            "dialogue 1: the split 'train' is not one of tune, test; mend it",
        ),
        ([{"turns": [OIL, turn("car", " \n")]}], "dialogue 1, turn 2: the message is empty; write one, or"),
        ([{"turns": [turn("car", "\ud800")]}], "dialogue 1, turn 1: the message has half a surrogate pair"),
        (
            [DIALOGUES[0], {"turns": [turn("legal", "?")]}],
            "dialogue 2, turn 1: the domain 'legal' is not one of",
        ),
        (
            [{"turns": [OIL, {**OFTEN, "kind": "switch"}]}],
            "turn 2: the kind is 'switch', but the turn before it is about car; write 'follow_up', or leave",
        ),
        (
            [{"turns": [{**OIL, "kind": "follow_up"}]}],
            "turn 1: the kind is 'follow_up', but nothing comes before it; write 'first', or leave",
        ),
        (
            [DIALOGUES[0], {"turns": [{**OIL, "message": "WHEN is the oil  changed?"}]}],
            "dialogue 2: it begins with the message of dialogue 1; keep one, or change it",
        ),
        ([DIALOGUES[1]], "no dialogue has the split 'test' (dataset.split=…); there is: tune"),
        ([], "no dialogue has the split 'test' (dataset.split=…); there is: no dialogue at all"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(
    tmp_path: Path, trained: Path, dialogues: list[Any], message: str
) -> None:
    path = written(tmp_path, {"dialogues": dialogues})
    text = refusal(load, "mine", str(path), str(trained))
    assert text.startswith(str(path))
    assert message in text


def test_what_is_no_file_of_dialogues_is_refused(tmp_path: Path, trained: Path) -> None:
    path = tmp_path / "mine.json"
    assert refusal(load, "mine", str(path), str(trained)) == (
        f"{path}: cannot be read: No such file or directory"
    )
    path.write_text('{"dialogues": [', encoding="utf-8")
    assert refusal(load, "mine", str(path), str(trained)).startswith(f"{path}:1:16: not valid JSON: ")
    written(tmp_path, [])
    assert refusal(load, "mine", str(path), str(trained)).startswith(
        f"{path}: Expected `object`, got `array`"
    )
    written(tmp_path, {"dialogues": DIALOGUES})
    nowhere = tmp_path / "nowhere"
    assert refusal(load, "mine", str(path), str(nowhere)) == (
        f"{nowhere}: no such file or folder; dataset.train_path has the questions to learn from"
    )


def test_a_domain_cannot_be_a_kind_of_turn(tmp_path: Path, trained: Path) -> None:
    (trained / "car.json").rename(trained / "switch.json")
    (trained / "overlap.json").unlink()
    text = refusal(load, "mine", str(written(tmp_path, {"dialogues": DIALOGUES})), str(trained))
    assert text == f"{trained}: no domain can be called 'switch', a kind of turn; rename it"
