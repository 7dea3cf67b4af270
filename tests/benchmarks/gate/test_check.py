"""The gate on results made by hand: what fails, what does not, what cannot be told."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.gate.check import gate
from benchmarks.gate.rules import Rules
from reports.gate.results import (
    CANNOT_TELL,
    FINE,
    REGRESSED,
    ChangedQuestion,
    Check,
    Code,
    GateResult,
    Outcome,
    Remark,
)
from reports.record import DatasetUsed, Git, Metric, Split, WeightsUsed
from reports.record_files import Result
from tests.benchmarks.gate_samples import HOW, MACHINE, prediction, predictions, result

ROWS = predictions(200, wrong=range(20))
BASELINE = result(ROWS)
DRAWN = [replace(row, chances={"a": 0.6, "b": 0.4}) for row in ROWS]


def checked(run: Result, baseline: Result = BASELINE, **tolerances: float) -> Check:
    return gate(run, baseline, Rules(tolerances=tolerances))


def result_of(check: Check, metric: str, slice_: str = "all") -> GateResult:
    (one,) = [found for found in check.results if (found.metric, found.slice) == (metric, slice_)]
    return one


def test_the_same_is_fine() -> None:
    check = checked(result(ROWS))
    assert check.exit_code == FINE
    assert {found.outcome for found in check.results} == {Outcome.PASSED}
    names = {(found.metric, found.slice) for found in check.results}
    assert names >= {("accuracy", "all"), ("accuracy", "overlap"), ("macro_f1", "all"), ("brier", "all")}
    assert names >= {(name, "all") for name in ("latency_mean_vs_reference", "peak_rss_vs_reference")}
    assert (check.refusals, check.notes) == ([], [])


def test_a_router_that_draws_is_fine_whatever_it_drew() -> None:
    # Of other questions the baseline drew the right domain.
    before = [replace(row, chances=DRAWN[0].chances) for row in predictions(200, wrong=range(20, 90))]
    check = checked(result(DRAWN), result(before))
    assert check.exit_code == FINE
    found = result_of(check, "accuracy")
    assert (found.baseline, found.run, found.change, found.outcome) == (0.5, 0.5, 0, Outcome.PASSED)
    assert (check.newly_wrong, check.newly_right) == ([], [])


def test_a_router_that_draws_worse_is_a_regression() -> None:
    # Nine of ten questions are about a.
    rows = [replace(row, label="b" if number % 10 == 0 else "a") for number, row in enumerate(DRAWN)]
    worse = [replace(row, chances={"a": 0.5, "b": 0.5}) for row in rows]
    check = checked(result(worse), result(rows))
    found = result_of(check, "accuracy")
    assert (found.change, found.outcome) == (pytest.approx(0.5 - 0.58), Outcome.REGRESSION)
    same = gate(result(rows), result(rows), Rules(margin=0.02))
    assert result_of(same, "accuracy").reason == Remark(Code.WITHIN_MARGIN, {"margin": 0.02})


def test_worse_quality_is_a_regression() -> None:
    check = checked(result(predictions(200, wrong=range(35))))
    found = result_of(check, "accuracy")
    assert (check.exit_code, found.outcome, found.kind) == (REGRESSED, Outcome.REGRESSION, "quality")
    assert (found.baseline, found.run, found.change) == pytest.approx((0.9, 0.825, -0.075))
    assert (found.tolerance, found.reason, found.n) == (0.005, None, 200)


@pytest.mark.parametrize(
    ("ratios", "outcome", "reason"),
    [
        ((3.6, 3.62, 3.58), Outcome.REGRESSION, None),
        # Surely slower, but by less than a tenth.
        ((3.2, 3.22, 3.18), Outcome.PASSED, None),
        ((3.0, 3.02, 2.98), Outcome.PASSED, None),
        ((2.4, 2.42, 2.38), Outcome.IMPROVED, None),
        # A fifth slower on the average, but not significantly.
        ((2.0, 3.6, 5.8), Outcome.SKIPPED, Remark(Code.TOO_NOISY)),
    ],
)
def test_latency(ratios: tuple[float, ...], outcome: Outcome, reason: Remark | None) -> None:
    check = checked(result(ROWS, ratios))
    found = result_of(check, "latency_mean_vs_reference")
    assert (found.outcome, found.reason, found.kind, found.n) == (outcome, reason, "latency", 3)
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
def test_the_fastest_router_is_skipped_while_the_change_is_tiny(
    ratios: tuple[float, ...], outcome: Outcome
) -> None:
    check = checked(result(ROWS, ratios), result(ROWS, (0.008, 0.0081, 0.0079)))
    found = result_of(check, "latency_mean_vs_reference")
    assert found.outcome == outcome
    too_fast = Remark(Code.TOO_FAST, {"least": 0.01})
    assert found.reason == (too_fast if outcome == Outcome.SKIPPED else None)
    assert found.change == pytest.approx(0.25 if outcome == Outcome.SKIPPED else 2.75, rel=1e-3)


def test_questions_that_one_side_alone_got_right_are_named() -> None:
    rows = [*predictions(200, wrong=range(2, 22)), prediction(200, True, label=None, slice="out_of_scope")]
    baseline = [*ROWS, prediction(200, False, label=None, slice="out_of_scope")]
    check = checked(result(rows), result(baseline))
    assert check.newly_wrong == [
        ChangedQuestion("q20", "question 20", "a", "a", "b"),
        ChangedQuestion("q21", "question 21", "b", "b", "a"),
    ]
    assert check.newly_right == [
        ChangedQuestion("q0", "question 0", "a", "b", "a"),
        ChangedQuestion("q1", "question 1", "b", "a", "b"),
    ]


def test_latency_by_hand() -> None:
    # Logarithms to base 2 of 1, 2, 3 against 0, 1, 2: one more, with Welch's four degrees of freedom.
    run, baseline = result(ROWS, (2, 4, 8)), result(ROWS, (1, 2, 4))
    found = result_of(checked(run, baseline), "latency_mean_vs_reference")
    reach = 2.776445 * (2 / 3) ** 0.5
    assert found.change == pytest.approx(1)
    assert (found.ci_low, found.ci_high) == pytest.approx((2 ** (1 - reach) - 1, 2 ** (1 + reach) - 1))


def test_one_process_says_nothing_of_the_next() -> None:
    check = checked(result(ROWS, (3.0,)))
    found = result_of(check, "latency_mean_vs_reference")
    assert (check.exit_code, found.outcome) == (CANNOT_TELL, Outcome.MISSING)
    assert found.reason == Remark(Code.ONE_PROCESS)


@pytest.mark.parametrize(
    ("memory", "outcome"), [(4.5, Outcome.REGRESSION), (4.3, Outcome.PASSED), (3.5, Outcome.IMPROVED)]
)
def test_memory(memory: float, outcome: Outcome) -> None:
    found = result_of(checked(result(ROWS, memory=memory)), "peak_rss_vs_reference")
    assert (found.outcome, found.kind, found.change) == (outcome, "memory", pytest.approx(memory / 4 - 1))


@pytest.mark.parametrize(
    ("changed", "name", "before", "now"),
    [
        ({"machine": replace(MACHINE, cpu="Xeon")}, "CPU", "AMD EPYC", "Xeon"),
        ({"machine": replace(MACHINE, gpu=["H100"])}, "GPU", None, ["H100"]),
        ({"python": "3.12.1"}, "Python", "3.11", "3.12"),
        ({"packages": {"numpy": "3.0"}}, "numpy", "2.4.6", "3.0"),
    ],
)
def test_another_kind_of_machine_skips_timings(
    changed: dict[str, Any], name: str, before: object, now: object
) -> None:
    check = checked(result(ROWS, (9.0, 9.1, 9.2), memory=9.0, **changed))
    skipped = check.of(Outcome.SKIPPED)
    assert [found.metric for found in skipped] == ["latency_mean_vs_reference", "peak_rss_vs_reference"]
    differences = [{"name": name, "baseline": before, "run": now}]
    assert [found.reason for found in skipped] == [
        Remark(Code.OTHER_MACHINE, {"differences": differences})
    ] * 2
    assert check.exit_code == FINE
    # The disk does not care.
    assert result_of(check, "weights_size").outcome == Outcome.PASSED


def test_a_gpu_that_is_not_there_is_another_machine() -> None:
    cuda = Metric("cuda_peak", 500.0, "MB", False)
    baseline = result(ROWS, machine=replace(MACHINE, gpu=["H100"]))
    baseline = _with(baseline, [*baseline.record.metrics, cuda])
    found = result_of(checked(result(ROWS), baseline), "cuda_peak")
    assert (found.outcome, found.run) == (Outcome.SKIPPED, None)
    # On the same machine it should have been measured.
    here = _with(BASELINE, [*BASELINE.record.metrics, cuda])
    assert result_of(checked(result(ROWS), here), "cuda_peak").outcome == Outcome.MISSING


@pytest.mark.parametrize("name", ["accuracy", "brier", "latency_mean_vs_reference", "weights_size"])
def test_a_missing_metric_cannot_be_told(name: str) -> None:
    whole = result(ROWS)
    metrics = [metric for metric in whole.record.metrics if metric.name != name]
    check = checked(_with(whole, metrics))
    assert check.exit_code == CANNOT_TELL
    assert {found.metric for found in check.of(Outcome.MISSING)} == {name}


def _with(whole: Result, metrics: list[Any]) -> Result:
    return replace(whole, record=replace(whole.record, metrics=metrics))


def test_a_metric_that_only_the_run_has_is_skipped() -> None:
    fewer = [metric for metric in BASELINE.record.metrics if metric.name != "brier"]
    check = checked(result(ROWS), _with(BASELINE, fewer))
    assert check.exit_code == FINE
    found = result_of(check, "brier")
    assert (found.outcome, found.baseline, found.run) == (
        Outcome.SKIPPED,
        None,
        result_of(checked(result(ROWS)), "brier").run,
    )
    assert found.reason == Remark(Code.NOT_IN_BASELINE)


@pytest.mark.parametrize(
    ("run", "baseline", "code"),
    [
        (result(ROWS), result(ROWS, git=Git("abc", dirty=True)), Code.DIRTY_BASELINE),
        (result(ROWS), result(ROWS, own_git=Git("abc", dirty=True)), Code.DIRTY_BASELINE),
        (result(ROWS, router="tfidf"), BASELINE, Code.OTHER_ROUTER),
        (result(DRAWN), BASELINE, Code.ONE_DRAWS),
        (result(predictions(199)), BASELINE, Code.OTHER_QUESTIONS),
        (result([replace(ROWS[0], label="b"), *ROWS[1:]]), BASELINE, Code.OTHER_QUESTIONS),
    ],
    ids=["dirty", "own", "router", "drawn", "questions", "labels"],
)
def test_results_that_cannot_be_compared_are_refused(run: Result, baseline: Result, code: Code) -> None:
    check = checked(run, baseline)
    assert (check.exit_code, check.results) == (CANNOT_TELL, [])
    assert [refusal.code for refusal in check.refusals] == [code]


def test_a_refusal_names_what_differs() -> None:
    (router,) = checked(result(ROWS, router="tfidf")).refusals
    assert router.details == {"folder": "outputs/knn", "baseline": "knn", "run": "tfidf"}
    (questions,) = checked(result(predictions(199))).refusals
    assert (questions.details["baseline"], questions.details["run"]) == ("made", "made")
    assert "1 of 200" in questions.details["difference"]


def test_rows_in_another_order_are_the_same_data() -> None:
    check = checked(replace(result(ROWS), predictions=list(reversed(ROWS))))
    assert check.exit_code == FINE
    assert result_of(check, "accuracy").change == 0


def test_a_dirty_run_is_checked_and_noted() -> None:
    check = checked(result(ROWS, git=Git("def", dirty=True)))
    assert check.exit_code == FINE
    commit = {"repository": "git", "baseline": "abc", "run": "def"}
    assert check.notes == [Remark(Code.OTHER_COMMIT, commit), Remark(Code.DIRTY_RUN)]


def test_other_differences_are_noted() -> None:
    run = result(
        ROWS,
        packages={"numpy": "2.4.6", "torch": "2.14.0"},
        dataset=DatasetUsed("made", train=Split("9")),
        weights=WeightsUsed(loaded={"encoder": "2"}),
    )
    config = {"router": {"name": "knn", "k": 5, "encoder": {"model": {"path": "/elsewhere"}}}}
    config["baselines"] = {"majority": {"name": "majority"}}
    check = checked(replace(run, record=replace(run.record, config=config)))
    assert {note.code for note in check.notes} == {Code.CHANGED}
    assert [tuple(note.details.values()) for note in check.notes] == [
        ("packages", "torch", "2.13.0", "2.14.0"),
        ("training questions", "ids_sha256", "0", "9"),
        ("weights", "encoder", "1", "2"),
        ("configuration", "router.k", None, 5),
        ("configuration", "seed", 0, None),
    ]


def test_tolerances_are_by_name() -> None:
    worse = result(predictions(200, wrong=range(35)), (3.6, 3.62, 3.58), memory=4.5)
    tolerances = {"latency_mean_vs_reference": 0.3, "peak_rss_vs_reference": 0.2}
    tolerances |= dict.fromkeys(("accuracy", "macro_f1", "brier"), 0.2)
    assert checked(worse).exit_code == REGRESSED
    check = checked(worse, **tolerances)
    assert check.exit_code == FINE
    assert result_of(check, "accuracy").tolerance == 0.2


UNTRAINED = result(ROWS, how=replace(HOW, untrained=["bge (untrained)"]))


def test_of_untrained_weights_speed_and_memory_alone_are_compared() -> None:
    check = checked(UNTRAINED, UNTRAINED)
    assert {found.kind for found in check.results} == {"latency", "memory"}
    assert check.exit_code == FINE
    (note,) = check.notes
    assert (note.code, note.details) == (
        Code.UNTRAINED,
        {"sides": ["run", "baseline"], "weights": "bge (untrained)"},
    )
    slower = result(ROWS, (4.0, 4.02, 3.98), how=UNTRAINED.record.derivation)
    assert checked(slower, UNTRAINED).exit_code == REGRESSED


def test_the_quality_of_untrained_weights_cannot_be_told_from_a_trained_baseline() -> None:
    check = checked(UNTRAINED)
    found = result_of(check, "accuracy")
    assert (check.exit_code, found.outcome, found.run) == (CANNOT_TELL, Outcome.MISSING, None)
    assert found.unscored is not None
    assert "random values" in found.unscored.sentence
    assert [note.details["sides"] for note in check.notes] == [["run"]]


def test_an_untrained_baseline_has_no_quality_to_fall_short_of() -> None:
    check = checked(result(ROWS), UNTRAINED)
    assert result_of(check, "accuracy").outcome == Outcome.SKIPPED
    assert [note.details["sides"] for note in check.notes] == [["baseline"]]
