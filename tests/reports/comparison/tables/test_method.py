"""Conditions, weights, data and packages, each said once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.comparison.model import Table
from reports.comparison.tables.method import method_tables
from reports.record import Result
from tests.reports.comparison.samples import (
    PAIRED,
    SHA,
    sample_contest,
    sample_provenance,
    sample_result,
    sample_results,
)


def tables(results: dict[str, Result]) -> dict[str, Table]:
    return {table.key: table for table in method_tables(sample_contest(results), results, PAIRED)}


def column(table: Table, key: str) -> dict[str, str]:
    place = [found.key for found in table.columns].index(key)
    return {row.name: row.cells[place].text for row in table.rows}


def with_provenance(name: str, **changes: Any) -> Result:
    return sample_result(name, provenance={**sample_provenance(name), **changes})


def test_what_all_have_in_common_is_one_row() -> None:
    table = tables(sample_results())["conditions"]
    assert [row.name for row in table.rows] == ["all"]
    said = {key.key: column(table, key.key)["all"] for key in table.columns}
    assert said == {
        "commit": "0123456789" * 4,
        "date": "2026-11-22 05:16",
        "machine": "2 cores of AMD EPYC",
        "memory_gb": "25.3",
        "system": "Linux 6",
        "python": "3.11.7",
        "threads": "2",
        "seed": "0",
        "train_questions": "560",
        "guard": "refuse",
        "calibration": "none",
        "warmup": "20",
        "timed": "200",
        "rounds": "2",
        "batch_size": "32",
        "reference_workload": "1",
    }


def test_what_differs_has_a_row_each() -> None:
    dirty = {"commit": "f" * 40, "dirty": True}
    table = tables(sample_results() | {"knn": with_provenance("knn", git=dirty)})["conditions"]
    commits = column(table, "commit")
    assert list(commits) == ["knn", "tinyllama, centroid, tfidf"]
    assert commits["knn"] == "f" * 40 + " with uncommitted changes"


def test_the_date_may_stand_above_the_folder() -> None:
    folder = Path("outputs/compare/2026-11-22_05-16-17/results/knn")
    table = tables({"knn": replace(sample_result("knn"), folder=folder)})["conditions"]
    assert column(table, "date") == {"all": "2026-11-22 05:16"}


def test_a_folder_of_another_name_has_no_date() -> None:
    result = replace(sample_result("knn"), folder=Path("results/knn"))
    assert "date" not in [found.key for found in tables({"knn": result})["conditions"].columns]


def test_unmeasured_speed_has_no_settings() -> None:
    table = tables({"knn": sample_result("knn", timings={}), "tfidf": sample_result("tfidf")})["conditions"]
    assert column(table, "timed") == {"knn": "–", "tfidf": "200"}


def test_weights_once_with_all_who_read_them() -> None:
    table = tables(sample_results(answers=True))["weights"]
    assert {row.name: [cell.text for cell in row.cells] for row in table.rows} == {
        "minilm/model": [SHA["minilm"], "knn: encoder, centroid: encoder"],
        "smol.gguf": [SHA["gguf"], "car expert: base, tinyllama: configured"],
        "local/car/v1": [SHA["car"], "car expert: adapter"],
        "classifier": [SHA["classifier"], "tinyllama: classifier"],
    }


def test_data_and_the_split() -> None:
    other = sample_provenance("knn")["dataset"] | {"train": {"ids_sha256": "9" * 64, "by_label": {}}}
    table = tables(sample_results("knn", "tfidf") | {"knn": with_provenance("knn", dataset=other)})["data"]
    assert [(row.name, row.cells[0].text[0], row.cells[1].text) for row in table.rows] == [
        ("car_sleep/car.json", "d", "all"),
        ("ids of the train questions", "9", "knn"),
        ("ids of the test questions", "2", "all"),
        ("ids of the train questions", "1", "tfidf"),
    ]


def test_packages_once_or_by_router() -> None:
    assert column(tables(sample_results())["packages"], "version") == {"numpy": "2.4.6"}
    other = with_provenance("knn", packages={"numpy": "3.0", "torch": "2.13"})
    table = tables(sample_results("knn", "tfidf") | {"knn": other})["packages"]
    assert column(table, "knn") == {"numpy": "3.0", "torch": "2.13"}
    assert column(table, "tfidf") == {"numpy": "2.4.6", "torch": "–"}


def test_how_intervals_were_made() -> None:
    other = sample_result("knn", derivation={"statistics": {"resamples": 100, "confidence": 0.9}})
    table = tables(sample_results() | {"knn": other})["intervals"]
    assert column(table, "resamples") == {
        "knn": "100",
        "tinyllama, centroid, tfidf": "2,000",
        "every two routers": "2,000",
    }
    assert column(table, "confidence") == {
        "knn": "90.0",
        "tinyllama, centroid, tfidf": "95.0",
        "every two routers": "95.0",
    }


def test_each_interval_has_its_own_method() -> None:
    said = tables(sample_results())["intervals"].about
    assert "p50, p95, p99 and stages: percentile bootstrap that draws processes, then timings" in said
    assert "Latency ÷ reference, first query and load time have one value a process: Student's t" in said
    assert "McNemar's exact test" in said


def test_a_bare_record_does_not_break_it() -> None:
    bare = sample_result("knn", provenance={}, config={}, derivation={}, timings={})
    found = tables({"knn": bare})
    assert list(found) == ["conditions", "intervals"]
