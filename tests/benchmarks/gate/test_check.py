"""The gate on results made by hand: what fails, what does not, what cannot be told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gate.check import gate
from reports.gate.check import CANNOT_TELL, FINE, REGRESSED, Check, Finding, Outcome
from reports.record import Metric, Result
from tests.benchmarks.gate_samples import MACHINE, predictions, result

ROWS = predictions(200, wrong=range(20))
BASELINE = result(ROWS)


def checked(run: Result, baseline: Result = BASELINE, **tolerances: float) -> Check:
    return gate(run, baseline, tolerances, 0.005)


def finding(check: Check, metric: str, slice_: str = "all") -> Finding:
    (one,) = [found for found in check.findings if (found.metric, found.slice) == (metric, slice_)]
    return one


def test_the_same_is_fine() -> None:
    check = checked(result(ROWS))
    assert check.exit_code == FINE
    assert {found.outcome for found in check.findings} == {Outcome.PASSED}
    names = {(found.metric, found.slice) for found in check.findings}
    assert names >= {("accuracy", "all"), ("accuracy", "overlap"), ("macro_f1", "all"), ("brier", "all")}
    assert names >= {(name, "all") for name in ("latency_mean_vs_reference", "peak_rss_vs_reference")}
    assert (check.refusals, check.notes) == ([], [])


def test_worse_quality_is_a_regression() -> None:
    check = checked(result(predictions(200, wrong=range(35))))
    found = finding(check, "accuracy")
    assert (check.exit_code, found.outcome, found.kind) == (REGRESSED, Outcome.REGRESSION, "quality")
    assert (found.baseline, found.run, found.change) == pytest.approx((0.9, 0.825, -0.075))
    assert "worse beyond the 0.5 points let pass, and beyond chance" in found.reason


@pytest.mark.parametrize(
    ("ratios", "outcome"),
    [
        ((3.6, 3.62, 3.58), Outcome.REGRESSION),
        # Surely slower, but by less than a tenth.
        ((3.2, 3.22, 3.18), Outcome.PASSED),
        ((3.0, 3.02, 2.98), Outcome.PASSED),
        ((2.4, 2.42, 2.38), Outcome.IMPROVED),
        # A fifth slower on the average, but not beyond chance.
        ((2.0, 3.6, 5.8), Outcome.SKIPPED),
    ],
)
def test_latency(ratios: tuple[float, ...], outcome: Outcome) -> None:
    check = checked(result(ROWS, ratios))
    found = finding(check, "latency_mean_vs_reference")
    assert (found.outcome, found.kind) == (outcome, "latency")
    assert check.exit_code == (REGRESSED if outcome == Outcome.REGRESSION else FINE)
    assert found.ci_low is not None
    assert found.ci_high is not None
    assert found.change is not None
    assert found.ci_low <= found.change <= found.ci_high


@pytest.mark.parametrize(
    ("ratios", "outcome"),
    [
        # A quarter slower, of microseconds.
        ((0.010, 0.0101, 0.0099), Outcome.SKIPPED),
        ((0.03, 0.0303, 0.0297), Outcome.REGRESSION),
    ],
)
def test_the_fastest_router_fails_by_what_a_run_repeats_alone(
    ratios: tuple[float, ...], outcome: Outcome
) -> None:
    check = checked(result(ROWS, ratios), result(ROWS, (0.008, 0.0081, 0.0079)))
    found = finding(check, "latency_mean_vs_reference")
    assert found.outcome == outcome
    assert ("too fast to tell: +25.0 % [" in found.reason) == (outcome == Outcome.SKIPPED)


def test_latency_by_hand() -> None:
    # Logarithms to base 2 of 1, 2, 3 against 0, 1, 2: one more, with Welch's four degrees of freedom.
    run, baseline = result(ROWS, (2, 4, 8)), result(ROWS, (1, 2, 4))
    found = finding(checked(run, baseline), "latency_mean_vs_reference")
    reach = 2.776445 * (2 / 3) ** 0.5
    assert found.change == pytest.approx(1)
    assert (found.ci_low, found.ci_high) == pytest.approx((2 ** (1 - reach) - 1, 2 ** (1 + reach) - 1))


def test_one_process_says_nothing_of_the_next() -> None:
    check = checked(result(ROWS, (3.0,)))
    found = finding(check, "latency_mean_vs_reference")
    assert (check.exit_code, found.outcome) == (CANNOT_TELL, Outcome.MISSING)
    assert "measure.rounds=3" in found.reason


@pytest.mark.parametrize(
    ("memory", "outcome"), [(4.5, Outcome.REGRESSION), (4.3, Outcome.PASSED), (3.5, Outcome.IMPROVED)]
)
def test_memory(memory: float, outcome: Outcome) -> None:
    found = finding(checked(result(ROWS, memory=memory)), "peak_rss_vs_reference")
    assert (found.outcome, found.kind, found.change) == (outcome, "memory", pytest.approx(memory / 4 - 1))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"machine": {**MACHINE, "cpu": "Xeon"}}, "CPU AMD EPYC in the baseline, Xeon here"),
        ({"machine": {**MACHINE, "cores": 4}}, "cores 2 in the baseline, 4 here"),
        ({"machine": {**MACHINE, "gpu": ["H100"]}}, "GPU None in the baseline, ['H100'] here"),
        ({"threads": 2}, "threads 1 in the baseline, 2 here"),
        ({"reference_workload": 3}, "reference workload 2 in the baseline, 3 here"),
        ({"python": "3.12.1"}, "Python 3.11 in the baseline, 3.12 here"),
        ({"packages": {"numpy": "3.0"}}, "numpy 2.4.6 in the baseline, 3.0 here"),
    ],
)
def test_another_kind_of_machine_skips_timings_aloud(changed: dict[str, Any], words: str) -> None:
    check = checked(result(ROWS, (9.0, 9.1, 9.2), memory=9.0, **changed))
    skipped = check.of(Outcome.SKIPPED)
    assert [found.metric for found in skipped] == ["latency_mean_vs_reference", "peak_rss_vs_reference"]
    assert {found.reason for found in skipped} == {f"another kind of machine: {words}"}
    assert check.exit_code == FINE
    # The disk does not care.
    assert finding(check, "weights_size").outcome == Outcome.PASSED


def test_a_gpu_that_is_not_there_is_another_machine() -> None:
    cuda = Metric("cuda_peak", 500.0, "MB", False)
    baseline = result(ROWS, machine={**MACHINE, "gpu": ["H100"]})
    baseline = _with(baseline, [*baseline.record.metrics, cuda])
    found = finding(checked(result(ROWS), baseline), "cuda_peak")
    assert (found.outcome, found.run) == (Outcome.SKIPPED, None)
    # On the same machine it should have been measured.
    here = _with(BASELINE, [*BASELINE.record.metrics, cuda])
    assert finding(checked(result(ROWS), here), "cuda_peak").outcome == Outcome.MISSING


def test_python_of_another_patch_is_the_same_machine() -> None:
    assert not checked(result(ROWS, python="3.11.9")).of(Outcome.SKIPPED)


@pytest.mark.parametrize("name", ["accuracy", "brier", "latency_mean_vs_reference", "weights_size"])
def test_a_missing_metric_cannot_be_told(name: str) -> None:
    whole = result(ROWS)
    metrics = [metric for metric in whole.record.metrics if metric.name != name]
    check = checked(_with(whole, metrics))
    assert check.exit_code == CANNOT_TELL
    assert {found.metric for found in check.of(Outcome.MISSING)} == {name}


def _with(whole: Result, metrics: list[Any]) -> Result:
    return replace(whole, record=replace(whole.record, metrics=metrics))


def test_a_regression_outweighs_what_is_missing() -> None:
    worse = result(predictions(200, wrong=range(60)))
    metrics = [metric for metric in worse.record.metrics if metric.name != "brier"]
    assert checked(_with(worse, metrics)).exit_code == REGRESSED


def test_what_the_baseline_lacks_fails_nothing_and_is_said() -> None:
    fewer = [metric for metric in BASELINE.record.metrics if metric.name != "brier"]
    check = checked(result(ROWS), _with(BASELINE, fewer))
    assert check.exit_code == FINE
    found = finding(check, "brier")
    assert (found.outcome, found.baseline, found.run) == (
        Outcome.SKIPPED,
        None,
        finding(checked(result(ROWS)), "brier").run,
    )
    assert "the baseline has no such metric" in found.reason


@pytest.mark.parametrize(
    ("run", "baseline", "words"),
    [
        (result(ROWS), result(ROWS, git={"commit": "abc", "dirty": True}), "is a dirty baseline"),
        (result(ROWS), result(ROWS, own_git={"commit": "abc", "dirty": True}), "is a dirty baseline"),
        (result(ROWS, router="svm"), BASELINE, "is a foreign baseline: of router knn, and the run is of svm"),
        (result(predictions(199)), BASELINE, "other data (made and made): "),
        (result([replace(ROWS[0], label="b"), *ROWS[1:]]), BASELINE, "other data (made and made): "),
    ],
    ids=["dirty", "own", "router", "questions", "labels"],
)
def test_what_cannot_be_compared_is_refused(run: Result, baseline: Result, words: str) -> None:
    check = checked(run, baseline)
    assert (check.exit_code, check.findings) == (CANNOT_TELL, [])
    assert len(check.refusals) == 1
    assert words in check.refusals[0]


def test_rows_in_another_order_are_the_same_data() -> None:
    check = checked(replace(result(ROWS), predictions=list(reversed(ROWS))))
    assert check.exit_code == FINE
    assert finding(check, "accuracy").change == 0


def test_a_dirty_run_is_checked_and_noted() -> None:
    check = checked(result(ROWS, git={"commit": "def", "dirty": True}))
    assert check.exit_code == FINE
    assert check.notes == [
        "commit: abc in the baseline, def in the run",
        "the run is of uncommitted changes",
    ]


def test_what_else_differs_is_noted() -> None:
    run = result(
        ROWS,
        packages={"numpy": "2.4.6", "torch": "2.14.0"},
        dataset={"name": "made", "train": {"ids_sha256": "9"}},
        weights={"loaded": {"encoder": "2"}},
    )
    config = {"router": {"name": "knn", "k": 5, "encoder": {"model": {"path": "/elsewhere"}}}}
    config["baselines"] = {"majority": {"name": "majority"}}
    check = checked(replace(run, record=replace(run.record, config=config)))
    assert check.notes == [
        "packages: torch was 2.13.0, is 2.14.0",
        "training questions: ids_sha256 was 0, is 9",
        "weights: encoder was 1, is 2",
        "configuration: router.k was None, is 5",
        "configuration: seed was 0, is None",
    ]


def test_tolerances_are_by_name() -> None:
    worse = result(predictions(200, wrong=range(35)), (3.6, 3.62, 3.58), memory=4.5)
    tolerances = {"latency_mean_vs_reference": 0.3, "peak_rss_vs_reference": 0.2}
    tolerances |= dict.fromkeys(("accuracy", "macro_f1", "brier"), 0.2)
    assert checked(worse).exit_code == REGRESSED
    check = checked(worse, **tolerances)
    assert check.exit_code == FINE
    assert finding(check, "accuracy").tolerance == 0.2


def test_folders_are_named() -> None:
    check = checked(replace(result(ROWS), folder=Path("here")))
    assert (check.run, check.baseline, check.router, check.dataset) == ("here", "outputs/knn", "knn", "made")
