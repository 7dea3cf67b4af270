"""A growth as tables, Markdown and a figure."""

from dataclasses import replace

import pytest

from benchmarks.growth.figures import glossary
from reports.growth.figure import DRAWN, LINES, compact, draw_growth
from reports.growth.markdown import to_markdown
from reports.growth.model import Axis, Growth
from reports.growth.tables import axis_table, exponents_table, last_steps_table, noun
from reports.reasons import Reason
from reports.record import Unscored
from reports.text.cells import cell_text
from tests.reports.golden_files import same_as_golden
from tests.reports.growth.samples import FIGURES, every_axis, growth, missing, point, stored


@pytest.fixture(scope="module")
def grown() -> Growth:
    return every_axis()


def test_a_table_has_a_row_a_value_and_a_column_a_metric(grown: Growth) -> None:
    table = axis_table(grown, Axis.STORED, glossary())
    assert [row.name for row in table.rows] == ["4", "64", "512", "4,096"]
    assert [column.key for column in table.columns] == [name for name in glossary() if name in FIGURES]
    assert table.rows[3].cells[0].missing == grown.on(Axis.STORED)[3].missing
    assert table.rows[0].cells[0].value == 2.0


def test_lengths_that_are_cut_are_marked(grown: Growth) -> None:
    table = axis_table(grown, Axis.LENGTH, glossary())
    assert [row.note for row in table.rows] == ["", "", "cut"]


def test_lengths_are_in_the_unit_of_the_growth(grown: Growth) -> None:
    words = replace(grown, made=replace(grown.made, unit="words", cut_at=None))
    table = axis_table(words, Axis.LENGTH, glossary())
    assert table.head == noun(words, Axis.LENGTH) != noun(grown, Axis.LENGTH)
    assert [row.note for row in table.rows] == ["", "", ""]


def test_exponents_stand_by_figure_and_axis_with_their_intervals() -> None:
    found = growth([*stored(1.0, 10.0, 100.0), point(Axis.BATCH, 1, latency_p50=1.0)])
    table = exponents_table(found, glossary())
    (row,) = table.rows
    assert row.name == glossary()["latency_p50"].title
    assert [column.key for column in table.columns] == ["stored", "batch"]
    assert cell_text(table.columns[0], row.cells[0]) == "+1.00 [+1.00, +1.00]"
    assert row.cells[1].missing == Unscored("batch", Reason.TOO_FEW_POINTS)
    assert cell_text(table.columns[0], last_steps_table(found, glossary()).rows[0].cells[0]) == "+1.00"


def test_the_last_step_shows_what_a_constant_part_hides() -> None:
    # 10 and a thousandth a question.
    found = growth(stored(11.0, 20.0, 110.0)).exponent(Axis.STORED, "latency_p50")
    assert found is not None
    assert found.value == pytest.approx(0.5)
    assert found.last_step == pytest.approx(0.740, abs=1e-3)


def test_markdown_golden(grown: Growth) -> None:
    same_as_golden("growth.md", to_markdown(grown, glossary(), draw_growth(grown)))


def test_the_figure_has_a_panel_an_axis(grown: Growth) -> None:
    figure = draw_growth(grown)
    assert figure is not None
    assert figure.png.startswith(b"\x89PNG")
    for axis in Axis:
        drawn = axis != Axis.DOMAINS
        assert figure.svg.count(f">{noun(grown, axis)}<") == drawn, axis
    for line in LINES:
        measured = any(line.name in DRAWN[axis] and grown.measured(axis, line.name) for axis in Axis)
        assert (f">{line.label}<" in figure.svg) == measured, line
    assert draw_growth(grown) == figure


def test_recall_is_drawn_where_it_was_measured() -> None:
    found = stored(0.99, 0.97, 0.61, name="recall_at_k")
    figure = draw_growth(growth(found))
    assert figure is not None
    assert ">recall, share<" in figure.svg


def test_large_sizes_are_short() -> None:
    assert [compact(size) for size in (1, 512, 1_000, 20_000, 1_000_000)] == ["1", "512", "1k", "20k", "1M"]


def test_without_a_point_there_is_no_figure() -> None:
    assert draw_growth(growth([missing(Axis.BATCH, 1, Reason.PROCESS_ENDED, error="killed")])) is None
