"""docs/ci.md: its workflows are valid, and its commands are commands of ours."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.cli.main import BAD_INPUT, VERBS
from benchmarks.gate.accepted import read_accepted
from benchmarks.stats.power import detectable_loss
from reports.gate.markdown import comment_markdown
from tests.reports.gate.samples import sample_check

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "ci.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.DOTALL)
CONTENTS = [yaml.safe_load(text) for language, text in BLOCKS if language == "yaml"]
WORKFLOWS: list[dict[Any, Any]] = [content for content in CONTENTS if isinstance(content, dict)]
# Steps to be added to a workflow.
ADDED: list[dict[str, Any]] = [
    entry for content in CONTENTS if isinstance(content, list) for entry in content if "metric" not in entry
]
STEPS = [
    *(step for workflow in WORKFLOWS for job in workflow["jobs"].values() for step in job["steps"]),
    *ADDED,
]
COMMENT = next(step for step in STEPS if "gh api" in step.get("run", ""))
SCRIPTS = [
    *(text for language, text in BLOCKS if language == "bash"),
    *(str(step["run"]) for step in STEPS if "run" in step and step is not COMMENT),
]
PARTS = [
    part.strip() for script in SCRIPTS for line in script.splitlines() for part in line.split("&&") if part
]
# Every command of the page, in its order; whoever runs them all runs this list.
COMMANDS = list(dict.fromkeys(part for part in PARTS if part.startswith("python -m benchmarks")))
FILES = ("--junit", "--json", "--pytest-benchmark", "--comment")
OPTIONS = {
    "--against",
    "--baseline",
    "--pairs",
    "--last",
    "--require",
    "--margin",
    "--warn",
    "--accepted",
    "--comment",
    "--trend",
    "--update",
    "--tolerance",
    "--junit",
    "--json",
    "--pytest-benchmark",
}


def test_every_command_is_collected() -> None:
    assert len(COMMANDS) >= 6
    others = ("pip install", "mkdir -p main-runs", "cp -r outputs/run/")
    assert [part for part in PARTS if part not in COMMANDS and not part.startswith(others)] == []
    # In the text too, nobody is told to type what is not in a block.
    for words in re.findall(r"`(python -m benchmarks[^`\n]*)`", TEXT):
        assert words in COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_verb_exists(command: str) -> None:
    assert shlex.split(command)[3] in {*VERBS, "check"}


@pytest.mark.parametrize("command", [command for command in COMMANDS if " check " in command])
def test_check_has_its_options(command: str) -> None:
    # Behind `--` stand those of `run`.
    options = {word for word in shlex.split(command.partition(" -- ")[0]) if word.startswith("--")}
    assert len({"--baseline", "--against"} & options) == 1 or "--require" in options
    assert options <= OPTIONS


def test_the_page_shows_every_option_of_check() -> None:
    shown = {word for command in COMMANDS for word in shlex.split(command) if word.startswith("--")}
    assert shown >= OPTIONS


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=range(len(WORKFLOWS)))
def test_a_workflow_is_one(workflow: dict[Any, Any]) -> None:
    # YAML 1.1 reads the key `on` as true; GitHub does not.
    assert set(workflow) == {"name", True, "permissions", "jobs"}
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request" in workflow[True]
    for job in workflow["jobs"].values():
        assert set(job) == {"runs-on", "timeout-minutes", "steps"}


@pytest.mark.parametrize("step", STEPS, ids=range(len(STEPS)))
def test_a_step_is_one(step: dict[str, Any]) -> None:
    assert len({"uses", "run"} & set(step)) == 1
    assert set(step) <= {"name", "uses", "run", "with", "if", "env"}
    assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v1"))


# GitHub's program as the step uses it: it lists comments, or is told to write one.
GH = """#!/bin/bash
for word; do if [ "$word" = --jq ]; then
    printf '%s' "$COMMENTED" | jq -r "${@: -1}"
    exit
fi; done
echo "$@" > written
"""


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.parametrize(
    ("comments", "written"),
    [
        ([{"body": "Nice!", "url": "u1"}], "repos/o/r/issues/7/comments --method POST"),
        (
            [{"body": "Nice!", "url": "u1"}, {"body": comment_markdown(sample_check()), "url": "u2"}],
            "u2 --method PATCH",
        ),
    ],
)
def test_a_comment_is_written_once_and_then_replaced(
    tmp_path: Path, comments: list[dict[str, str]], written: str
) -> None:
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "comment.md").write_text(comment_markdown(sample_check()))
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "COMMENTS": "repos/o/r/issues/7/comments",
        "COMMENTED": json.dumps(comments),
    }
    subprocess.run(["bash", "-e", "-c", COMMENT["run"]], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "written").read_text() == f"api {written} -F body=@outputs/comment.md\n"


def test_the_accepted_losses_can_be_read(tmp_path: Path) -> None:
    (block,) = [text for language, text in BLOCKS if language == "yaml" and "metric:" in text]
    (tmp_path / "accepted.yaml").write_text(block)
    (entry,) = read_accepted(tmp_path / "accepted.yaml")
    assert entry.metric == "accuracy[overlap]"


def test_the_first_workflow_runs_on_pushes_to_main_too() -> None:
    assert WORKFLOWS[0][True] == {"pull_request": None, "push": {"branches": ["main"]}}


def test_it_installs_as_the_readme_does() -> None:
    install = next(step["run"] for step in STEPS if step.get("name") == "Install")
    # And what --pytest-benchmark needs besides.
    assert install.endswith(' -e ".[pytest-benchmark]"')
    plain = install.replace('".[pytest-benchmark]"', ".")
    assert plain in (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_check_writes_is_kept_even_when_it_fails() -> None:
    upload = next(step for step in STEPS if "upload-artifact" in step.get("uses", ""))
    assert upload["if"] == "always()"
    check = next(command for command in COMMANDS if "--pytest-benchmark" in command)
    words = shlex.split(check)
    written = {words[words.index(option) + 1] for option in words if option in FILES}
    assert written <= set(upload["with"]["path"].split())


@pytest.mark.skipif(sys.platform != "linux", reason="the workflow runs on Linux")
def test_the_cache_is_that_of_router_derby(monkeypatch: pytest.MonkeyPatch) -> None:
    from common.files import cache_dir

    monkeypatch.delenv("ROUTER_DERBY_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    cache = next(step["with"] for step in STEPS if step.get("uses", "").startswith("actions/cache"))
    assert Path(cache["path"]).expanduser() == cache_dir()
    hashed = re.findall(r"'([^']+?)(?:/\*\*)?'", cache["key"])
    assert len(hashed) >= 4
    assert all((ROOT / path).exists() for path in hashed)


def test_exit_codes_are_ours() -> None:
    from reports.gate.results import CANNOT_TELL, FINE, REGRESSED
    from reports.gate.wording import VERDICTS

    rows = re.findall(r"^\| (\d) \| ([A-Z ]+) \|", TEXT, flags=re.MULTILINE)
    assert [(int(code), verdict) for code, verdict in rows] == [
        (code, verdict) for code in (FINE, REGRESSED, CANNOT_TELL) for verdict in VERDICTS[code]
    ]
    assert f"Code {BAD_INPUT['check']} is no verdict" in TEXT


def test_the_losses_that_are_seen_are_those_of_the_test() -> None:
    rows = re.findall(r"^\| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", TEXT, flags=re.MULTILINE)
    assert len(rows) >= 4
    for n, *shown in rows:
        found = [detectable_loss(int(n.replace(",", "")), share, 0.05, 0.005) for share in (0.02, 0.05, 0.1)]
        assert [f"{100 * (loss or 0):.1f}" for loss in found] == shown


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_link_leads_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()
