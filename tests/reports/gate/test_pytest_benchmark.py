"""Results as pytest-benchmark reads them, by pytest-benchmark itself."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark import __version__

from common.checks import ConfigError
from reports.gate.pytest_benchmark import to_pytest_benchmark
from reports.record import DatasetUsed, Git, Machine, Metric, Provenance, Timings
from reports.record_files import Result
from tests.reports.golden_files import same_as_golden
from tests.reports.samples import fraction, sample_record, sample_timings

FOLDER = Path("/somewhere/outputs/run/2026-01-02_03-04-05_knn")
PROVENANCE = Provenance(
    git=Git("d38a7f5a61ec841f2e3727dbc100634d986ce7ab", True),
    python="3.11.7",
    machine=Machine("Linux 6.18.44-fc-v445", "AMD EPYC", cores=2, memory_gb=25.3, gpu=["NVIDIA L4"]),
    threads=1,
    dataset=DatasetUsed("car_sleep"),
)


def result(router: str = "knn", folder: Path = FOLDER, *rounds: Sequence[float]) -> Result:
    """A result with timings by process; without any it was not measured."""
    record = sample_record(
        router,
        provenance=PROVENANCE,
        metrics=[
            fraction("accuracy", 0.875),
            Metric("peak_rss", 240.25, "MB", False),
            Metric("latency_p50_vs_reference", 5.5, "×", False),
        ],
        timings=sample_timings(rounds) if rounds else Timings(),
    )
    return Result(folder, record, [])


def measured(router: str = "knn", folder: Path = FOLDER) -> Result:
    return result(router, folder, [0.25, 0.5])


def content(*results: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(to_pytest_benchmark(results))
    return found


def test_golden() -> None:
    baseline = result("majority", FOLDER / "baselines" / "majority", [0.001, 0.0012])
    text = to_pytest_benchmark([result("knn", FOLDER, [0.25, 0.5, 0.125], [0.375, 0.25]), baseline])
    same_as_golden("benchmark.json", text.replace(f'"version": "{__version__}"', '"version": "5.3.1"'))


def test_without_pytest_benchmark_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest_benchmark", None)
    with pytest.raises(ConfigError, match=r"pip install 'router-derby\[pytest-benchmark\]'"):
        to_pytest_benchmark([measured()])


def test_routers_that_were_not_measured_is_absent() -> None:
    known = measured()
    unknown = replace(known, record=replace(known.record, metrics=[]))
    found = content(result("tfidf"), unknown)["benchmarks"]
    assert [entry["param"] for entry in found] == ["knn"]
    assert found[0]["extra_info"] == {}
    assert content()["benchmarks"] == []


@pytest.mark.process
def test_pytest_benchmark_compares_two(tmp_path: Path) -> None:
    results = [measured(name) for name in ("knn", "tfidf")]
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
