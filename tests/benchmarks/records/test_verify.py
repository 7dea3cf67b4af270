"""A record's figures follow from its rows and timings, and one that does not is named."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.metrics.compute import compute_metrics
from benchmarks.metrics.performance import performance
from benchmarks.records.verify import verify
from benchmarks.stats.paired import compare
from reports.record import Fitting, Metric, Prediction, Timings, Verdict
from reports.record_files import RecordError, Result
from reports.verification import Difference, Kind
from tests.benchmarks.gate_samples import QUICK, predictions, result, serving

ROWS = predictions(60, wrong=range(12))
TIMINGS = Timings(Fitting(train_seconds=1.0, train_peak_rss_bytes=5), serving([3.0, 3.1]))


@pytest.fixture
def whole() -> Result:
    assert TIMINGS.served is not None
    assert TIMINGS.trained is not None
    speed, _ = performance(TIMINGS.served, TIMINGS.trained, QUICK, 0)
    taken_elsewhere = Metric("generation_time", 0.5, "s", False)
    made = result(ROWS)
    quality = made.record.metrics[:-3]
    metrics = [*quality, *speed, taken_elsewhere]
    return replace(made, record=replace(made.record, metrics=metrics, timings=TIMINGS))


def changed(whole: Result, name: str, **fields: Any) -> Result:
    metrics = [
        replace(metric, **fields) if (metric.name, metric.slice) == (name, "all") else metric
        for metric in whole.record.metrics
    ]
    return replace(whole, record=replace(whole.record, metrics=metrics))


def test_every_metric_follows(whole: Result) -> None:
    found = verify(whole)
    assert found.differences == []
    assert found.n_metrics == len(whole.record.metrics) - 1


@pytest.mark.parametrize("name", ["accuracy", "ece", "latency_p50", "latency_p50_vs_reference", "throughput"])
def test_a_changed_value_is_named(whole: Result, name: str) -> None:
    (found,) = verify(changed(whole, name, value=0.123)).differences
    assert found[:5] == (Kind.METRIC, name, "all", "value", 0.123)
    assert found.derived == pytest.approx(next(m.value for m in whole.record.metrics if m.name == name))


@pytest.mark.parametrize(
    "fields", [{"ci_low": 0.1}, {"ci_high": None}, {"n": 61}, {"unit": "ms"}, {"higher_is_better": False}]
)
def test_so_is_any_other_field(whole: Result, fields: dict[str, Any]) -> None:
    (found,) = verify(changed(whole, "accuracy", **fields)).differences
    assert (found.metric, found.field, found.recorded) == ("accuracy", *next(iter(fields.items())))


def test_the_last_digit_may_differ(whole: Result) -> None:
    value = next(metric.value for metric in whole.record.metrics if metric.name == "brier")
    assert verify(changed(whole, "brier", value=value * (1 + 1e-12))).differences == []


def test_a_metric_that_is_not_there_or_should_not_be(whole: Result) -> None:
    metrics = [metric for metric in whole.record.metrics if metric.name != "macro_f1"]
    invented = Metric("rougeL", 0.9, "F1", True)
    found = verify(replace(whole, record=replace(whole.record, metrics=[*metrics, invented]))).differences
    assert [(one.metric, one.recorded is None, one.derived is None) for one in found] == [
        ("macro_f1", True, False),
        ("rougeL", False, True),
    ]


def test_rows_that_say_something_else(whole: Result) -> None:
    other = replace(whole, predictions=predictions(60, wrong=range(13)))
    found = verify(other).differences
    assert {"accuracy", "brier", "confusion_matrix"} <= {one.metric for one in found}
    assert Difference(Kind.METRIC, "accuracy", "all", "value", 0.8, 47 / 60) in found


def test_a_changed_curve_is_named(whole: Result) -> None:
    curves = whole.record.curves
    reliability = [point._replace(accuracy=1.0) for point in curves.reliability]
    record = replace(whole.record, curves=replace(curves, reliability=reliability))
    found = verify(replace(whole, record=record)).differences
    assert found == [Difference(Kind.CURVE, "reliability", "all", "curve")]


def test_of_an_older_record_values_are_compared_without_their_intervals(whole: Result) -> None:
    def older(**fields: Any) -> Result:
        one = changed(whole, "accuracy", **fields)
        return replace(one, record=replace(one.record, schema_version=2))

    found = verify(older(ci_low=0.1))
    assert (found.intervals, found.differences) == (False, [])
    assert [(one.metric, one.field) for one in verify(older(value=0.1)).differences] == [
        ("accuracy", "value")
    ]
    assert verify(whole).intervals


def test_metrics_that_its_version_did_not_have_are_not_missed() -> None:
    models = {"small": 1.0, "large": 5.0}
    rows = [
        Prediction(f"{number}", "q", "large", "large", 0.5, {"small": 0.1, "large": 0.9}, "standard",
                   outcomes={"small": number % 2, "large": 1.0})
        for number in range(4)
    ]  # fmt: skip
    made = replace(result(ROWS), predictions=rows)
    how = replace(made.record.derivation, classes=sorted(models), prices=models)
    computed = compute_metrics(rows, how)
    newer = {"gain_over_best", "gap_to_oracle", "cost_saved", "arena_score"}
    older = replace(
        made.record,
        derivation=how,
        metrics=[metric for metric in computed.metrics if metric.name not in newer],
        confusion_matrix=computed.confusion_matrix,
        curves=computed.curves,
        schema_version=3,
    )
    assert newer <= {metric.name for metric in computed.metrics}
    found = verify(replace(made, record=older))
    assert (found.differences, found.intervals) == ([], True)
    # The same record of this version lacks them.
    missing = verify(replace(made, record=replace(older, schema_version=4))).differences
    assert {one.metric for one in missing} == newer


def test_rows_that_contradict_themselves(whole: Result) -> None:
    first, second, *others = ROWS
    turned = replace(first, scores={"a": 0.1, "b": 0.9} if first.predicted == "a" else {"a": 0.9, "b": 0.1})
    praised = replace(
        second, reference="one two", answer="one", answers={}, rouge1=0.9, rouge2=0, rougeL=2 / 3
    )
    found = verify(replace(whole, predictions=[turned, praised, *others])).differences
    by_row = [one[1:5] for one in found if one.kind == Kind.ROW]
    assert by_row == [("predicted", first.id, "value", first.predicted), ("rouge1", second.id, "value", 0.9)]


def test_comparisons_follow_from_the_rows_of_both(whole: Result) -> None:
    others = {"x": predictions(60, wrong=range(20)), "y": predictions(60, wrong=range(10))}
    comparisons = compare(ROWS, others, QUICK, 0)
    compared = replace(whole, record=replace(whole.record, comparisons=comparisons))
    assert verify(compared).n_comparisons == 0
    found = verify(compared, others)
    assert (found.n_comparisons, found.differences) == (2, [])
    # In another order the same.
    assert verify(compared, {name: others[name][::-1] for name in ("y", "x")}).differences == []

    praised = [replace(comparisons[0], difference=0.9, verdict=Verdict.WORSE), comparisons[1]]
    boasting = replace(whole, record=replace(whole.record, comparisons=praised))
    first, second = verify(boasting, others).differences
    assert first[:5] == (Kind.COMPARISON, "accuracy", "x", "difference", 0.9)
    assert first.derived == pytest.approx(8 / 60)
    assert second[:5] == (Kind.COMPARISON, "accuracy", "x", "verdict", Verdict.WORSE)
    # One that is not recorded at all.
    silent = replace(whole, record=replace(whole.record, comparisons=comparisons[1:]))
    assert {one.slice for one in verify(silent, others).differences} == {"x"}


def test_rows_of_other_classes(whole: Result) -> None:
    foreign = [replace(row, predicted="z") for row in ROWS]
    with pytest.raises(RecordError, match="KeyError"):
        verify(replace(whole, predictions=foreign))
