"""Contestants and data sets of a suite: what an entry stands for, and what it is called."""

import pytest

from benchmarks.errors import BadInput
from benchmarks.suite.plan import Cell, make_plan


def names(routers: list[str], datasets: list[str]) -> list[tuple[str, str]]:
    return [(cell.dataset, cell.router) for cell in make_plan(routers, datasets)]


def test_every_contestant_runs_on_every_data_set_data_set_by_data_set() -> None:
    assert names(["knn", "svm"], ["car_sleep", "clinc150 dataset.path=a/b"]) == [
        ("car_sleep", "knn"),
        ("car_sleep", "svm"),
        ("clinc150", "knn"),
        ("clinc150", "svm"),
    ]


def test_an_entry_has_settings_of_its_own() -> None:
    (cell,) = make_plan(
        ["knn router.k=5 encoder.backend=onnx_int8"], ["files dataset.path=x.csv dataset.name=mine"]
    )
    assert cell == Cell(
        "mine",
        "knn_k=5_encoder.backend=onnx_int8",
        (
            "dataset=files",
            "dataset.path=x.csv",
            "dataset.name=mine",
            "router=knn",
            "router.k=5",
            "encoder.backend=onnx_int8",
        ),
    )
    assert cell.place == "results/mine/knn_k=5_encoder.backend=onnx_int8"


def test_several_values_stand_for_a_contestant_each() -> None:
    assert [name for _, name in names(["knn router.k=1,5", "tfidf,svm"], ["car_sleep"])] == [
        "knn_k=1",
        "knn_k=5",
        "tfidf",
        "svm",
    ]


def test_a_blank_between_quotes_belongs_to_the_setting() -> None:
    (cell,) = make_plan(["command router.command='python3 a.py' router.name=mine"], ["car_sleep"])
    assert cell.overrides[1:] == ("router=command", "router.command='python3 a.py'", "router.name=mine")
    assert cell.router == "mine"


@pytest.mark.parametrize(
    ("routers", "datasets", "message"),
    [
        (["knn", "knn"], ["car_sleep"], "'knn' has the name of another, knn"),
        (["knn"], ["files dataset.path=a", "files dataset.path=b"], "dataset.name="),
        (["knn seed=1"], ["car_sleep"], "sets seed"),
        (["knn dataset.path=a"], ["car_sleep"], "sets dataset.path"),
        (["knn router=svm"], ["car_sleep"], "sets router"),
        (["knn"], ["car_sleep encoder=static"], "sets encoder"),
        (["knn router.k=[1"], ["car_sleep"], "suite.routers: 'knn router.k=[1'"),
    ],
)
def test_what_cannot_be_planned_is_named(routers: list[str], datasets: list[str], message: str) -> None:
    with pytest.raises(BadInput, match=message.replace("[", r"\[")):
        make_plan(routers, datasets)
