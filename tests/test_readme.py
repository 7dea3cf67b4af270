"""Every command and program of the README and docs/ci.md is run: here, or, what installs, by `.ci/run`."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from reports.comparison.figures.accuracy_latency import draw_accuracy_latency
from reports.comparison.figures.style import shown, styled
from reports.record_files import read_record, read_result
from tests.benchmarks.helpers import git, in_process, make_another
from tests.conftest import write_qna

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI_PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README + CI_PAGE, flags=re.DOTALL)
LINES = [
    line for language, text in BLOCKS if language == "bash" for line in text.replace("\\\n", " ").splitlines()
]
COMMANDS = [part.strip() for line in LINES for part in line.split("&&")]
# A server is started, and asked, in tests/test_serving_docs.py.
SERVED = ("python -m benchmarks serve", "curl ")
RUNS = sorted(
    {
        command
        for command in COMMANDS
        if command.startswith("python -m benchmarks") and not command.startswith(SERVED)
    }
)
EARLIER_RUN = "outputs/run/2026-01-01_00-00-00_knn"
INSTALLS = ("python3 -m venv", ". .venv", "pip install", "python -m pytest")

MY_ROUTER = '''
from routers.baselines import MajorityRouter

class MyRouter(MajorityRouter):
    """Somebody's own."""
'''


@pytest.fixture(scope="module")
def kept_router(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The router and the experts that a run kept."""
    cwd = tmp_path_factory.mktemp("earlier")
    write_qna(cwd / "my_questions", size=10, overlap=1)
    done = in_process("run", "router=knn", *SMALLER["run"], "measure.enabled=false", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return next(cwd.glob("outputs/run/*/router"))


@pytest.fixture
def newcomer(tmp_path: Path, kept_router: Path) -> Path:
    """A folder with everything that the README tells its reader to have."""
    write_qna(tmp_path / "my_questions", size=10, overlap=1)
    (tmp_path / "my_test_questions").mkdir()
    questions = {"car": "why is my gearbox whining", "sleep": "is eleven hours in bed too much"}
    for domain, question in questions.items():
        text = f'{{"qna": [{{"question": "{question}", "answer": "It depends."}}]}}'
        (tmp_path / "my_test_questions" / f"{domain}.json").write_text(text, encoding="utf-8")
    (tmp_path / "my_questions.txt").write_text("why do my brakes squeal\n\ni wake at 3am\n", encoding="utf-8")
    # A copy: a command may replace a baseline.
    shutil.copytree(ROOT / "reports" / "baselines", tmp_path / "reports" / "baselines")
    # A run that did what the committed baseline did.
    shutil.copytree(ROOT / "reports" / "baselines" / "ci" / "knn", tmp_path / EARLIER_RUN)
    shutil.copytree(kept_router, tmp_path / EARLIER_RUN / "router")
    # A run of main that is kept as a pooled baseline, and losses that are accepted.
    kept = tmp_path / "main-runs" / "2026-01-01_knn"
    shutil.copytree(ROOT / "reports" / "baselines" / "ci" / "knn", kept)
    make_another(kept)
    accepted = next(text for language, text in BLOCKS if "expires:" in text and language == "yaml")
    (tmp_path / "accepted.yaml").write_text(accepted, encoding="utf-8")
    (tmp_path / "my_conf" / "router").mkdir(parents=True)
    yaml = next(text for language, text in BLOCKS if "_target_" in text and language == "yaml")
    (tmp_path / "my_conf" / "router" / "mine.yaml").write_text(yaml, encoding="utf-8")
    (tmp_path / "my_package.py").write_text(MY_ROUTER, encoding="utf-8")
    return tmp_path


def commit_all(folder: Path) -> None:
    for words in ("init --quiet --initial-branch main", "add .", "commit --quiet -m all"):
        git(folder, *words.split())


def test_every_command_is_run_here_or_installs() -> None:
    others = [command for command in COMMANDS if command and command not in RUNS]
    assert len(RUNS) >= 6
    assert [command for command in others if not command.startswith((*INSTALLS, *SERVED))] == []


# The same commands on fewer questions, of fewer words.
SMALLER = {
    "run": [
        "dataset=files",
        "dataset.path=my_questions",
        # Two tests at a time on two cores.
        "measure.threads=1",
        "measure.min_queries=10",
        "measure.rounds=1",
        "measure.budget=0",
        "statistics.resamples=200",
        "experts.max_new_tokens=2",
    ],
    "train": [
        "dataset=files",
        "dataset.path=my_questions",
        "trainer.steps=1",
        "trainer.max_tokens=64",
        "domains=[car]",
        "threads=1",
    ],
    "ask": ["threads=1", "dataset=files", "dataset.path=my_questions", "experts.max_new_tokens=2"],
    "experts": [],
    "grow": [
        "dataset=files",
        "dataset.path=my_questions",
        "measure.threads=1",
        "measure.min_queries=10",
        "measure.min_batches=1",
        "grow.stored=[20,200]",
        "grow.domains=[2,20]",
        "grow.domain_questions=40",
        "grow.length=[4]",
        "grow.threads=[1]",
        "grow.batch=[2]",
        "grow.queries=4",
    ],
    "diff": [],
    "report": [],
    "check": [],
    "verify": [],
}
# The classifier would train for minutes.
SMALLER["compare"] = [*SMALLER["run"], "compare.routers=[centroid,knn]"]
SMALLER["suite"] = ["measure.enabled=false", "measure.threads=1", "statistics.resamples=200", "guard=off"]
# What runs beside every router is run beside the compared ones, once.
SMALLER["run"].append("~baselines")


def has_experts(arguments: list[str]) -> bool:
    return not {"experts=none", "experiment=ci"} & set(arguments)


def smaller(arguments: list[str]) -> list[str]:
    if any(word.startswith("run=") for word in arguments):
        return ["threads=1"]
    given = {word.partition("=")[0] for word in arguments}
    if arguments[2] == "suite":
        return SMALLER["suite"]
    # `check --against` makes runs, and takes their settings.
    verb = "run" if "--against" in arguments else arguments[2]
    chosen = [word for word in SMALLER[verb] if word.partition("=")[0] not in given]
    if "--against" in arguments and "--pairs" not in arguments:
        # Each pair is two runs in processes of their own.
        chosen = ["--pairs=1", *chosen]
    if not has_experts(arguments):
        # Those with experts are measured.
        chosen = [word for word in chosen if "experts." not in word] + ["measure.enabled=false"]
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


@pytest.mark.process
@pytest.mark.parametrize("command", DISTINCT)
def test_command_works(command: str, newcomer: Path) -> None:
    arguments = shlex.split(command)[1:]
    verb = arguments[2]
    if "--against" in arguments:
        commit_all(newcomer)
    done = in_process(*made_small(command)[2:], cwd=newcomer)
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


@pytest.mark.process
@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_program_works(
    program: str, newcomer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(newcomer)
    exec(program, {})
    assert capsys.readouterr().out.startswith("car")


def test_picture_shows_the_records_in_the_repository() -> None:
    routers = ("centroid", "knn", "tinyllama", "majority", "random", "tfidf")
    results = {name: read_result(ROOT / "reports" / "baselines" / "car_sleep" / name) for name in routers}
    with styled():
        picture = draw_accuracy_latency(shown(results))
    assert picture is not None
    assert picture.png == (ROOT / "docs" / "result.png").read_bytes()


def test_ci_runs_the_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in script
    assert "make gate" in script
    assert README.count("<!-- test command -->") == 1


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
