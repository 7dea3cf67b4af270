"""Questions as people type them: seeded changes that keep the meaning."""

import random
from collections.abc import Callable
from unicodedata import category

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
OPENERS = ("hey, ", "um, ", "quick question: ", "hi there, ", "so basically, ", "ok so ")
CLOSERS = (" please", " thanks", ", any ideas?", " you know", ", just wondering", " asap")
# Letters for each typo.
LETTERS_A_TYPO = 15


def typos(question: str, draw: random.Random) -> str:
    """Swap, double, drop or replace (by a neighbour on the keyboard) some letters, at least one."""
    letters = list(question)
    places = [place for place, letter in enumerate(letters) if letter.isalpha()]
    for place in draw.sample(places, min(len(places), max(1, len(places) // LETTERS_A_TYPO))):
        letters[place] = draw.choice((_swapped, _doubled, _dropped, _slipped))(letters, place, draw)
    return "".join(letters)


def _swapped(letters: list[str], place: int, draw: random.Random) -> str:
    other = place + 1
    if other == len(letters) or not letters[other].isalpha() or letters[other] == letters[place]:
        return _doubled(letters, place, draw)
    letters[place], letters[other] = letters[other], letters[place]
    return letters[place]


def _doubled(letters: list[str], place: int, draw: random.Random) -> str:
    return letters[place] * 2


def _dropped(letters: list[str], place: int, draw: random.Random) -> str:
    # The last letter is kept, so that a question remains.
    others = letters[:place] + letters[place + 1 :]
    return "" if any(map(str.isalpha, others)) else _doubled(letters, place, draw)


def _slipped(letters: list[str], place: int, draw: random.Random) -> str:
    letter = letters[place]
    for row in KEYBOARD:
        at = row.find(letter.lower())
        if at >= 0:
            near = draw.choice([row[side] for side in (at - 1, at + 1) if 0 <= side < len(row)])
            return near.upper() if letter.isupper() else near
    return _doubled(letters, place, draw)


def case(question: str, draw: random.Random) -> str:
    """Lower or upper case, whichever differs from the question."""
    options = [text for text in (question.lower(), question.upper()) if text != question]
    return draw.choice(options) if options else question


def punctuation(question: str, draw: random.Random) -> str:
    """Remove all punctuation, or end with too much."""
    bare = " ".join("".join(" " if _is_mark(letter) else letter for letter in question).split())
    loud = question.rstrip("?!. ") + draw.choice(("???", "!!", "...", " ?"))
    return draw.choice([text for text in (bare, loud) if text and text != question] or [question])


def _is_mark(letter: str) -> bool:
    """True for punctuation or a symbol; combining accents and vowel signs are part of a word."""
    return category(letter)[0] in "PS" and letter not in "'’"


def fillers(question: str, draw: random.Random) -> str:
    """Add filler words before or after the question."""
    if draw.random() < 0.5:
        return draw.choice(OPENERS) + question
    return question.rstrip() + draw.choice(CLOSERS)


PERTURBATIONS: dict[str, Callable[[str, random.Random], str]] = {
    "typos": typos,
    "case": case,
    "punctuation": punctuation,
    "fillers": fillers,
}


def perturb(question: str, kind: str, seed: int) -> str:
    """`question` changed by `kind` (a key of `PERTURBATIONS`); the same seed gives the same text."""
    return PERTURBATIONS[kind](question, random.Random(f"{seed}\0{kind}\0{question}"))
