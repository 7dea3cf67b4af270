"""A record's figures follow from its rows and timings, and one that does not is named."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.metrics.compute import compute_metrics
from benchmarks.metrics.performance import answering_performance, performance
from benchmarks.verify.figures import check_figures
from reports.reasons import Reason
from reports.record import Answering, Fitting, Metric, Prediction, Timings, Unscored
from reports.record_files import RecordError, Result
from reports.verification import Difference, Kind, Missing
from tests.benchmarks.gate_samples import QUICK, predictions, result, serving

ROWS = predictions(60, wrong=range(12))
TIMINGS = Timings(Fitting(train_seconds=1.0, train_peak_rss_bytes=5), serving([3.0, 3.1]))


@pytest.fixture
def whole() -> Result:
    assert TIMINGS.served is not None
    assert TIMINGS.trained is not None
    speed, missing = performance(TIMINGS.served, TIMINGS.trained, QUICK, 0)
    made = result(ROWS)
    metrics, unscored = [*made.record.metrics[:-3], *speed], [*made.record.unscored, *missing]
    return replace(made, record=replace(made.record, metrics=metrics, unscored=unscored, timings=TIMINGS))


def changed(whole: Result, name: str, **fields: Any) -> Result:
    metrics = [
        replace(metric, **fields) if (metric.name, metric.slice) == (name, "all") else metric
        for metric in whole.record.metrics
    ]
    return replace(whole, record=replace(whole.record, metrics=metrics))


def test_every_metric_follows(whole: Result) -> None:
    found = check_figures(whole)
    assert found.differences == []
    assert found.n_metrics == len(whole.record.metrics)


@pytest.mark.parametrize("name", ["accuracy", "ece", "latency_p50", "latency_p50_vs_reference", "throughput"])
def test_a_changed_value_is_named(whole: Result, name: str) -> None:
    (found,) = check_figures(changed(whole, name, value=0.123)).differences
    assert found[:5] == (Kind.METRIC, name, "all", "value", 0.123)
    assert found.derived == pytest.approx(next(m.value for m in whole.record.metrics if m.name == name))


@pytest.mark.parametrize(
    "fields", [{"ci_low": 0.1}, {"ci_high": None}, {"n": 61}, {"unit": "ms"}, {"higher_is_better": False}]
)
def test_so_is_any_other_field(whole: Result, fields: dict[str, Any]) -> None:
    (found,) = check_figures(changed(whole, "accuracy", **fields)).differences
    assert (found.metric, found.field, found.recorded) == ("accuracy", *next(iter(fields.items())))


def test_the_last_digit_may_differ(whole: Result) -> None:
    value = next(metric.value for metric in whole.record.metrics if metric.name == "brier")
    assert check_figures(changed(whole, "brier", value=value * (1 + 1e-12))).differences == []


def test_a_metric_that_is_not_there_or_should_not_be(whole: Result) -> None:
    metrics = [metric for metric in whole.record.metrics if metric.name != "macro_f1"]
    invented = Metric("rougeL", 0.9, "F1", True)
    found = check_figures(
        replace(whole, record=replace(whole.record, metrics=[*metrics, invented]))
    ).differences
    assert [(one.metric, one.recorded is None, one.derived is None) for one in found] == [
        ("macro_f1", True, False),
        ("rougeL", False, True),
    ]


def test_rows_that_say_something_else(whole: Result) -> None:
    other = replace(whole, predictions=predictions(60, wrong=range(13)))
    found = check_figures(other).differences
    assert {"accuracy", "brier", "confusion_matrix"} <= {one.metric for one in found}
    assert Difference(Kind.METRIC, "accuracy", "all", "value", 0.8, 47 / 60) in found


def test_a_changed_curve_is_named(whole: Result) -> None:
    curves = whole.record.curves
    reliability = [point._replace(accuracy=1.0) for point in curves.reliability]
    record = replace(whole.record, curves=replace(curves, reliability=reliability))
    found = check_figures(replace(whole, record=record)).differences
    assert found == [Difference(Kind.CURVE, "reliability", "all", "curve")]


def test_of_an_older_record_values_are_compared_without_their_intervals(whole: Result) -> None:
    def older(**fields: Any) -> Result:
        one = changed(whole, "accuracy", **fields)
        return replace(one, record=replace(one.record, schema_version=2))

    found = check_figures(older(ci_low=0.1))
    assert found.differences == []
    assert [(one.metric, one.field) for one in check_figures(older(value=0.1)).differences] == [
        ("accuracy", "value")
    ]
    assert check_figures(changed(whole, "accuracy", ci_low=0.1)).differences


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
        unscored=computed.unscored,
        confusion_matrix=computed.confusion_matrix,
        curves=computed.curves,
        schema_version=3,
    )
    assert newer <= {metric.name for metric in computed.metrics}
    found = check_figures(replace(made, record=older))
    assert found.differences == []
    # The same record of this version lacks them.
    missing = check_figures(replace(made, record=replace(older, schema_version=4))).differences
    assert {one.metric for one in missing} == newer


def test_a_metric_that_was_defined_otherwise_is_not_compared() -> None:
    # Until schema 4 the confidence of every row counted once.
    rows = [*ROWS, *(replace(row, id=f"f{row.id}", label=None, slice="out_of_scope") for row in ROWS[:9])]
    for weight, expected in ((2.0, []), (1.0, ["out_of_scope_auroc"])):
        made = result([replace(row, weight=weight) for row in rows])
        metrics = [
            replace(one, value=0.123) if one.name == "out_of_scope_auroc" else one
            for one in made.record.metrics[:-3]
        ]
        older = replace(made.record, metrics=metrics, timings=Timings(), schema_version=4)
        assert [one.metric for one in check_figures(replace(made, record=older)).differences] == expected


def test_the_time_of_answers_follows_from_the_rows() -> None:
    rows = [
        replace(row, expert="a", answer="x", answers={"a": "x"}, reference="x", answer_seconds=1.0 + number)
        for number, row in enumerate(ROWS[:3])
    ]
    rows = [replace(row, rouge1=1.0, rouge2=0.0, rougeL=1.0) for row in rows]
    made = result(rows)
    experts = Answering(asked=3, from_cache=3, unanswered=0)
    speed, missing = answering_performance(rows, experts)
    assert [(metric.name, metric.value) for metric in speed] == [("generation_time", 2)]
    record = replace(
        made.record,
        metrics=[*made.record.metrics[:-3], *speed],
        unscored=[*made.record.unscored, Unscored("latency_p50", Reason.NOT_MEASURED), *missing],
        timings=Timings(experts=experts),
    )
    assert check_figures(replace(made, record=record)).differences == []
    (found,) = check_figures(changed(replace(made, record=record), "generation_time", value=0.5)).differences
    assert (found.recorded, found.derived) == (0.5, 2)


def test_rows_of_other_classes(whole: Result) -> None:
    # Without a label it enters no figure.
    for foreign in (replace(ROWS[0], predicted="z"), replace(ROWS[0], label=None, predicted="z")):
        with pytest.raises(RecordError, match="sent to z"):
            check_figures(replace(whole, predictions=[*ROWS[1:], foreign]))
    without: Any = None
    with pytest.raises(RecordError, match="TypeError"):
        check_figures(replace(whole, predictions=[replace(ROWS[0], scores=without)]))


def test_a_reason_for_a_metric_that_is_there(whole: Result) -> None:
    unscored = [*whole.record.unscored, Unscored("accuracy", Reason.NO_ROWS)]
    (found,) = check_figures(replace(whole, record=replace(whole.record, unscored=unscored))).differences
    assert (found.metric, found.recorded, found.derived) == ("accuracy", Reason.NO_ROWS, None)


def test_a_metric_that_stands_twice(whole: Result) -> None:
    metrics = [*whole.record.metrics, whole.record.metrics[0]]
    (found,) = check_figures(replace(whole, record=replace(whole.record, metrics=metrics))).differences
    assert (found.metric, found.recorded, found.derived) == (whole.record.metrics[0].name, 2, 1)


def test_of_an_older_record_figures_of_generating_answers_are_not_derived(whole: Result) -> None:
    metrics = [*whole.record.metrics, Metric("generation_time", 0.5, "s", False)]
    older = replace(whole, record=replace(whole.record, metrics=metrics, schema_version=4))
    (found,) = check_figures(older).not_derived
    assert (found.code, found.details) == (Missing.MEASURED, {"what": "generation_time"})
    assert not found.is_claim
