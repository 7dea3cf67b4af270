"""Changed questions: seeded, never empty, changed as their kind says."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.perturb import CLOSERS, OPENERS, PERTURBATIONS, perturb
from tests.conftest import CAR, OUT_OF_SCOPE, SLEEP

KINDS = list(PERTURBATIONS)
NORMAL = (*CAR, *SLEEP, *OUT_OF_SCOPE)

texts = st.text(max_size=60)
lettered = texts.filter(lambda text: any(letter.isalpha() for letter in text))
typed = st.text(alphabet=string.ascii_letters + " ?!.,'", min_size=1, max_size=90)


@given(lettered, st.sampled_from(KINDS), st.integers(0, 50))
def test_the_same_seed_gives_the_same_text_and_still_a_question(question: str, kind: str, seed: int) -> None:
    changed = perturb(question, kind, seed)
    assert changed == perturb(question, kind, seed)
    assert changed.strip()
    if kind == "typos":
        assert any(letter.isalpha() for letter in changed)


@pytest.mark.parametrize("kind", KINDS)
def test_normal_questions_change_and_usually_otherwise_with_another_seed(kind: str) -> None:
    changed = {question: [perturb(question, kind, seed) for seed in range(8)] for question in NORMAL}
    assert not any(question in texts for question, texts in changed.items())
    # Of upper and lower case there are but two.
    assert sum(len(set(texts)) > 1 for texts in changed.values()) > 0.9 * len(NORMAL)


def edits(one: str, other: str) -> int:
    """Letters to insert, delete, replace or swap with the next (Damerau's distance, restricted)."""
    table = {(-1, column): column + 1 for column in range(-1, len(other))}
    for row, letter in enumerate(one):
        table[row, -1] = row + 1
        for column, wanted in enumerate(other):
            best = min(
                table[row - 1, column] + 1,
                table[row, column - 1] + 1,
                table[row - 1, column - 1] + (letter != wanted),
            )
            if row and column and letter == other[column - 1] and one[row - 1] == wanted:
                best = min(best, table[row - 2, column - 2] + 1)
            table[row, column] = best
    return table[len(one) - 1, len(other) - 1]


@pytest.mark.parametrize(("letters", "most"), [(5, 1), (29, 1), (30, 2), (60, 4)])
def test_one_typo_in_fifteen_letters_and_at_least_one(letters: int, most: int) -> None:
    question = "".join(random.Random(letters).sample(string.ascii_lowercase * 3, letters))
    for seed in range(30):
        assert 1 <= edits(question, perturb(question, "typos", seed)) <= most


def test_typos_keep_capital_letters_and_whatever_is_no_letter() -> None:
    question = "WHY 12 + 30, OK?"
    for seed in range(30):
        changed = perturb(question, "typos", seed)
        assert changed == changed.upper()
        assert "".join(c for c in changed if not c.isalpha()) == " 12 + 30, ?"


@given(typed)
def test_case_is_all_lower_or_all_upper(question: str) -> None:
    changed = perturb(question, "case", 0)
    assert changed in (question.lower(), question.upper())
    if any(letter.isalpha() for letter in question):
        assert changed != question


@pytest.mark.parametrize(
    ("question", "possible"),
    [
        (
            "Hi there, what's up?",
            {
                "Hi there what's up",
                "Hi there, what's up???",
                "Hi there, what's up!!",
                "Hi there, what's up...",
                "Hi there, what's up ?",
            },
        ),
        ("plain words", {"plain words???", "plain words!!", "plain words...", "plain words ?"}),
        ("???", {"!!", "...", " ?", "???"}),
        # Accents and vowel signs of their own, and the other apostrophe, belong to the word.
        (
            "Cafe\u0301s don’t?",
            {"Cafe\u0301s don’t", *(f"Cafe\u0301s don’t{end}" for end in ("???", "!!", "...", " ?"))},
        ),
        ("क्या हाल है?", {"क्या हाल है", *(f"क्या हाल है{end}" for end in ("???", "!!", "...", " ?"))}),
    ],
)
def test_punctuation_is_none_or_too_much(question: str, possible: set[str]) -> None:
    assert {perturb(question, "punctuation", seed) for seed in range(80)} == possible


@given(typed)
def test_fillers_stand_before_or_behind(question: str) -> None:
    for seed in range(4):
        changed = perturb(question, "fillers", seed)
        before = {opener + question for opener in OPENERS}
        assert changed in before | {question.rstrip() + closer for closer in CLOSERS}
