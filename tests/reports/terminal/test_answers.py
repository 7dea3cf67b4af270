"""What the experts' answers were worth, read as a person would."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from reports.record import Comparison, Metric, Record
from reports.terminal.answers import answering_lines, answers_table, experts_table
from reports.terminal.console import PLAIN_WIDTH
from reports.terminal.run import print_run, print_tables
from tests.reports.samples import answer_metrics, sample_record


def answered(router: str = "knn", metrics: Sequence[Metric] | None = None) -> Record:
    record = sample_record(router)
    return replace(record, metrics=[*record.metrics, *(answer_metrics() if metrics is None else metrics)])


def text(table: Table | Callable[[Console], None]) -> str:
    console = Console(file=StringIO(), width=PLAIN_WIDTH, markup=False, emoji=False)
    table(console) if callable(table) else console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def rows(shown: str) -> dict[str, str]:
    """Lines by what stands in their first column, which ends with two spaces."""
    found = {}
    for line in shown.splitlines():
        name, _, cells = line.strip().partition("  ")
        found[name] = " ".join(cells.split())
    return found


def test_routers_stand_between_the_policies_that_give_them_meaning() -> None:
    worse = answered("centroid", answer_metrics(regret=0.125))
    shown = text(answers_table([answered(), worse]))
    found = rows(shown)
    # Value 0.5, minus what the samples take off each measure; intervals on ROUGE-L alone.
    assert found["oracle (the right one)"] == "50.0 48.9 47.8 [37.5, 75.0]"
    assert found["knn"] == "45.0 43.9 42.8 [32.5, 75.0] 2.8 [-7.5, 75.0]"
    assert found["centroid"] == "45.0 43.9 42.8 [32.5, 75.0] 10.3 [0.0, 75.0]"
    assert found["chance (each alike)"] == "35.0 33.9 32.8 [22.5, 75.0]"
    assert found["always:car"] == "30.0 28.9 27.8 [17.5, 75.0]"
    assert found["always:sleep"] == "40.0 38.9 37.8 [27.5, 75.0]"
    assert found["base (no adapter)"] == "20.0 18.9 17.8 [7.5, 75.0]"
    order = [name for name in found if "  " not in name]
    assert order.index("oracle (the right one)") < order.index("knn") < order.index("chance (each alike)")
    assert "36 questions with a reference" in shown


def test_each_expert_on_each_domain() -> None:
    shown = rows(text(experts_table(answered())))
    assert shown["expert"] == "car sleep right − wrong"
    assert shown["car"] == "61.0 [60.0, 62.0] 12.0 [11.0, 13.0] –"
    assert shown["sleep"] == "23.0 [22.0, 24.0] 74.0 [73.0, 75.0] –"
    assert shown["base (no adapter)"] == "34.0 [33.0, 35.0] 45.0 [44.0, 46.0]"


def test_a_policy_without_figures_is_dashes() -> None:
    bare = [metric for metric in answer_metrics() if "base" not in metric.name]
    record = answered(metrics=bare)
    assert rows(text(answers_table([record])))["base (no adapter)"] == "– – –"
    assert rows(text(experts_table(record)))["base (no adapter)"] == "– –"


def test_what_an_answer_took() -> None:
    assert list(answering_lines(answered())) == [
        "knn, an answer: 0.32 s in a batch, 123 tokens/s; routing 5.43 ms"
    ]


@pytest.mark.parametrize(
    ("left_out", "line"),
    [
        ("generation_throughput", "knn, an answer: 0.32 s in a batch; routing 5.43 ms"),
        ("latency_p50", "knn, an answer: 0.32 s in a batch, 123 tokens/s"),
    ],
)
def test_what_is_not_known_is_not_said(left_out: str, line: str) -> None:
    record = answered()
    record = replace(record, metrics=[metric for metric in record.metrics if metric.name != left_out])
    assert list(answering_lines(record)) == [line]


def test_missing_answers_are_counted() -> None:
    lines = list(answering_lines(answered(metrics=answer_metrics(answered=33 / 36))))
    assert lines[1] == "knn: 3 of 36 answers are missing; predictions.jsonl says why"


def test_without_experts_nothing_is_said_of_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(answering_lines(sample_record())) == []
    printed = text(lambda console: print_tables([sample_record(), sample_record("majority")], console))
    assert "ROUGE" not in printed
    assert "expert" not in printed


def test_a_run_with_experts_prints_everything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    chosen = replace(
        answered(),
        comparisons=[
            Comparison("majority", "accuracy", 0.375, 0.25, 0.5, 40),
            Comparison("majority", "rougeL", 0.012, -0.004, 0.031, 36),
        ],
    )
    print_run([chosen, answered("majority"), sample_record("tfidf")], tmp_path)  # type: ignore[arg-type]
    printed = capsys.readouterr().out
    assert "Answers: ROUGE F1 × 100" in printed
    assert "Experts: ROUGE-L × 100" in printed
    assert "knn, an answer: 0.32 s" in printed
    assert "knn is better than majority: accuracy +37.5 points [+25.0, +50.0], n=40" in printed
    assert (
        "knn cannot be told apart from majority: "
        "ROUGE-L of the answers +1.2 points [-0.4, +3.1], n=36" in printed
    )
    assert max(len(line) for line in printed.splitlines() if not line.startswith("Result")) <= 110
    assert "…" not in printed
    # A router without answers has no row among them.
    assert "tfidf" not in printed.partition("Answers: ROUGE")[2].partition("Experts: ROUGE")[0]


def many(n_domains: int) -> Record:
    names = [f"domain{number}" for number in range(n_domains)]
    metrics = [Metric("rougeL", 0.5, "F1", True, "all", 36, 0.4, 0.6)]
    for name in names:
        metrics.append(Metric(f"rougeL_always:{name}", 0.5, "F1", True, "all", 36, 0.4, 0.6))
        metrics += [
            Metric(f"rougeL_always:{name}", 0.123, "F1", True, domain, 9, 0.111, 0.135) for domain in names
        ]
    return answered(metrics=metrics)


@pytest.mark.parametrize(
    "n_domains",
    [2, 4, 10],
)
def test_many_domains_are_readable(n_domains: int) -> None:
    shown = text(experts_table(many(n_domains)))
    assert "…" not in shown
    # Each domain has one line, with a figure for every domain or for its own alone.
    assert rows(shown)["domain0"].count("12.3") == (n_domains if n_domains <= 4 else 1)
