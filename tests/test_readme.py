"""Every command and program of the README and docs/ci.md is run: here, or, what installs, by `.ci/run`."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reports.comparison.figures.all import draw_figures
from reports.record import read_record, read_result

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI_PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README + CI_PAGE, flags=re.DOTALL)
LINES = [line for language, text in BLOCKS if language == "bash" for line in text.splitlines()]
COMMANDS = [part.strip() for line in LINES for part in line.split("&&")]
RUNS = sorted({command for command in COMMANDS if command.startswith("python -m benchmarks")})
EARLIER_RUN = "outputs/run/2026-01-01_00-00-00_knn"
INSTALLS = ("python3 -m venv", ". .venv", "pip install", "python -m pytest")

MY_ROUTER = '''
from routers.baselines import MajorityRouter

class MyRouter(MajorityRouter):
    """Somebody's own."""
'''


@pytest.fixture
def newcomer(tmp_path: Path, qna_folder: Path) -> Path:
    """A folder with everything that the README tells its reader to have."""
    for name in ("my_questions", "my_test_questions"):
        (tmp_path / name).mkdir()
    for path in qna_folder.glob("*.json"):
        (tmp_path / "my_questions" / path.name).write_bytes(path.read_bytes())
    questions = {"car": "why is my gearbox whining", "sleep": "is eleven hours in bed too much"}
    for domain, question in questions.items():
        text = f'{{"qna": [{{"question": "{question}", "answer": "It depends."}}]}}'
        (tmp_path / "my_test_questions" / f"{domain}.json").write_text(text, encoding="utf-8")
    (tmp_path / "my_questions.txt").write_text("why do my brakes squeal\n\ni wake at 3am\n", encoding="utf-8")
    # A copy: a command may replace a baseline.
    shutil.copytree(ROOT / "reports" / "baselines", tmp_path / "reports" / "baselines")
    # A run that did what the committed baseline did.
    shutil.copytree(ROOT / "reports" / "baselines" / "ci" / "knn", tmp_path / EARLIER_RUN)
    (tmp_path / "my_conf" / "router").mkdir(parents=True)
    yaml = next(text for language, text in BLOCKS if "_target_" in text and language == "yaml")
    (tmp_path / "my_conf" / "router" / "mine.yaml").write_text(yaml, encoding="utf-8")
    (tmp_path / "my_package.py").write_text(MY_ROUTER, encoding="utf-8")
    return tmp_path


def test_every_command_is_run_here_or_installs() -> None:
    others = [command for command in COMMANDS if command and command not in RUNS]
    assert len(RUNS) >= 6
    assert [command for command in others if not command.startswith(INSTALLS)] == []


# The same commands on fewer questions, of fewer words.
SMALLER = {
    "run": [
        "dataset=files",
        "dataset.path=my_questions",
        # Two tests at a time on two cores.
        "measure.threads=1",
        "measure.min_queries=20",
        "measure.rounds=1",
        "measure.budget=0",
        "statistics.resamples=200",
        "experts.max_new_tokens=4",
    ],
    "train": [
        "dataset=files",
        "dataset.path=my_questions",
        "trainer.steps=1",
        "trainer.max_tokens=64",
        "domains=[car]",
        "threads=1",
    ],
    "ask": ["threads=1", "dataset=files", "dataset.path=my_questions", "experts.max_new_tokens=4"],
    "experts": [],
    "diff": [],
    "report": [],
    "check": [],
    "verify": [],
}
# The classifier would train for minutes.
SMALLER["compare"] = [*SMALLER["run"], "compare.routers=[centroid,knn]"]
# What runs beside every router is run beside the compared ones, once.
SMALLER["run"].append("~baselines")


def has_experts(arguments: list[str]) -> bool:
    return not {"experts=none", "experiment=ci"} & set(arguments)


def smaller(arguments: list[str]) -> list[str]:
    given = {word.partition("=")[0] for word in arguments}
    chosen = [word for word in SMALLER[arguments[2]] if word.partition("=")[0] not in given]
    if not has_experts(arguments):
        chosen = [word for word in chosen if "experts." not in word]
        if arguments[2] == "compare":
            chosen.append("~baselines")
    if any(word.startswith("dataset") for word in arguments):
        chosen = [word for word in chosen if not word.startswith("dataset")]
    return [] if "--help" in arguments else chosen


def made_small(command: str) -> tuple[str, ...]:
    arguments = shlex.split(command)[1:]
    return (*arguments, *smaller(arguments))


# Some commands differ in what is made small only: one of them stands for both.
DISTINCT = {tuple(sorted(made_small(command))): command for command in reversed(RUNS)}.values()


@pytest.mark.parametrize("command", DISTINCT)
def test_command_works(command: str, newcomer: Path) -> None:
    arguments = shlex.split(command)[1:]
    verb = arguments[2]
    done = subprocess.run(
        [sys.executable, *made_small(command)],
        cwd=newcomer,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if verb == "run" and "--help" not in arguments:
        routers = next(word for word in arguments if word.startswith("router=")).partition("=")[2].split(",")
        made = set(newcomer.glob("outputs/run/*/record.json")) - {newcomer / EARLIER_RUN / "record.json"}
        records = [read_record(path.parent) for path in made]
        assert len(records) == len(routers)
        answered = [record.metric("rougeL") is not None for record in records]
        assert answered == [has_experts(arguments)] * len(records)
    if verb in ("compare", "report"):
        assert len(list(newcomer.glob(f"outputs/{verb}/*/report.html"))) == 1
    if verb == "train":
        assert len(list(newcomer.glob("adapters/local/car/v*/card.json"))) == 1


PROGRAMS = [text for language, text in BLOCKS if language == "python"]


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_program_works(program: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "car\n"), done.stderr


def test_picture_shows_the_records_in_the_repository() -> None:
    routers = ("centroid", "knn", "tinyllama", "majority", "random", "tfidf")
    results = {name: read_result(ROOT / "reports" / "baselines" / "car_sleep" / name) for name in routers}
    (picture,) = [figure for figure in draw_figures(results) if figure.name == "accuracy_latency"]
    assert picture.png == (ROOT / "docs" / "result.png").read_bytes()


def test_ci_runs_the_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in script
    assert "make gate" in script
    assert README.count("<!-- test command -->") == 1


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
