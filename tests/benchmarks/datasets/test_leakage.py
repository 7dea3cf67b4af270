"""The leakage check: what it finds, what it refuses, what it drops, and what it remembers."""

from pathlib import Path
from unittest.mock import ANY

import numpy as np
import pytest

from benchmarks.datasets.base import Dataset, Example
from benchmarks.datasets.checks import SHOWN
from benchmarks.datasets.leakage import (
    Found,
    Guard,
    check_leakage,
    close_pairs,
    find_leaks,
    near_duplicates,
    without_tested,
)
from benchmarks.datasets.wording import Alike
from benchmarks.errors import BadInput
from benchmarks.workers.launch import Workers
from reports.record import Leakage, Likeness
from routers.encoder import SentenceEncoder
from tests.benchmarks.datasets.helpers import refusal
from tests.benchmarks.stand_ins import Answering, Recording

# MiniLM has them at 0.97, their words and letters differ; nothing else here is as near as 0.8.
LEARNED, RETOLD = "Why does my car shake when I brake?", "Why is my car shaking when I brake?"
REORDERED = "When I brake, why does my car shake?"


@pytest.fixture
def workers(cache: Path, encoder: SentenceEncoder, own_cache: Path) -> Recording:
    """Workers in this process with the session's MiniLM; a cache of the test's own."""
    own_cache.mkdir()
    (own_cache / "encoders").symlink_to(cache / "encoders")
    return Recording()


def alike(*pairs: tuple[int, int, float]) -> Workers:
    """Workers that find these rows and columns near in meaning, with their cosines, in MiniLM's place."""
    return Answering(answer=lambda _: Found([Alike(*pair, Likeness.MEANING) for pair in pairs], []))


def dataset(train: list[str], test: list[str], validation: tuple[str, ...] = ()) -> Dataset:
    """Two more training questions follow `train`; labels alternate."""
    train = [*train, "How late can I drink coffee?", "How do I bleed the radiators?"]
    return Dataset(
        "small",
        [Example(f"t-{n}", text, "ab"[n % 2]) for n, text in enumerate(train)],
        [Example(f"q-{n}", text, "a") for n, text in enumerate(test)],
        validation=[Example(f"v-{n}", text, "b") for n, text in enumerate(validation)],
    )


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    ("learned", "tested"),
    [
        ("Is it worn out?", "Is it worn out?"),
        ("Is it worn out?", "  IS\tit Worn\n OUT? "),
        ("Is it worn out?", "Ｉｓ　ｉｔ　ｗｏｒｎ　ｏｕｔ？"),  # full width
        ("the ﬁrst oﬃce", "The first office"),  # ligatures
        ("caf\u00e9", "cafe\u0301"),
        ("Wie groß?", "WIE GROSS?"),
    ],
)
def test_the_same_question_in_another_form_is_a_leak(learned: str, tested: str) -> None:
    (leak,) = find_leaks(dataset([learned], ["Other?", tested]), 0.95, alike()).pairs
    assert (leak.learned.query, leak.tested.query, leak.similarity) == (learned, tested, 1.0)
    assert leak.kind == Likeness.SAME


@pytest.mark.usefixtures("own_cache")
def test_a_pair_that_is_the_same_and_near_is_found_once() -> None:
    near = alike((0, 0, 0.97), (1, 0, 0.96), (1, 1, 0.98))
    leaks = find_leaks(dataset(["one", "two"], ["ONE", "three"]), 0.95, near).pairs
    assert [(leak.learned.query, leak.tested.query, leak.similarity) for leak in leaks] == [
        ("one", "ONE", 1.0),
        ("two", "three", 0.98),
        ("two", "ONE", 0.96),
    ]


def test_a_sentence_told_again_is_found_by_minilm_at_the_threshold(workers: Recording) -> None:
    data = dataset([LEARNED], ["How tall is a giraffe?", RETOLD])
    (leak,) = find_leaks(data, 0.95, workers).pairs
    assert (leak.learned.query, leak.tested.query, leak.kind) == (LEARNED, RETOLD, Likeness.MEANING)
    assert 0.95 < leak.similarity < 0.997
    # What was found at one threshold says nothing of another.
    assert find_leaks(data, 0.997, workers).pairs == []
    assert [call.function for call in workers.calls] == [near_duplicates] * 2
    assert [call.job.threshold for call in workers.calls] == [0.95, 0.997]


def test_a_search_is_not_done_again_whether_or_not_it_found_something(
    workers: Recording, own_cache: Path
) -> None:
    data, nothing = dataset([LEARNED], [RETOLD]), dataset(["What is the capital of Peru?"], ["Unrelated?"])
    first = find_leaks(data, 0.95, workers)
    assert find_leaks(nothing, 0.95, workers) == ([], 0)
    assert (find_leaks(data, 0.95, workers), find_leaks(nothing, 0.95, workers)) == (first, ([], 0))
    assert len(workers.calls) == 2
    # Another test question is another search.
    find_leaks(dataset([LEARNED], [RETOLD, "New?"]), 0.95, workers)
    assert len(workers.calls) == 3


def test_close_pairs_by_hand() -> None:
    ours = np.array([[1, 0], [0, 1], [0.8, 0.6]], dtype=np.float32)
    theirs = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)
    # Cosines: 1, 0.6; 0, 0.8; 0.8, 0.96.
    expected = [(0, 0, 1.0), (2, 1, pytest.approx(0.96))]
    for cells in (1, 2, 3, 4, 100):
        assert close_pairs(ours, theirs, 0.9, cells) == expected
    assert [pair[:2] for pair in close_pairs(ours, theirs, 0.5)] == [(0, 0), (0, 1), (1, 1), (2, 0), (2, 1)]
    assert close_pairs(ours, theirs[:1], 1.0) == [(0, 0, 1.0)], "at the threshold is near enough"
    assert close_pairs(ours[:0], theirs, 0.5) == close_pairs(ours, theirs[:0], 0.5) == []


def test_the_strictest_kind_comes_first_and_repeats_inside_the_test_are_counted(workers: Recording) -> None:
    quoted = f"A friend asked me this: “{LEARNED}” What is your answer?"
    data = dataset([RETOLD, REORDERED, quoted], ["unrelated", LEARNED, "no relation", LEARNED.upper()])
    found = find_leaks(data, 0.95, workers)
    kinds = {(leak.learned.id, leak.tested.id): leak.kind for leak in found.pairs}
    expected = {"t-1": Likeness.SAME_WORDS, "t-2": Likeness.CONTAINED, "t-0": Likeness.MEANING}
    # The question itself, and in capitals.
    assert kinds == {(one, tested): kind for one, kind in expected.items() for tested in ("q-1", "q-3")}
    assert [leak.kind for leak in found.pairs] == sorted(kinds.values(), key=list(Likeness).index)
    assert found.repeated == 1


@pytest.mark.usefixtures("own_cache")
def test_a_clean_data_set_is_left_as_it_is_and_off_looks_for_nothing() -> None:
    data = dataset(["one"], ["two"])
    for mode in ("refuse", "drop"):
        kept, found = check_leakage(data, Guard(mode=mode), alike())
        assert kept is data
        assert found == Leakage(mode, 0.95, repeated=0)
    workers = Recording()
    leaking = dataset(["one"], ["one"])
    assert check_leakage(leaking, Guard(mode="off"), workers) == (leaking, Leakage("off"))
    assert workers.calls == []


@pytest.mark.usefixtures("own_cache")
def test_a_refusal_names_the_most_alike_pairs_and_the_way_out() -> None:
    data = dataset(["One", "two"], ["one", "zwei"])
    message = refusal(check_leakage, data, Guard(), alike((1, 1, 0.9612)))
    for part in (
        "data set small: 2 question(s)",
        "pairs: 1 the same, 1 near in meaning",
        "'One' ~ 'one' (the same, 1.000); 'two' ~ 'zwei' (near in meaning, 0.961)",
        "guard=drop",
    ):
        assert part in message
    n = SHOWN + 3
    many = dataset([f"l{row}" for row in range(n)], [f"t{row}" for row in range(n)])
    message = refusal(
        check_leakage, many, Guard(), alike(*((row, row, 0.95 + row / 1000) for row in range(n)))
    )
    assert message.count(" ~ ") == SHOWN
    assert "; and 3 more. " in message
    assert message.index("'l7' ~ 't7'") < message.index("'l6' ~ 't6'")
    assert "'l2'" not in message
    long = "x" * 100_000
    assert len(refusal(check_leakage, dataset([long], [long]), Guard(), alike())) < 500


@pytest.mark.usefixtures("own_cache")
def test_without_its_encoder_what_is_the_same_is_refused_all_the_same() -> None:
    def absent(_: object) -> None:
        raise BadInput("the package is not installed")

    workers = Answering(answer=absent)
    same, other = dataset(["One"], ["one"]), dataset(["one"], ["two"])
    assert "'One' ~ 'one' (the same, 1.000)" in refusal(check_leakage, same, Guard(), workers)
    assert "not installed" in refusal(check_leakage, same, Guard("drop"), workers)
    assert "not installed" in refusal(check_leakage, other, Guard(), workers)


def test_what_is_tested_word_for_word_is_left_out_without_an_encoder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = dataset(["One", "two"], ["ONE", "zwei"])
    assert without_tested(data).train == data.train[1:]
    assert "left out 1 training question(s)" in capsys.readouterr().err
    assert without_tested(dataset(["one"], ["two"])).train == dataset(["one"], ["two"]).train
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("own_cache")
def test_drop_removes_what_leaks_from_both_parts_and_says_how_many(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Of four to train on, then two to validate on: the fourth and the sixth are near.
    data = dataset(["one", "two"], ["ONE", "drei", "sechs"], validation=("five", "six"))
    workers = alike((3, 1, 0.96), (5, 2, 0.99), (5, 1, 0.95))
    kept, found = check_leakage(data, Guard(mode="drop"), workers)
    assert kept.train == data.train[1:3]
    assert kept.validation == [data.validation[0]]
    assert kept.test == data.test
    kinds = {"same": 1, "near_in_meaning": 3}
    dropped = ["t-0", "t-3", "v-1"]
    assert found == Leakage("drop", 0.95, 4, dropped=3, dropped_ids=dropped, kinds=kinds, repeated=0)
    assert "dropped 3 of 6 questions to learn from" in capsys.readouterr().err


@pytest.mark.usefixtures("own_cache")
def test_a_leak_in_the_validation_part_alone_is_one() -> None:
    data = dataset(["one"], ["zwei"], validation=("ZWEI",))
    assert "'ZWEI' ~ 'zwei'" in refusal(check_leakage, data, Guard(), alike())
    assert check_leakage(data, Guard(mode="drop"), alike()) == (
        ANY,
        Leakage("drop", 0.95, 1, 1, ["v-0"], {"same": 1}, 0),
    )


@pytest.mark.usefixtures("own_cache")
def test_a_class_with_nothing_left_is_refused() -> None:
    data = dataset(["one"], ["ONE", "how do i bleed the radiators?"])
    assert "every training question for a is too close" in refusal(
        check_leakage, data, Guard(mode="drop"), alike()
    )
