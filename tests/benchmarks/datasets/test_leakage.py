"""The leakage guard: what it finds, what it refuses, what it drops, and what it remembers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.datasets import leakage as module
from benchmarks.datasets.base import Dataset, Example
from benchmarks.datasets.leakage import SHOWN, Guard, close_pairs, find_leaks, guard, without_tested
from benchmarks.errors import BadInput
from routers.encoder import SentenceEncoder
from tests.benchmarks.helpers import here

# MiniLM has them at 0.994; nothing else here is as near as 0.8.
LEARNED, REORDERED = "Why does my car shake when I brake?", "When I brake, why does my car shake?"

Calls = list[dict[str, Any]]


@pytest.fixture
def calls(cache: Path, encoder: SentenceEncoder, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Payloads of the searches, which run in this process with the session's MiniLM; a fresh cache."""
    own_cache.mkdir()
    (own_cache / "encoders").symlink_to(cache / "encoders")
    found: Calls = []

    def spy(task: str, payload: dict[str, Any], *more: Any) -> Any:
        assert task == "near_duplicates"
        found.append(payload)
        return here(task, payload, *more)

    monkeypatch.setattr(module, "run_isolated", spy)
    return found


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that MiniLM is run on."""
    found: list[str] = []
    original: Callable[..., Any] = SentenceEncoder._encode

    def spy(self: SentenceEncoder, prefixed: list[str], batch_size: int | None) -> Any:
        found.extend(prefixed)
        return original(self, prefixed, batch_size)

    monkeypatch.setattr(SentenceEncoder, "_encode", spy)
    return found


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Callable[..., None]:
    """Says which rows and columns are near duplicates, with their cosines, in MiniLM's place."""

    def say(*pairs: tuple[int, int, float]) -> None:
        monkeypatch.setattr(module, "run_isolated", lambda *_: [list(pair) for pair in pairs])

    return say


def dataset(train: list[str], test: list[str], validation: tuple[str, ...] = ()) -> Dataset:
    """Two more training questions follow `train`; labels alternate."""
    train = [*train, "How late can I drink coffee?", "How do I bleed the radiators?"]
    return Dataset(
        "small",
        [Example(f"t-{n}", text, "ab"[n % 2]) for n, text in enumerate(train)],
        [Example(f"q-{n}", text, "a") for n, text in enumerate(test)],
        validation=[Example(f"v-{n}", text, "b") for n, text in enumerate(validation)],
    )


@pytest.mark.parametrize(
    ("learned", "tested"),
    [
        ("Is it worn out?", "Is it worn out?"),
        ("Is it worn out?", "IS IT Worn OUT?"),
        ("Is it worn out?", "  Is\tit worn\n out? "),
        ("Is it worn out?", "Ｉｓ　ｉｔ　ｗｏｒｎ　ｏｕｔ？"),  # full width
        ("the ﬁrst oﬃce", "The first office"),  # ligatures
        ("caf\u00e9", "cafe\u0301"),
        ("Wie groß?", "WIE GROSS?"),
    ],
)
def test_the_same_question_in_another_form_is_a_leak(
    alike: Callable[..., None], learned: str, tested: str
) -> None:
    alike()
    (leak,) = find_leaks(dataset([learned], ["Other?", tested]), 0.95, 1)
    assert (leak.learned.query, leak.tested.query, leak.similarity) == (learned, tested, 1.0)


def test_a_pair_that_is_the_same_and_near_is_found_once(alike: Callable[..., None]) -> None:
    alike((0, 0, 0.97), (1, 0, 0.96), (1, 1, 0.98))
    leaks = find_leaks(dataset(["one", "two"], ["ONE", "three"]), 0.95, 1)
    assert [(leak.learned.query, leak.tested.query, leak.similarity) for leak in leaks] == [
        ("one", "ONE", 1.0),
        ("two", "three", 0.98),
        ("two", "ONE", 0.96),
    ]


def test_a_reordered_sentence_is_found_by_minilm(calls: Calls) -> None:
    (leak,) = find_leaks(dataset([LEARNED], ["How tall is a giraffe?", REORDERED]), 0.95, 1)
    assert (leak.learned.query, leak.tested.query) == (LEARNED, REORDERED)
    assert 0.99 < leak.similarity < 0.997
    assert calls[0]["threshold"] == 0.95


def test_the_threshold_is_heard(calls: Calls) -> None:
    data = dataset([LEARNED], [REORDERED])
    assert find_leaks(data, 0.997, 1) == []
    assert len(find_leaks(data, 0.99, 1)) == 1
    assert len(calls) == 2, "what was found at one threshold says nothing of another"


def test_pairs_are_found_again_without_encoding(calls: Calls, encoded: list[str]) -> None:
    data = dataset([LEARNED], [REORDERED, "Unrelated?"])
    first = find_leaks(data, 0.95, 1)
    assert set(encoded) == {example.query for example in (*data.train, *data.test)}
    encoded.clear()
    assert find_leaks(data, 0.95, 4) == first
    assert (len(calls), encoded) == (1, [])
    # Another test question is another search, which encodes what is new alone.
    find_leaks(dataset([LEARNED], [REORDERED, "Unrelated?", "New?"]), 0.95, 1)
    assert (len(calls), encoded) == (2, ["New?"])


def test_that_nothing_was_found_is_kept_too(calls: Calls) -> None:
    data = dataset(["What is the capital of Peru?"], ["How tall is a giraffe?"])
    assert find_leaks(data, 0.95, 1) == find_leaks(data, 0.95, 1) == []
    assert len(calls) == 1


def test_close_pairs_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = np.array([[1, 0], [0, 1], [0.8, 0.6]], dtype=np.float32)
    theirs = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)
    # Cosines: 1, 0.6; 0, 0.8; 0.8, 0.96.
    expected = [(0, 0, 1.0), (2, 1, pytest.approx(0.96))]
    assert close_pairs(ours, theirs, 0.9) == expected
    assert [pair[:2] for pair in close_pairs(ours, theirs, 0.5)] == [(0, 0), (0, 1), (1, 1), (2, 0), (2, 1)]
    assert close_pairs(ours, theirs[:1], 1.0) == [(0, 0, 1.0)], "at the threshold is near enough"
    assert close_pairs(ours[:0], theirs, 0.5) == close_pairs(ours, theirs[:0], 0.5) == []
    for cells in (1, 2, 3, 4):
        monkeypatch.setattr(module, "_CELLS", cells)
        assert close_pairs(ours, theirs, 0.9) == expected


def test_a_clean_data_set_is_left_as_it_is(alike: Callable[..., None]) -> None:
    alike()
    data = dataset(["one"], ["two"])
    for mode in ("refuse", "drop"):
        kept, facts = guard(data, Guard(mode=mode), 1)
        assert kept is data
        assert facts == {"mode": mode, "near_duplicate": 0.95, "pairs": 0, "dropped": 0}


def test_off_looks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_isolated", lambda *_: pytest.fail("it looked"))
    data = dataset(["one"], ["one"])
    assert guard(data, Guard(mode="off"), 1) == (data, {"mode": "off"})


def test_a_refusal_names_the_pairs_and_the_way_out(alike: Callable[..., None]) -> None:
    alike((1, 1, 0.9612))
    with pytest.raises(BadInput) as refusal:
        guard(dataset(["One", "two"], ["one", "zwei"]), Guard(), 1)
    assert str(refusal.value) == (
        "data set small: 2 question(s) to learn from also stand in the test, word for word or nearly "
        "(cosine >= 0.95): 'One' ~ 'one' (1.000); 'two' ~ 'zwei' (0.961). guard=drop "
        "removes them from training"
    )


def test_a_refusal_shows_the_most_alike_of_many(alike: Callable[..., None]) -> None:
    n = SHOWN + 3
    alike(*((row, row, 0.95 + row / 1000) for row in range(n)))
    with pytest.raises(BadInput) as refusal:
        guard(dataset([f"l{row}" for row in range(n)], [f"t{row}" for row in range(n)]), Guard(), 1)
    message = str(refusal.value)
    assert message.count(" ~ ") == SHOWN
    assert f"{n} question(s)" in message
    assert "; and 3 more pairs. guard=drop" in message
    assert message.index("'l7' ~ 't7'") < message.index("'l6' ~ 't6'")
    assert "'l2'" not in message
    assert "\n" not in message


def test_without_its_encoder_what_is_the_same_is_refused_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(*_: str) -> str:
        raise BadInput("the package is not installed")

    monkeypatch.setattr(module, "package_dir", absent)
    data = dataset(["One"], ["one"])
    with pytest.raises(BadInput, match=r"'One' ~ 'one' \(1\.000\)\. guard=drop"):
        guard(data, Guard(), 1)
    for unknown, mode in ((data, "drop"), (dataset(["one"], ["two"]), "refuse")):
        with pytest.raises(BadInput, match="not installed"):
            guard(unknown, Guard(mode), 1)


def test_what_is_tested_word_for_word_is_left_out_without_an_encoder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = dataset(["One", "two"], ["ONE", "zwei"])
    assert without_tested(data).train == data.train[1:]
    assert capsys.readouterr().err == "left out 1 training question(s) that are also tested on\n"
    assert without_tested(dataset(["one"], ["two"])).train == dataset(["one"], ["two"]).train
    assert capsys.readouterr().err == ""


def test_drop_removes_what_leaks_from_both_parts_and_says_how_many(
    alike: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    # Of four to train on, then two to validate on: the fourth and the sixth are near.
    data = dataset(["one", "two"], ["ONE", "drei", "sechs"], validation=("five", "six"))
    alike((3, 1, 0.96), (5, 2, 0.99), (5, 1, 0.95))
    kept, facts = guard(data, Guard(mode="drop"), 1)
    assert kept.train == data.train[1:3]
    assert kept.validation == [data.validation[0]]
    assert kept.test == data.test
    assert facts == {
        "mode": "drop",
        "near_duplicate": 0.95,
        "pairs": 4,
        "dropped": 3,
        "dropped_ids": ["t-0", "t-3", "v-1"],
    }
    said = capsys.readouterr().err
    assert "dropped 3 of 6 questions to learn from" in said


def test_a_leak_in_the_validation_part_alone_is_one(alike: Callable[..., None]) -> None:
    alike()
    data = dataset(["one"], ["zwei"], validation=("ZWEI",))
    with pytest.raises(BadInput, match="'ZWEI' ~ 'zwei'"):
        guard(data, Guard(), 1)
    assert guard(data, Guard(mode="drop"), 1)[1]["dropped"] == 1


def test_a_class_with_nothing_left_is_refused(alike: Callable[..., None]) -> None:
    alike()
    data = dataset(["one"], ["ONE", "how do i bleed the radiators?"])
    with pytest.raises(BadInput) as refusal:
        guard(data, Guard(mode="drop"), 1)
    assert str(refusal.value) == (
        "data set small: every training question for a is too close to a test question; nothing is left to "
        "learn it from"
    )
