"""A growth as tables, Markdown and a figure."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.growth.figures import glossary
from reports.growth.figure import draw_growth
from reports.growth.markdown import to_markdown
from reports.growth.model import Axis, Growth
from reports.growth.tables import axis_table, exponents_table, last_steps_table
from reports.reasons import Reason
from reports.record import Unscored
from reports.terminal.grow import print_axis, print_growth
from reports.text.cells import cell_text, gaps
from tests.reports.growth.samples import growth, missing, point, stored

FIGURES = {"latency_p50": 2.0, "latency_p99": 5.0, "peak_rss": 100.0, "throughput": 300.0}


@pytest.fixture(scope="module")
def grown() -> Growth:
    """Every axis; one point was killed, and one axis does not apply."""
    points = [
        *(
            point(axis, value, **{name: figure * (step + 1) for name, figure in FIGURES.items()})
            for axis in Axis
            if axis != Axis.DOMAINS
            for step, value in enumerate((4, 64, 512))
        ),
        missing(Axis.STORED, 4_096, Reason.PROCESS_ENDED, error="the process was killed by signal 9"),
    ]
    found = growth(points, not_measured=[Unscored("domains", Reason.TRAINED_TOO_LONG)])
    return replace(found, axes=list(Axis))


def test_a_table_has_a_row_a_value_and_says_what_stays(grown: Growth) -> None:
    table = axis_table(grown, Axis.STORED, glossary())
    assert [row.name for row in table.rows] == ["4", "64", "512", "4,096"]
    assert [column.key for column in table.columns] == [name for name in glossary() if name in FIGURES]
    assert (
        table.about[0]
        == "The others stay at 2 domains, 14 tokens a question, 2 threads, 32 questions a batch."
    )
    assert "the 560 training questions come first" in table.about[1].lower()
    assert "the process was killed by signal 9" in gaps(table)
    assert table.rows[0].cells[0].value == 2.0


def test_lengths_that_are_cut_are_marked(grown: Growth) -> None:
    table = axis_table(grown, Axis.LENGTH, glossary())
    assert [row.note for row in table.rows] == ["", "", "cut"]
    words = replace(grown, made=replace(grown.made, unit="words", cut_at=None))
    assert axis_table(words, Axis.LENGTH, glossary()).head == "words a question"


def test_exponents_stand_by_figure_and_axis_with_their_intervals() -> None:
    found = growth([*stored(1.0, 10.0, 100.0), point(Axis.BATCH, 1, latency_p50=1.0)])
    table = exponents_table(found, glossary())
    (row,) = table.rows
    assert (row.name, [column.key for column in table.columns]) == ("Latency", ["stored", "batch"])
    assert cell_text(table.columns[0], row.cells[0]) == "+1.00 [+1.00, +1.00]"
    assert row.cells[1].missing == Unscored("batch", Reason.TOO_FEW_POINTS)
    assert cell_text(table.columns[0], last_steps_table(found, glossary()).rows[0].cells[0]) == "+1.00"


def test_the_last_step_shows_what_a_constant_part_hides() -> None:
    # 10 and a thousandth a question.
    found = growth(stored(11.0, 20.0, 110.0)).exponent(Axis.STORED, "latency_p50")
    assert found is not None
    assert found.value == pytest.approx(0.5)
    assert found.last_step == pytest.approx(0.740, abs=1e-3)


def test_markdown_begins_with_what_it_means_and_has_every_table(grown: Growth) -> None:
    text = to_markdown(grown, glossary(), draw_growth(grown))
    heads = re.findall(r"^##+ (.*)$", text, flags=re.MULTILINE)
    assert heads == [
        "How knn grows",
        "Exponents of growth [95 % interval]",
        "Exponents of the last step",
        "knn by stored questions",
        "knn by tokens a question",
        "knn by threads",
        "knn by questions a batch",
        "How it was measured",
    ]
    first = text.split("\n\n")[1]
    assert first.startswith("The median of one question would pass 10 ms at about 7,000 stored questions")
    assert "Not measured along domains: this router would be trained anew" in first
    assert "(growth.png)" in text
    assert "No figure for 4,096" in text
    assert "13 points, 1 of them missing" in text
    assert "Some CPU, 2 cores, 16.0 GB, with 2 threads" in text


def test_the_figure_has_a_panel_an_axis(grown: Growth) -> None:
    figure = draw_growth(grown)
    assert figure is not None
    assert figure.png.startswith(b"\x89PNG")
    for axis in ("stored questions", "tokens a question", "threads", "questions a batch"):
        assert figure.svg.count(f">{axis}<") == 1, axis
    assert ">domains<" not in figure.svg
    for label in ("median, ms", "peak memory, MB", "questions a second"):
        assert f">{label}<" in figure.svg
    assert draw_growth(grown) == figure


def test_without_a_point_there_is_no_figure() -> None:
    assert draw_growth(growth([missing(Axis.BATCH, 1, Reason.PROCESS_ENDED, error="killed")])) is None


def test_the_terminal_shows_tables_then_sentences_then_the_place(
    grown: Growth, capsys: pytest.CaptureFixture[str]
) -> None:
    print_axis(grown, Axis.BATCH, glossary())
    assert "knn by questions a batch" in capsys.readouterr().out
    print_growth(grown, glossary(), Path("outputs/grow/A"))
    out = capsys.readouterr().out
    assert out.index("Exponents of growth") < out.index("Missing at 4,096 stored questions")
    assert out.rstrip().endswith("Result: outputs/grow/A (report.md, growth.png and growth.json)")
