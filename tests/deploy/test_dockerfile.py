"""`deploy/Dockerfile`: its steps, carried out in a plain folder as far as that goes without an engine."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser

from benchmarks.config import compose_settings
from tests.deploy.helpers import DEPLOY, ROOT, answers, ask, free_ports, handled, running
from tests.test_package import PACKAGES

README = (ROOT / "README.md").read_text(encoding="utf-8")
# Set to 1, the test that installs everything from the package index runs too; it takes minutes.
BUILD = "ROUTER_DERBY_TEST_BUILD"


@dataclass
class Step:
    """An instruction: RUN, COPY, …"""

    name: str
    value: str


@dataclass
class Stage:
    """From one FROM to the next.

    Attributes:
        base: image.
        name: by which others copy from it.
    """

    base: str
    name: str | None
    steps: list[Step] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        return [step.value for step in self.steps if step.name == name]


def read_stages() -> list[Stage]:
    # Its parser writes the file again when it is asked for an image's labels, which nobody does here.
    parser = DockerfileParser(path=str(DEPLOY / "Dockerfile"), cache_content=True)
    stages: list[Stage] = []
    for found in parser.structure:
        name, value = found["instruction"], found["value"]
        if name == "FROM":
            words = value.split()
            stages.append(Stage(words[0], words[2] if len(words) == 3 else None))
        elif name != "COMMENT":
            stages[-1].steps.append(Step(name, value))
    return stages


BUILDING, SERVING = read_stages()
STAGES = (BUILDING, SERVING)


@dataclass
class Copy:
    """A COPY.

    Attributes:
        origin: the stage that it copies from; None for the repository.
    """

    sources: list[str]
    target: str
    origin: str | None

    @classmethod
    def of(cls, value: str) -> "Copy":
        words = shlex.split(value)
        options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        *sources, target = [word for word in words if not word.startswith("--")]
        return cls(sources, target, options.get("from"))


def copies(stage: Stage) -> list[Copy]:
    return [Copy.of(value) for value in stage.values("COPY")]


def ignored(path: Path) -> bool:
    """Whether .dockerignore keeps a file of the repository out: the last line that matches decides."""
    left_out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        # The two kinds of patterns that the file has.
        within = [path, *path.parents][:-1]
        if pattern.startswith("**/"):
            matches = any(one.name == pattern[3:] for one in within)
        else:
            assert pattern == "*" or "*" not in pattern, f"not known to this test: {line}"
            matches = pattern == "*" or Path(pattern) in within
        if matches:
            left_out = not line.startswith("!")
    return left_out


@cache
def context() -> frozenset[Path]:
    """Files that a build gets."""
    found = set()
    for top in ROOT.iterdir():
        if top.name != ".git":
            files = [top] if top.is_file() else [path for path in top.rglob("*") if path.is_file()]
            found |= {path.relative_to(ROOT) for path in files}
    return frozenset(path for path in found if not ignored(path))


def test_hadolint_finds_nothing() -> None:
    """Docker's grammar and the rules that its users know."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_a_build_gets_the_packages_and_what_installs_them_and_nothing_else() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = {Path(name) for name in tracked.stdout.split("\0") if name and (ROOT / name).exists()}
    baselines = Path("reports", "baselines")
    packages = {path for path in files if path.parts[0] in PACKAGES and baselines not in path.parents}
    installing = {
        Path(name) for name in ("LICENSE", "README.md", "constraints.txt", "pyproject.toml", "weights.txt")
    }
    assert {path for path in context() if path in files} == packages | installing
    # Of what git does not know, what somebody has just written in those folders.
    assert {path.parts[0] for path in context() - files} <= set(PACKAGES)


def test_every_source_is_there() -> None:
    built = {source for one in copies(SERVING) if one.origin == BUILDING.name for source in one.sources}
    assert built == {"/opt/venv", "/var/cache/router-derby"}
    copied = [source for stage in STAGES for one in copies(stage) if not one.origin for source in one.sources]
    available = context()
    for source in copied:
        assert any(Path(source) in (path, *path.parents) for path in available), source
    assert set(PACKAGES) <= set(copied)


def test_both_stages_start_from_one_pinned_python() -> None:
    assert BUILDING.base == SERVING.base
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", BUILDING.base)
    assert BUILDING.name == "build"


def test_the_install_lines_are_those_of_the_readme() -> None:
    (install,) = re.findall(r"^(pip install .*) -e \. && python -m benchmarks run", README, re.MULTILINE)
    weights, product = install.split(" && ")
    lines = [value for value in BUILDING.values("RUN") if "pip install" in value]
    assert len(lines) == 2
    assert weights in lines[0]
    assert lines[1] == f'{product} ".[$EXTRAS]"'


def test_nothing_runs_as_root_and_no_secret_is_inside() -> None:
    (user,) = SERVING.values("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    names = [step.name for step in SERVING.steps]
    # All that comes after it is written by nobody.
    assert set(names[names.index("USER") + 1 :]) <= {"WORKDIR", "EXPOSE", "HEALTHCHECK", "CMD"}
    said = [value for stage in STAGES for name in ("ARG", "ENV") for value in stage.values(name)]
    assert not re.search(r"(?i)key|token|password|secret", " ".join(said))
    assert not any(stage.values("ADD") for stage in STAGES)


def command() -> list[str]:
    (value,) = SERVING.values("CMD")
    found = json.loads(value)
    assert isinstance(found, list)
    return found


def health_check() -> list[str]:
    (value,) = SERVING.values("HEALTHCHECK")
    found = json.loads(value.split("CMD", 1)[1])
    assert isinstance(found, list)
    return found


def test_the_command_is_one_of_ours() -> None:
    assert command()[:4] == ["python", "-m", "benchmarks", "serve"]
    settings = compose_settings("serve", command()[4:])
    assert (settings.host, settings.run) == ("0.0.0.0", "/data/run")
    assert SERVING.values("EXPOSE") == [str(settings.port)]
    assert f"127.0.0.1', {settings.port}," in health_check()[2]


@contextmanager
def server_that_says(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/ready" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with handled(Handler) as port:
        yield port


def checked(port: int) -> int:
    """Exit status of the health check, for a server at a port of this machine."""
    python, *arguments = [word.replace("8888", str(port)) for word in health_check()]
    assert python == "python"
    # A proxy must not be asked for what is on this machine.
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False)
    return done.returncode


@pytest.mark.process
def test_the_health_check_tells_ready_from_loading_and_gone() -> None:
    with server_that_says(200) as port:
        assert checked(port) == 0
    with server_that_says(503) as port:
        assert checked(port) != 0
    assert checked(*free_ports(1)) != 0


@dataclass
class Plain:
    """Steps carried out in a plain folder, which stands for the root of both stages; users are left out.

    Attributes:
        run: also carry out RUN.
    """

    root: Path
    run: bool
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)

    def carry_out(self, stage: Stage) -> None:
        self.workdir = "/"
        for step in stage.steps:
            if step.name in ("ARG", "ENV"):
                self.environment |= dict(word.split("=", 1) for word in shlex.split(step.value))
            elif step.name == "WORKDIR":
                self.workdir = step.value
                self.inside(".").mkdir(parents=True, exist_ok=True)
            elif step.name == "COPY":
                self.copy(Copy.of(step.value))
            elif step.name == "RUN" and self.run:
                command = ["sh", "-euc", self.here(step.value)]
                subprocess.run(command, cwd=self.inside("."), env=self.variables(), check=True)

    def copy(self, step: Copy) -> None:
        for source in step.sources:
            if step.origin:
                # From its own place to its own place.
                assert source == step.target
                assert self.inside(source).exists() or not self.run
                continue
            wanted = [path for path in context() if Path(source) in (path, *path.parents)]
            assert wanted, source
            for path in wanted:
                name = path.name if path == Path(source) else str(path.relative_to(source))
                target = self.inside(step.target) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, target)

    def inside(self, path: str) -> Path:
        return self.root / Path(self.workdir, path).relative_to("/")

    def here(self, text: str) -> str:
        """`text` with absolute paths of the image taken from the folder."""
        return re.sub(r"(?<![\w./])/(opt|var|data)\b", f"{self.root}/\\1", text)

    def variables(self) -> dict[str, str]:
        """The environment of this process, with what the steps set."""
        not_here = ("PYTHONPATH", "VIRTUAL_ENV")
        ours = {name: value for name, value in os.environ.items() if name not in not_here}
        set_here = {name: self.here(value) for name, value in self.environment.items()}
        path = set_here.get("PATH", "$PATH").replace("$PATH", os.environ["PATH"])
        return {**ours, **set_here, "PATH": path}


@pytest.mark.process
def test_what_is_copied_is_enough_to_run_a_command(tmp_path: Path) -> None:
    plain = Plain(tmp_path, run=False)
    plain.carry_out(BUILDING)
    source = tmp_path / "build"
    assert plain.workdir == "/"
    # As after `pip install`, but for the dependencies, which are those of this environment.
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    script = "import benchmarks; print(benchmarks.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(source)
    shown = subprocess.run(
        [sys.executable, *command()[1:], "--cfg", "job"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert "host: 0.0.0.0" in shown.stdout


@pytest.mark.process
@pytest.mark.skipif(os.environ.get(BUILD) != "1", reason=f"takes minutes; {BUILD}=1 runs it")
def test_every_step_in_a_plain_folder_gives_a_server(tmp_path: Path) -> None:
    """Both stages with their RUN; then the command, for a run that the image's own Python makes."""
    plain = Plain(tmp_path / "image", run=True)
    for stage in STAGES:
        plain.carry_out(stage)
    environment, data = plain.variables(), plain.inside("/data")
    python = str(plain.inside("/opt/venv/bin/python"))
    made = ["run", "router=knn", "experts=none", "measure.enabled=false", "~baselines", "hydra.run.dir=run"]
    subprocess.run([python, "-m", "benchmarks", *made], cwd=data, env=environment, check=True)
    cache = plain.inside("/var/cache/router-derby")
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    (port,) = free_ports(1)
    words = [plain.here(word).replace("0.0.0.0", "127.0.0.1") for word in command()[1:]]
    serving = [python, *words, f"port={port}"]
    asked = {"messages": [{"role": "user", "content": "my brakes squeal"}], "route_only": True}
    with running(serving, lambda: answers(port, "/ready"), cwd=data, env=environment):
        reply = ask(port, "POST", "/v1/chat/completions", asked, {"Content-Type": "application/json"})
    assert (reply.status, reply.json()["routing"]["domain"]) == (200, "car")
    # What the build made is complete: a container may not write there.
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before
