"""Conditions, weights, data and packages, each said once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.comparison.tables.method import method_tables
from reports.record import Derivation, Provenance, Timings
from reports.record_files import Result
from reports.table import Table
from tests.reports.comparison.samples import (
    SHA,
    sample_provenance,
    sample_ranking,
    sample_result,
    sample_results,
)


def tables(results: dict[str, Result]) -> dict[str, Table]:
    return {table.key: table for table in method_tables(sample_ranking(results), results)}


def column(table: Table, key: str) -> dict[str, object]:
    place = [found.key for found in table.columns].index(key)
    return {row.name: row.cells[place].value for row in table.rows}


def elsewise(name: str, **changes: Any) -> Result:
    return sample_result(name, provenance=sample_provenance(name, **changes))


def test_what_all_have_in_common_is_one_row() -> None:
    table = tables(sample_results())["conditions"]
    assert {found.key: column(table, found.key) for found in table.columns} == {
        name: {"all": value}
        for name, value in {
            "commit": "0123456789" * 4,
            "date": "2026-11-22 05:16",
            "machine": "2 cores of AMD EPYC",
            "memory_gb": 25.3,
            "system": "Linux 6",
            "python": "3.11.7",
            "threads": 2,
            "seed": 0,
            "train_questions": 560,
            "leakage": "refuse",
            "calibration": "none",
            "warmup": 20,
            "timed": 200,
            "rounds": 2,
            "batch_size": 32,
            "reference_workload": 1,
            "confidence": 0.95,
            "resamples": 2000,
        }.items()
    }


def test_what_differs_has_a_row_each() -> None:
    dirty = {"commit": "f" * 40, "dirty": True}
    table = tables(sample_results() | {"knn": elsewise("knn", git=dirty)})["conditions"]
    commits = column(table, "commit")
    assert list(commits) == ["knn", "tinyllama, centroid, tfidf"]
    assert commits["knn"] == "f" * 40 + " with uncommitted changes"


def test_the_date_is_in_the_path_or_there_is_none() -> None:
    folder = Path("outputs/compare/2026-11-22_05-16-17/results/knn")
    table = tables({"knn": replace(sample_result("knn"), folder=folder)})["conditions"]
    assert column(table, "date") == {"all": "2026-11-22 05:16"}
    undated = replace(sample_result("knn"), folder=Path("results/knn"))
    assert "date" not in [found.key for found in tables({"knn": undated})["conditions"].columns]


def test_unmeasured_speed_has_no_settings() -> None:
    results = {"knn": sample_result("knn", timings=Timings()), "tfidf": sample_result("tfidf")}
    table = tables(results)["conditions"]
    for key, value in {"timed": 200, "rounds": 2, "warmup": 20, "batch_size": 32}.items():
        assert column(table, key) == {"knn": None, "tfidf": value}


def test_weights_once_with_all_who_read_them() -> None:
    table = tables(sample_results(answers=True))["files"]
    assert {
        row.name: [cell.value for cell in row.cells] for row in table.rows if row.cells[1].value != "all"
    } == {
        "minilm/model": [SHA["minilm"], "knn: encoder, centroid: encoder"],
        "smol.gguf": [SHA["gguf"], "car expert: base, tinyllama: configured"],
        "local/car/v1": [SHA["car"], "car expert: adapter"],
        "classifier": [SHA["classifier"], "tinyllama: classifier"],
    }


def test_data_and_the_split() -> None:
    dataset = {
        "name": "car_sleep",
        "files": {"car_sleep/car.json": "d" * 64},
        "train": {"ids_sha256": "9" * 64},
        "test": {"ids_sha256": "2" * 64},
    }
    table = tables(sample_results("knn", "tfidf") | {"knn": elsewise("knn", dataset=dataset)})["files"]
    assert [(row.name, *(cell.value for cell in row.cells)) for row in table.rows][1:] == [
        ("car_sleep/car.json", "d" * 64, "all"),
        ("ids of the train questions", "9" * 64, "knn"),
        ("ids of the test questions", "2" * 64, "all"),
        ("ids of the train questions", "1" * 64, "tfidf"),
    ]


def test_packages_once_or_by_router() -> None:
    assert column(tables(sample_results())["packages"], "version") == {"numpy": "2.4.6"}
    other = elsewise("knn", packages={"numpy": "3.0", "torch": "2.13"})
    table = tables(sample_results("knn", "tfidf") | {"knn": other})["packages"]
    assert column(table, "knn") == {"numpy": "3.0", "torch": "2.13"}
    assert column(table, "tfidf") == {"numpy": "2.4.6", "torch": None}


def test_a_bare_record_does_not_break_it() -> None:
    bare = sample_result(
        "knn", provenance=Provenance(), config={}, derivation=Derivation([], 0), timings=Timings()
    )
    assert list(tables({"knn": bare})) == ["conditions"]
