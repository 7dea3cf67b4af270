"""`diff` on the real command line, on small records."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.stats.paired import pairwise
from common.settings import Statistics
from reports.record import Derivation, Prediction
from reports.record_files import write_record
from tests.benchmarks.helpers import in_process, row
from tests.reports.samples import sample_record

N = 20


def predictions(wrong: int, prefix: str = "q") -> list[Prediction]:
    """As many rows about cars, the first of them taken for sleep, and one that is neither."""
    inside = [row("car", "sleep" if i < wrong else "car", id_=f"{prefix}{i}") for i in range(N)]
    return [*inside, row(None, "car", id_=f"{prefix}-none")]


def result(
    folder: Path,
    router: str,
    rows: list[Prediction],
    dataset: str = "mine",
    seed: int = 0,
    statistics: Statistics | None = None,
) -> Path:
    provenance = {"threads": 1, "dataset": {"name": dataset}}
    derivation = Derivation(["car", "sleep"], seed, statistics or Statistics())
    folder.mkdir(parents=True)
    write_record(folder, sample_record(router, provenance=provenance, derivation=derivation), rows)
    return folder


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Two runs and a baseline of the first."""
    result(tmp_path / "a", "knn", predictions(2))
    result(tmp_path / "a" / "baselines" / "majority", "majority", predictions(15))
    result(tmp_path / "b", "centroid", predictions(3)[::-1])
    return tmp_path


def diff(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return in_process("diff", *arguments, cwd=cwd)


def test_verdicts_and_rows(here: Path) -> None:
    done = diff("a", "b", "a/baselines/majority", "--rows", "3", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    # 1 discordant row: p = 1; 13 rows and three pairs: 3 * 2 / 2^13.
    for pair, figures in (("knn – centroid ", " 1 0 1 "), ("knn – majority ", " 13 0 <0.001 ")):
        (line,) = [line for line in lines if line.startswith(pair)]
        assert figures in line
    start = lines.index("Where they disagree, 3 of 13 questions:")
    # Of the first pair first: the third row, which the centroid alone got wrong.
    assert lines[start + 1].startswith("q2 is car; knn: car ✓, centroid: sleep ✗, majority: sleep ✗")
    assert len(lines[start + 1 :]) == 6


def test_json_holds_everything(here: Path) -> None:
    done = diff("b", "a", "--json", "--rows", "0", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert [run["name"] for run in found["runs"]] == ["centroid", "knn"]
    assert [run["dataset"] for run in found["runs"]] == ["mine", "mine"]
    assert (found["confidence"], found["power"]) == (0.95, 0.8)
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], pair["n"]) == ("centroid", "knn", N)
    assert pair["difference"] == pytest.approx(-0.05)
    assert [found["id"] for found in pair["disagreements"]] == ["q2"]
    assert pair["disagreements"][0]["right"] == "knn"


def test_as_the_first_run_was_configured(here: Path) -> None:
    result(here / "c", "tfidf", predictions(4), statistics=Statistics(100, 0.5))
    assert json.loads(diff("c", "a", "--json", cwd=here).stdout)["confidence"] == 0.5
    assert json.loads(diff("a", "c", "--json", cwd=here).stdout)["confidence"] == 0.95


def test_intervals_come_of_the_first_runs_seed(here: Path) -> None:
    def weighted(wrong: int) -> list[Prediction]:
        return [replace(one, weight=1 + i / 7) for i, one in enumerate(predictions(wrong))]

    result(here / "c", "tfidf", weighted(9), seed=3)
    result(here / "d", "svm", weighted(2))
    (found,) = json.loads(diff("c", "d", "--json", cwd=here).stdout)["pairs"]
    # Only the permutation test of weighted questions draws anything.
    (expected,), (other,) = (
        pairwise({"c": weighted(9), "d": weighted(2)}, Statistics(), seed) for seed in (3, 0)
    )
    assert (found["ci_low"], found["ci_high"]) == (expected.ci_low, expected.ci_high)
    assert (other.ci_low, other.ci_high) != (expected.ci_low, expected.ci_high)


def test_other_questions_are_refused_by_name(here: Path) -> None:
    result(here / "c", "knn", predictions(2, prefix="z"), dataset="theirs")
    done = diff("a", "c", cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: a (data set mine) and c (data set theirs) have other test questions: 21 of 21 are in the "
        "first alone, such as q0; compare runs on the same ones\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a"], "one run cannot be compared; name another beside a"),
        (["a", "b/../a"], "is named twice"),
        (["a", "b", "--rows", "-1"], "'--rows'"),
    ],
)
def test_what_cannot_be_compared_is_one_line(here: Path, arguments: list[str], words: str) -> None:
    done = diff(*arguments, cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


@pytest.mark.parametrize("folder", ["nowhere", "half"])
def test_what_is_no_result_is_refused(here: Path, folder: str) -> None:
    half = result(here / "half", "knn", predictions(2))
    (half / "predictions.jsonl").unlink()
    done = diff("a", folder, cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {folder}/")
    assert done.stderr.endswith("name the result folder of a run\n") == (folder != "half")
    assert done.stderr.count("\n") == 1
