"""`grow` as a user runs it, on a few questions."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.workers.launch import Job, Result
from reports.growth.files import GROWTH, read_growth
from tests.benchmarks.helpers import MEASURED_ONCE, NoWorkers, in_process, leftovers
from tests.benchmarks.stand_ins import Recording

EVEN = ("router=majority", "router._target_=tests.benchmarks.fakes.Even")
TINY = ("grow.axes=[stored,length,batch]", "grow.stored=[10,20,40]", "grow.length=[3,9]", "grow.batch=[1,2]")
QUICK = (*MEASURED_ONCE, *EVEN, *TINY, "grow.queries=4")


class Stopped(Recording):
    """Workers whose third job is interrupted."""

    def run(self, function: Callable[[Job], Result], job: Job, title: str) -> Result:
        if len(self.calls) == 3:
            raise KeyboardInterrupt
        return super().run(function, job, title)


def on(folder: Path) -> list[str]:
    return ["dataset=files", f"dataset.path={folder}"]


def only(cwd: Path) -> Path:
    (found,) = (cwd / "outputs" / "grow").iterdir()
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, shared_qna: Path) -> Path:
    """Where a router was grown; `said.txt` has what was printed."""
    cwd = tmp_path_factory.mktemp("grown")
    done = in_process("grow", *on(shared_qna), *QUICK, cwd=cwd)
    assert done.returncode == 0, done.stderr
    (cwd / "said.txt").write_text(done.stdout, encoding="utf-8")
    return cwd


def test_everything_is_in_one_folder(home: Path) -> None:
    folder = only(home)
    assert folder.name.endswith("_majority")
    assert {path.name for path in folder.iterdir()} == {GROWTH, "report.md", "growth.svg", "growth.png"}
    assert {path.name for path in home.iterdir()} == {"outputs", "said.txt"}
    growth = read_growth(folder)
    assert growth is not None
    assert len(growth.points) == 7
    assert growth.exponent(growth.axes[0], "latency_p50") is not None


def test_it_prints_a_table_an_axis_then_exponents_and_the_place(home: Path) -> None:
    said = (home / "said.txt").read_text(encoding="utf-8")
    titles = ["majority by stored questions", "majority by words a question", "majority by questions a batch"]
    places = [said.index(title) for title in (*titles, "Exponents of growth [95 % interval]", "Result: ")]
    assert places == sorted(places)
    folder = only(home).relative_to(home)
    assert said.rstrip().endswith(f"Result: {folder} (report.md, growth.png and growth.json)")


def test_a_second_start_measures_nothing_and_writes_the_report_anew(home: Path, shared_qna: Path) -> None:
    folder = only(home)
    before = (folder / GROWTH).read_bytes()
    (folder / "report.md").unlink()
    words = (*on(shared_qna), *QUICK, f"folder={folder.relative_to(home)}")
    done = in_process("grow", *words, cwd=home, workers=NoWorkers())
    assert done.returncode == 0, done.stderr
    assert (folder / GROWTH).read_bytes() == before
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("## How majority grows")


def test_whoever_stops_it_is_told_how_to_go_on(
    tmp_path: Path, shared_qna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It ends the process.
    monkeypatch.setattr("benchmarks.cli.main.end_interrupted", lambda: sys.exit(130))
    done = in_process("grow", *on(shared_qna), *QUICK, "folder=half", cwd=tmp_path, workers=Stopped())
    assert (done.returncode, done.stderr) == (130, "go on with folder=half: what was measured is kept\n")
    growth = read_growth(tmp_path / "half")
    assert growth is not None
    assert [point.value for point in growth.points] == [10]
    done = in_process("grow", *on(shared_qna), *QUICK, "folder=half", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "majority by stored questions" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["grow.axes=[depth]"],
            "grow.axes=['depth']: name each once, of stored, domains, length",
        ),
        (["grow.stored=[1]"], "grow.stored=[1]: one value or more, each at least 2"),
        (["grow.stored=many"], "grow.stored"),
        (["grow.depth=[1]"], "no key grow.depth; grow has: axes, batch, domain_questions"),
        (["measure.enabled=false"], "measure.enabled=false: growth is measured, or there is none"),
        (["router=majority", "grow.axes=[stored,length]"], "stored: this router reads no question"),
        (["experts=none"], "experts"),
        (["-m", "seed=1,2"], "grow takes one value a key: -m is for run"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = in_process("grow", *arguments, cwd=tmp_path, workers=NoWorkers())
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert leftovers(tmp_path) == []
