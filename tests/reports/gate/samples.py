"""Checks made by hand: one with every outcome, and what hypothesis makes of any text."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from reports.gate.results import ChangedQuestion, Check, Code, GateResult, Outcome, Remark
from reports.reasons import Reason
from reports.record import Unscored

OTHER_MACHINE = Remark(
    Code.OTHER_MACHINE, {"differences": [{"name": "CPU", "baseline": "AMD EPYC | 7B13", "run": "Intel Xeon"}]}
)

ACCURACY = GateResult(
    metric="accuracy",
    slice="all",
    kind="quality",
    unit="fraction",
    higher_is_better=True,
    outcome=Outcome.REGRESSION,
    tolerance=0.005,
    baseline=0.8333,
    run=0.8233,
    change=-0.01,
    ci_low=-0.017,
    ci_high=-0.004,
    p=0.002,
    n=240,
    primary=True,
    detects=0.021,
)
SECONDARY = replace(ACCURACY, primary=False, detects=None)
PASSED = replace(
    SECONDARY,
    metric="macro_f1",
    outcome=Outcome.PASSED,
    run=0.834,
    change=0.0007,
    ci_low=-0.004,
    ci_high=0.0049,
    p=0.61,
)
IMPROVED = replace(
    SECONDARY,
    metric="rougeL",
    slice="overlap",
    unit="F1",
    outcome=Outcome.IMPROVED,
    baseline=0.16,
    run=0.18,
    change=0.02,
    ci_low=0.005,
    ci_high=0.035,
    p=0.0001,
)
MISSING = replace(
    SECONDARY,
    metric="out_of_scope_auroc",
    slice="out_of_scope",
    outcome=Outcome.MISSING,
    reason=Remark(Code.NOT_IN_RUN),
    unscored=Unscored("out_of_scope_auroc", Reason.NO_OUT_OF_SCOPE_ROW, "out_of_scope"),
    baseline=0.9077,
    run=None,
    change=None,
    ci_low=None,
    ci_high=None,
    p=None,
)
SLOWER = GateResult(
    metric="latency_p50_vs_reference",
    slice="all",
    kind="latency",
    unit="×",
    higher_is_better=False,
    outcome=Outcome.REGRESSION,
    tolerance=0.1,
    baseline=5.43,
    run=6.08,
    change=0.12,
    ci_low=0.08,
    ci_high=0.15,
    n=5,
)
UNDECIDED = replace(
    SECONDARY, slice="standard", outcome=Outcome.UNDECIDED, reason=Remark(Code.NOT_SHOWN, {"margin": 0.01})
)
WARNING = replace(
    SECONDARY,
    metric="brier",
    outcome=Outcome.WARNING,
    reason=Remark(Code.ADVISORY, {"outcome": "regression"}),
)
ACCEPTED_UNTIL = {
    "outcome": "regression",
    "up_to": 0.02,
    "kind": "quality",
    "unit": "fraction",
    "until": "2026-12-31",
    "why": "faster (#12)",
    "place": "accepted.yaml line 3",
}
ACCEPTED = replace(
    SECONDARY, slice="overlap", outcome=Outcome.ACCEPTED, reason=Remark(Code.ACCEPTED, ACCEPTED_UNTIL)
)
REQUIRED = GateResult(
    metric="accuracy",
    slice="all",
    kind="quality",
    unit="fraction",
    higher_is_better=True,
    outcome=Outcome.PASSED,
    tolerance=0.0,
    run=0.8233,
    n=240,
    required="accuracy>=0.8",
)
UNMET = replace(
    REQUIRED,
    metric="latency_p95",
    kind="latency",
    unit="ms",
    outcome=Outcome.UNMET,
    run=21.5,
    required="latency_p95<=20ms",
)
SKIPPED = [
    GateResult(metric, "all", kind, unit, False, Outcome.SKIPPED, 0.1, OTHER_MACHINE, baseline=value)
    for metric, kind, unit, value in (
        ("latency_p95", "latency", "ms", 17.963),
        ("peak_rss", "memory", "MB", 240.34),
    )
]


def sample_check(**changes: Any) -> Check:
    """A check with every outcome, in an order that nobody sorted."""
    content: dict[str, Any] = {
        "router": "knn",
        "dataset": "car_sleep",
        "run": "outputs/run/2026-01-02_03-04-05_knn",
        "baseline": "reports/baselines/ci/knn",
        "results": [
            REQUIRED,
            UNMET,
            PASSED,
            ACCURACY,
            *SKIPPED,
            IMPROVED,
            MISSING,
            SLOWER,
            UNDECIDED,
            WARNING,
            ACCEPTED,
        ],
        "refusals": [],
        "notes": [
            Remark(Code.OTHER_COMMIT, {"repository": "git", "baseline": "d38a7f5", "run": "31727c7"}),
            Remark(Code.CHANGED, {"what": "configuration", "key": "router.k", "baseline": 20, "run": 5}),
        ],
        "newly_wrong": [ChangedQuestion("q1", "Does it | snow?", "car", "car", "sleep")],
        "newly_right": [ChangedQuestion("q2", "Why do I snore?", "sleep", "car", "sleep")],
    }
    return Check(**{**content, **changes})


def refused_check(*errors: str) -> Check:
    return sample_check(
        results=[],
        refusals=[Remark(Code.UNREADABLE, {"error": error}) for error in errors],
        notes=[],
        newly_wrong=[],
        newly_right=[],
    )


# Lone surrogates too: JSON can hold them, and `json.loads` lets them through.
anything = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "",
        "|",
        "\\|",
        "a\\",
        "`|`",
        "<b>",
        "]]>",
        "\x00\x1b[31m",
        "\ud800",
        "\ufffe",
        "%0A\r\n::error::",
        "_*_",
    ]
)
figure = st.none() | st.floats(-1e6, 1e6)
remarks = st.builds(lambda error: Remark(Code.UNREADABLE, {"error": error}), anything)
results = st.builds(
    GateResult,
    metric=anything,
    slice=anything | st.just("all"),
    kind=st.sampled_from(["quality", "latency", "memory"]),
    unit=anything | st.sampled_from(["fraction", "F1", "ms", "MB", "×"]),
    higher_is_better=st.booleans(),
    outcome=st.sampled_from(Outcome),
    reason=st.none() | remarks,
    tolerance=st.floats(0, 1),
    baseline=figure,
    run=figure,
    change=figure,
    ci_low=figure,
    ci_high=figure,
    p=st.none() | st.floats(0, 1),
    n=st.none() | st.integers(0, 10**6),
    primary=st.booleans(),
    detects=st.none() | st.floats(0, 1),
    required=st.none() | anything,
)
questions = st.lists(st.builds(ChangedQuestion, *[anything] * 5), max_size=25)
checks = st.builds(
    Check,
    router=anything,
    dataset=anything,
    run=anything,
    baseline=st.none() | anything,
    results=st.lists(results, max_size=6),
    refusals=st.lists(remarks, max_size=2),
    notes=st.lists(remarks, max_size=2),
    newly_wrong=questions,
    newly_right=questions,
)
