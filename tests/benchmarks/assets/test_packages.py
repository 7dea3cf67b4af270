"""Facts of the machine that a YAML file may ask for: where a package is, how many cores there are."""

import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import benchmarks
from benchmarks.assets.packages import cpu_count, package_dir, register
from benchmarks.errors import BadInput


def test_package_dir_is_where_the_package_is() -> None:
    here = Path(benchmarks.__path__[0])
    assert Path(package_dir("benchmarks")) == here
    assert Path(package_dir("benchmarks", "datasets/car_sleep")) == here / "datasets" / "car_sleep"


@pytest.mark.parametrize("name", ["no_such_package", "os"])
def test_what_is_not_a_package_is_bad_input(name: str) -> None:
    with pytest.raises(BadInput, match=f"the package {name} is not installed"):
        package_dir(name)


def test_cpu_count_is_what_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert [cpu_count(most) for most in (1, 3, 8)] == [1, 3, 3]
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cpu_count(4) == 1


def test_both_are_known_to_yaml() -> None:
    register()
    register()
    config = OmegaConf.create({"path": "${package_dir:benchmarks,datasets}", "threads": "${cpu_count:1}"})
    assert config.threads == 1
    assert config.path == str(Path(benchmarks.__path__[0], "datasets"))
