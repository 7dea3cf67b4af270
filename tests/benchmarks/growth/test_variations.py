"""Questions without end: the real ones first, seeded, of length 1, near what they vary."""

import numpy as np
import pytest

from benchmarks.growth.variations import (
    STEP,
    dealt,
    sources,
    texts_of_length,
    varied_texts,
    varied_vectors,
)
from routers.base import FloatArray

TEXTS = ["why does my car shake", "how long is a nap", "brakes", "is eight hours of sleep enough"]


@pytest.fixture(scope="module")
def real() -> FloatArray:
    """Thirty unit vectors that lie in five of sixteen dimensions."""
    vectors = np.random.default_rng(3).normal(size=(30, 16)).astype(np.float32)
    vectors[:, 5:] = 0
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_real_ones_come_first_each_once_and_then_again() -> None:
    rows = sources(4, 10, seed=1).tolist()
    assert sorted(rows[:4]) == [0, 1, 2, 3]
    assert rows == [*rows[:4], *rows[:4], *rows[:2]]
    assert rows != sources(4, 10, seed=2).tolist()
    assert sources(4, 3, seed=1).tolist() == rows[:3]


def test_vectors_begin_with_the_real_ones(real: FloatArray) -> None:
    found = varied_vectors(real, 50, seed=0)
    assert (found.dtype, found.shape) == (np.float32, (50, 16))
    np.testing.assert_array_equal(found[:30], real[sources(30, 30, seed=0)])


def test_variations_have_length_one_and_lie_where_questions_lie(real: FloatArray) -> None:
    found = varied_vectors(real, 3_000, seed=0)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found[:, 5:], 0, atol=1e-6)
    cosines = (found * real[sources(30, 3_000, seed=0)]).sum(axis=1)[30:]
    # Hardly a copy, and on average much nearer to its own than the real ones are to each other.
    assert (cosines > 0.9999).mean() < 0.05
    assert cosines.mean() > 0.75
    assert cosines.mean() > (real @ real.T).mean() + 0.5


def test_the_same_seed_gives_the_same_and_more_begins_with_fewer(real: FloatArray) -> None:
    found = varied_vectors(real, STEP + 200, seed=5)
    np.testing.assert_array_equal(found, varied_vectors(real, STEP + 200, seed=5))
    for count in (100, STEP):
        np.testing.assert_allclose(found[:count], varied_vectors(real, count, seed=5), atol=1e-6)
    assert not np.allclose(found[:100], varied_vectors(real, 100, seed=6))


def test_equal_questions_can_be_varied_too() -> None:
    found = varied_vectors(np.tile(np.eye(1, 8, dtype=np.float32), (3, 1)), 20, seed=0)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_texts_begin_with_the_real_ones_and_change_some_words() -> None:
    found = varied_texts(TEXTS, 40, seed=0)
    rows = sources(4, 40, seed=0)
    assert found[:4] == [TEXTS[row] for row in rows[:4]]
    known = {word for text in TEXTS for word in text.split()}
    for text, row in list(zip(found, rows, strict=True))[4:]:
        before, after = TEXTS[row].split(), text.split()
        assert len(before) == len(after)
        assert set(after) <= known
        # A word may be replaced by itself.
        assert sum(one != other for one, other in zip(before, after, strict=True)) <= max(
            1, 0.5 * len(before)
        )
    assert found[4:] != [TEXTS[row] for row in rows[4:]]
    assert found == varied_texts(TEXTS, 40, seed=0)
    assert found[:20] == varied_texts(TEXTS, 20, seed=0)
    assert found != varied_texts(TEXTS, 40, seed=1)


def test_a_text_without_words_can_be_varied_too() -> None:
    assert varied_texts(["", ""], 4, seed=0) == ["", "", "", ""]


def test_domains_are_dealt_out_in_turn() -> None:
    assert dealt(5, 2) == ["domain-0001", "domain-0002"] * 2 + ["domain-0001"]
    assert len(set(dealt(1_000, 1_000))) == 1_000


@pytest.mark.parametrize("length", [1, 4, 33])
def test_texts_have_the_wanted_length(length: int) -> None:
    sizes = {word: 1 + len(word) // 5 for text in TEXTS for word in text.split()}
    found = texts_of_length(TEXTS, length, 20, sizes.__getitem__, seed=0)
    assert [sum(sizes[word] for word in text.split()) for text in found] == [length] * 20
    assert found == texts_of_length(TEXTS, length, 20, sizes.__getitem__, seed=0)
    assert found != texts_of_length(TEXTS, length, 20, sizes.__getitem__, seed=1)
    assert length == 1 or len(set(found)) > 10


def test_without_short_words_texts_are_a_little_shorter() -> None:
    assert texts_of_length(["abc"], 5, 1, lambda word: 2, seed=0) == ["abc abc"]
