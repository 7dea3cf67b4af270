"""Several runs as one baseline: one bad run moves nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.gate.baseline import check_run
from benchmarks.gate.check import gate
from benchmarks.gate.pool import Pool, history, pool, results_in
from benchmarks.gate.rules import Rules
from reports.gate.results import CANNOT_TELL, FINE, Code, Outcome, Remark
from reports.record import Git
from reports.record_files import Result, read_result
from tests.benchmarks.gate_samples import MACHINE, predictions, result, written

GOOD = predictions(200, wrong=range(20))
BAD = predictions(200, wrong=range(80))
RATIOS = (3.0, 3.03, 2.97)


def run_of(day: int) -> Result:
    """A run with times of its own."""
    return result(GOOD, [ratio + day / 100 for ratio in RATIOS])


def named(number: int, made: Result) -> Result:
    return replace(made, folder=Path("main") / str(number))


def pooled(*results: Result) -> Pool:
    found = pool(result(GOOD), [named(number, made) for number, made in enumerate(results)])
    assert isinstance(found, Pool)
    return found


def test_one_bad_run_moves_nothing() -> None:
    good = [result(predictions(200, wrong=range(20 + n)), [r + n / 100 for r in RATIOS]) for n in range(3)]
    for bad in (
        result(BAD, ratios=[30.0, 30.3, 29.7], memory=40.0),
        result(predictions(200), ratios=[0.3, 0.303, 0.297], memory=0.4),
    ):
        found = pooled(*good, bad, result(GOOD))
        accuracy = found.quality.record.metric("accuracy")
        memory = found.speed.metric("peak_rss_vs_reference")
        latency = found.speed.metric("latency_mean_vs_reference")
        assert accuracy is not None
        assert latency is not None
        assert memory is not None
        assert 0.89 <= accuracy.value <= 0.9
        assert 3.0 <= latency.value <= 3.02
        assert memory.value == 4.0
        check = gate(result(GOOD), found.quality, Rules(), speed=found.speed)
        assert check.exit_code == FINE
        assert not check.of(Outcome.IMPROVED)


def test_of_two_the_better_one_counts() -> None:
    found = pooled(result(GOOD, (9.0, 9.1, 8.9)), result(BAD))
    assert (found.quality.folder.name, found.speed) == ("0", named(1, result(BAD)).record)
    assert found.notes == [Remark(Code.POOLED, {"results": 2, "quality": "main/0", "speed": "main/1"})]


def test_results_that_cannot_be_compared_are_left_out() -> None:
    others: Sequence[Result] = [
        result(predictions(150)),
        result(GOOD, git=Git("abc", dirty=True)),
        result(GOOD, router="svm"),
    ]
    found = pooled(*others, result(GOOD))
    assert found.quality.folder.name == "3"
    assert [(note.code, note.details["folder"]) for note in found.notes[1:]] == [
        (Code.LEFT_OUT, f"main/{number}") for number in range(3)
    ]
    codes = [note.details["refusal"].code for note in found.notes[1:]]
    assert codes == [Code.OTHER_QUESTIONS, Code.DIRTY_BASELINE, Code.OTHER_ROUTER]
    refused = pool(result(GOOD), others)
    assert isinstance(refused, list)
    assert [remark.code for remark in refused] == [Code.OTHER_ROUTER]


def test_runs_of_another_machine_do_not_count_for_latency() -> None:
    elsewhere = {"machine": replace(MACHINE, cpu="Xeon")}
    slow = (9.0, 9.1, 8.9)
    found = pooled(result(GOOD, slow, **elsewhere), result(GOOD, slow, **elsewhere), result(GOOD))
    assert found.speed.provenance.machine == MACHINE
    # Where all were made elsewhere, latency is skipped and says so.
    found = pooled(result(GOOD, slow, **elsewhere))
    check = gate(result(GOOD), found.quality, Rules(), speed=found.speed)
    assert check.of(Outcome.SKIPPED)[0].metric == "latency_mean_vs_reference"


def test_a_copy_of_the_run_is_no_other_run(tmp_path: Path) -> None:
    names = [f"2026-01-0{day}_00-00-00_knn" for day in range(1, 4)]
    for day, name in enumerate(names):
        written(tmp_path / "main" / name, run_of(day))
    run = read_result(written(tmp_path / "runs" / names[-1], run_of(2)))
    assert [one.folder.name for one in history(run, tmp_path / "main")] == names
    # Of two, the one before the run and its copy.
    check, _ = check_run(str(run.folder), tmp_path / "main", Rules(), last=2)
    pooled_from = [note.details for note in check.notes if note.code == Code.POOLED]
    assert [(one["results"], Path(one["quality"]).name) for one in pooled_from] == [(2, names[1])]
    # Alone there it is nothing to compare with.
    alone = written(tmp_path / "only" / "renamed", run_of(2)).parent
    check, _ = check_run(str(run.folder), alone, Rules(), last=5)
    assert [remark.code for remark in check.refusals] == [Code.ONLY_ITSELF]
    assert check.exit_code == CANNOT_TELL


def test_the_history_is_of_comparable_runs_and_ends_with_the_run(tmp_path: Path) -> None:
    made = [result(GOOD), result(predictions(150)), result(BAD)]
    folders = [tmp_path / f"2026-01-0{number}_00-00-00_knn" for number in range(1, 4)]
    for folder, one in zip(folders, made, strict=True):
        written(folder, one)
    (tmp_path / "notes.txt").write_text("no result")
    assert results_in(tmp_path) == folders
    run = replace(result(BAD), folder=folders[2])
    assert [one.folder for one in history(run, tmp_path)] == [folders[0], folders[2]]
