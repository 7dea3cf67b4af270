"""Shell completion: verbs, then choices and keys of the verb's configuration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cli.completion import complete
from benchmarks.cli.main import VERBS


@pytest.fixture
def choices(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Query":
    return Query(monkeypatch, capsys)


class Query:
    """Answers what the shell would be told for a line."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.patch, self.capture = patch, capture

    def __call__(self, line: str) -> list[str]:
        self.patch.setenv("COMP_LINE", line)
        assert complete(["--shell-completion", "query=bash"], sorted(VERBS)) == 0
        captured = self.capture.readouterr()
        assert captured.err == ""
        return captured.out.split()


@pytest.mark.parametrize("line", ["derby ", "derby", "", "derby r", "derby ru", "derby run"])
def test_the_first_word_is_a_verb(choices: Query, line: str) -> None:
    assert "run" in choices(line)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_offered(choices: Query, verb: str) -> None:
    assert verb in choices("derby ")
    assert verb in choices(f"derby {verb[:2]}")


def test_a_verb_without_a_configuration_has_actions(choices: Query) -> None:
    assert set(choices("derby experts ")) == {"list", "show", "use"}
    assert choices("derby experts li") == ["list"]
    assert choices("derby experts list ") == []


def test_actions_a_folder_then_the_keys_of_ask(choices: Query) -> None:
    assert set(choices("derby points ")) == {"export", "ask"}
    assert choices("derby points export ") == choices("derby points export dir") == []
    assert "dataset=files" in choices("derby points export dir dataset=f")
    assert choices("derby points ask dir router=knn router.we") == ["router.weighting="]


def test_a_verb_that_takes_folders_leaves_them_to_bash(choices: Query) -> None:
    for verb in ("diff", "check", "verify"):
        assert choices(f"derby {verb} ") == choices(f"derby {verb} outputs/") == []


def test_a_comparison_has_the_keys_of_a_run_and_its_own(choices: Query) -> None:
    assert choices("derby compare compare.") == ["compare.routers."]
    assert choices("derby report ru") == ["runs."]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("derby check --b", ["--baseline"]),
        ("derby check outputs/a --to", ["--tolerance"]),
        ("derby diff --r", ["--rows"]),
        ("derby verify --h", ["--help"]),
        ("derby run --config-d", ["--config-dir"]),
    ],
)
def test_options(choices: Query, line: str, expected: list[str]) -> None:
    assert choices(line) == expected


def test_a_configuration_folder_of_ones_own(choices: Query, tmp_path: Path) -> None:
    (tmp_path / "router").mkdir()
    (tmp_path / "router" / "mine.yaml").write_text("name: mine\n_target_: my_package.MyRouter\n")
    assert "router=mine" not in choices("derby run router=")
    assert {"router=mine", "router=knn"} <= set(choices(f"derby run --config-dir {tmp_path} router="))
    # A folder: bash itself completes it.
    assert choices("derby run --config-dir ") == choices("derby run --config-dir conf/") == []


@pytest.mark.parametrize(
    "line",
    ["derby ask hello router=k", 'derby ask "How do I [" router=k', "derby points ask dir hi router=k"],
)
def test_a_question_is_passed_over(choices: Query, line: str) -> None:
    assert choices(line) == ["router=knn"]


@pytest.mark.parametrize("line", ["derby x", "derby nope ", "derby nope router=", "derby runs "])
def test_nothing_follows_what_is_not_a_verb(choices: Query, line: str) -> None:
    assert choices(line) == []


def test_every_key_and_group_of_a_verb(choices: Query) -> None:
    # The group `encoder` has folders in it, so it is offered without a sign.
    expected = {
        "router=",
        "encoder",
        "weights=",
        "dataset=",
        "experiment=",
        "seed=",
        "measure.",
        "statistics.",
    }
    assert expected <= set(choices("derby run "))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("derby run router=", {"router=centroid", "router=knn", "router=tinyllama", "router=tfidf"}),
        ("derby run router=c", {"router=centroid"}),
        ("derby run weights=", {"weights=packaged", "weights=hub"}),
        ("derby run dataset=c", {"dataset=car_sleep", "dataset=clinc150"}),
        ("derby run -m router=ce", {"router=centroid"}),
        ("derby run router=knn router.k", {"router.k="}),
        ("derby run router=knn router.k=7 router.weighting=", {"router.weighting=softmax"}),
        ("derby run router=tinyllama router.ep", {"router.epochs="}),
        ("derby run measure.min_q", {"measure.min_queries="}),
        ("derby run experts=", {"experts=local", "experts=openai", "experts=llama_phi", "experts=none"}),
        ("derby run experts=openai experts.base", {"experts.base_url="}),
        ("derby train trainer=", {"trainer=trl", "trainer=unsloth"}),
        ("derby train trainer.ste", {"trainer.steps="}),
        ("derby ask inp", {"input="}),
        ("derby ask policy.", {"policy.threshold=", "policy.fallback="}),
        ("  derby   run   see", {"seed="}),
    ],
)
def test_choices_and_keys(choices: Query, line: str, expected: set[str]) -> None:
    found = choices(line)
    assert expected <= set(found)
    last = line.split()[-1]
    assert all(choice.startswith(last) for choice in found)


@pytest.mark.parametrize(
    "line", ["derby run router=bert rou", "derby run router=bert router.k", "derby run =", "derby run ["]
)
def test_a_wrong_line_is_no_error(choices: Query, line: str) -> None:
    choices(line)


@pytest.mark.parametrize("action", ["install=zsh", "query=fish", "nonsense"])
def test_other_shells_are_refused_in_one_line(capsys: pytest.CaptureFixture[str], action: str) -> None:
    assert complete(["--shell-completion", action], ["run"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment where `derby` is this code."""
    program = tmp_path / "derby"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m benchmarks "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}


def test_the_install_text_is_bash(capsys: pytest.CaptureFixture[str]) -> None:
    assert complete(["--shell-completion", "install=bash"], ["run"]) == 0
    text = capsys.readouterr().out
    assert "complete " in text
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "expected"), [("derby ru", "run"), ("derby run router=cen", "router=centroid")]
)
def test_it_completes_in_bash(installed: dict[str, str], words: str, expected: str) -> None:
    script = (
        'eval "$(derby --shell-completion install=bash)" && complete -p derby && '
        f'COMP_LINE="{words}" && COMP_WORDS=({words}) && COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) && '
        "_derby_completion && printf '<%s>' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", script], env=installed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    declared, answer = done.stdout.splitlines()
    assert declared.endswith("-F _derby_completion derby")
    assert answer.replace(" ", "") == f"<{expected}>"
