"""Questions that say the same in nearly the same words: found by their words and letters, without a model.

Every search is a product of sparse matrices, whose cost grows with what questions have in common, not with
the number of pairs.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.base import fold
from reports.record import Likeness

# A beginning is a template if it has so many words and so many questions share it.
TEMPLATE_WORDS, TEMPLATE_QUESTIONS = 4, 20
# Of the questions with one template, the part that also shares its ending.
TEMPLATE_ENDING = 0.9
# Words in another order are the same from so many on.
LEAST_WORDS = 4
# Runs of so many words are compared, in questions that have at least so many runs.
RUN, LEAST_RUNS = 3, 3
# A run that so many questions have in common, and this share of them, belongs to none of them.
COMMON_QUESTIONS, COMMON_SHARE = 20, 0.05
# A question is in another with all of its runs, or with this share of them if they are so many.
CONTAINED, MANY_RUNS = 0.8, 8
# Letters are compared in groups of so many, within words.
LETTERS = 4
# Least cosine of the letter groups, weighted by how rare each is: of two questions with so many words, and of
# shorter ones, in which a single word can be all that they ask.
LONG, SPELLED_LONG, SPELLED_SHORT = 8, 0.8, 0.95
# Rows of a matrix that are multiplied at once, to bound memory.
ROWS = 512

_WORD = re.compile(r"\w[\w+#]*")
_PART_OF_WORD = re.compile(r"^\w+")
_CONTRACTIONS = [
    (re.compile(pattern), full)
    for pattern, full in (
        (r"\bcan't\b", "can not"),
        (r"\bwon't\b", "will not"),
        (r"n't\b", " not"),
        (r"'re\b", " are"),
        (r"'ve\b", " have"),
        (r"'ll\b", " will"),
        (r"'m\b", " am"),
        (r"'s\b", " is"),
    )
]


class Alike(NamedTuple):
    """Row of one list of questions, and of another, that are nearly the same."""

    row: int
    column: int
    similarity: float
    kind: Likeness


def words(question: str) -> list[str]:
    """Words of a question without case, punctuation and contractions."""
    text = fold(question).replace("’", "'")
    for contraction, full in _CONTRACTIONS:
        text = contraction.sub(full, text)
    return _WORD.findall(text)


def without_templates(questions: Sequence[str]) -> list[str]:
    """Questions without the beginning and the ending that many of them share; the others as they are."""
    spans = [[(found[0].casefold(), found.start()) for found in _WORD.finditer(one)] for one in questions]
    beginnings = _shared_beginnings([[word for word, _ in of_one] for of_one in spans])
    members: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, length in enumerate(beginnings):
        if length:
            members[tuple(word for word, _ in spans[number][:length])].append(number)
    left = list(questions)
    for beginning, numbers in members.items():
        rests = [questions[number][spans[number][len(beginning)][1] :] for number in numbers]
        ending = _shared_ending(rests)
        for number, rest in zip(numbers, rests, strict=True):
            left[number] = rest.removesuffix(ending).strip()
    return left


def _shared_beginnings(questions: Sequence[Sequence[str]]) -> list[int]:
    """Number of words of the template that each question begins with; one word at least is left over."""
    # A tree of words: the number of a beginning, by that of the beginning without its last word.
    nodes: dict[tuple[int, str], int] = {}
    counts: Counter[int] = Counter()
    paths = []
    for question in questions:
        node, path = -1, []
        for word in question[:-1]:
            node = nodes.setdefault((node, word), len(nodes))
            path.append(node)
        counts.update(path)
        paths.append(path)
    shared = [sum(counts[node] >= TEMPLATE_QUESTIONS for node in path) for path in paths]
    return [length if length >= TEMPLATE_WORDS else 0 for length in shared]


def _shared_ending(texts: Sequence[str]) -> str:
    """The longest ending that nearly all of the texts have, in whole words."""
    ending = ""
    for length in range(1, max(map(len, texts))):
        ends = Counter(text[-length:] for text in texts if len(text) > length)
        longer, count = ends.most_common(1)[0]
        if count < TEMPLATE_ENDING * len(texts):
            break
        ending = longer
    return _PART_OF_WORD.sub("", ending)


def reworded(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[Alike]:
    """Pairs of one question of each list that are nearly the same, each pair once, of the strictest kind."""
    mine, others = [words(one) for one in ours], [words(one) for one in theirs]
    seen: set[tuple[int, int]] = set()
    for search in (_same_words, _contained, _spelled_alike):
        for one in search(mine, others):
            if (one.row, one.column) not in seen:
                seen.add((one.row, one.column))
                yield one


def _same_words(ours: Sequence[list[str]], theirs: Sequence[list[str]]) -> Iterator[Alike]:
    """The same words in the same order, or enough of them in another."""
    columns: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for column, found in enumerate(theirs):
        for key in _keys(found):
            columns[key].append(column)
    for row, found in enumerate(ours):
        for column in sorted({column for key in _keys(found) for column in columns.get(key, ())}):
            yield Alike(row, column, 1.0, Likeness.SAME_WORDS)


def _keys(found: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if found:
        yield ("in order", *found)
    if len(found) >= LEAST_WORDS:
        yield ("in any order", *sorted(found))


def _contained(ours: Sequence[list[str]], theirs: Sequence[list[str]]) -> Iterator[Alike]:
    """One has nearly all runs of words of the other: a template, a quotation or another question around it.

    The measure is the containment of Broder (1997), of runs that are not common to many questions.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(analyzer=_runs, binary=True, dtype=np.float32)
    try:
        both = counter.fit_transform([*ours, *theirs])
    except ValueError:
        # No question has a run of words.
        return
    shared_by = np.asarray(both.sum(axis=0)).ravel()
    both = both[:, shared_by < max(COMMON_QUESTIONS, COMMON_SHARE * both.shape[0])]
    mine, others = both[: len(ours)], both[len(ours) :]
    n_mine, n_others = (np.asarray(one.sum(axis=1)).ravel() for one in (mine, others))
    for rows, columns, common in _products(mine, others):
        fewer = np.minimum(n_mine[rows], n_others[columns])
        shares = common / np.maximum(fewer, 1)
        nearly = (shares >= CONTAINED) & (common >= MANY_RUNS)
        for at in np.flatnonzero((fewer >= LEAST_RUNS) & ((shares == 1) | nearly)).tolist():
            yield Alike(int(rows[at]), int(columns[at]), float(shares[at]), Likeness.CONTAINED)


def _runs(found: Sequence[str]) -> Iterable[str]:
    return (" ".join(found[start : start + RUN]) for start in range(len(found) - RUN + 1))


def _spelled_alike(ours: Sequence[list[str]], theirs: Sequence[list[str]]) -> Iterator[Alike]:
    """Nearly the same letters: another spelling, slips, a word more or less, another order of the words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [" ".join(found) for found in (*ours, *theirs)]
    vectorizer = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(LETTERS, LETTERS), binary=True, lowercase=False, dtype=np.float32
    )
    try:
        both = vectorizer.fit_transform(texts)
    except ValueError:
        # No question has a letter.
        return
    long, others_long = (
        np.array([len(found) >= LONG for found in one], dtype=bool) for one in (ours, theirs)
    )
    for rows, columns, cosines in _products(both[: len(ours)], both[len(ours) :]):
        least = np.where(long[rows] & others_long[columns], SPELLED_LONG, SPELLED_SHORT)
        for at in np.flatnonzero(cosines >= least).tolist():
            yield Alike(int(rows[at]), int(columns[at]), float(cosines[at]), Likeness.SPELLED)


def _products(ours: Any, theirs: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Rows, columns and values of the product of two sparse matrices that are not zero, a block at a time."""
    turned = theirs.T.tocsr()
    for start in range(0, ours.shape[0], ROWS):
        block = (ours[start : start + ROWS] @ turned).tocoo()
        yield block.row + start, block.col, block.data
