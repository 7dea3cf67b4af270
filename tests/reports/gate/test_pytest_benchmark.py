"""Results as pytest-benchmark reads them, judged by pytest-benchmark itself."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_benchmark.stats import Stats

from reports.gate.pytest_benchmark import NO_DATE, to_pytest_benchmark
from reports.record import Metric, Result
from tests.reports.golden_files import same_as_golden
from tests.reports.samples import fraction, sample_record

FOLDER = Path("/somewhere/outputs/run/2026-01-02_03-04-05_knn")
PROVENANCE = {
    "git": {"commit": "d38a7f5a61ec841f2e3727dbc100634d986ce7ab", "dirty": True},
    "python": "3.11.7",
    "machine": {
        "system": "Linux 6.18.44-fc-v445",
        "cpu": "AMD EPYC",
        "cores": 2,
        "memory_gb": 25.3,
        "gpu": ["NVIDIA L4"],
    },
    "threads": 1,
    "dataset": {"name": "car_sleep"},
}


def result(router: str = "knn", folder: Path = FOLDER, **rounds: Sequence[float]) -> Result:
    """A result with timings by process; without any it was not measured."""
    served = {"rounds": [{"latency_seconds": list(seconds)} for seconds in rounds.values()]}
    record = sample_record(
        router,
        provenance=PROVENANCE,
        metrics=[
            fraction("accuracy", 0.875),
            Metric("peak_rss", 240.25, "MB", False),
            Metric("latency_p50_vs_reference", 5.5, "×", False),
        ],
        timings={"served": served} if rounds else {},
    )
    return Result(folder, record, [])


def content(*results: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(to_pytest_benchmark(results))
    return found


def stats(*seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = content(result(first=seconds))["benchmarks"][0]["stats"]
    return found


def test_golden() -> None:
    baseline = result("majority", FOLDER / "baselines" / "majority", first=[0.001, 0.0012])
    text = to_pytest_benchmark([result(first=[0.25, 0.5, 0.125], second=[0.375, 0.25]), baseline])
    same_as_golden("benchmark.json", text)


def test_by_hand() -> None:
    """Of 1 to 8 and 40: the quartiles lie at 1.75 and 6.25 from the first, the fences at -4 and 14."""
    found = stats(5, 1, 2, 3, 4, 40, 6, 7, 8)
    assert (found["q1"], found["median"], found["q3"], found["iqr"]) == (2.75, 5, 7.25, 4.5)
    assert (found["ld15iqr"], found["hd15iqr"], found["iqr_outliers"]) == (1, 8, 1)
    assert (found["rounds"], found["total"], found["iterations"]) == (9, 76, 1)
    assert found["ops"] == 9 / 76
    assert found["outliers"] == "1;1"
    assert found["data"] == [5, 1, 2, 3, 4, 40, 6, 7, 8]


def test_a_single_timing_has_no_spread() -> None:
    found = stats(0.5)
    assert [found[name] for name in ("min", "q1", "median", "q3", "max")] == [0.5] * 5
    assert (found["stddev"], found["iqr"], found["outliers"]) == (0, 0, "0;0")


# Sums of these are exact, so that nothing hangs on the order in which they are added.
@given(st.lists(st.integers(1, 2**20).map(lambda ticks: ticks / 2**22), min_size=1, max_size=60))
def test_every_figure_is_defined_as_pytest_benchmark_defines_it(seconds: list[float]) -> None:
    theirs = Stats()
    for value in seconds:
        theirs.update(value)
    found = stats(*seconds)
    assert {name: found[name] for name in Stats.fields} == theirs.as_dict()
    assert set(found) == {*Stats.fields, "data", "iterations"}


@given(st.floats(1e-6, 10), st.integers(1, 30))
def test_the_same_value_again_and_again(value: float, count: int) -> None:
    found = stats(*[value] * count)
    for name in ("min", "max", "ld15iqr", "hd15iqr", "mean", "median", "q1", "q3"):
        assert found[name] == pytest.approx(value)


def test_names_and_the_figures_besides() -> None:
    (found,) = content(result(first=[0.25, 0.5]))["benchmarks"]
    assert found["name"] == "test_route[knn]"
    assert found["fullname"] == "router-derby/car_sleep::test_route[knn]"
    assert found["group"] == "car_sleep"
    assert found["extra_info"] == {
        "accuracy": 0.875,
        "peak_rss": 240.25,
        "latency_p50_vs_reference": 5.5,
    }


def test_what_was_not_measured_is_absent() -> None:
    measured = result(first=[0.25])
    unknown = replace(measured, record=replace(measured.record, metrics=[]))
    found = content(result("tfidf"), unknown)["benchmarks"]
    assert [entry["param"] for entry in found] == ["knn"]
    assert found[0]["extra_info"] == {}
    assert content()["benchmarks"] == []


def test_two_of_a_name_stay_two() -> None:
    twice = [result(first=[0.25]), result("knn", first=[0.5]), result("svm", first=[0.5])]
    names = [entry["fullname"].partition("::")[2] for entry in content(*twice)["benchmarks"]]
    assert names == ["test_route[knn]", "test_route[knn-2]", "test_route[svm]"]


def test_a_number_that_is_taken_is_not_given_again() -> None:
    results = [result(name, first=[0.25]) for name in ("knn", "knn-2", "knn", "knn")]
    names = [entry["param"] for entry in content(*results)["benchmarks"]]
    assert names == ["knn", "knn-2", "knn-3", "knn-4"]


def test_machine_and_commit() -> None:
    found = content(result(first=[0.25]))
    assert found["commit_info"]["id"] == "d38a7f5a61ec841f2e3727dbc100634d986ce7ab"
    assert found["commit_info"]["dirty"] is True
    machine = found["machine_info"]
    assert (machine["system"], machine["release"]) == ("Linux", "6.18.44-fc-v445")
    assert machine["cpu"] == {"brand_raw": "AMD EPYC", "count": 2}
    installed = result(first=[0.25])
    provenance = {**PROVENANCE, "git": {"commit": None, "dirty": None}}
    commit = content(replace(installed, record=replace(installed.record, provenance=provenance)))
    assert (commit["commit_info"]["id"], commit["commit_info"]["dirty"]) == ("unversioned", False)


@pytest.mark.parametrize(
    ("folder", "date"),
    [
        (FOLDER, "2026-01-02T03:04:05"),
        (FOLDER / "baselines" / "tfidf", "2026-01-02T03:04:05"),
        (Path("2020-01-01_00-00-00_sweep") / "2026-01-02_03-04-05_knn", "2026-01-02T03:04:05"),
        (Path("reports/baselines/ci/knn"), NO_DATE),
    ],
)
def test_date_is_that_of_the_folder(folder: Path, date: str) -> None:
    assert content(result(folder=folder, first=[0.25]))["datetime"] == date


def test_pytest_benchmark_compares_two(tmp_path: Path) -> None:
    results = [result(name, first=[0.25, 0.5, 0.375]) for name in ("knn", "tfidf")]
    for name in ("before.json", "after.json"):
        (tmp_path / name).write_text(to_pytest_benchmark(results), encoding="utf-8")
    command = [sys.executable, "-m", "pytest_benchmark", "compare", "before.json", "after.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert "'car_sleep': 4 tests" in shown
    assert shown.count("test_route[knn]") == 2
    assert shown.count("test_route[tfidf]") == 2
    assert "Failed" not in shown


def test_what_github_action_benchmark_plots() -> None:
    """It reads these of each benchmark with `tool: pytest`, and plots `ops` by `fullname`."""
    (found,) = content(result(first=[0.25, 0.5]))["benchmarks"]
    assert isinstance(found["fullname"], str)
    assert all(isinstance(found["stats"][name], float) for name in ("ops", "stddev", "mean"))
    assert found["stats"]["rounds"] == 2
