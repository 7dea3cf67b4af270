"""docs/ci.md: its workflows are valid, and its commands are commands of ours."""

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.cli.main import VERBS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "ci.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.DOTALL)
WORKFLOWS: list[dict[Any, Any]] = [yaml.safe_load(text) for language, text in BLOCKS if language == "yaml"]
STEPS: list[dict[str, Any]] = [
    step for workflow in WORKFLOWS for job in workflow["jobs"].values() for step in job["steps"]
]
SCRIPTS = [
    *(text for language, text in BLOCKS if language == "bash"),
    *(str(step["run"]) for step in STEPS if "run" in step),
]
PARTS = [
    part.strip() for script in SCRIPTS for line in script.splitlines() for part in line.split("&&") if part
]
# Every command of the page, in its order; whoever runs them all runs this list.
COMMANDS = list(dict.fromkeys(part for part in PARTS if part.startswith("python -m benchmarks")))
OPTIONS = {
    "--against",
    "--baseline",
    "--pairs",
    "--update",
    "--tolerance",
    "--junit",
    "--json",
    "--pytest-benchmark",
}


def test_every_command_is_collected() -> None:
    assert len(COMMANDS) >= 6
    assert [part for part in PARTS if part not in COMMANDS and not part.startswith("pip install")] == []
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
    assert len({"--baseline", "--against"} & options) == 1
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
        for step in job["steps"]:
            assert len({"uses", "run"} & set(step)) == 1
            assert set(step) <= {"name", "uses", "run", "with", "if", "env"}
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v1"))


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
    written = {words[words.index(option) + 1] for option in ("--junit", "--json", "--pytest-benchmark")}
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
    assert {int(code): verdict for code, verdict in rows} == VERDICTS
    assert [int(code) for code, _ in rows] == [FINE, REGRESSED, CANNOT_TELL]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_link_leads_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()
