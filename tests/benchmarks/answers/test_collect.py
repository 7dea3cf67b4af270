"""Collecting answers: who is asked what, that nothing is paid for twice, and which answer a row gets."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.answers.cache import AnswerCache
from benchmarks.answers.collect import ANSWERS, Generated, attach, collect_answers, generate
from benchmarks.answers.experts import ExpertSet
from benchmarks.answers.sample import Asked, questions_to_ask
from benchmarks.datasets.base import Dataset, Example
from benchmarks.errors import WorkerError
from benchmarks.workers.in_process import InProcess
from benchmarks.workers.launch import Workers
from common.settings import Policy
from experts.base import BASE, Answer, Request
from reports.record import Answering, Prediction
from tests.benchmarks.helpers import alive, environment, wait_until

ROOT = Path(__file__).resolve().parents[3]
TRAIN = [Example("car-1", "Which oil?", "car"), Example("sleep-1", "Why do I snore?", "sleep")]
TEST = [
    Example("car-9", "Which tyre?", "car", "A round one."),
    Example("sleep-9", "How long a nap?", "sleep", "Twenty minutes.", "overlap"),
    Example("car-8", "Which brake?", "car"),
    Example("x-9", "What is the capital of Peru?", None, "Lima.", "out_of_scope"),
]
DATASET = Dataset("small", TRAIN, TEST)

Ask = Callable[..., Generated]


def everything(dataset: Dataset) -> Asked:
    return questions_to_ask({"questions": "all"}, dataset, seed=0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def diary(log: Path, version: int = 1, use_cache: bool = True) -> ExpertSet:
    spec = {"_target_": "tests.benchmarks.fakes.Diary", "log": str(log), "version": version}
    return ExpertSet("diary", spec, use_cache)


@pytest.fixture
def ask(own_cache: Path, log: Path) -> Ask:
    """Ask the diary, by default about cars, and get its answers."""

    def go(
        *questions: str | Request, version: int = 1, use_cache: bool = True, workers: Workers | None = None
    ) -> Generated:
        requests = [Request("car", text) if isinstance(text, str) else text for text in questions]
        return generate(diary(log, version, use_cache), requests, workers or InProcess())

    return go


def written(log: Path) -> list[str]:
    """What was generated since the last time, sorted."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return sorted(lines)


def texts(found: Generated) -> list[str | None]:
    return [answer.text for answer in found.answers]


def test_what_was_generated_is_not_generated_again(ask: Ask, log: Path, own_cache: Path) -> None:
    first = ask("one", "two", "one")
    assert texts(first) == ["car says one", "car says two", "car says one"]
    assert written(log) == ["car: one", "car: two"]
    assert first.from_cache == 0
    assert first.session
    assert (first.session.generated, first.session.tokens) == (2, 8)
    assert first.session.peak_rss_bytes > 10_000_000
    assert min(first.session.load_seconds, first.session.generate_seconds) >= 0

    again = ask("two", "one")
    assert texts(again) == ["car says two", "car says one"]
    assert (again.from_cache, again.session) == (2, None)
    # What an answer took is what it took then.
    assert again.answers == [first.answers[1], first.answers[0]]
    assert again.answers[0] == Answer("car says two", tokens=4, seconds=0.5)

    more = ask("one", "three", "two")
    assert texts(more) == ["car says one", "car says three", "car says two"]
    assert written(log) == ["car: three"]
    assert (more.from_cache, more.session and more.session.generated) == (2, 1)

    other = ask("one", "two", version=2)
    assert other.from_cache == 0
    assert written(log) == ["car: one", "car: two"]
    assert set(AnswerCache(own_cache / ANSWERS).generated().values()) == {1}
    assert ask() == Generated([], 0, None)


def test_any_text_may_be_asked(ask: Ask) -> None:
    odd = ['"quoted"', "a\u2028b", "\x00", "half \ud83d", "half \ud83e", ""]
    expected = [f"car says {question}" for question in (*odd[:3], "half ?", "half ?", "")]
    assert texts(ask(*odd)) == expected
    again = ask(*odd)
    # What a tokenizer makes the same is still two questions.
    assert (texts(again), again.from_cache) == (expected, 6)


def test_a_failure_comes_back_with_its_reason_and_is_tried_again(
    ask: Ask, log: Path, own_cache: Path
) -> None:
    for _ in range(2):
        found = ask("this fails", "this does not")
        assert found.answers[0] == Answer(None, error="the expert is ill", note="it tried")
        assert texts(found) == [None, "car says this does not"]
        assert "car: this fails" in written(log)
    assert found.from_cache == 1
    assert found.session
    assert found.session.generated == 0
    assert len(AnswerCache(own_cache / ANSWERS).generated()) == 1


def test_a_domain_without_an_expert_fails_alone(ask: Ask, log: Path) -> None:
    found = ask(Request("unknown", "one"), "one", Request("unknown", "two"))
    assert texts(found) == [None, "car says one", None]
    assert [answer.error for answer in found.answers[::2]] == ["nobody knows that domain"] * 2
    assert written(log) == ["car: one"]
    assert ask(Request("unknown", "one")).session is None


def test_without_the_cache_everything_is_generated_and_nothing_stays(
    ask: Ask, log: Path, own_cache: Path
) -> None:
    ask("one")
    before = (own_cache / ANSWERS).read_bytes()
    written(log)
    for _ in range(2):
        found = ask("one", "two", use_cache=False)
        assert (texts(found), found.from_cache) == (["car says one", "car says two"], 0)
        assert written(log) == ["car: one", "car: two"]
    assert (own_cache / ANSWERS).read_bytes() == before
    assert [path.name for path in own_cache.iterdir()] == [ANSWERS]


@pytest.mark.process
def test_what_was_answered_before_a_kill_is_kept(ask: Ask, log: Path, own_cache: Path) -> None:
    # The diary answers the last question first.
    with pytest.raises(WorkerError, match=r"experts: answering: .* killed \(SIGKILL\)"):
        ask("zero", "it dies here", "one", "two", workers=Workers(1))
    assert written(log) == ["car: one", "car: two"]
    assert ask("zero", "one", "two").from_cache == 2
    assert written(log) == ["car: zero"]
    assert set(AnswerCache(own_cache / ANSWERS).generated().values()) == {1}


def test_everyone_answers_every_question_that_has_a_reference(
    log: Path, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = collect_answers(diary(log), everything(DATASET), DATASET.classes, InProcess())
    # The base model is asked as the right domain's: its instruction names the domain.
    expected = {
        ("car", "car-9"): "car says Which tyre?",
        ("sleep", "car-9"): "sleep says Which tyre?",
        (BASE, "car-9"): "car/base says Which tyre?",
        ("car", "sleep-9"): "car says How long a nap?",
        ("sleep", "sleep-9"): "sleep says How long a nap?",
        (BASE, "sleep-9"): "sleep/base says How long a nap?",
    }
    assert {key: answer.text for key, answer in found.answers.items()} == expected
    assert Counter(written(log)) == {text.replace(" says", ":", 1): 1 for text in expected.values()}
    assert replace(found.timings, session=None) == Answering(asked=6, from_cache=0, unanswered=0)
    assert found.timings.session
    assert (found.timings.session.generated, found.timings.session.tokens) == (6, 24)
    assert "missing" not in capsys.readouterr().err


def test_the_number_of_answers_to_generate_is_told_before_if_there_are_any(
    log: Path, own_cache: Path
) -> None:
    told: list[tuple[int, int]] = []

    def collect(dataset: Dataset) -> None:
        collect_answers(
            diary(log),
            everything(dataset),
            dataset.classes,
            InProcess(),
            lambda number: told.append((number, log.is_file())),
        )

    collect(replace(DATASET, test=TEST[:1]))
    collect(DATASET)
    collect(DATASET)
    # Three of the six were in the cache, and at last all.
    assert told == [(3, False), (3, True)]


def test_failures_are_counted_and_said(
    log: Path, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = replace(DATASET, test=[replace(TEST[0], query="Which one fails?"), TEST[1]])
    found = collect_answers(diary(log), everything(dataset), dataset.classes, InProcess())
    assert found.timings.unanswered == 3
    failed = [key for key, answer in found.answers.items() if answer.text is None]
    assert failed == [("car", "car-9"), ("sleep", "car-9"), (BASE, "car-9")]
    assert "3 of 6 answers are missing, the first because: the expert is ill" in capsys.readouterr().err


WHOLE, HALF, WRONG = "a round one", "a round thing", "five"
GIVEN = {
    ("car", "car-9"): Answer(WHOLE),
    ("sleep", "car-9"): Answer(WRONG, note="it was cut"),
    (BASE, "car-9"): Answer(HALF),
    ("car", "sleep-9"): Answer(None, error="the expert is ill"),
    ("sleep", "sleep-9"): Answer("Twenty minutes."),
    (BASE, "sleep-9"): Answer(WRONG),
}


def served(predicted: str, confidence: float = 0.5) -> list[Prediction]:
    return [
        Prediction(one.id, one.query, one.label, predicted, confidence, {predicted: 0.75}, one.slice)
        for one in TEST
    ]


def test_a_row_gets_the_answer_of_the_expert_that_the_policy_chooses() -> None:
    tyre, nap, brake, peru = attach(served("car"), DATASET, GIVEN, Policy())
    assert (tyre.reference, tyre.expert, tyre.answer) == ("A round one.", "car", WHOLE)
    assert (tyre.rouge1, tyre.rouge2, tyre.rougeL) == (1, 1, 1)
    assert tyre.answers == {"car": WHOLE, "sleep": WRONG, BASE: HALF}
    assert tyre.notes == {"sleep": "it was cut"}
    # An expert without an answer is asked all the same.
    assert (nap.expert, nap.answer, nap.rougeL) == ("car", None, None)
    assert nap.notes == {"car": "the expert is ill"}
    # Without a reference, or without a domain, there is nothing to compare.
    assert (brake.reference, brake.expert, brake.answer, brake.answers) == (None, "car", None, {})
    assert (peru.reference, peru.expert, peru.answers) == ("Lima.", "car", {})
    rows = [replace(row, reference=None, expert=None, answer=None) for row in (brake, peru)]
    assert [replace(row, answers=None) for row in rows] == served("car")[2:]


@pytest.mark.parametrize(
    ("policy", "expert", "answer"),
    [
        (Policy(threshold=0.6, fallback="abstain"), None, None),
        (Policy(threshold=0.5, fallback="abstain"), "car", WHOLE),
        (Policy(threshold=0.6, fallback="sleep"), "sleep", WRONG),
        (Policy(threshold=0.6, fallback="best_guess"), "car", WHOLE),
        (Policy(threshold=0.6, score="probability", fallback="abstain"), "car", WHOLE),
        (Policy(threshold=0.8, score="probability", fallback="abstain"), None, None),
    ],
)
def test_policies_choose_the_expert(policy: Policy, expert: str | None, answer: str | None) -> None:
    row = attach(served("car"), DATASET, GIVEN, policy)[0]
    assert (row.expert, row.answer) == (expert, answer)


PARENT = """
import sys
from benchmarks.answers.collect import generate
from benchmarks.answers.experts import ExpertSet
from benchmarks.workers.launch import Workers
from experts.base import Request
spec = {"_target_": "tests.benchmarks.fakes.Asleep", "log": sys.argv[1]}
generate(ExpertSet("asleep", spec, use_cache=False), [Request("car", "one")], Workers(1))
"""


@pytest.mark.process
@pytest.mark.signals
def test_the_worker_ends_when_its_parent_is_killed(tmp_path: Path, log: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(log)]
    with subprocess.Popen(command, cwd=ROOT, env=environment(TMPDIR=str(tmp_path))) as parent:
        try:
            wait_until(lambda: parent.poll() is not None or (log.exists() and log.read_text()))
            worker = int(log.read_text())
            assert alive(worker)
        finally:
            parent.kill()
    # Without the parent's death it would sleep for longer than pytest lets a test last.
    wait_until(lambda: not alive(worker))
