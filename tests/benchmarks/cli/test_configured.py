"""Words of a verb that takes questions and KEY=VALUE: which is which, and what Hydra is given."""

import sys
from pathlib import Path

import click
import pytest

from benchmarks.cli.configured import Configured
from benchmarks.errors import BadInput
from tests.benchmarks.helpers import NoWorkers, in_process


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> "Split":
    monkeypatch.setattr(sys, "argv", ["derby"])
    return Split()


class Split:
    """A verb that keeps what it is given: questions, and the words for Hydra."""

    def __call__(self, *words: str) -> tuple[list[str], list[str]]:
        found: list[list[str]] = []

        @click.command("ask", cls=Configured, config="ask", questions=True, named=("locate",))
        def command(questions: list[str]) -> None:
            found.append(questions)

        command.main([*words], standalone_mode=False)
        return found[0], sys.argv[1:]


@pytest.mark.parametrize(
    "question",
    [
        "How do I change my car's oil?",
        "E=mc2 explained",
        "Is 1+1=2, or a = b?",
        "-5 degrees, car won't start",
        "--help me sleep",
        "x.y=z means what?",
        "50% off tyres & rims",
    ],
)
def test_what_is_plainly_a_question_is_one(split: Split, question: str) -> None:
    assert split(question, "router=knn") == ([question], ["router=knn"])


def test_questions_keep_their_order(split: Split) -> None:
    questions = ["first one", "-2 degrees", "x=1 or 2?", "last"]
    assert split(*questions[:2], "seed=1", questions[2], "--", "last")[0] == questions


def test_a_key_with_text_is_a_key(split: Split) -> None:
    assert split("router.name=my own", "locate.x y=1")[1] == ["router.name=my own"]
    assert split("dataset.path=Zoë's data")[1] == [r"dataset.path='Zoë\'s data'"]


def test_one_word_that_may_be_a_question_or_a_mistake_names_both(split: Split) -> None:
    with pytest.raises(BadInput, match=r"no key E; there is: calibration, dataset, .*: -- E=mc2$"):
        split("E=mc2")
    with pytest.raises(click.UsageError, match="-- -5"):
        split("-5")
    assert split("--", "E=mc2", "-5")[0] == ["E=mc2", "-5"]


def test_a_folder_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("josé", "O'Brien", "a&b"):
        (tmp_path / name).mkdir()
        # It is found, and has no questions.
        done = in_process("run", "dataset=files", f"dataset.path=~/{name}", cwd=tmp_path, workers=NoWorkers())
        assert done.returncode == 2
        assert f"{tmp_path}/{name}: no <domain>.json" in done.stderr


def test_what_cannot_be_read_is_shown_in_quotes(tmp_path: Path) -> None:
    done = in_process("run", "router.name='knn", cwd=tmp_path, workers=NoWorkers())
    assert done.returncode == 2
    assert "Lexer" not in done.stderr
    assert """'router.name="'"'"'knn"'""" in done.stderr


def test_the_home_folder_in_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "conf" / "router").mkdir(parents=True)
    (tmp_path / "conf" / "router" / "mine.yaml").write_text("name: mine\n_target_: x.Y\n", encoding="utf-8")
    words = ["run", "--config-dir=~/conf", "router=mine", "--cfg=job", "-p", "router"]
    done = in_process(*words, cwd=tmp_path, workers=NoWorkers())
    assert (done.returncode, done.stderr) == (0, "")
    assert "name: mine" in done.stdout
