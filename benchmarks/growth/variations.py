"""Any number of questions from a few real ones: these in a seeded order, then seeded variations of them.

A larger number begins with the same questions as a smaller one, up to the rounding of vectors.
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from common.progress import progress

Floats = NDArray[np.float32]

# Largest length of the noise on a vector of length 1. Lengths are uniform from 0, so cosines to the real
# vector go from 1 (a typo) down to 0.7 (another question about the same topic). With one length for all,
# variations would be equally far from each other, and an index would find far fewer neighbours than among
# real questions.
NOISE = 1.0
# Rows of a chunk.
STEP = 20_000
# Share of the words of a text that are replaced, at least one.
SHARE = 0.3


def sources(n_real: int, count: int, seed: int) -> NDArray[np.int64]:
    """Row of the real question that each of `count` questions is made from, (count,).

    All real questions come in a seeded order, which is repeated.
    """
    order = np.random.default_rng(seed).permutation(n_real)
    return np.resize(order, count)


def varied_vectors(real: Floats, count: int, seed: int) -> Floats:
    """Unit vectors, float32 (count, dimension), made from real unit vectors (n_real, dimension).

    A variation is a real vector plus noise, divided by its length. The noise is normal with the covariance of
    the real vectors, and has a length from 0 to NOISE.
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
        # The distribution function of a normal number is uniform.
        lengths = NOISE * ndtr(drawn[:, :1])
        varied = real[rows[part]] + lengths * (drawn[:, 1:] @ spread)
        found[part] = varied / np.linalg.norm(varied, axis=1, keepdims=True)
    return found


def _spread(real: Floats) -> Floats:
    """Matrix (rank, dimension) that turns independent normal numbers into noise like `real`.

    The noise has the same covariance up to a factor, and a root mean square length of 1.
    """
    _, sizes, directions = np.linalg.svd(real - real.mean(axis=0), full_matrices=False)
    length = float(np.linalg.norm(sizes))
    # Equal vectors have no covariance.
    scaled = sizes / length if length > 0 else np.full_like(sizes, 1 / np.sqrt(len(sizes)))
    return np.asarray(scaled[:, None] * directions, dtype=np.float32)


def varied_texts(real: Sequence[str], count: int, seed: int) -> list[str]:
    """Texts, of which a variation is a real text with some words replaced by words of others."""
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
    """Names of domains for `count` questions, assigned in turn."""
    return [f"domain-{number % domains + 1:04d}" for number in range(count)]


def texts_of_length(
    real: Sequence[str], length: int, number: int, size: Callable[[str], int], seed: int
) -> list[str]:
    """Texts of `length` tokens, made of randomly drawn words of real texts.

    Args:
        number: how many texts.
        size: number of tokens of a word after a space.
    """
    words = sorted({word for text in real for word in text.split()})
    sized = sorted((tokens, word) for word in words if (tokens := size(word)) > 0)
    sizes = [tokens for tokens, _ in sized]
    draw = random.Random(f"{seed}\0{length}")
    texts = []
    for _ in range(number):
        chosen: list[str] = []
        left = length
        # Short words fill the rest; if there are none, the text is a little shorter.
        while fitting := bisect_right(sizes, left):
            tokens, word = sized[draw.randrange(fitting)]
            chosen.append(word)
            left -= tokens
        texts.append(" ".join(chosen))
    return texts
