"""Figures and sentences of a check; every sentence is in golden files."""

from dataclasses import replace
from typing import Any

import pytest

from reports.gate.results import Code, GateResult, Outcome, Remark
from reports.gate.wording import (
    change,
    evidence,
    figures,
    headline,
    message,
    name,
    sentence,
    tolerance,
    value,
)
from tests.reports.gate.samples import (
    ACCEPTED,
    ACCEPTED_UNTIL,
    ACCURACY,
    IMPROVED,
    MISSING,
    PASSED,
    REQUIRED,
    SKIPPED,
    SLOWER,
    UNDECIDED,
    UNMET,
    WARNING,
    sample_check,
)
from tests.reports.golden_files import same_as_golden

COST = replace(
    ACCURACY, metric="cost", unit="USD/M tokens", baseline=1.2345, run=2.5, change=1.2655, tolerance=0.05
)
DETAILS: dict[Code, dict[str, Any]] = {
    Code.OTHER_MACHINE: {
        "differences": [
            {"name": "CPU", "baseline": "AMD EPYC", "run": "Intel Xeon"},
            {"name": "cores", "baseline": 2, "run": None},
        ]
    },
    Code.TOO_FAST: {"least": 0.01},
    Code.WITHIN_MARGIN: {"margin": 0.005},
    Code.BEYOND_MARGIN: {"margin": 0.02},
    Code.NOT_SHOWN: {"margin": 0.01},
    Code.NO_SUCH_SLICE: {"metric": "accuracy", "slices": ["all", "overlap"]},
    Code.ADVISORY: {"outcome": "regression"},
    Code.ACCEPTED: ACCEPTED_UNTIL,
    Code.UNREADABLE: {"error": "record.json was edited"},
    Code.NO_BASELINE: {"folder": "baselines/knn"},
    Code.ONLY_ITSELF: {"folder": "main-runs"},
    Code.NO_RUN: {"error": "outputs/run has no run yet"},
    Code.DIRTY_BASELINE: {"folder": "baselines/knn"},
    Code.OTHER_ROUTER: {"folder": "baselines/knn", "baseline": "knn", "run": "svm"},
    Code.ONE_DRAWS: {"folder": "baselines/random"},
    Code.OTHER_QUESTIONS: {"baseline": "car_sleep", "run": "clinc150", "difference": "9 are missing"},
    Code.OTHER_COMMIT: {"repository": "own_git", "baseline": None, "run": "31727c7"},
    Code.OTHER_CODE_NOW: {"run": "d38a7f5", "run_dirty": False, "now": "d38a7f5", "now_dirty": True},
    Code.UNTRAINED: {"sides": ["run", "baseline"], "weights": "bge (untrained)"},
    Code.CHANGED: {"what": "packages", "key": "numpy", "baseline": "2.3", "run": None},
    Code.EXPIRED: {"place": "accepted.yaml line 3", "metric": "accuracy", "expired": "2026-12-31"},
    Code.EXCEEDED: {
        "place": "accepted.yaml line 3",
        "metric": "cost",
        "up_to": 2.0,
        "kind": "quality",
        "unit": "USD/M tokens",
    },
    Code.LEFT_OUT: {
        "folder": "main/2",
        "refusal": Remark(Code.OTHER_ROUTER, {"folder": "main/2", "baseline": "svm", "run": "knn"}),
    },
    Code.POOLED: {"results": 5, "quality": "main/3", "speed": "main/1"},
    Code.NEW_BASELINE: {"folder": "baselines/knn", "metrics": ["accuracy", "macro_f1"]},
}


def test_every_code_has_its_sentence() -> None:
    lines = [f"{code}: {sentence(Remark(code, DETAILS.get(code, {})))}\n" for code in Code]
    lines += [f"{result.outcome}: {message(result)}\n" for result in sample_check().results]
    same_as_golden("check_sentences.txt", "".join(lines))


def test_quality_is_in_percent_and_changes_by_points() -> None:
    assert (name(ACCURACY), name(IMPROVED)) == ("accuracy", "rougeL[overlap]")
    assert value(ACCURACY, ACCURACY.run) == "82.3 %"
    assert change(ACCURACY) == "−1.0 points [−1.7, −0.4]"
    assert tolerance(ACCURACY) == "0.5 points"
    assert value(IMPROVED, 0.1614) == "16.1"
    assert figures(ACCURACY) == (
        "baseline 83.3 %, run 82.3 %, change −1.0 points [−1.7, −0.4], tolerance 0.5 points, p 0.002"
    )


def test_latency_and_memory_change_by_a_ratio() -> None:
    assert value(SLOWER, SLOWER.baseline) == "5.43 ×"
    assert change(SLOWER) == "+12.0 % [+8.0, +15.0]"
    assert tolerance(SLOWER) == "10 %"
    assert figures(SKIPPED[0]) == "baseline 18.0 ms, run –, change –, tolerance 10 %"


@pytest.mark.parametrize(
    ("results", "parts"),
    [
        ([PASSED], ["FINE", "1 metric"]),
        ([REQUIRED], ["FINE", "1 requirement met"]),
        ([PASSED, WARNING, ACCEPTED], ["FINE", "1 metric, 1 accepted, 1 warning"]),
        (
            [replace(ACCURACY, outcome=Outcome.PASSED)],
            ["FINE", "a true loss of accuracy of 2.1 points is found in 80 of 100 checks (n=240)"],
        ),
        (
            [replace(ACCURACY, outcome=Outcome.PASSED, detects=None)],
            ["FINE", "which loss of accuracy this check would find is not known (n=240)"],
        ),
        ([PASSED, UNMET], ["NOT MET", "latency_p95<=20ms: the run has 21.5 ms"]),
        ([ACCURACY, UNMET], ["REGRESSION", evidence(ACCURACY), "latency_p95<=20ms"]),
        ([PASSED, UNDECIDED], ["UNDECIDED", "a loss of 1 point is neither ruled out nor shown"]),
        ([MISSING, UNDECIDED], ["CANNOT TELL", message(MISSING), "neither ruled out"]),
        (
            [replace(ACCURACY, outcome=Outcome.PASSED, reason=Remark(Code.WITHIN_MARGIN, {"margin": 0.02}))],
            ["FINE", "a loss of accuracy of 2 points is ruled out by Tango's score test (n=240)"],
        ),
        ([PASSED, IMPROVED, *SKIPPED], ["FINE", "2 metrics, 1 improved, 2 skipped"]),
        (SKIPPED, ["CANNOT TELL", "2 skipped"]),
        ([PASSED, ACCURACY], ["REGRESSION", evidence(ACCURACY)]),
        ([MISSING, SLOWER], ["REGRESSION", evidence(SLOWER), "1 missing"]),
        ([MISSING, PASSED], ["CANNOT TELL", message(MISSING)]),
        ([replace(SLOWER, metric=f"m{number}") for number in range(5)], ["m0", "m1", "m2", "2 more"]),
    ],
)
def test_the_headline_has_the_verdict_and_its_reasons(results: list[GateResult], parts: list[str]) -> None:
    line = headline(sample_check(results=results))
    assert [part for part in parts if part not in line] == []
    assert ("m3" in line, line.startswith("knn: ")) == (False, True)
