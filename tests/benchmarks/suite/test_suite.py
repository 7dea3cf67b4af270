"""`suite` as a user runs it: small data, cheap contestants, killed and started again."""

import fcntl
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.suite.folder import LOCK
from benchmarks.suite.prepare import TRIED
from benchmarks.workers.launch import Job, Result
from reports.record import Record
from reports.record_files import read_record, read_result
from tests.benchmarks.helpers import MEASURED_ONCE, NoWorkers, in_process
from tests.benchmarks.stand_ins import Recording

NAME = "suite.name=small"
ROUTERS = "suite.routers=['tfidf router.c=1,10']"


def words(data: Path, *more: str) -> list[str]:
    files = f"files dataset.path={data}"
    datasets = (
        f"suite.datasets=['{files} dataset.name=one','{files} dataset.name=two dataset.test_fraction=0.5']"
    )
    return ["suite", NAME, ROUTERS, datasets, "guard=off", *MEASURED_ONCE, *more]


CELLS = {f"{data}/{router}" for data in ("one", "two") for router in ("tfidf_c=1", "tfidf_c=10")}


def results(home: Path) -> dict[str, Record]:
    folder = home / "outputs" / "suite" / "small" / "results"
    return {
        file.parent.relative_to(folder).as_posix(): read_record(file.parent)
        for file in folder.glob("*/*/record.json")
    }


@dataclass(frozen=True)
class Stopped(Recording):
    """Workers that are interrupted at a call of `name` after so many others of it."""

    name: str = ""
    after: int = 0

    def run(self, function: Callable[[Job], Result], job: Job, title: str) -> Result:
        if function.__name__ == self.name and self.names.count(self.name) == self.after:
            raise KeyboardInterrupt
        return super().run(function, job, title)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, shared_qna: Path) -> Path:
    """Where a suite was run; `said.txt` has what it told."""
    cwd = tmp_path_factory.mktemp("suite")
    done = in_process(*words(shared_qna), cwd=cwd)
    assert done.returncode == 0, done.stderr
    (cwd / "said.txt").write_text(done.stderr, encoding="utf-8")
    (cwd / "printed.txt").write_text(done.stdout, encoding="utf-8")
    return cwd


def test_every_cell_has_a_timed_result_and_the_router(home: Path) -> None:
    found = results(home)
    assert set(found) == CELLS
    for place, record in found.items():
        assert record.metric("accuracy") is not None
        assert record.metric("latency_p50") is not None
        assert record.metric("peak_rss") is not None
        assert (home / "outputs/suite/small/results" / place / "router" / "decision.json").is_file()
    assert found["one/tfidf_c=1"].config["router"]["c"] == 1
    assert "suite" not in found["one/tfidf_c=1"].config


def test_it_ends_in_a_league_of_all(home: Path) -> None:
    folder = home / "outputs/suite/small/league"
    assert {"league.html", "league.md", "league.json"} <= {path.name for path in folder.iterdir()}
    content = json.loads((folder / "league.json").read_text(encoding="utf-8"))
    assert content["suite"] == "small"
    assert [one["name"] for one in content["datasets"]] == ["one", "two"]
    assert {one["contestant"] for one in content["standings"]} == {"tfidf_c=1", "tfidf_c=10"}
    assert "League: outputs/suite/small/league/league.html" in (home / "printed.txt").read_text("utf-8")


def test_a_fit_that_was_not_timed_has_no_time(home: Path) -> None:
    record = results(home)["one/tfidf_c=1"]
    assert record.metric("train_time") is None
    missing = record.missing("train_time")
    assert missing is not None
    assert missing.reason == "fitted_untimed"
    assert record.missing("latency_p50") is None


def test_results_verify(home: Path) -> None:
    done = in_process("verify", "outputs/suite/small/results/one", cwd=home)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_tells_the_plan_and_each_result(home: Path) -> None:
    said = (home / "said.txt").read_text(encoding="utf-8")
    for number in range(1, 5):
        assert f"[{number} of 4]" in said


def test_a_second_start_does_nothing(home: Path, shared_qna: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.rglob("record.json")}
    done = in_process(*words(shared_qna), cwd=home, workers=NoWorkers())
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in home.rglob("record.json")} == before


@pytest.mark.parametrize("content", ['{"key": {"start_', "[]", '{"key": {"seconds": 3}}'])
def test_a_damaged_or_old_estimate_is_made_anew(tmp_path: Path, shared_qna: Path, content: str) -> None:
    (tmp_path / "outputs/suite/small").mkdir(parents=True)
    file = tmp_path / "outputs/suite/small" / TRIED
    file.write_text(content, encoding="utf-8")
    one = ("suite.routers=[tfidf]", f"suite.datasets=['files dataset.path={shared_qna}']")
    workers = Recording()
    done = in_process(*words(shared_qna, *one, "measure.enabled=false"), cwd=tmp_path, workers=workers)
    assert done.returncode == 0, done.stderr
    assert f"outputs/suite/small/{TRIED} cannot be used: " in done.stderr
    assert "fit_and_ask" in workers.names


def test_without_an_estimate_nothing_is_tried_out(tmp_path: Path, shared_qna: Path) -> None:
    one = ("suite.routers=[tfidf]", f"suite.datasets=['files dataset.path={shared_qna}']")
    workers = Recording()
    options = ("measure.enabled=false", "suite.estimate=false")
    done = in_process(*words(shared_qna, *one, *options), cwd=tmp_path, workers=workers)
    assert done.returncode == 0, done.stderr
    assert "fit_and_ask" not in workers.names
    assert "about" not in done.stderr
    assert not (tmp_path / "outputs/suite/small" / TRIED).exists()


def test_other_settings_are_refused_in_the_same_folder(home: Path, shared_qna: Path) -> None:
    done = in_process(*words(shared_qna, "seed=3"), cwd=home, workers=NoWorkers())
    assert done.returncode == 2
    assert "another seed" in done.stderr


def test_timing_is_refused_while_a_job_runs(home: Path, shared_qna: Path, tmp_path: Path) -> None:
    one = ("suite.routers=[tfidf]", f"suite.datasets=['files dataset.path={shared_qna}']")
    assert in_process(*words(shared_qna, *one, "measure.enabled=false"), cwd=tmp_path).returncode == 0
    with (tmp_path / "outputs/suite/small" / LOCK).open("a") as job:
        fcntl.flock(job, fcntl.LOCK_SH)
        done = in_process(*words(shared_qna, *one), cwd=tmp_path)
    assert done.returncode == 2
    assert "a job of outputs/suite/small" in done.stderr
    assert all(record.timings.served is None for record in results(tmp_path).values())


def test_stopped_again_and_again_it_does_what_is_missing(
    shared_qna: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It ends the process.
    monkeypatch.setattr("benchmarks.cli.main.end_interrupted", lambda: sys.exit(130))
    names: list[str] = []
    given = words(shared_qna, f"suite.datasets=['files dataset.path={shared_qna} dataset.name=one']")
    for name in ("fit_and_save", "serve"):
        workers = Stopped(name=name, after=1)
        done = in_process(*given, cwd=tmp_path, workers=workers)
        assert done.returncode == 130, done.stderr
        assert "go on with folder=outputs/suite/small" in done.stderr
        names += workers.names
    last = Recording()
    done = in_process(*given, cwd=tmp_path, workers=last)
    assert done.returncode == 0, done.stderr
    names += last.names
    assert set(results(tmp_path)) == {"one/tfidf_c=1", "one/tfidf_c=10"}
    assert all(record.timings.served for record in results(tmp_path).values())
    # Nothing that was kept is done again.
    assert names.count("fit_and_ask") == names.count("fit_and_save") == names.count("serve") == 2


def test_what_is_damaged_is_made_again_and_said(home: Path, shared_qna: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "outputs", tmp_path / "outputs")
    folder = tmp_path / "outputs/suite/small"
    damaged = folder / "results/one/tfidf_c=1"
    rows = damaged / "predictions.jsonl"
    rows.write_text(rows.read_text(encoding="utf-8").replace("car", "cat", 1), encoding="utf-8")
    tried = folder / "tried.json"
    tried.write_text(tried.read_text(encoding="utf-8").replace("0.", "1.", 1), encoding="utf-8")
    workers = Recording()
    done = in_process(*words(shared_qna), cwd=tmp_path, workers=workers)
    assert done.returncode == 0, done.stderr
    assert "predictions.jsonl is not the file" in done.stderr
    assert "tfidf_c=1 on one is fitted again" in done.stderr
    assert "tried.json cannot be used" in done.stderr
    assert workers.names.count("fit_and_save") == 1
    assert read_result(damaged).predictions == read_result(home / damaged.relative_to(tmp_path)).predictions


def test_a_contestant_that_cannot_start_is_named_before_anything_is_fitted(
    shared_qna: Path, tmp_path: Path
) -> None:
    workers = Recording()
    bad = "suite.routers=[tfidf,'majority router.name=bad router._target_=tests.benchmarks.fakes.Refusing']"
    done = in_process(*words(shared_qna, bad), cwd=tmp_path, workers=workers)
    assert done.returncode == 2
    assert "bad: this data cannot be learned" in done.stderr
    assert "fit_and_save" not in workers.names


def test_a_contestant_that_fails_on_one_data_set_keeps_no_other_from_running(
    shared_qna: Path, tmp_path: Path
) -> None:
    small = tmp_path / "many"
    small.mkdir()
    for number in range(5):
        rows = [{"question": f"question {number} {row}"} for row in range(12)]
        (small / f"d{number}.json").write_text(json.dumps({"qna": rows}), encoding="utf-8")
    choosy = "'majority router.name=choosy router._target_=tests.benchmarks.fakes.AtMostFour'"
    given = words(
        shared_qna,
        f"suite.routers=[tfidf,{choosy}]",
        f"suite.datasets=['files dataset.path={shared_qna} dataset.name=one',"
        f"'files dataset.path={small} dataset.name=many']",
        "measure.enabled=false",
    )
    done = in_process(*given, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert set(results(tmp_path)) == {"one/tfidf", "one/choosy", "many/tfidf"}
    assert "choosy on many: failed: " in done.stderr
    league = json.loads((tmp_path / "outputs/suite/small/league/league.json").read_text(encoding="utf-8"))
    (many,) = [one for one in league["datasets"] if one["name"] == "many"]
    assert "this data cannot be learned" in many["absent"]["choosy"]


def test_a_launcher_that_cannot_start_is_named(
    shared_qna: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no cluster there")

    monkeypatch.setattr("benchmarks.suite.suite.launch", unreachable)
    one = ("suite.routers=[tfidf]", f"suite.datasets=['files dataset.path={shared_qna} dataset.name=one']")
    done = in_process(*words(shared_qna, *one), cwd=tmp_path)
    assert done.returncode == 1
    assert "tfidf on one: no result in 3 starts of the launcher: no cluster there" in done.stderr


def test_a_bug_in_a_job_is_told(shared_qna: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug in a job")

    monkeypatch.setattr("benchmarks.suite.cells.run_routers", broken)
    one = ("suite.routers=[tfidf]", f"suite.datasets=['files dataset.path={shared_qna} dataset.name=one']")
    done = in_process(*words(shared_qna, *one), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("tfidf on one: ") == 2
    assert "a bug in a job" in done.stderr.splitlines()[-1]


def test_its_results_are_those_of_a_run(home: Path, shared_qna: Path, tmp_path: Path) -> None:
    done = in_process(
        "run", "router=tfidf", "router.c=1", "~baselines", "dataset=files", f"dataset.path={shared_qna}",
        "dataset.name=one", "guard=off", "experts=none", *MEASURED_ONCE, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "run").iterdir()
    one, other = read_result(folder), read_result(home / "outputs/suite/small/results/one/tfidf_c=1")
    assert one.predictions == other.predictions
    assert one.record.metric("accuracy") == other.record.metric("accuracy")
    assert one.record.metric("index_size") == other.record.metric("index_size")
    named = {metric.name for metric in one.record.metrics}
    assert named - {metric.name for metric in other.record.metrics} == {"train_time", "train_peak_rss"}
