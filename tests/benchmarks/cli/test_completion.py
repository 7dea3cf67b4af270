"""Shell completion: verbs and options from click, keys and values from Hydra."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cli.completion import complete
from benchmarks.cli.main import COMPLETE, VERBS, commands


@pytest.fixture
def choices(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Query":
    return Query(monkeypatch, capsys)


class Query:
    """Answers what bash would be told for a line; a line that ends with a space begins a new word."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.patch, self.capture = patch, capture

    def __call__(self, *words: str) -> list[str]:
        self.patch.setenv("COMP_WORDS", "\n".join(("derby", *words)))
        self.patch.setenv("COMP_CWORD", str(len(words)))
        assert complete(commands, COMPLETE, "bash_complete") == 0
        answer = [line.partition(",") for line in self.capture.readouterr().out.splitlines() if line]
        # A folder or a file is bash's to complete.
        return [text if kind == "plain" else f"<{kind}>" for kind, _, text in answer]


def test_verbs_options_and_paths(choices: Query) -> None:
    assert choices("") == [f"{verb} " for verb in VERBS]
    assert choices("ru") == ["run "]
    assert choices("nope") == choices("nope", "router=") == []
    assert choices("check", "--b") == ["--baseline "]
    assert choices("run", "--config-d") == ["--config-dir "]
    assert choices("run", "--cfg", "") == ["job ", "hydra ", "all "]
    assert ("--multirun " in choices("run", "-"), "--multirun " in choices("compare", "-")) == (True, False)
    assert choices("experts", "") == ["list ", "show ", "use "]
    assert choices("install", "s") == ["semantic_router ", "setfit ", "sklearn "]
    assert choices("install", "setfit", "se") == ["semantic_router "]
    assert choices("install", "routellm_b") == []
    assert choices("diff", "") == choices("verify", "out") == choices("check", "--junit", "") == ["<file>"]
    assert choices("points", "export", "") == choices("run", "--config-dir", "") == ["<dir>"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "router=ce"], {"router=centroid "}),
        (["run", "weights="], {"weights=packaged ", "weights=hub "}),
        (["run", "router=tinyllama", "router.ep"], {"router.epochs="}),
        (["run", ""], {"router=", "encoder ", "experiment=", "seed=", "measure.", "statistics."}),
        (["compare", "compare."], {"compare.routers."}),
        (["grow", "grow."], {"grow.axes.", "grow.stored.", "grow.most_texts="}),
        (["ask", '"How do I ["', "router=k"], {"router=knn "}),
        (["points", "ask", "dir", "hi", "router=knn", "router.we"], {"router.weighting="}),
    ],
)
def test_keys_and_values_of_a_configuration(choices: Query, words: list[str], expected: set[str]) -> None:
    found = choices(*words)
    assert expected <= set(found)
    assert all(choice.startswith(words[-1]) for choice in found)


def test_a_configuration_folder_of_ones_own(choices: Query, tmp_path: Path) -> None:
    (tmp_path / "router").mkdir()
    (tmp_path / "router" / "mine.yaml").write_text("name: mine\n_target_: my_package.MyRouter\n")
    assert "router=mine " not in choices("run", "router=")
    assert {"router=mine ", "router=knn "} <= set(choices("run", "--config-dir", str(tmp_path), "router="))


@pytest.mark.parametrize("words", [["router=bert", "router.k"], ["["]])
def test_a_wrong_line_is_no_error(choices: Query, words: list[str]) -> None:
    choices("run", *words)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert complete(commands, COMPLETE, f"{shell}_source") == 0
    assert f"{COMPLETE}={shell}_complete" in capsys.readouterr().out


@pytest.mark.process
def test_it_completes_in_bash(tmp_path: Path) -> None:
    program = tmp_path / "derby"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m benchmarks "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = (
        f'eval "$({COMPLETE}=bash_source derby)" && complete -p derby && '
        "COMP_WORDS=(derby run router=cen) && COMP_CWORD=2 && _derby_completion derby && "
        "printf '<%s>' \"${COMPREPLY[@]}\""
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    declared, answer = done.stdout.splitlines()
    assert declared.endswith("-F _derby_completion derby")
    assert answer == "<router=centroid >"
