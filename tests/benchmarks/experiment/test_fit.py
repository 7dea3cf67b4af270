"""Expensive routers are fitted once for the same weights, data and settings; cheap ones every time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.assets.weights import LocalWeights
from benchmarks.datasets.base import Dataset, Example
from benchmarks.errors import BadInput
from benchmarks.experiment.fit import fit_router
from benchmarks.workers.in_process import InProcess
from reports.record import Fitting
from routers.base import Router

TRAIN = [Example("a-1", "one", "a"), Example("a-2", "two", "a"), Example("b-1", "three", "b")]
VALIDATION = [Example("v-1", "ninth", "a"), Example("v-2", "tenth", "b"), Example("v-3", "no domain", None)]
MAJORITY = {"_target_": "routers.baselines.MajorityRouter"}


class Fitter:
    """Fits the expensive fake with a model folder of a given checksum."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        train: list[Example] = TRAIN,
        setting: int = 0,
        sha256: str = "11" * 32,
        model: str = "model",
        held_out: list[Example] | None = None,
        anew: bool = False,
    ) -> tuple[Path, Fitting]:
        path = self.folder / model
        path.mkdir(exist_ok=True)
        spec: dict[str, Any] = {"_target_": "tests.benchmarks.fakes.Expensive", "model": str(path)}
        spec["setting"] = setting
        if held_out is not None:
            spec = {"_target_": "routers.calibrated.CalibratedRouter", "router": spec, "method": "none"}
        weights = {str(path): LocalWeights(path, "fake", sha256)}
        dataset = Dataset("three", train, [], validation=held_out or [])
        target = self.folder / "unused"
        return fit_router(spec, dataset, weights, target, InProcess(), "fake", anew=anew)


@pytest.fixture
def expensive(tmp_path: Path, own_cache: Path) -> Fitter:
    return Fitter(tmp_path)


def test_cheap_routers_are_not_cached(tmp_path: Path, own_cache: Path) -> None:
    for _ in range(2):
        saved, fitting = fit_router(
            MAJORITY, Dataset("three", TRAIN, []), {}, tmp_path / "fitted", InProcess(), "fake"
        )
        assert saved.is_relative_to(tmp_path / "fitted")
        assert not fitting.from_cache
        assert fitting.train_seconds > 0
        assert fitting.train_peak_rss_bytes > 10_000_000
        assert sorted(Router.load(saved).train_ids_) == ["a-1", "a-2", "b-1"]
    assert not own_cache.exists()


def test_training_questions_longer_than_the_router_reads_are_counted(tmp_path: Path) -> None:
    train = [Example(f"a-{n}", query, "ab"[n % 2]) for n, query in enumerate(("eight ch", "nine char", "a"))]

    def cut_by(target: str) -> int | None:
        spec = {"_target_": target}
        folder = tmp_path / target
        return fit_router(spec, Dataset("two", train, []), {}, folder, InProcess(), "fake")[1].cut_questions

    assert cut_by("tests.benchmarks.fakes.Short") == 1
    # It reads all of them.
    assert cut_by("tests.benchmarks.fakes.Even") == 0


def test_the_order_of_the_rows_makes_no_difference(tmp_path: Path, own_cache: Path) -> None:
    # Words in common make sums that round; equal questions under two labels tie.
    train = [Example(f"{label}-{n}", f"how do i {n % 5} it", label) for n in range(30) for label in "ab"]
    spec = {
        "_target_": "routers.calibrated.CalibratedRouter",
        "router": {"_target_": "routers.baselines.TfidfRouter"},
    }
    saved = []
    for number, rows in enumerate((train, train[::-1])):
        folder = tmp_path / str(number)
        saved.append(fit_router(spec, Dataset("two", rows, []), {}, folder, InProcess(), "fake")[0])
    first, second = (
        {file.relative_to(one): file.read_bytes() for file in one.rglob("*") if file.is_file()}
        for one in saved
    )
    assert first == second


def test_expensive_routers_are_fitted_once(expensive: Fitter, own_cache: Path, tmp_path: Path) -> None:
    saved, fitting = expensive()
    assert not fitting.from_cache
    assert saved.is_relative_to(own_cache)
    again, remembered = expensive()
    assert again == saved
    # Time and memory are those of the fit, whenever that was.
    assert remembered == replace(fitting, from_cache=True)
    assert not (tmp_path / "unused").exists()
    anew, fitting = expensive(anew=True)
    assert not fitting.from_cache
    assert anew.is_relative_to(tmp_path / "unused")


@pytest.mark.parametrize(
    "change",
    [
        {"setting": 1},
        {"sha256": "22" * 32},
        {"train": [*TRAIN, Example("b-2", "four", "b")]},
        {"train": [replace(TRAIN[0], query="uno"), *TRAIN[1:]]},
        {"train": [replace(TRAIN[0], label="b"), *TRAIN[1:]]},
        {"train": [replace(TRAIN[0], id="a-9"), *TRAIN[1:]]},
        {"train": [replace(TRAIN[0], outcomes={"m": 1.0}), *TRAIN[1:]]},
    ],
    ids=["setting", "weights", "more-data", "question", "label", "id", "outcomes"],
)
def test_any_change_is_another_router(expensive: Fitter, change: dict[str, Any]) -> None:
    saved, _ = expensive()
    other, fitting = expensive(**change)
    assert other != saved
    assert not fitting.from_cache


def test_held_out_questions_count_too_where_they_calibrate(expensive: Fitter) -> None:
    first, _ = expensive(held_out=VALIDATION)
    # Those without a domain cannot calibrate.
    assert expensive(held_out=VALIDATION[:2])[0] == first
    other, fitting = expensive(held_out=[replace(VALIDATION[0], query="other"), VALIDATION[1]])
    assert other != first
    assert not fitting.from_cache


def test_the_same_weights_elsewhere_still_serve(expensive: Fitter, tmp_path: Path) -> None:
    expensive(model="first")
    (tmp_path / "first").rmdir()
    saved, _ = expensive(model="moved")
    assert Router.load(saved).get_params()["model"] == str(tmp_path / "moved")


def test_a_corrupt_file_is_rebuilt_and_said(expensive: Fitter, capsys: pytest.CaptureFixture[str]) -> None:
    saved, _ = expensive()
    state = saved / "state.safetensors"
    whole = state.read_bytes()
    state.write_bytes(whole[:-1])
    capsys.readouterr()
    again, fitting = expensive()
    assert again == saved
    assert state.read_bytes() == whole
    (line,) = capsys.readouterr().err.splitlines()
    assert "state.safetensors is corrupt" in line
    assert not fitting.from_cache, "it was fitted in this run"


def test_a_failed_fit_leaves_no_cache_entry(expensive: Fitter, own_cache: Path) -> None:
    with pytest.raises(BadInput, match="at least two classes"):
        expensive([replace(example, label="a") for example in TRAIN])
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []
