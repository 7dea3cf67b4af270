"""Figures and sentences of a check; every sentence is in golden files."""

from dataclasses import replace
from typing import Any

from reports.gate.results import Code, GateResult, Outcome, Remark
from reports.gate.wording import (
    change,
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


HEADLINES: list[list[GateResult]] = [
    [PASSED],
    [REQUIRED],
    [PASSED, WARNING, ACCEPTED],
    [replace(ACCURACY, outcome=Outcome.PASSED)],
    [replace(ACCURACY, outcome=Outcome.PASSED, detects=None)],
    [PASSED, UNMET],
    [ACCURACY, UNMET],
    [PASSED, UNDECIDED],
    [MISSING, UNDECIDED],
    [replace(ACCURACY, outcome=Outcome.PASSED, reason=Remark(Code.WITHIN_MARGIN, {"margin": 0.02}))],
    [PASSED, IMPROVED, *SKIPPED],
    SKIPPED,
    [PASSED, ACCURACY],
    [MISSING, SLOWER],
    [MISSING, PASSED],
    # Three are named, and the others counted.
    [replace(SLOWER, metric=f"m{number}") for number in range(5)],
]


def test_headlines_golden() -> None:
    lines = [f"{headline(sample_check(results=results))}\n" for results in HEADLINES]
    same_as_golden("check_headlines.txt", "".join(lines))
