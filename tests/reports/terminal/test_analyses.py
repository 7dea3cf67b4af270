"""What a record has beyond a figure a metric, in print."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reports.record import Metric, Record
from reports.terminal.analyses import clipped, depth_lines, depth_tables
from reports.terminal.console import plain_console
from tests.reports.samples import fraction, lines_of, sample_record

Printer = Callable[..., str]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printer:
    def show(*records: Record) -> str:
        for shown in depth_tables(records):
            plain_console().print(shown)
        return capsys.readouterr().out

    return show


def with_analyses(*metrics: Metric, **analyses: Any) -> Record:
    return sample_record(
        metrics=[fraction("accuracy", 0.875, low=0.8, high=0.95), *metrics], analyses=analyses
    )


def test_a_plain_record_has_none(printed: Printer) -> None:
    assert printed(sample_record()) == ""
    assert list(depth_lines(sample_record())) == []


def test_thresholds_stand_with_what_they_obtained_on_one_line_each(printed: Printer) -> None:
    asked = {"score": "confidence", "coverage": 0.9, "accuracy": None}
    obtained = {"coverage": [0.915, 0.906, 1.0], "selective_accuracy": [0.98765, 0.98, 1.0]}
    chosen = {"asked": asked, "threshold": 0.4567, "obtained": obtained}
    other = {"asked": {"score": "probability", "accuracy": 0.99}, "threshold": 1.0, "obtained": {}}
    text = printed(with_analyses(thresholds=[chosen, other]))
    assert lines_of(text, "coverage")[-1][1:] == (
        ["90", "by", "confidence", "0.457", "91.5", "[90.6,", "100.0]", "98.8", "[98.0,", "100.0]", "–"]
    )
    assert lines_of(text, "accuracy")[-1][1:] == ["99", "by", "probability", "1.000", "–", "–", "–"]


def test_the_learning_curve_has_a_line_a_point(printed: Printer) -> None:
    points = [
        {
            "per_domain": 5,
            "n_train": 10,
            "accuracy": 0.75,
            "ci_low": 0.7,
            "ci_high": 0.8,
            "values": [0.7, 0.8],
        },
        {"per_domain": 20, "n_train": 40, "accuracy": 0.9, "ci_low": None, "ci_high": None, "values": [0.9]},
    ]
    text = printed(with_analyses(learning_curve=points))
    assert lines_of(text, "5") == [["5", "10", "2", "75.0", "[70.0,", "80.0]"]]
    assert lines_of(text, "20") == [["20", "40", "1", "90.0"]]


def test_intervals_of_shares_end_where_shares_do(printed: Printer) -> None:
    point = {"per_domain": 5, "n_train": 10, "accuracy": 0.98, "values": [1.0, 0.96]}
    text = printed(with_analyses(learning_curve=[{**point, "ci_low": -0.02, "ci_high": 1.04}]))
    assert lines_of(text, "5") == [["5", "10", "2", "98.0", "[0.0,", "100.0]"]]
    assert [clipped(share) for share in (None, 0.5)] == [None, 0.5]


def test_flips_stand_beside_the_accuracy_that_is_left(printed: Printer) -> None:
    metrics = fraction("flips_typos", 0.125, low=0.1, high=0.2), fraction("accuracy_typos", 0.8)
    text = printed(with_analyses(*metrics))
    assert lines_of(text, "none") == [["none", "87.5", "[80.0,", "95.0]"]]
    assert lines_of(text, "typos") == [["typos", "12.5", "[10.0,", "20.0]", "80.0"]]


def test_costs_stand_between_the_reference_policies(printed: Printer) -> None:
    metrics = [
        fraction("apgr", 0.668, low=0.6, high=0.7),
        fraction("calls_for_50", 0.296),
        fraction("quality", 0.7),
        Metric("cost", 0.37, "USD/M tokens", False),
        fraction("quality_always:owner/large", 0.8),
    ]
    names = {"weak": "owner/small", "strong": "owner/large", "models": {"owner/large": {}}}
    text = printed(with_analyses(*metrics, cost_quality=names), sample_record("without"))
    assert "Cost and quality, small or large" in text
    assert lines_of(text, "knn") == [["knn", "66.8", "[60.0,", "70.0]", "29.6", "–", "–", "70.0", "0.37"]]
    assert lines_of(text, "always") == [["always", "large", "–", "–", "–", "–", "80.0", "–"]]
    assert lines_of(text, "without") == []


def test_several_domains_a_question_have_a_table(printed: Printer) -> None:
    text = printed(with_analyses(fraction("subset_accuracy", 0.6), fraction("jaccard", 0.8)))
    assert lines_of(text, "knn") == [["knn", "60.0", "80.0", "–", "–", "–", "–"]]


@pytest.mark.parametrize(
    ("fallback", "rest"),
    [
        ("abstain", "the rest are not answered"),
        ("best_guess", "the rest go to the best guess all the same"),
        ("sleep", "the rest go to sleep"),
    ],
)
def test_a_threshold_says_what_it_accepts(fallback: str, rest: str) -> None:
    policy = {"threshold": 0.5, "score": "confidence", "fallback": fallback}
    metrics = [fraction("coverage", 0.8), fraction("selective_accuracy", 0.95)]
    record = sample_record(metrics=metrics, derivation={"policy": policy})
    known = "knn with threshold 0.5 by confidence accepts 80.0 % of the questions with a domain"
    known += ", 95.0 % of them right"
    assert list(depth_lines(record)) == [f"{known}; {rest}"]
    foreign = replace(record, metrics=[*metrics, fraction("out_of_scope_recall", 0.4, "out_of_scope")])
    assert list(depth_lines(foreign)) == [f"{known}, and refuses 40.0 % of those out of scope; {rest}"]


def test_lines_say_what_was_dropped_tuned_learned_and_sent_on() -> None:
    cosines = {
        "loss": "batch_all_triplet",
        "before": {"same_class": 0.2, "different_class": 0.07},
        "after": {"same_class": 0.76, "different_class": 0.95},
        "n_texts": 40,
        "held_out": False,
        "collapsed": True,
    }
    record = with_analyses(
        fraction("sent_on", 0.3),
        guard={"dropped": 3},
        tuning={"folds": 5, "chosen": {"k": 10, "weighting": "uniform"}},
        learned={"cheap": {"learned_encoder": cosines}, "threshold": 0.5},
    )
    dropped, tuned, learned, sent_on = depth_lines(record)
    assert dropped == "guard: 3 questions to learn from left out, too close to a test question"
    assert tuned.endswith(": k=10, weighting=uniform")
    assert learned.startswith("cheap: encoder fine-tuned with batch_all_triplet")
    assert "0.07 -> 0.95" in learned
    assert learned.endswith("(40 TRAINING questions); COLLAPSED")
    assert sent_on == "knn sent 30.0 % of the questions on to its expensive router"
