"""Questions without end: the real ones first, in a seeded order, then seeded variations of them.

The first n of a larger number are the same as the n of a smaller one, but for the rounding of vectors.
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from common.progress import progress

Floats = NDArray[np.float32]

# Largest length of the noise on a vector of length 1. Lengths are uniform from 0 on, so that cosines to the
# real one go from 1 down to 0.7: from a typo to another question about the same. One length for all would put
# variations on a shell, all as far from each other, where an index finds far less than among questions.
NOISE = 1.0
# Rows made at once.
STEP = 20_000
# Share of the words of a text that are replaced, at least one.
SHARE = 0.3


def sources(n_real: int, count: int, seed: int) -> NDArray[np.int64]:
    """Row of the real question behind each of `count` questions (count,): all real ones in a seeded order,
    again and again."""
    order = np.random.default_rng(seed).permutation(n_real)
    return np.resize(order, count)


def varied_vectors(real: Floats, count: int, seed: int) -> Floats:
    """`count` unit vectors, float32 (count, dimension), of real unit vectors (n_real, dimension).

    A variation is a real vector plus noise, at length 1 again. The noise is normal with the covariance of the
    real ones, so that variations lie where questions lie, and of a length from 0 to NOISE.
    """
    from scipy.special import ndtr

    rows = sources(len(real), count, seed)
    spread = _spread(real)
    generator = np.random.default_rng([seed, 1])
    found = np.empty((count, real.shape[1]), dtype=np.float32)
    n_real = min(count, len(real))
    found[:n_real] = real[rows[:n_real]]
    for start in range(n_real, count, STEP):
        progress("making variations", start, count)
        part = slice(start, min(start + STEP, count))
        drawn = generator.standard_normal((part.stop - start, len(spread) + 1), dtype=np.float32)
        # A normal number's place among all is uniform.
        lengths = NOISE * ndtr(drawn[:, :1])
        varied = real[rows[part]] + lengths * (drawn[:, 1:] @ spread)
        found[part] = varied / np.linalg.norm(varied, axis=1, keepdims=True)
    return found


def _spread(real: Floats) -> Floats:
    """Matrix (rank, dimension) that gives independent normal numbers the covariance of `real`, scaled to a
    length of 1 (root mean square)."""
    _, sizes, directions = np.linalg.svd(real - real.mean(axis=0), full_matrices=False)
    length = float(np.linalg.norm(sizes))
    # Of equal questions alone there is no covariance.
    scaled = sizes / length if length > 0 else np.full_like(sizes, 1 / np.sqrt(len(sizes)))
    return np.asarray(scaled[:, None] * directions, dtype=np.float32)


def varied_texts(real: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` texts. A variation has some words of a real one replaced by words of others."""
    words = [word for text in real for word in text.split()]
    draw = random.Random(seed)
    texts = []
    for number, row in enumerate(sources(len(real), count, seed).tolist()):
        text = real[row]
        texts.append(text if number < len(real) or not words else _varied(text, words, draw))
    return texts


def _varied(text: str, words: Sequence[str], draw: random.Random) -> str:
    parts = text.split() or [""]
    for place in draw.sample(range(len(parts)), max(1, round(SHARE * len(parts)))):
        parts[place] = draw.choice(words)
    return " ".join(parts)


def dealt(count: int, domains: int) -> list[str]:
    """Names of domains, dealt out to questions in turn: each has as many, whatever they ask."""
    return [f"domain-{number % domains + 1:04d}" for number in range(count)]


def texts_of_length(
    real: Sequence[str], length: int, number: int, size: Callable[[str], int], seed: int
) -> list[str]:
    """`number` texts of `length` tokens each, made of the words of real ones in a seeded order.

    Args:
        size: tokens of a word that stands after a space.
    """
    words = sorted({word for text in real for word in text.split()})
    sized = sorted((tokens, word) for word in words if (tokens := size(word)) > 0)
    sizes = [tokens for tokens, _ in sized]
    draw = random.Random(f"{seed}\0{length}")
    texts = []
    for _ in range(number):
        chosen: list[str] = []
        left = length
        # Short words fill up what is left; without any a text is a little shorter.
        while fitting := bisect_right(sizes, left):
            tokens, word = sized[draw.randrange(fitting)]
            chosen.append(word)
            left -= tokens
        texts.append(" ".join(chosen))
    return texts
