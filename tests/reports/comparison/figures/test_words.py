"""Figures and names in sentences."""

from reports.comparison.figures.style import shown
from reports.comparison.figures.words import counted, interval, left_out, percent
from reports.record import Metric, Unscored
from tests.reports.comparison.figures.samples import bare_record, full_record, result


def test_small_parts() -> None:
    assert percent(0.8333) == "83.3 %"
    assert counted([240, 240]) == "240"
    assert counted([2000, 200]) == "200 to 2,000"


def test_an_interval_only_where_there_is_one() -> None:
    metric = Metric("aurc", 0.1, "fraction", False, "all", 9, 0.05, 0.2)
    assert interval(metric, 100) == " [5.0, 20.0]"
    assert interval(Metric("aurc", 0.1, "fraction", False)) == ""


def test_who_is_left_out_by_reason() -> None:
    other = bare_record(unscored=[Unscored("latency_p50", "it crashed")])
    records = {
        "knn": full_record(),
        "a": bare_record(),
        "b": bare_record(unscored=[]),
        "c": other,
        "d": other,
    }
    routers = shown({name: result(record) for name, record in records.items()})
    assert left_out(routers, routers, "latency_p50", "no timings") == ""
    assert left_out(routers, routers[:1], "latency_p50", "no timings") == (
        " Not shown: a (measure.enabled=false: nothing was measured); b (no timings); c and d (it crashed)."
    )
