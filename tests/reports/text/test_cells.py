"""Figures, intervals and counts as text."""

import pytest

from reports.metric_info import Group, MetricInfo
from reports.table import Cell, Column
from reports.text.cells import (
    cell_text,
    counted,
    figure_text,
    in_points,
    listed,
    metric_column,
    p_text,
    shown,
)


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        # Three significant digits; 9.996 is rounded to four figures first.
        (9.996, None, False, "10.0"),
        (0.0042, None, False, "0.00420"),
        (1234.5, None, False, "1,234"),
        (0, None, False, "0"),
        (1e-9, None, False, "0.000000"),
        (12345678, 0, False, "12,345,678"),
        (-3.24, 1, False, "−3.2"),
        (3.24, 1, True, "+3.2"),
        (-0.04, 1, True, "0.0"),
        (0.04, 1, True, "0.0"),
    ],
)
def test_figures(value: float, digits: int | None, signed: bool, text: str) -> None:
    assert figure_text(value, digits, signed) == text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Cell(0.833), "83.3"),
        (Cell(0.833, 0.788, 0.875), "83.3 [78.8, 87.5]"),
        (Cell(0.833, 0.788, None), "83.3"),
        (Cell(0), "0.0"),
        (Cell("none"), "none"),
        (Cell(), "–"),
    ],
)
def test_cells(cell: Cell, text: str) -> None:
    assert cell_text(Column("accuracy", "accuracy", "%", "", 100, 1, interval=True), cell) == text


def test_units() -> None:
    assert shown("fraction") == (100, "%", 1)
    assert shown("F1") == (100, "F1 × 100", 1)
    assert shown("ms") == (1, "ms", None)
    assert [in_points(unit) for unit in ("fraction", "F1", "ms")] == [True, True, False]
    info = MetricInfo("ece", "ECE", "fraction", False, "how far off", Group.CALIBRATION)
    assert metric_column(info) == Column("ece", "ECE", "%", "how far off", 100, 1)


@pytest.mark.parametrize(("p", "text"), [(0.04321, "0.043"), (0.001, "0.001"), (0.0009, "<0.001")])
def test_p_values(p: float, text: str) -> None:
    assert p_text(p) == text


def test_counts_and_lists() -> None:
    assert [counted(1, "metric"), counted(1485, "process")] == ["1 metric", "1,485 processes"]
    assert [listed("a"), listed("ab"), listed("abc"), listed("abcd", 2)] == [
        "a",
        "a and b",
        "a, b and c",
        "a, b and 2 others",
    ]
