"""Kept sentence vectors: computed once, found again, in the order asked."""

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from routers.base import FloatArray
from routers.encoder import SentenceEncoder
from routers.vector_cache import encoded_once, kept_vectors, through_memory, through_store

ROOT = Path(__file__).resolve().parents[2]


class Encoder:
    """Three numbers a text, and a note of every text that it was asked for."""

    def __init__(self, key: str = "k", scale: float = 1.0) -> None:
        self.key, self.scale = key, scale
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        return through_store(texts, self.key, self.compute)

    def compute(self, texts: Sequence[str]) -> FloatArray:
        self.asked.append(list(texts))
        return expected(texts, self.scale)


def expected(texts: Sequence[str], scale: float = 1.0) -> FloatArray:
    rows = [[len(text) * scale, sum(map(ord, text)) / 7, 1 / 3] for text in texts]
    return np.array(rows, dtype=np.float32).reshape(-1, 3)


def test_a_text_is_encoded_once(tmp_path: Path) -> None:
    encoder = Encoder()
    with kept_vectors(tmp_path):
        np.testing.assert_array_equal(encoder(["one", "two"]), expected(["one", "two"]))
        np.testing.assert_array_equal(encoder(["one", "two"]), expected(["one", "two"]))
    with kept_vectors(tmp_path):
        again = encoder(["two"])
    assert encoder.asked == [["one", "two"]]
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, expected(["two"]))


def test_the_order_is_that_of_the_texts_known_or_not(tmp_path: Path) -> None:
    encoder = Encoder()
    texts = ["new", "known", "newer", "known too", "newest"]
    with kept_vectors(tmp_path):
        encoder(["known too", "known"])
        np.testing.assert_array_equal(encoder(texts), expected(texts))
    assert encoder.asked[1] == ["new", "newer", "newest"]


def test_another_encoder_has_other_vectors(tmp_path: Path) -> None:
    one, other = Encoder("one"), Encoder("other", scale=2)
    with kept_vectors(tmp_path):
        one(["text"])
        np.testing.assert_array_equal(other(["text"]), expected(["text"], scale=2))
        np.testing.assert_array_equal(one(["text"]), expected(["text"]))
    assert (one.asked, other.asked) == ([["text"]], [["text"]])


def test_without_a_store_every_vector_is_computed_anew(tmp_path: Path) -> None:
    encoder = Encoder()
    encoder(["text"])
    with kept_vectors(None):
        encoder(["text"])
    with kept_vectors(tmp_path):
        encoder(["text"])
        with kept_vectors(None):
            encoder(["text"])
        # The outer block goes on.
        encoder(["text"])
    encoder(["text"])
    assert encoder.asked == [["text"]] * 5


def test_in_memory_a_text_is_encoded_once_a_block_and_encoder() -> None:
    one, other = Encoder(), Encoder(scale=2)

    def encode(encoder: Encoder, texts: list[str], settings: str) -> None:
        found = through_memory(texts, lambda: settings, encoder.compute)
        np.testing.assert_array_equal(found, expected(texts, encoder.scale))

    with encoded_once():
        encode(one, ["a", "bb", "a"], "one")
        with encoded_once():
            encode(one, ["ccc", "bb"], "one")
        encode(other, ["a"], "other")
        encode(one, [], "one")
    encode(one, ["a"], "one")
    assert one.asked == [["a", "bb"], ["ccc"], [], ["a"]]
    assert other.asked == [["a"]]


AT_ONCE = """
import sys
from pathlib import Path
from routers.vector_cache import kept_vectors
from tests.routers.test_vector_cache import Encoder, expected
import numpy as np

start, folder = int(sys.argv[1]), Path(sys.argv[2])
texts = [f"text {number}" for number in range(start, start + 400)]
print("ready", flush=True)
sys.stdin.readline()
with kept_vectors(folder):
    for first in range(0, 400, 20):
        some = texts[first : first + 20]
        np.testing.assert_array_equal(Encoder()(some), expected(some))
"""


@pytest.mark.process
def test_two_processes_at_once(tmp_path: Path) -> None:
    """They share half of their texts, and neither waits for the other to end."""
    commands = [[sys.executable, "-c", AT_ONCE, str(start), str(tmp_path)] for start in (0, 200)]
    workers = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        _, errors = worker.communicate()
        assert worker.returncode == 0, errors
    encoder = Encoder()
    texts = [f"text {number}" for number in range(600)]
    with kept_vectors(tmp_path):
        np.testing.assert_array_equal(encoder(texts), expected(texts))
    assert encoder.asked == []


def test_a_sentence_encoder_is_not_run_for_a_text_it_knows(
    tmp_path: Path, encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["why does it rattle?", "how long should a nap be?"]
    with kept_vectors(tmp_path):
        first = encoder.encode(texts)
        monkeypatch.setattr(SentenceEncoder, "_runner", lambda self: pytest.fail("it was run"))
        np.testing.assert_array_equal(encoder.encode(texts[::-1]), first[::-1])
        with pytest.raises(pytest.fail.Exception):
            encoder.encode(["another"])
        # A prefix makes other vectors.
        prefixed = SentenceEncoder(encoder.model, query_prefix="ask: ")
        with pytest.raises(pytest.fail.Exception):
            prefixed.encode(texts)


def test_a_corrupt_store_is_started_anew_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder = Encoder()
    (tmp_path / "k.sqlite").write_bytes(b"not a database" * 100)
    with kept_vectors(tmp_path):
        np.testing.assert_array_equal(encoder(["one"]), expected(["one"]))
        np.testing.assert_array_equal(encoder(["one"]), expected(["one"]))
    assert encoder.asked == [["one"]]
    assert "k.sqlite cannot be read" in capsys.readouterr().err


def test_damaged_vectors_are_computed_again_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = Encoder()
    texts = [f"text {number}" for number in range(200)]
    with kept_vectors(tmp_path):
        vectors = encoder(texts)
        file = tmp_path / "k.sqlite"
        content = file.read_bytes()
        # A vector in the file, with one of its bytes flipped.
        start = content.index(vectors[7].tobytes())
        file.write_bytes(content[:start] + bytes([content[start] ^ 1]) + content[start + 1 :])
        np.testing.assert_array_equal(encoder(texts), vectors)
        assert capsys.readouterr().err == f"1 of 200 values in {file} are damaged; they are made again\n"
        np.testing.assert_array_equal(encoder(texts), vectors)
    assert encoder.asked == [texts, ["text 7"]]
    assert capsys.readouterr().err == ""


def test_vectors_without_checksums_are_started_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = Encoder()
    with closing(sqlite3.connect(tmp_path / "k.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE vectors (text blob primary key, vector blob)")
    with kept_vectors(tmp_path):
        np.testing.assert_array_equal(encoder(["one"]), expected(["one"]))
    assert "an older version wrote it without checksums" in capsys.readouterr().err


def test_vectors_of_a_fine_tuned_encoder_are_not_kept(tmp_path: Path, tiny_encoder: SentenceEncoder) -> None:
    with kept_vectors(tmp_path):
        tiny_encoder.over(Path(tiny_encoder.model)).encode(["one"])
        assert list(tmp_path.iterdir()) == []
        tiny_encoder.encode(["one"])
        assert len(list(tmp_path.iterdir())) == 1
