"""Figures that are drawn and what they say; both files can be shown anywhere."""

import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from common.settings import Statistics
from reports.comparison.figures.confusion import shares
from reports.comparison.figures.style import DPI, INK, WIDTH
from reports.comparison.model import Figure
from reports.record import ConfusionMatrix, CostCurves, Curves, Derivation, Machine, Metric, Provenance
from tests.reports.comparison.figures.samples import (
    ALL,
    COSTS,
    ODD_NAMES,
    bare_record,
    classes_record,
    draw,
    draw_one,
    full_record,
    odd_records,
    timings,
    two_records,
)
from tests.reports.comparison.samples import sample_pair, unclear_pair
from tests.reports.golden_files import same_as_golden
from tests.reports.samples import fraction

pytestmark = pytest.mark.slow

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="session")
def odd() -> dict[str, Figure]:
    return draw(odd_records())


@pytest.fixture(scope="session")
def two() -> dict[str, Figure]:
    return draw(two_records())


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_only_what_there_is_data_for() -> None:
    assert draw({}) == {}
    assert list(draw({"knn": bare_record()})) == ["confusion"]
    # A logarithmic axis has no zero.
    metrics = [fraction("accuracy", 0.5), Metric("latency_p50", 0.0, "ms", False, "all", 5)]
    nothing = {"confusion_matrix": ConfusionMatrix(["a"], [[0]]), "timings": timings([0.0, 0.0])}
    curves = Curves(cost_quality=CostCurves())
    assert draw({"knn": bare_record(metrics=metrics, curves=curves, **nothing)}) == {}


def test_who_has_no_data_is_left_out_and_named(two: dict[str, Figure]) -> None:
    for name in ALL:
        shown = "tfidf" in texts(two[name].svg)
        assert shown == (name == "confusion"), name
        assert ("Not shown: tfidf (" in two[name].caption) != shown, name
    (missing,) = bare_record().unscored
    assert missing.sentence in two["memory"].caption


def test_captions_and_alt_texts(two: dict[str, Figure]) -> None:
    lines = [f"# {one.title}\n\n{one.caption}\n\n{one.alt}\n" for one in two.values()]
    same_as_golden("figures.txt", "\n".join(lines))


def test_counts_of_weighted_questions_are_not_cut() -> None:
    matrix = ConfusionMatrix(["car", "sleep"], [[2.5, 0.25], [0.0, 0.5]])
    figure = draw_one("confusion", {"knn": full_record(confusion_matrix=matrix)})
    assert {"2.5", "0.25", "0.5"} <= set(texts(figure.svg))
    # Of 3.25 in weight; the number of questions is the accuracy's.
    assert figure.alt == "knn is right on 92.3 %; most often it takes car for sleep, with a weight of 0.25."
    assert shares(np.array([[0.5, 0.0], [0.0, 0.0]])).tolist() == [[1, 0], [0, 0]]


def test_intervals_are_called_what_they_are() -> None:
    records = {
        name: full_record(derivation=Derivation([], 0, Statistics(confidence=confidence)))
        for name, confidence in {"knn": 0.9, "svm": 0.95}.items()
    }
    assert "90 % interval" in draw_one("risk_coverage", {"knn": records["knn"]}).caption
    assert "% interval" not in draw_one("risk_coverage", records).caption


def test_no_front_across_machines() -> None:
    here = full_record(0.875, 5.0)
    there = full_record(0.8, 9.0, provenance=Provenance(threads=2, machine=Machine(cpu="Xeon", cores=1)))
    # Milliseconds do not depend on it.
    reference = full_record(0.8, 9.0, provenance=Provenance(threads=2, reference_workload=2))
    assert "dotted" in draw_one("accuracy_latency", {"knn": here, "svm": reference}).caption
    figure = draw_one("accuracy_latency", {"knn": here, "svm": there})
    assert "different machines, so their latencies do not compare" in figure.caption
    assert "Pareto" not in figure.alt


def test_a_router_that_is_beaten_by_chance_alone_is_tied_with_the_front() -> None:
    records = {
        "knn": full_record(0.875, 5.0),
        "svm": full_record(0.87, 5.1),
        "centroid": full_record(0.5, 5.2),
    }
    pairs = [unclear_pair("knn", "svm"), sample_pair("knn", "centroid"), sample_pair("svm", "centroid")]
    front = "On the Pareto front: knn."
    figure = draw_one("accuracy_latency", records, pairs)
    assert figure.alt.endswith(f"{front} Tied with it: svm.")
    assert "Tied with it" in figure.caption
    # Without a test nothing is known of ties.
    assert draw_one("accuracy_latency", records).alt.endswith(front)


def test_the_gpu_has_a_bar_where_one_was_measured() -> None:
    record = full_record()
    record.metrics.append(Metric("cuda_peak", 512.0, "MB", False))
    assert "512 MB on the GPU (peak CUDA)" in draw_one("memory", {"knn": record}).alt


def test_many_fixed_experts_are_two_rows() -> None:
    record = full_record()
    record.metrics.extend(
        Metric(f"rougeL_always:d{position}", position / 10, "F1", True, "all", 36) for position in range(8)
    )
    figure = draw_one("rouge", {"knn": record})
    assert [text for text in texts(figure.svg) if "always" in text] == ["always d7", "always d0"]
    assert "Of 10 fixed experts" in figure.caption


@pytest.mark.parametrize(
    ("costs", "said", "unsaid"),
    [(replace(COSTS, hull=[]), "Ong", "Hu et"), (replace(COSTS, deferral=[]), "Hu et", "Ong")],
)
def test_cost_and_quality_with_one_of_the_two_curves(costs: CostCurves, said: str, unsaid: str) -> None:
    record = bare_record(curves=Curves(cost_quality=costs))
    caption = draw_one("cost_quality", {"knn": record}).caption
    assert said in caption
    assert unsaid not in caption


def test_of_many_domains_the_most_frequent_mistakes_are_listed() -> None:
    figure = draw_one("confusion", {"knn": classes_record(1000)})
    written = texts(figure.svg)
    arrows = [text for text in written if "→" in text]
    assert len(arrows) == 10
    assert "Of 1,000 domains" in figure.caption
    assert len(figure.svg) < 100_000


@pytest.mark.parametrize("n", [1, 12, 13, 30])
def test_cells_are_counted_while_there_is_room(n: int) -> None:
    written = texts(draw_one("confusion", {"knn": classes_record(n)}).svg)
    assert (written.count("4") >= n) == (n <= 12)


def test_odd_names_survive_as_they_are(odd: dict[str, Figure]) -> None:
    assert tuple(odd) == ALL
    for name in ALL:
        written = " | ".join(texts(odd[name].svg))
        for part in ("a <b> & \"c\" 'd'", "$x_1$ \\a{} %s", "汉字"):
            assert part in written, name
    assert ODD_NAMES[-1] in odd["latency"].alt
    assert ODD_NAMES[-1] not in texts(odd["latency"].svg)


def test_svgs_are_elements_that_scale_and_pngs_are_undated(odd: dict[str, Figure]) -> None:
    for figure in odd.values():
        root = ElementTree.fromstring(figure.svg)
        assert root.tag == f"{SVG}svg"
        assert root.attrib["viewBox"].startswith("0 0 432 ")
        assert root.attrib["aria-label"] == figure.alt
        assert {element.tag for element in root.iter()}.isdisjoint({f"{SVG}style", f"{SVG}metadata"})
        assert INK in figure.svg
        assert int.from_bytes(figure.png[16:20], "big") == WIDTH * DPI
        assert not re.findall(rb"tEXt|iTXt|zTXt|tIME", figure.png[:2000])
    assert matplotlib.rcParams["svg.fonttype"] == "path"


def test_ids_are_unique_in_a_page_and_found(odd: dict[str, Figure]) -> None:
    ids: Counter[str] = Counter()
    for figure in odd.values():
        root = ElementTree.fromstring(figure.svg)
        own = {value for element in root.iter() if (value := element.get("id"))}
        # Not of the label nor of text, which hold the user's names.
        values = [value for element in root.iter() for key, value in element.items() if key != "aria-label"]
        wanted = {name for value in values for name in re.findall(r"^#([mph]\w{9,})$|url\(#(.+?)\)", value)}
        assert {href or url for href, url in wanted} <= own
        ids.update(own)
    assert max(ids.values()) == 1


def test_the_same_records_give_the_same_bytes(two: dict[str, Figure]) -> None:
    again = draw_one("memory", two_records())
    assert (again.svg, again.png) == (two["memory"].svg, two["memory"].png)
