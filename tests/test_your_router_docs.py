"""Every command, file and program of docs/your-router.md, as a newcomer types them into a fresh folder."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.assets.weights import Weights, locate
from benchmarks.pipeline import load_run
from benchmarks.verify.verify import verify
from reports.record import Record
from reports.record_files import read_record, read_result
from routers.baselines import TfidfRouter
from routers.command import CommandRouter
from routers.ready_made import ENTRIES
from routers.url import UrlRouter
from routers.url_protocols import PROTOCOLS
from tests.benchmarks.helpers import MEASURED_ONCE, derby, in_process, results
from tests.benchmarks.server.helpers import keep, serving
from tests.benchmarks.server.test_processes import Server, started
from tests.conftest import write_qna
from tests.routers.servers import chat_by_words, listening

pytestmark = [pytest.mark.process, pytest.mark.slow]
ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "your-router.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL)
LINES = [
    line
    for language, text in BLOCKS
    if language == "bash"
    for line in text.replace("\\\n", " ").splitlines()
    # The key of the next command, which a test gives.
    if not line.startswith("export MY_KEY=")
]
# They need environments that take minutes; tests/routers/test_ready_made.py runs each that is there.
READY_MADE = [line for line in LINES if "semantic_router" in line or line.endswith(" install")]
RUNS = [line for line in LINES if line.startswith("python -m benchmarks") and line not in READY_MADE]
BY_HAND = [line for line in LINES if line not in (*RUNS, *READY_MADE)]
SMALL = (*MEASURED_ONCE, "dataset=files", "dataset.path=questions", "~baselines")
Questions = tuple[list[str], list[str]]
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh folder with the files that the page shows, and the example that it copies."""
    folder = tmp_path_factory.mktemp("newcomer")
    write_qna(folder / "questions", size=12, overlap=2)
    shutil.copytree(ROOT / "docs" / "examples", folder / "docs" / "examples")
    for _, text in BLOCKS:
        named = re.match(r"# (\S+\.(?:py|yaml))\n", text)
        if named:
            (folder / named[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / named[1]).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def server(questions: Questions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    cwd = tmp_path_factory.mktemp("served")
    keep(TfidfRouter().fit(*questions), cwd / "run")
    with started(cwd, "run=run") as found:
        yield found


@pytest.fixture(scope="module")
def by_hand(newcomer: Path) -> list[str]:
    """What the lines that are no commands of ours print."""
    printed = []
    for line in BY_HAND:
        done = subprocess.run(["bash", "-c", line], cwd=newcomer, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), line
        printed.append(done.stdout)
    return printed


def record_of(line: str, folder: Path, run: Callable[..., Done] = in_process, **environment: str) -> Record:
    """The record of a run that the page has, on fewer questions."""
    before = set(results(folder))
    done = run(*shlex.split(line)[3:], *SMALL, cwd=folder, **environment)
    assert done.returncode == 0, done.stderr
    (made,) = set(results(folder)) - before
    return read_record(made)


def run_line(word: str) -> str:
    (line,) = [line for line in RUNS if word in line]
    return line


def test_the_program_answers_by_hand(by_hand: list[str]) -> None:
    assert len(BY_HAND) == 3
    assert json.loads(by_hand[1]) == {"ok": True}
    loaded, routed = map(json.loads, by_hand[2].splitlines())
    assert loaded == {"ok": True}
    assert routed[0]["car"] > routed[0]["sleep"]


def test_the_program_runs_and_what_was_kept_is_served(newcomer: Path, by_hand: list[str]) -> None:
    record = record_of(run_line("router=command"), newcomer, derby)
    assert (record.router, record.family) == ("mine", "outside")
    assert record.config["router"]["command"] == "python3 my_program.py"
    accuracy, memory = record.metric("accuracy"), record.metric("peak_rss")
    assert accuracy is not None
    assert accuracy.value > 0.6
    # Ours and its own.
    assert memory is not None
    assert memory.value > 30
    (run,) = results(newcomer)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(newcomer)
        assert load_run(run).route(["my car's brakes squeal"])[0].label == "car"
        with serving({"mine": run}) as client:
            found = client.chat("my car's brakes squeal", route_only=True).json()
    assert found["routing"]["domain"] == "car"
    shutil.rmtree(run)


def test_the_class_runs(newcomer: Path) -> None:
    record = record_of(run_line("router=my_class"), newcomer)
    assert (record.router, record.config["router"]["smoothing"]) == ("my_class", 0.1)
    for run in results(newcomer):
        shutil.rmtree(run)


def test_the_server_runs(newcomer: Path, server: Server) -> None:
    line = run_line("router=url").replace("8888", str(server.port))
    record = record_of(line, newcomer)
    for name in ("server_p50", "network_p50", "retries", "changed_answers", "unnamed_answers"):
        assert record.metric(name) is not None, name
    for name in ("retries", "changed_answers", "unnamed_answers"):
        found = record.metric(name)
        assert found is not None
        assert (found.value, found.n > 0) == (0, True)
    for run in results(newcomer):
        shutil.rmtree(run)


def test_the_language_model_runs(newcomer: Path) -> None:
    with listening(chat_by_words) as server:
        line = run_line("router=llm router.url").replace("http://127.0.0.1:8000", server.url)
        record = record_of(line, newcomer, MY_KEY="sk-secret")
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer sk-secret"}
    cost, tokens = record.metric("routing_cost"), record.metric("routing_tokens")
    assert cost is not None
    assert tokens is not None
    # 20 tokens read and 2 written for each.
    assert (tokens.value, cost.value) == pytest.approx((22, 1000 * (20 * 0.15 + 2 * 0.60) / 1e6))
    (run,) = results(newcomer)
    for path in run.rglob("*"):
        assert not path.is_file() or b"sk-secret" not in path.read_bytes(), path
    shutil.rmtree(run)


def test_the_packaged_language_model_is_asked_here(
    newcomer: Path, tiny_chat_llama: str, tmp_path: Path
) -> None:
    line = f"{run_line('router=llm router.shots')} router.model={tiny_chat_llama} router.max_tokens=2"
    data = f"dataset.path={newcomer / 'questions'}"
    done = in_process(*shlex.split(line)[3:], *SMALL, data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = results(tmp_path)
    record = read_record(run)
    assert (record.router, record.family) == ("llm", "outside")
    sha256 = locate(Weights(path=tiny_chat_llama)).sha256
    assert record.provenance.weights.loaded == {"language model": sha256}
    assert set(record.provenance.weights.configured.values()) == {sha256}
    names = {metric.name for metric in record.metrics}
    assert {"accuracy", "routing_tokens", "unnamed_answers"} <= names
    # Nobody is asked over a network, and nobody said what a token costs.
    assert names.isdisjoint({"retries", "routing_cost", "network_p50"})
    for name in ("latency_p50", "tokenise_p50", "encode_p50", "peak_rss", "weights_size", "load_time"):
        metric = record.metric(name)
        assert metric is not None
        assert metric.value > 0
    assert verify(read_result(run)).differences == []
    assert load_run(run).route(["my car's brakes squeal"])[0].label in {None, "car", "sleep"}


def test_all_are_compared(newcomer: Path, by_hand: list[str]) -> None:
    done = in_process(*shlex.split(run_line("compare"))[3:], *SMALL, cwd=newcomer)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("knn", "mine", "my_class"))


def test_defaults_and_protocols_are_those_of_the_page() -> None:
    stated = dict(re.findall(r"`(?:router\.)?(\w+)=([\w.]+)`", PAGE))
    for router, names in (
        (CommandRouter("x"), ("fit_timeout", "load_timeout", "route_timeout", "max_batch")),
        (UrlRouter("http://x"), ("timeout", "max_retries", "model")),
    ):
        for name in names:
            assert str(getattr(router, name)).removesuffix(".0") == stated[name], name
    listed = re.findall(r"^\| `(\w+)` \| `POST (\S+)`", PAGE, flags=re.MULTILINE)
    assert listed == [(name, f"/{protocol.path}") for name, protocol in PROTOCOLS.items()]


def test_ready_made_ones_are_those_of_the_page() -> None:
    assert len(READY_MADE) == 4
    assert set(ENTRIES) >= {
        name for line in READY_MADE[1:] for name in re.findall("semantic_router|setfit", line)
    }
    section = PAGE.partition("## Ready-made")[2].partition("\n## ")[0]
    rows = {
        name: row
        for row in section.splitlines()
        for names in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", row)
        for name in re.findall(r"`(\w+)`", names)
    }
    # `_svm` stands for the name before it with another end.
    full = {f"llmrouter{name}" if name.startswith("_") else name: row for name, row in rows.items()}
    assert set(full) == set(ENTRIES)
    for name, entry in ENTRIES.items():
        assert ("cannot run" in full[name]) == bool(entry.cannot_run)
        assert entry.cannot_run or entry.version in full[name]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)", PAGE))))
def test_link_leads_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()
