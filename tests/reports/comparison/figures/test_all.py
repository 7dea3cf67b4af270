"""Which figures are drawn, what they say, and that both files can be shown anywhere."""

import hashlib
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reports.comparison.figures.all import draw_figures
from reports.comparison.figures.confusion import Matrix
from reports.comparison.figures.learning_curve import band
from reports.comparison.figures.memory import on_disk
from reports.comparison.figures.style import DPI, INK, WIDTH, shown
from reports.comparison.model import Figure
from reports.record import Metric, Record
from tests.reports.comparison.figures.samples import (
    ALL,
    ODD_NAMES,
    bare_record,
    classes_record,
    curves,
    draw,
    draw_one,
    full_record,
    point,
    result,
    ten_records,
    timings,
    two_records,
)
from tests.reports.samples import fraction

ROOT = Path(__file__).resolve().parents[4]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def ten() -> dict[str, Figure]:
    return draw(ten_records())


@pytest.fixture(scope="module")
def two() -> dict[str, Figure]:
    return draw(two_records())


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_all_figures_in_order(ten: dict[str, Figure]) -> None:
    assert tuple(ten) == ALL


def test_no_results_no_figures() -> None:
    assert draw_figures({}) == []


def test_only_what_there_is_data_for() -> None:
    assert list(draw({"knn": bare_record()})) == ["confusion"]
    nothing = bare_record(confusion_matrix={"labels": ["a"], "rows_true_columns_predicted": [[0]]})
    assert draw({"knn": nothing}) == {}


@pytest.mark.parametrize("name", ["reliability", "risk_coverage", "learning_curve", "cost_quality"])
def test_each_analysis_draws_its_own_figure(name: str) -> None:
    assert list(draw({"knn": bare_record(analyses={name: curves()[name]}, confusion_matrix={})})) == [name]


def test_timings_alone_draw_the_distribution() -> None:
    drawn = draw({"knn": bare_record(timings=timings([0.01, 0.02], rounds=3))})
    assert list(drawn) == ["latency", "confusion"]
    assert "6 timings a router, 3 processes pooled" in drawn["latency"].caption


def test_who_has_no_data_is_left_out_and_named(two: dict[str, Figure]) -> None:
    for name in ALL:
        shown = "tfidf" in texts(two[name].svg)
        assert shown == (name == "confusion"), name
        assert ("Not shown: tfidf (" in two[name].caption) != shown, name
    why = "measure.enabled=false: nothing was measured"
    assert why in two["accuracy_latency"].caption
    assert why in two["memory"].caption


def test_alt_texts_say_the_figures() -> None:
    drawn = draw(
        {
            "knn": full_record(0.833, 9.98),
            "tinyllama": full_record(0.812, 129.6),
            "centroid": full_record(0.792, 7.34),
        }
    )
    alts = {name: figure.alt for name, figure in drawn.items()}
    assert alts["accuracy_latency"] == (
        "knn 83.3 % at 9.98 ms; tinyllama 81.2 % at 130 ms; centroid 79.2 % at 7.34 ms. "
        "On the Pareto front: centroid and knn."
    )
    assert "knn 9.98, 10.9, 11.0 ms" in alts["latency"]
    assert "tinyllama spends 93 % of it outside the stages." in alts["latency"]
    assert "knn: 245 MB serving (peak RSS), 313 MB training (peak RSS), 91.5 MB on disk" in alts["memory"]
    assert "knn is right on 77.5 %; most often it takes car for sleep, 9 times." in alts["confusion"]
    assert "knn 6.2 %, by chance 3.1 %" in alts["reliability"]
    assert "knn: 12.5 % wrong at 100 % coverage, 5.0 % at 50 %, AURC 4.5 [2.0, 8.0]" in alts["risk_coverage"]
    assert "knn: 60.0 % from 1 a domain and 87.5 % from 30 a domain" in alts["learning_curve"]
    assert "oracle 47.8 [37.5, 75.0]; knn 42.8 [32.5, 75.0]" in alts["rouge"]
    assert "always car 27.8" in alts["rouge"]
    assert "Regret: knn 2.78 [-7.50, 75.00]" in alts["rouge"]
    assert (
        "knn: APGR 65.3 %, AIQ 75.8 % and 30.2 % of calls to the strong model recover 50 %"
        in (alts["cost_quality"])
    )


def test_counts_of_weighted_questions_are_not_cut() -> None:
    matrix = {"labels": ["car", "sleep"], "rows_true_columns_predicted": [[2.5, 0.25], [0.0, 0.5]]}
    figure = draw_one("confusion", {"knn": full_record(confusion_matrix=matrix)})
    assert {"2.5", "0.25", "0.5", "0"} <= set(texts(figure.svg))
    # Of 3.25 in weight; the number of questions is the accuracy's.
    assert figure.alt == "knn is right on 92.3 %; most often it takes car for sleep, with a weight of 0.25."
    assert "Sums of weights are printed in the cells." in figure.caption
    assert "share of the true domain's weight, %" in texts(figure.svg)
    assert "40 questions with a domain a router." in figure.caption


def test_a_row_that_weighs_less_than_one_has_whole_shares() -> None:
    matrix = {"labels": ["car", "sleep"], "rows_true_columns_predicted": [[0.5, 0.0], [0.0, 0.0]]}
    router = shown({"knn": result(full_record(confusion_matrix=matrix))})[0]
    assert Matrix(router, {"car": "car", "sleep": "sleep"}).shares().tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("name", ["accuracy_latency", "risk_coverage", "rouge", "cost_quality"])
def test_intervals_are_called_what_they_are(name: str) -> None:
    def record(confidence: float) -> Record:
        return full_record(derivation={"statistics": {"confidence": confidence}})

    assert "90 % interval" in draw_one(name, {"knn": record(0.9), "svm": record(0.9)}).caption
    for mixed in ({"knn": record(0.9), "svm": record(0.95)}, {"knn": full_record()}):
        caption = draw_one(name, mixed).caption
        assert "interval" in caption
        assert "% interval" not in caption


def test_no_front_across_machines() -> None:
    here = full_record(0.875, 5.0)
    there = full_record(0.8, 9.0, provenance={"threads": 2, "machine": {"cpu": "Xeon", "cores": 1}})
    fewer = full_record(0.8, 9.0, provenance={"threads": 1})
    alike = draw_one("accuracy_latency", {"knn": here, "svm": full_record(0.8, 9.0)})
    assert "The dotted line is the Pareto front" in alike.caption
    # Milliseconds do not depend on it.
    reference = full_record(0.8, 9.0, provenance={"threads": 2, "reference_workload": 2})
    assert "dotted" in draw_one("accuracy_latency", {"knn": here, "svm": reference}).caption
    for other, words in ((there, "machines"), (fewer, "thread counts")):
        figure = draw_one("accuracy_latency", {"knn": here, "svm": other})
        assert f"different {words}, so their latencies do not compare" in figure.caption
        assert "dotted" not in figure.caption
        assert "Pareto" not in figure.alt
        assert figure.svg.count("stroke-dasharray") < alike.svg.count("stroke-dasharray")


def test_half_of_what_is_on_disk_is_not_the_whole() -> None:
    for name in ("weights_size", "index_size"):
        record = full_record()
        metrics = [metric for metric in record.metrics if metric.name != name]
        assert on_disk(full_record(metrics=metrics)) is None
    assert on_disk(full_record()) == 91.5


def test_a_band_stays_between_0_and_100() -> None:
    assert band(point(1, 2, [0.0, 0.1], -0.3, 0.4)) == (0, 40)
    assert band(point(1, 2, [0.9, 1.0], 0.5, 1.2)) == (50, 100)


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
    always = [text for text in texts(figure.svg) if text.startswith("always")]
    assert always == ["always d7", "always d0"]
    assert "Of 10 fixed experts" in figure.caption


def test_cost_and_quality_with_one_of_the_two_curves() -> None:
    curve = curves()["cost_quality"]
    deferral = {key: value for key, value in curve.items() if not key.startswith("hull")}
    hull = {key: value for key, value in curve.items() if key.startswith(("hull", "models"))}
    for kept, said, unsaid in ((deferral, "Ong", "Hu et"), (hull, "Hu et", "Ong")):
        caption = draw_one("cost_quality", {"knn": bare_record(analyses={"cost_quality": kept})}).caption
        assert said in caption
        assert unsaid not in caption
    unpriced = bare_record(analyses={"cost_quality": {}})
    assert "cost_quality" not in draw({"knn": unpriced})


def test_a_zero_latency_has_no_place_on_a_logarithmic_axis() -> None:
    metrics = [fraction("accuracy", 0.5), Metric("latency_p50", 0.0, "ms", False, "all", 5)]
    record = bare_record(metrics=metrics, timings=timings([0.0, 0.0]))
    assert list(draw({"knn": record})) == ["confusion"]


@pytest.mark.parametrize("n", [1, 3, 12, 13, 31])
def test_cells_are_counted_while_there_is_room(n: int) -> None:
    written = texts(draw_one("confusion", {"knn": classes_record(n)}).svg)
    # "4" is also the number of the fourth domain on both axes.
    assert (written.count("4") >= n) == (n <= 12)


def test_names_survive_as_they_are(ten: dict[str, Figure]) -> None:
    for name in ALL:
        written = " | ".join(texts(ten[name].svg))
        for odd in (
            "a <b> & \"c\" 'd'",
            "$x_1$ and $",
            "\\alpha{} %s {0}",
            "tab and line",
        ):
            assert odd in written, name
        # The font lacks letters of its name, the sixth.
        assert "router 6" in written
        assert "汉" not in written
        for said in (ten[name].caption, ten[name].alt):
            assert said.endswith(" In the picture, router 6 is ünïcödé 汉字 🚗.")
    assert 'id="mabc" url(#mabc)' in texts(ten["latency"].svg)
    assert ODD_NAMES[6] in ten["latency"].alt
    assert not any(ODD_NAMES[6] in text for text in texts(ten["latency"].svg))


def test_names_that_cannot_be_drawn_are_numbers_with_a_key(recwarn: pytest.WarningsRecorder) -> None:
    labels = ("car", "数学", "راوتر")
    matrix = [[4, 1, 0], [0, 4, 1], [0, 0, 5]]
    record = full_record(
        confusion_matrix={"labels": list(labels), "rows_true_columns_predicted": matrix}, labels=labels
    )
    record.metrics.append(Metric("rougeL_always:数学", 0.3, "F1", True, "all", 36))
    drawn = draw({"knn": record, "נתב": record})
    written = texts(drawn["confusion"].svg)
    assert {"car", "domain 2", "domain 3", "knn", "router 2"} <= set(written)
    key = " In the picture, router 2 is נתב, domain 2 is 数学 and domain 3 is راوتر."
    assert drawn["confusion"].caption.endswith(key)
    assert drawn["confusion"].alt.endswith(key)
    # Only what is in the figure.
    assert drawn["memory"].alt.endswith(" In the picture, router 2 is נתב.")
    assert "always domain 2" in texts(drawn["rouge"].svg)
    assert drawn["rouge"].alt.endswith(" In the picture, router 2 is נתב and domain 2 is 数学.")
    for figure in drawn.values():
        assert ElementTree.fromstring(figure.svg).attrib["aria-label"] == figure.alt
    assert not [warning for warning in recwarn if "lyph" in str(warning.message)]


def test_many_domains_have_one_number_each() -> None:
    labels = (*(f"d{position}" for position in range(5)), "数学")
    counts = [[int(row == column) for column in range(6)] for row in range(6)]
    matrix = {"labels": list(labels), "rows_true_columns_predicted": counts}
    figure = draw({"knn": full_record(confusion_matrix=matrix)})["confusion"]
    assert {"d4 5", "domain 6"} <= set(texts(figure.svg))
    assert figure.caption.endswith(" In the picture, domain 6 is 数学.")


def test_svgs_are_elements_that_scale(ten: dict[str, Figure]) -> None:
    for figure in ten.values():
        assert figure.svg.startswith("<svg ")
        root = ElementTree.fromstring(figure.svg)
        assert root.tag == f"{SVG}svg"
        assert root.attrib["viewBox"].startswith("0 0 432 ")
        assert root.attrib["aria-label"] == figure.alt
        assert {element.tag for element in root.iter()}.isdisjoint({f"{SVG}style", f"{SVG}metadata"})
        assert INK in figure.svg


def test_ids_are_unique_in_a_page_and_found(ten: dict[str, Figure]) -> None:
    ids: Counter[str] = Counter()
    for name, figure in ten.items():
        root = ElementTree.fromstring(figure.svg)
        own = [value for element in root.iter() if (value := element.get("id"))]
        # Not of the label nor of text, which hold the user's names.
        values = [value for element in root.iter() for key, value in element.items() if key != "aria-label"]
        pairs = {found for value in values for found in re.findall(r"^#(\w.*-.*)$|url\(#(.+)\)", value)}
        wanted = {href or url for href, url in pairs}
        assert wanted
        assert wanted == set(own)
        assert all(value.startswith(f"{name}-") for value in own)
        ids.update(own)
    assert max(ids.values()) == 1


def test_colours_of_cells_are_not_the_pages(two: dict[str, Figure]) -> None:
    root = ElementTree.fromstring(two["confusion"].svg)
    counts = [element for element in root.iter(f"{SVG}text") if element.text == "31"]
    assert {element.get("fill") for element in counts} == {"#000000"}


def test_pngs_are_white_and_undated(two: dict[str, Figure]) -> None:
    for figure in two.values():
        assert figure.png.startswith(b"\x89PNG")
        assert int.from_bytes(figure.png[16:20], "big") == WIDTH * DPI
        chunks = re.findall(rb"tEXt|iTXt|zTXt|tIME", figure.png[:2000])
        assert chunks == []


FRESH = """
import hashlib
from tests.reports.comparison.figures.samples import draw, two_records
for figure in draw(two_records()).values():
    print(hashlib.sha256(figure.svg.encode() + figure.png).hexdigest())
"""


def test_a_fresh_process_gives_the_same_bytes(two: dict[str, Figure]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRESH], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == [
        hashlib.sha256(figure.svg.encode() + figure.png).hexdigest() for figure in two.values()
    ]


def test_matplotlib_is_left_as_it_was(ten: dict[str, Figure]) -> None:
    import matplotlib

    assert ten
    assert matplotlib.rcParams["svg.fonttype"] == "path"
