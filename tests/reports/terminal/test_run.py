"""Output of a run: what is in which table, and what is said beside the tables."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.settings import Policy
from reports.record import (
    Analyses,
    Answering,
    AnswerSample,
    Candidate,
    CascadeResult,
    Comparison,
    ConfusionMatrix,
    Estimate,
    Fitting,
    Leakage,
    Metric,
    Record,
    Shift,
    Timings,
    Tuning,
)
from reports.table import Table
from reports.terminal.run import (
    baselines_table,
    domain_tables,
    notes,
    print_routed,
    print_run,
    print_tables,
)
from tests.reports.glossary import GLOSSARY
from tests.reports.golden_files import same_as_golden
from tests.reports.samples import answer_metrics, fraction, sample_record
from tests.reports.terminal.conftest import Printed

FOLDER = Path("/somewhere/outputs/run/2026-01-02_03-04-05_knn")


def answered(router: str = "knn", **changes: Any) -> Record:
    record = sample_record(router, **changes)
    return replace(record, metrics=[*record.metrics, *answer_metrics()])


def values(table: Table) -> dict[str, list[Any]]:
    return {row.name: [cell.value for cell in row.cells] for row in table.rows}


def test_golden(printed: Printed) -> None:
    baseline = answered("majority", family="baseline", comparisons=[])
    other = sample_record("tfidf", metrics=[fraction("accuracy", 0.5, low=0.4, high=0.6)])
    same_as_golden("run.txt", printed(print_run, [answered(), baseline, other], FOLDER, GLOSSARY))
    same_as_golden("sweep.txt", printed(print_tables, [answered(), other], GLOSSARY))


def sampled(record: Record) -> Record:
    experts = Answering(108, 0, 0, sample=AnswerSample(36, 240, 0, ("label", "slice")))
    return replace(record, timings=replace(record.timings, experts=experts))


def test_a_sample_is_named_with_its_size(printed: Printed) -> None:
    text = printed(print_run, [sampled(answered())], FOLDER, GLOSSARY)
    assert text.count("n = 36 of 240") == 2
    assert "n = 36" not in printed(print_run, [answered()], FOLDER, GLOSSARY)


def test_what_is_known_early_is_one_table(printed: Printed) -> None:
    baseline = sample_record("majority", family="baseline", comparisons=[])
    same_as_golden("routed.txt", printed(print_routed, [sample_record(), baseline], 1440, GLOSSARY))


def test_routers_against_the_others() -> None:
    table = baselines_table(answered(), GLOSSARY)
    assert table is not None
    assert values(table) == {"majority": ["better", "<0.001", 0.375, 0.012]}
    assert [column.unit for column in table.columns] == ["", "", "points", "points"]
    assert baselines_table(sample_record(comparisons=[]), GLOSSARY) is None


def test_without_a_test_there_is_no_verdict() -> None:
    untested = Comparison("majority", "accuracy", 0.1, 0.05, 0.2, 40)
    table = baselines_table(sample_record(comparisons=[untested]), GLOSSARY)
    assert table is not None
    assert values(table) == {"majority": [None, None, 0.1]}


def test_domains_and_where_their_questions_went() -> None:
    (table,) = domain_tables(sample_record(), GLOSSARY)
    assert values(table) == {
        "car": [0.777, 0.666, 17, 3],
        "sleep": [0.777, 0.666, 3, 17],
    }


def test_sums_of_weights_are_no_counts() -> None:
    weighted = ConfusionMatrix(["car", "sleep"], [[62.0, 4.5], [0.0, 1200.0]])
    columns = [
        next(domain_tables(record, GLOSSARY)).columns[-1]
        for record in (sample_record(), sample_record(confusion_matrix=weighted))
    ]
    assert [(column.unit, column.digits) for column in columns] == [("questions", 0), ("weight", None)]


def test_of_many_domains_those_with_mistakes_and_the_mistakes() -> None:
    labels = [f"d{number:03}" for number in range(100)]
    counts = 5 * np.eye(100)
    counts[70, 7], counts[7, 70], counts[9, 8] = 15, 2, 3
    record = sample_record(confusion_matrix=ConfusionMatrix(labels, counts.tolist()))
    domains, mistakes = domain_tables(record, GLOSSARY)
    assert len(domains.rows) == 20
    assert {"d007", "d008", "d009", "d070"} <= {row.name for row in domains.rows}
    # Nothing else of the matrix.
    assert not [column for column in domains.columns if column.key.startswith("to:")]
    assert [(row.name, *(cell.value for cell in row.cells)) for row in mistakes.rows] == [
        ("d070", "d007", 15, 0.75),
        ("d009", "d008", 3, 3 / 8),
        ("d007", "d070", 2, pytest.approx(2 / 7)),
    ]


def with_policy(fallback: str, *metrics: Metric) -> Record:
    record = sample_record(metrics=[fraction("coverage", 0.8), *metrics])
    policy = Policy(threshold=0.5, fallback=fallback)
    return replace(record, derivation=replace(record.derivation, policy=policy))


def test_notes_golden() -> None:
    cosines = {
        "loss": "batch_all_triplet",
        "before": {"same_class": 0.2, "different_class": 0.07},
        "after": {"same_class": 0.76, "different_class": 0.95},
        "n_texts": 40,
        "held_out": False,
        "collapsed": True,
    }
    busy = sample_record(
        timings=Timings(Fitting(1.5, 200_000_000, cut_questions=11)),
        metrics=[
            replace(fraction("accuracy", 0.5, low=0.07, high=0.93), n=4),
            fraction("tied", 0.25),
            fraction("sent_on", 0.3),
            Metric("answered", 33 / 36, "fraction", True, n=36),
        ],
        analyses=Analyses(
            leakage=Leakage("drop", dropped=3, kinds={"same": 1, "contained": 2}, repeated=1),
            learned={"cheap": {"learned_encoder": cosines}, "threshold": 0.5},
            cascade=CascadeResult(
                *(0.75, None, 0.002, Estimate(0.3, 0.2, 0.4), Estimate(0.004, -0.0021, 0.0112)),
                [Shift("sent_on", 0.2, 100, 0.3, 240, 0.04)],
            ),
            cut_questions=2,
            tuning=Tuning(5, {"k": 10, "weighting": "uniform"}, [Candidate({"k": 10}, 0.9, -0.1)]),
        ),
    )
    accepted = fraction("selective_accuracy", 0.95)
    refused = fraction("out_of_scope_recall", 0.4, "out_of_scope")
    records = [
        busy,
        with_policy("abstain"),
        with_policy("best_guess", accepted),
        with_policy("sleep", accepted, refused),
    ]
    assert not list(notes(sample_record(metrics=[])))
    same_as_golden("run_notes.txt", "".join(f"{line}\n" for record in records for line in notes(record)))
