"""Commands and programs of docs/serving.md, and those of the README that serve or ask a server, are run."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from experts.base import Request
from experts.openai import OpenAIExperts
from routers.baselines import TfidfRouter
from tests.benchmarks.server.helpers import keep
from tests.benchmarks.server.test_processes import Server, started

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]
ROOT = Path(__file__).parent.parent
PAGES = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/serving.md")]
BLOCKS = [block for page in PAGES for block in re.findall(r"```(\w+)\n(.*?)```", page, flags=re.DOTALL)]
LINES = [
    line.strip()
    for language, text in BLOCKS
    if language == "bash"
    for line in text.replace("\\\n", " ").splitlines()
]
SERVES = sorted({line for line in LINES if line.startswith("python -m benchmarks serve")})
CURLS = sorted({line for line in LINES if line.startswith("curl")})
PROGRAMS = [text for language, text in BLOCKS if language == "python" and "8888" in text]
RUNS = ("outputs/run/2026-01-01_00-00-00_knn", "outputs/run/2026-01-02_00-00-00_knn")
Questions = tuple[list[str], list[str]]


@pytest.fixture(scope="module")
def server(questions: Questions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that the pages start, on a free port."""
    cwd = tmp_path_factory.mktemp("served")
    for run in RUNS:
        keep(TfidfRouter().fit(*questions), cwd / run)
    assert len(SERVES) == 1
    arguments = SERVES[0].split()[4:]
    with started(cwd, *arguments, environment={"ROUTER_DERBY_ADMIN_KEY": "root"}) as found:
        yield found


@pytest.mark.parametrize("line", CURLS)
def test_curl_gets_an_answer(server: Server, line: str) -> None:
    done = subprocess.run(
        ["bash", "-c", line.replace("curl ", "curl -sS --fail-with-body ").replace("8888", str(server.port))],
        env={**os.environ, "ROUTER_DERBY_ADMIN_KEY": "root"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("routers" if "/admin/" in line else "routing") in json.loads(done.stdout)


def test_there_is_something_to_run() -> None:
    assert len(CURLS) >= 2
    assert len(PROGRAMS) == 1


def test_the_program_of_openai_gets_an_answer(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    exec(PROGRAMS[0].replace("8888", str(server.port)), {})
    assert capsys.readouterr().out.strip().endswith(" sleep")


def test_experts_of_ours_can_be_behind_it(server: Server) -> None:
    experts = OpenAIExperts(f"http://127.0.0.1:{server.port}/v1", {"car": "domain:car", "any": "auto"})
    answers = experts.answers([Request("car", "hello there"), Request("any", "i wake at 3am")])
    assert [answer.text for answer in answers] == ["car 0: hello there", "sleep 0: i wake at 3am"]
