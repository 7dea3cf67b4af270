"""Figures as a person reads them, and why there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.comparison.cells import NONE, disk_cell, gpu_cell, listed, metric_cell, number, written
from reports.record import Metric, Unscored
from tests.reports.comparison.samples import changed, sample_result


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0, None, "0"),
        (9.996, None, "10.0"),
        (9.98024, None, "9.98"),
        (0.02141, None, "0.0214"),
        (240.34, None, "240"),
        (999.7, None, "1,000"),
        (1256387.4, None, "1,256,387"),
        (-0.04, 1, "0.0"),
        (-0.06, 1, "-0.1"),
        (83.333, 1, "83.3"),
    ],
)
def test_figures(value: float, digits: int | None, text: str) -> None:
    assert written(value, digits) == text


@given(st.floats(-1e12, 1e12))
def test_a_figure_is_near_its_value_and_without_an_exponent(value: float) -> None:
    text = written(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.01, abs=1e-6)


def test_intervals_and_signs() -> None:
    assert number(1.5, -0.25, 2, digits=1, interval=True, signed=True).text == "+1.5 [-0.2, +2.0]"
    assert number(1.5, 1, None, digits=1, interval=True).text == "1.5"
    assert number(1.5, 1, 2, digits=1).text == "1.5"


def test_a_missing_metric_has_the_reason_of_its_record() -> None:
    record = changed(
        sample_result("knn"),
        without=["ece", "latency_p50", "latency_p95"],
        unscored=[Unscored("ece", "no label"), Unscored("latency_p50", "not measured")],
    ).record
    assert metric_cell(record, "ece").why == "no label"
    assert metric_cell(record, "latency_p95", instead="latency_p50").why == "not measured"
    assert metric_cell(record, "latency_p95").why == "its record does not have it"
    assert metric_cell(record, "latency_p95").text == NONE


def test_gpu() -> None:
    result = sample_result("knn")
    assert gpu_cell(result.record).text == "no"
    used = gpu_cell(changed(result, Metric("cuda_peak", 1234.0, "MB", False)).record)
    assert (used.text, used.value) == ("yes, 1,234 MB", 1234)
    unknown = gpu_cell(sample_result("knn", unscored=[]).record)
    assert (unknown.text, unknown.why) == (NONE, "its record does not have it")


def test_half_a_size_on_disk_is_none() -> None:
    result = sample_result("knn")
    assert disk_cell(result.record).value == 92
    assert disk_cell(changed(result, without=["weights_size"]).record).text == NONE


def test_names_are_listed() -> None:
    assert [listed("a"), listed("ab"), listed("abc")] == ["a", "a and b", "a, b and c"]
