"""Answers on disk: what was written is read, whole or not at all, whoever is killed meanwhile."""

import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.answers.cache import AnswerCache, answer_key
from benchmarks.errors import BadInput
from common.files import digest
from experts.base import Answer, Turn
from tests.benchmarks.helpers import environment

Row = tuple[str, dict[str, Any], str, Answer]

ROOT = Path(__file__).resolve().parents[3]
# Writes groups of rows until it is killed, and says which are committed.
WRITER = """
import sys
from pathlib import Path
from benchmarks.answers.cache import AnswerCache
from experts.base import Answer
path, name, groups = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
cache = AnswerCache(path)
for group in range(groups):
    rows = [(f"{name}-{group}-{row}", {}, "q", Answer("x" * 2000)) for row in range(50)]
    cache.write([*rows, ("shared", {}, "q", Answer(name))])
    print(group, flush=True)
"""


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "deep" / "answers.sqlite")


def a_row(key: str, text: str | None = "an answer", question: str = "why?") -> Row:
    return key, {"kind": "fake"}, question, Answer(text, tokens=3, seconds=0.5)


def writer(path: Path, name: str, groups: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), name, str(groups)]
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)


# Every kind of text; lone surrogates are what half an emoji in a JSON escape becomes.
words = st.text(max_size=30) | st.sampled_from(
    ['"', "'; DROP TABLE answers; --", "a\nb\r\u2028c", "\x00", ""]
)
questions = words | st.text(st.characters(categories=["Cs", "L", "P"]), max_size=10)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            questions,
            st.builds(
                Answer,
                text=words,
                error=st.none() | words,
                note=st.none() | words,
                tokens=st.none() | st.integers(0, 10**6),
                seconds=st.floats(0, 1e6),
            ),
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read(pairs: list[tuple[str, Answer]]) -> None:
    rows = {answer_key({"v": 1}, question): (question, answer) for question, answer in pairs}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "answers.sqlite")
        AnswerCache(path).write((key, {"v": 1}, *row) for key, row in rows.items())
        # Another process would open the file anew, too.
        found = AnswerCache(path).read([*rows, "absent"])
    assert found == {key: answer for key, (_, answer) in rows.items()}


def test_more_keys_than_one_statement_takes(cache: AnswerCache) -> None:
    keys = [f"key-{number}" for number in range(1203)]
    cache.write(a_row(key, text=key) for key in keys)
    found = cache.read(keys)
    assert {key: answer.text for key, answer in found.items()} == {key: key for key in keys}
    assert cache.read([]) == {}


def test_a_failure_on_the_way_leaves_nothing_of_the_group(cache: AnswerCache) -> None:
    def broken() -> Iterator[Row]:
        yield a_row("first")
        raise RuntimeError("the model broke")

    with pytest.raises(RuntimeError, match="the model broke"):
        cache.write(broken())
    # A row that the database refuses, after one that it took.
    refused: Any = object()
    with pytest.raises(sqlite3.Error):
        cache.write([a_row("second"), (refused, {}, "q", Answer("x")), a_row("third")])
    assert cache.generated() == {}


def test_it_counts_how_often_an_answer_was_paid_for(cache: AnswerCache) -> None:
    cache.write([a_row("once"), a_row("twice", "old")])
    cache.write([a_row("twice", "new")])
    assert cache.generated() == {"once": 1, "twice": 2}
    assert cache.read(["twice"])["twice"].text == "new"


@pytest.mark.parametrize(("old", "new"), [(b"an answer", b"an\xffanswer"), (b"an answer", b"no answer")])
def test_a_damaged_answer_is_none_and_can_be_written_again(
    cache: AnswerCache, old: bytes, new: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.write([a_row("whole", "another"), a_row("damaged")])
    cache.path.write_bytes(cache.path.read_bytes().replace(old, new))
    assert list(cache.read(["whole", "damaged"])) == ["whole"]
    assert capsys.readouterr().err == f"1 of 2 values in {cache.path} are damaged; they are made again\n"
    cache.write([a_row("damaged")])
    assert cache.read(["damaged"])["damaged"].text == "an answer"
    # It was paid for once more, but not while it was there.
    assert cache.generated() == {"whole": 1, "damaged": 1}


def test_answers_of_an_older_version_are_read(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE answers (key TEXT PRIMARY KEY, expert TEXT NOT NULL, question TEXT NOT NULL, "
            "answer TEXT NOT NULL, times_generated INTEGER NOT NULL DEFAULT 1)"
        )
        rows = [
            ("old", "{}", "q", '{"text": "é", "mood": 1}'),
            ("cut", "{}", "q", '{"text": "'),
            ("no", "{}", "q", "3"),
        ]
        connection.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, 1)", rows)
    for _ in range(2):
        assert AnswerCache(path).read(["old", "cut", "no"]) == {"old": Answer("é")}


def test_a_file_damaged_as_a_whole_is_named(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(BadInput, match=r"answers\.sqlite is damaged .* delete it"):
        AnswerCache(tmp_path / "answers.sqlite")


def test_the_key_is_of_identity_question_conversation_and_limit() -> None:
    identity = {"base": "aa", "adapter": "bb", "max_new_tokens": 96}
    key = answer_key(identity, "why?")
    assert key == answer_key(dict(reversed(identity.items())), "why?")
    others = [
        answer_key({**identity, "adapter": "cc"}, "why?"),
        answer_key({**identity, "max_new_tokens": 97}, "why?"),
        answer_key({**identity, "adapter": None}, "why?"),
        answer_key(identity, "why"),
        answer_key(identity, "Why?"),
        answer_key(identity, "why? "),
        answer_key(identity, "why?\ud800"),
        answer_key(identity, "why?\ud801"),
        answer_key(identity, "why?", [Turn("user", "what?")]),
        answer_key(identity, "why?", [Turn("assistant", "what?")]),
        answer_key(identity, "why?", [Turn("user", "what?\ud800")]),
        answer_key(identity, "why?", max_tokens=5),
    ]
    assert len({key, *others}) == len(others) + 1
    # As it was before there were conversations: answers in old caches are still found.
    assert key == digest({"expert": identity, "question": b"why?".hex()})


@pytest.mark.process
def test_a_killed_writer_leaves_whole_groups_and_a_file_that_works(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    with writer(path, "w", 10_000) as process:
        assert process.stdout
        said = [process.stdout.readline().strip() for _ in range(5)]
        process.kill()
        said += process.stdout.read().split()
    assert process.returncode == -9
    cache = AnswerCache(path)
    groups: dict[str, int] = {}
    for key in cache.generated():
        if key != "shared":
            group = key.split("-")[1]
            groups[group] = groups.get(group, 0) + 1
    assert set(groups) >= set(said), "what was said to be written was lost"
    assert set(groups.values()) == {50}, "half a group was written"
    assert cache.generated()["shared"] == len(groups)
    cache.write([a_row("after")])
    assert cache.read(["after"])["after"].text == "an answer"


@pytest.mark.process
def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    with writer(path, "a", 12) as first, writer(path, "b", 12) as second:
        for process in (first, second):
            assert process.stdout
            process.stdout.read()
    assert (first.returncode, second.returncode) == (0, 0)
    counts = AnswerCache(path).generated()
    assert counts.pop("shared") == 24
    assert len(counts) == 2 * 12 * 50
    assert set(counts.values()) == {1}
