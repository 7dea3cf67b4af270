"""Expensive routers are fitted once for the same weights, data and settings; cheap ones every time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.assets.weights import LocalWeights
from benchmarks.datasets.base import Example
from benchmarks.experiment.fit import fit
from routers.base import Router

TRAIN = [Example("a-1", "one", "a"), Example("a-2", "two", "a"), Example("b-1", "three", "b")]
MAJORITY = {"_target_": "routers.baselines.MajorityRouter"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(folder))
    return folder


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
    ) -> tuple[Path, dict[str, Any]]:
        path = self.folder / model
        path.mkdir(exist_ok=True)
        spec = {"_target_": "tests.benchmarks.fakes.Expensive", "model": str(path), "setting": setting}
        weights = {str(path): LocalWeights(path, "fake", sha256)}
        return fit(spec, train, weights, self.folder / "unused", threads=1)


@pytest.fixture
def expensive(tmp_path: Path) -> Fitter:
    return Fitter(tmp_path)


def test_cheap_routers_are_not_cached(tmp_path: Path, own_cache: Path) -> None:
    for _ in range(2):
        saved, facts = fit(MAJORITY, TRAIN, {}, tmp_path / "fitted", threads=1)
        assert saved.is_relative_to(tmp_path / "fitted")
        assert facts["from_cache"] is False
        assert facts["train_seconds"] >= 0
        assert Router.load(saved).train_ids_ == ["a-1", "a-2", "b-1"]
    assert not own_cache.exists()


def test_expensive_routers_are_fitted_once(expensive: Fitter, own_cache: Path, tmp_path: Path) -> None:
    saved, facts = expensive()
    assert facts["from_cache"] is False
    assert saved.is_relative_to(own_cache)
    again, remembered = expensive()
    assert again == saved
    # The time and memory are those of the fit, whenever that was.
    assert remembered == {**facts, "from_cache": True}
    assert Router.load(again).get_params()["model"] == str(tmp_path / "model")
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"setting": 1},
        {"sha256": "22" * 32},
        {"train": [*TRAIN, Example("b-2", "four", "b")]},
        {"train": [replace(TRAIN[0], query="uno"), *TRAIN[1:]]},
        {"train": [replace(TRAIN[0], label="b"), *TRAIN[1:]]},
        {"train": [replace(TRAIN[0], id="a-9"), *TRAIN[1:]]},
    ],
    ids=["setting", "weights", "more-data", "question", "label", "id"],
)
def test_any_change_is_another_router(expensive: Fitter, change: dict[str, Any]) -> None:
    saved, _ = expensive()
    other, facts = expensive(**change)
    assert other != saved
    assert facts["from_cache"] is False


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
    again, facts = expensive()
    assert again == saved
    assert state.read_bytes() == whole
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "state.safetensors is corrupt" in said[0]
    assert facts["from_cache"] is False, "it was fitted in this run"


def test_an_interrupted_fit_leaves_no_cache_entry(own_cache: Path, tmp_path: Path) -> None:
    spec = {"_target_": "tests.benchmarks.fakes.Expensive", "model": "m", "setting": 0}
    one_class = [replace(example, label="a") for example in TRAIN]
    with pytest.raises(Exception, match="at least two classes"):
        fit(spec, one_class, {}, tmp_path / "unused", threads=1)
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []
