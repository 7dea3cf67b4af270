"""Hydra's and OmegaConf's errors, each as one line that says what to do."""

from collections.abc import Iterator

import pytest
from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmarks.assets.packages import register as register_resolvers
from benchmarks.errors import BadInput
from benchmarks.explain import explain
from benchmarks.schema import register as register_schemas


@pytest.fixture(scope="module", autouse=True)
def hydra() -> Iterator[None]:
    register_schemas()
    register_resolvers()
    with initialize_config_module("conf", version_base="1.3"):
        yield


def explained(*overrides: str) -> str:
    with pytest.raises((HydraException, OmegaConfBaseException)) as caught:
        OmegaConf.to_object(compose("run", list(overrides)))
    text = explain(caught.value)
    assert "\n" not in text
    assert "\t" not in text
    assert text == text.strip()
    return text


def test_an_unknown_option_lists_those_there_are() -> None:
    text = explained("router=bert")
    assert "router/bert" in text
    for name in ("centroid", "knn", "tinyllama", "tfidf", "majority", "random"):
        assert name in text
    assert "search path" not in text


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("router.kk=3", "no key router.kk; router has: encoder, k, name, temperature, weighting"),
        ("measure.speed=1", "no key measure.speed; measure has: "),
        ("sead=1", "no key sead; there is: baselines, calibration, dataset, encoder, "),
        ("encoder.model.pth=x", "no key encoder.model.pth; encoder.model has: "),
    ],
)
def test_an_unknown_key_lists_its_neighbours(override: str, expected: str) -> None:
    assert explained(override).startswith(expected)


@pytest.mark.parametrize(
    ("override", "key", "value", "kind"),
    [
        ("router.k=abc", "router.k", "abc", "Integer"),
        ("measure.warmup=1.5", "measure.warmup", "1.5", "Integer"),
        ("router.temperature=hot", "router.temperature", "hot", "Float"),
    ],
)
def test_a_wrong_type_names_key_value_and_type(override: str, key: str, value: str, kind: str) -> None:
    text = explained(override)
    assert key in text
    assert f"'{value}'" in text
    assert kind in text


def test_a_missing_value_says_how_to_give_it() -> None:
    assert explained("dataset=files") == "dataset.path has no value; give one with dataset.path=…"


@pytest.mark.parametrize("override", ["router", "router.k=[", "=", "router=knn,tfidf"])
def test_what_cannot_be_parsed(override: str) -> None:
    assert explained(override)


def test_a_router_without_a_name_says_where_to_give_it() -> None:
    config = OmegaConf.create({"router": {"_target_": "my_package.MyRouter"}, "folder": "${router.name}"})
    with pytest.raises(OmegaConfBaseException) as caught:
        print(config.folder)
    assert explain(caught.value) == "the chosen router has no name; add a line `name: NAME` to its YAML file"


def test_a_missing_package_in_a_resolver_is_named() -> None:
    assert "no_such_package" in explained("dataset.path='${package_dir:no_such_package}'")


def test_our_own_errors_stay_as_they_are() -> None:
    assert explain(BadInput("car.json:1:2: not valid JSON")) == "car.json:1:2: not valid JSON"
    assert explain(BadInput("first\n  second")) == "first second"
