"""Limits that need no baseline: how they are written, and what comes of them."""

from dataclasses import replace

import pytest

from benchmarks.errors import BadInput
from benchmarks.gate.check import gate, required_alone
from benchmarks.gate.requirements import parse_requirement, requirement_results
from benchmarks.gate.rules import Rules
from reports.gate.results import CANNOT_TELL, FINE, REGRESSED, Check, Code, GateResult, Outcome
from reports.reasons import Reason
from reports.record import Metric, Unscored
from tests.benchmarks.gate_samples import predictions, result

ROWS = predictions(200, wrong=range(20))
RUN = result(ROWS)
TIMED = replace(RUN.record, metrics=[*RUN.record.metrics, Metric("latency_p95", 20.0, "ms", False)])


def required(*texts: str) -> Check:
    run = replace(RUN, record=TIMED)
    return required_alone(run, Rules(requirements=[parse_requirement(text) for text in texts]))


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("accuracy>=0.8", 0.8),
        ("accuracy >= 80 %", 0.8),
        ("accuracy[overlap]>=.8", 0.8),
        ("brier<=1e-1", 0.1),
        # Of one-hot probabilities it is up to 2.
        ("brier<=1.2", 1.2),
        ("rougeL_gain>=-0.1", -0.1),
        ("rougeL_gain>=0", 0.0),
        ("apgr>=1.1", 1.1),
        ("cost_saved>=-50%", -0.5),
        ("accuracy>=1", 1.0),
        ("out_of_scope_fpr95<=0", 0.0),
        ("retries<=1.5", 1.5),
        ("latency_p95<=20ms", 20.0),
        ("latency_p95<=0.02s", 20.0),
        ("load_time<=500ms", 0.5),
        ("peak_rss<=0.3GB", 300.0),
        ("latency_mean_vs_reference<=2x", 2.0),
        ("throughput>=100queries/s", 100.0),
        ("recall[car]>=0.9", 0.9),
        ("calibration_p>=0.05", 0.05),
    ],
)
def test_a_limit_is_in_the_unit_of_the_record(text: str, limit: float) -> None:
    assert parse_requirement(text).limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("accuracy", "expected NAME>=LIMIT or NAME<=LIMIT"),
        ("accuracy=0.8", "expected NAME>=LIMIT or NAME<=LIMIT"),
        ("accuracy>0.8", "expected NAME>=LIMIT or NAME<=LIMIT"),
        ("acuracy>=0.8", "no metric 'acuracy'; did you mean accuracy"),
        ("zzz>=0.8", r"no metric 'zzz'; docs/record\.md lists them"),
        ("accuracy<=0.8", "higher is better: write accuracy>=LIMIT"),
        ("latency_p95>=20ms", "lower is better: write latency_p95<=LIMIT"),
        ("latency_p95<=20", "is given in ms or s or us or µs, which has to be named"),
        ("peak_rss<=20ms", "is given in MB or GB or kB, not in 'ms'"),
        ("accuracy>=80", "no run can meet it, as accuracy is from 0 to 1; .* meet; 80 % is 0.8"),
        ("accuracy>=0", "every run meets it"),
        ("brier<=2", "every run meets it, as brier is from 0 to 2; name a limit that a run can miss"),
        ("out_of_scope_fpr95<=5", "every run meets it, .*; 5 % is 0.05"),
        ("latency_p95<=-1ms", "no run can meet it, as latency_p95 is at least 0"),
        ("cost_saved>=2", "no run can meet it, as cost_saved is at most 1"),
        ("accuracy>=much", "'much' is no number"),
        ("latency_p95<=1e999ms", "is too large"),
    ],
)
def test_a_requirement_that_cannot_be_used(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse_requirement(text)


@pytest.mark.parametrize(
    ("text", "outcome", "code"),
    [
        # Just the limit is enough, of both kinds.
        ("accuracy>=0.9", Outcome.PASSED, FINE),
        ("latency_p95<=20ms", Outcome.PASSED, FINE),
        ("accuracy>=0.901", Outcome.UNMET, REGRESSED),
        ("latency_p95<=19.9ms", Outcome.UNMET, REGRESSED),
        ("peak_rss<=1GB", Outcome.MISSING, CANNOT_TELL),
    ],
)
def test_outcomes(text: str, outcome: Outcome, code: int) -> None:
    check = required(text)
    (found,) = check.results
    assert (found.outcome, found.required, check.exit_code) == (outcome, text, code)
    assert (check.baseline, found.baseline, found.change) == (None, None, None)


def test_the_worst_decides() -> None:
    assert required("accuracy>=0.5", "latency_p95<=20ms").exit_code == FINE
    assert required("accuracy>=0.5", "latency_p95<=1ms", "peak_rss<=1GB").exit_code == REGRESSED


def test_a_metric_that_was_not_scored_says_why() -> None:
    record = replace(TIMED, unscored=[Unscored("rougeL", Reason.NO_REFERENCE)])
    (found,) = requirement_results([parse_requirement("rougeL>=0.2")], record)
    assert (found.outcome, found.unscored) == (Outcome.MISSING, record.unscored[0])
    assert found.reason is not None
    assert found.reason.code == Code.NOT_MEASURED


def test_an_unknown_slice_names_those_that_there_are() -> None:
    (found,) = required("accuracy[overlp]>=0.8").results
    assert found.outcome == Outcome.MISSING
    assert found.reason is not None
    assert found.reason.details == {"metric": "accuracy", "slices": ["all", "overlap", "standard"]}
    assert required("accuracy[overlap]>=0.8").exit_code == FINE


def test_a_metric_of_one_slice_needs_no_name_of_it() -> None:
    metrics = [*TIMED.metrics, Metric("out_of_scope_auroc", 0.9, "fraction", True, "out_of_scope")]
    (found,) = requirement_results(
        [parse_requirement("out_of_scope_auroc>=0.8")], replace(TIMED, metrics=metrics)
    )
    assert (found.outcome, found.slice) == (Outcome.PASSED, "out_of_scope")


def of_accuracy(check: Check) -> list[GateResult]:
    return [one for one in check.results if (one.metric, one.slice) == ("accuracy", "all")]


def test_beside_a_baseline_both_count() -> None:
    rules = Rules(requirements=[parse_requirement("accuracy>=0.95")])
    check = gate(RUN, RUN, rules)
    assert [one.outcome for one in of_accuracy(check)] == [Outcome.UNMET, Outcome.PASSED]
    assert check.exit_code == REGRESSED
    # Also where the two cannot be compared.
    check = gate(RUN, result(predictions(150)), rules)
    assert [one.outcome for one in check.results] == [Outcome.UNMET]
    assert (len(check.refusals), check.exit_code) == (1, REGRESSED)
