"""Questions in nearly the same words: what is found, of which kind, and what is not."""

import pytest

from benchmarks.datasets.wording import TEMPLATE_QUESTIONS, reworded, without_templates, words
from reports.record import Likeness

ASKED = "Why does my car shake when I brake downhill on the motorway?"
OTHERS = [
    "How late can I drink coffee?",
    "How do I bleed the radiators?",
    "What tyre pressure does a loaded estate need?",
    "Is it normal to wake at three every night?",
]


def kinds(one: str, other: str) -> list[Likeness]:
    """Kinds of the pairs found between the two, among questions that are like neither."""
    return [found.kind for found in reworded([*OTHERS[:2], one], [other, *OTHERS[2:]])]


def test_words_without_case_punctuation_and_contractions() -> None:
    assert words("What’s wrong, DON'T they brake?") == ["what", "is", "wrong", "do", "not", "they", "brake"]
    assert words("I can't, we won't: you're late") == [
        *("i", "can", "not", "we", "will", "not", "you", "are", "late")
    ]
    # What a name ends with is a part of it.
    assert words("C++ or c#?") == ["c++", "or", "c#"]
    assert words("?!") == []


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        ("WHY DOES MY CAR SHAKE, WHEN I BRAKE DOWNHILL ON THE MOTORWAY", Likeness.SAME_WORDS),
        ("“Why does my car shake when I brake downhill on the motorway?”", Likeness.SAME_WORDS),
        ("When I brake downhill on the motorway, why does my car shake?", Likeness.SAME_WORDS),
        (f"You are a helpful assistant. Question: {ASKED} Answer:", Likeness.CONTAINED),
        (f"{ASKED} And how often do I have to change the oil of a diesel?", Likeness.CONTAINED),
        ("Why does my car shake when I brake downhill on the moterway?", Likeness.CONTAINED),
        ("Why dose my car shake when I brake downhil on the motorway?", Likeness.SPELLED),
    ],
)
def test_another_wording_is_found(other: str, kind: Likeness) -> None:
    assert kinds(ASKED, other) == kinds(other, ASKED) == [kind]


@pytest.mark.parametrize(
    "other",
    [
        "Why does my bed shake when I snore downwind of the motorway?",
        "Warum zittert mein Auto, wenn ich auf der Autobahn bergab bremse?",
        "Is it the discs that make the whole vehicle judder as I slow down?",
    ],
)
def test_other_words_are_not_found(other: str) -> None:
    assert kinds(ASKED, other) == []


def test_few_words_are_the_same_in_their_order_alone() -> None:
    assert kinds("man bites dog", "Man bites dog!") == [Likeness.SAME_WORDS]
    assert kinds("man bites dog", "dog bites man") != [Likeness.SAME_WORDS]


def test_questions_without_a_word_or_a_run_are_no_trouble() -> None:
    assert list(reworded(["?", "!"], ["?!", "…"])) == []
    assert list(reworded(["one"], ["two"])) == []
    assert list(reworded([], ["two"])) == list(reworded(["one"], [])) == []


def test_what_many_questions_begin_and_end_with_is_a_template() -> None:
    asked = [f"{n} sheep or {n * n} goats" for n in range(TEMPLATE_QUESTIONS)]
    templated = [f"### Instruction:\nAnswer in one word.\n{one}\n### Response:" for one in asked]
    found = without_templates([*templated, ASKED])
    assert found == [*(one.removesuffix(" goats") for one in asked), ASKED]
    # Too few to be one.
    assert without_templates(templated[:-1]) == templated[:-1]
    # A short beginning is none.
    short = [f"how do i {one}" for one in asked]
    assert without_templates(short) == short
