"""`grow` as a user runs it, on a few questions."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.growth.figures import glossary
from benchmarks.workers.launch import Job, Result
from reports.growth.files import GROWTH, read_growth
from reports.growth.tables import axis_table, exponents_table
from reports.reasons import Reason
from reports.record import Unscored
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
    growth = read_growth(only(home))
    assert growth is not None
    tables = [axis_table(growth, axis, glossary()) for axis in growth.axes]
    titles = [table.title for table in (*tables, exponents_table(growth, glossary()))]
    places = [said.index(text) for text in (*titles, str(only(home).relative_to(home)))]
    assert len(places) == 5
    assert places == sorted(places)


def test_a_second_start_measures_nothing_and_writes_the_report_anew(home: Path, shared_qna: Path) -> None:
    folder = only(home)
    before = (folder / GROWTH).read_bytes()
    (folder / "report.md").unlink()
    words = (*on(shared_qna), *QUICK, f"folder={folder.relative_to(home)}")
    done = in_process("grow", *words, cwd=home, workers=NoWorkers())
    assert done.returncode == 0, done.stderr
    assert (folder / GROWTH).read_bytes() == before
    assert "majority" in (folder / "report.md").read_text(encoding="utf-8")


def test_whoever_stops_it_is_told_how_to_go_on(
    tmp_path: Path, shared_qna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It ends the process.
    monkeypatch.setattr("benchmarks.cli.main.end_interrupted", lambda: sys.exit(130))
    done = in_process("grow", *on(shared_qna), *QUICK, "folder=half", cwd=tmp_path, workers=Stopped())
    assert (done.returncode, done.stderr.count("\n")) == (130, 1)
    assert "folder=half" in done.stderr
    growth = read_growth(tmp_path / "half")
    assert growth is not None
    assert [point.value for point in growth.points] == [10]
    done = in_process("grow", *on(shared_qna), *QUICK, "folder=half", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    whole = read_growth(tmp_path / "half")
    assert whole is not None
    assert len(whole.points) == 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["grow.axes=[depth]"],
            "grow.axes=['depth']:",
        ),
        (["grow.stored=[1]"], "grow.stored=[1]:"),
        (["grow.stored=many"], "grow.stored"),
        (["grow.depth=[1]"], "grow.depth"),
        (["measure.enabled=false"], "measure.enabled=false:"),
        (
            ["router=majority", "grow.axes=[stored,length]"],
            Unscored("stored", Reason.READS_NO_QUESTION).sentence,
        ),
        (["experts=none"], "experts"),
        (["-m", "seed=1,2"], "-m"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = in_process("grow", *arguments, cwd=tmp_path, workers=NoWorkers())
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert leftovers(tmp_path) == []
