"""Conversations as a router reads them, by hand."""

import numpy as np
import pytest

from common.checks import ConfigError
from common.settings import Context, Policy
from routers.base import Inference
from routers.context import EARLIER, Reading, carried, texts

OIL, HOW, AND = "How do I change the oil?", "how often?", "and the filter?"
EVERY = [Context("last"), Context("window"), Context("sticky"), Context("sticky", window=1, stay=0.99)]
STAY = Context("sticky", stay=0.75)


def said(*rows: tuple[tuple[float, ...], float], **more: np.ndarray) -> Inference:
    """Output of a router: probabilities and confidence of each text."""
    proba = np.array([row[0] for row in rows], dtype=np.float32)
    return Inference(proba, np.array([row[1] for row in rows], dtype=np.float32), **more)


def test_each_policy_reads_its_texts() -> None:
    messages = [OIL, HOW, AND]
    assert texts(Context("last"), messages) == [AND]
    assert texts(Context("window", window=2), messages) == [f"{HOW}\n{AND}"]
    assert texts(Context("window", window=3), messages) == [f"{OIL}\n{HOW}\n{AND}"]
    assert texts(Context("sticky", window=2), messages) == [HOW, AND]
    assert texts(Context("sticky", window=9), messages) == messages
    for context in EVERY:
        assert texts(context, [OIL]) == [OIL]
        with pytest.raises(ValueError, match="at least one message"):
            texts(context, [])


@pytest.mark.parametrize("n_before", [1, 2, 3])
def test_earlier_messages_neither_drown_nor_cut_the_last_one(n_before: int) -> None:
    last = "last " * 500
    (text,) = texts(Context("window", window=4), ["?" * 10_000] * n_before + [last])
    assert text.endswith(f"\n{last}")
    assert text.count("?") == EARLIER // n_before * n_before


@pytest.mark.parametrize("context", EVERY)
def test_one_message_is_routed_as_it_is(context: Context) -> None:
    own = said(((0.3, 0.7), 0.4), sent_on=np.array([True]))
    assert carried(context, own) is own
    # All of them, and a batch without any.
    several = said(((0.3, 0.7), 0.4), ((0.9, 0.1), 0.2))
    assert Reading.of(context, [[OIL], [HOW]]).carried(several) is several
    nothing = Inference(np.zeros((0, 2), dtype=np.float32), np.zeros(0, dtype=np.float32))
    assert Reading.of(context, []).carried(nothing) is nothing


def test_the_filter_by_hand() -> None:
    first, second, third = ((0.8, 0.2), 0.9), ((0.4, 0.6), 0.5), ((0.1, 0.9), 0.0)
    found = carried(STAY, said(first, second))
    # Prior 0.75 · 0.8 + 0.25 · 0.2 = 0.65 and 0.35; likelihoods 0.5 · 0.4 + 0.25 = 0.45 and 0.55.
    total = 0.65 * 0.45 + 0.35 * 0.55
    belief = 0.65 * 0.45 / total
    assert found.proba[0] == pytest.approx([belief, 1 - belief])
    # It has stayed: 0.75 · 0.8 · 0.45 and 0.75 · 0.2 · 0.55. The message before was the surer one.
    sure = 0.9 * (0.6 * 0.45 + 0.15 * 0.55) / total
    assert found.confidence == pytest.approx([sure])
    # A message that says nothing leaves what was believed, less what may have changed since.
    found = carried(STAY, said(first, second, third))
    assert found.proba[0, 0] == pytest.approx(0.75 * belief + 0.25 * (1 - belief))
    assert found.confidence == pytest.approx([0.75 * sure])


def test_several_domains_by_hand() -> None:
    context = Context("sticky", stay=0.6)
    # 0.2 each for the other two.
    vague = carried(context, said(((1, 0, 0), 0.7), ((0, 1, 0), 0.0)))
    assert vague.proba[0] == pytest.approx([0.6, 0.2, 0.2])
    assert vague.confidence == pytest.approx([0.42])
    # Beyond doubt, whatever was said before.
    clear = carried(context, said(((1, 0, 0), 0.7), ((0, 1, 0), 1.0)))
    assert clear.proba[0].tolist() == [0, 1, 0]
    assert clear.confidence.tolist() == [1]


def test_a_follow_up_stays_and_a_clear_change_of_subject_does_not() -> None:
    asked = ((0.95, 0.05), 0.6)
    assert carried(Context(), said(asked, ((0.4, 0.6), 0.2))).proba[0].argmax() == 0
    assert carried(Context(), said(asked, ((0.02, 0.98), 0.8))).proba[0].argmax() == 1


def test_what_the_last_message_alone_has() -> None:
    expected = np.array([[0.1, 0.2], [0.3, 0.4]], dtype=np.float32)
    found = carried(
        STAY, said(((1, 0), 1), ((0, 1), 0.5), expected=expected, sent_on=np.array([True, False]))
    )
    assert found.expected is not None
    assert found.sent_on is not None
    assert (found.expected.tolist(), found.sent_on.tolist()) == (expected[1:].tolist(), [False])


def test_a_conversation_is_cut_if_one_of_its_texts_is() -> None:
    asked = ((1, 0), 1), ((0, 1), 0.5)
    for cut in ([True, False], [False, False]):
        found = carried(STAY, said(*asked, cut=np.array(cut)))
        assert found.cut is not None
        assert found.cut.tolist() == [any(cut)]


def test_of_several_draws_nobody_knows_the_chances() -> None:
    chances = np.array([[0.5, 0.5]] * 3, dtype=np.float32)
    together = said(((1, 0), 1), ((0, 1), 0.5), ((1, 0), 1), chances=chances)
    assert Reading(STAY, ["1", "2", "3"], [2, 1]).carried(together).chances is None
    assert Reading(STAY, ["1", "2", "3"], [1, 1, 1]).carried(together).chances is chances


@pytest.mark.parametrize("n_domains", [2, 3, 7])
def test_rows_are_probabilities_of_each_conversation(n_domains: int) -> None:
    draw = np.random.default_rng(n_domains)
    conversations = [[f"{row} {turn}" for turn in range(draw.integers(1, 7))] for row in range(50)]
    for context in (*EVERY, Context("sticky", window=2, stay=0.01)):
        reading = Reading.of(context, conversations)
        assert reading.texts == [text for one in conversations for text in texts(context, one)]
        proba = draw.dirichlet([0.05] * n_domains, len(reading.texts)).astype(np.float32)
        router = Inference(proba, draw.random(len(reading.texts), dtype=np.float32))
        found = reading.carried(router)
        assert found.proba.dtype == found.confidence.dtype == np.float32
        assert found.proba.shape == (50, n_domains)
        assert found.proba.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-6)
        assert (
            (found.proba >= 0) & (found.confidence[:, None] >= 0) & (found.confidence[:, None] <= 1)
        ).all()
        # Together as each by itself.
        ends = np.cumsum(reading.counts)
        for row, (end, count) in enumerate(zip(ends, reading.counts, strict=True)):
            part = Inference(proba[end - count : end], router.confidence[end - count : end])
            alone = carried(context, part)
            assert alone.proba[0].tolist() == found.proba[row].tolist()
            assert alone.confidence[0] == found.confidence[row]


def test_a_policy_says_how_a_conversation_is_read() -> None:
    assert Policy().conversation == Context()
    assert Policy(context="window", window=2, stay=0.7).conversation == Context("window", 2, 0.7)
    for wrong in ({"context": "all"}, {"window": 0}, {"stay": 1.0}):
        (key,) = wrong
        with pytest.raises(ConfigError, match=rf"^policy\.{key}="):
            Context(**wrong)  # type: ignore[arg-type]
