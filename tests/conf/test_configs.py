"""Every choice composes, agrees with the code it names, and is checked with the key that was typed."""

import dataclasses
import importlib
import inspect
from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

import conf
from benchmarks.resolvers import register as register_resolvers
from conf import schema
from conf.schema import ConfigError

CONF = Path(conf.__path__[0])
ROOT = CONF.parent


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


ROUTERS, ENCODERS, WEIGHTS, DATASETS = (
    options(group) for group in ("router", "encoder", "weights", "dataset")
)
# A choice for what has no value by itself; ignored where it has one.
DATASET_PATH = "dataset.path=/nowhere"


@pytest.fixture(scope="module", autouse=True)
def hydra() -> Iterator[None]:
    schema.register()
    register_resolvers()
    with initialize_config_module("conf", version_base="1.3"):
        yield


def run_config(*overrides: str) -> DictConfig:
    return compose("run", list(overrides))


def checked(*overrides: str) -> Any:
    return OmegaConf.to_object(run_config(*overrides))


def test_the_groups_are_the_ones_listed_here() -> None:
    assert set(ROUTERS) >= {"centroid", "knn", "tinyllama", "majority", "random", "tfidf"}
    assert set(ENCODERS) >= {"minilm", "minilm_hub", "bge_small", "bge_base"}
    assert set(WEIGHTS) == {"packaged", "hub"}
    assert set(DATASETS) >= {"car_sleep", "files", "clinc150"}
    assert len(DATASETS) <= len(ENCODERS) + 1, "the test below would leave some out"


@pytest.mark.parametrize(("router", "weights"), list(product(ROUTERS, WEIGHTS)))
def test_every_combination_composes_and_is_valid(router: str, weights: str) -> None:
    # Encoder and data set know nothing of each other: every one of both, but not every pair.
    for encoder, dataset in zip((None, *ENCODERS), cycle(DATASETS), strict=False):
        chosen = [f"router={router}", f"weights={weights}", f"dataset={dataset}", DATASET_PATH]
        settings = checked(*chosen, *([f"encoder={encoder}"] if encoder else []))
        assert isinstance(settings, schema.Run)
        assert settings.router.name == router
        assert settings.weights.name == weights
        assert settings.dataset.name == dataset
        assert set(settings.baselines) == {"majority", "random", "tfidf"}


@pytest.mark.parametrize("experiment", options("experiment"))
def test_every_experiment_composes_and_changes_something(experiment: str) -> None:
    config = run_config(f"experiment={experiment}")
    assert config != run_config()
    assert isinstance(OmegaConf.to_object(config), schema.Run)


def test_schemas_are_not_selectable() -> None:
    loader = GlobalHydra.instance().config_loader()
    for group in ("router", "encoder", "weights", "dataset", "experiment"):
        assert sorted(loader.get_group_options(group)) == options(group)


def plain_values(yaml: Any) -> Iterator[tuple[str, Any]]:
    """Keys of a YAML file with a value of their own, neither missing nor taken from elsewhere."""
    for key in yaml:
        taken = OmegaConf.is_missing(yaml, key) or OmegaConf.is_interpolation(yaml, key)
        if key != "defaults" and not taken and not OmegaConf.is_config(yaml[key]):
            yield str(key), yaml[key]


def assert_no_drift(yaml: Any, defaults: type) -> None:
    structured = OmegaConf.structured(defaults)
    for key, value in plain_values(yaml):
        if not OmegaConf.is_missing(structured, key):
            assert structured[key] == value, (
                f"{key} is {value} in YAML and {structured[key]} in {defaults.__name__}"
            )


@pytest.mark.parametrize("router", ROUTERS)
def test_yaml_and_schema_agree_on_the_defaults(router: str) -> None:
    kind = OmegaConf.get_type(run_config(f"router={router}").router)
    yaml = OmegaConf.load(CONF / "router" / f"{router}.yaml")
    assert_no_drift(yaml, kind)
    # What the schema has and the YAML does not, nobody can look up.
    documented = {str(key) for key in yaml} | {"name", "_target_"}
    assert {field.name for field in dataclasses.fields(kind)} <= documented


@pytest.mark.parametrize("part", ["measure", "statistics"])
def test_run_yaml_and_schema_agree_on_the_defaults(part: str) -> None:
    yaml = OmegaConf.load(CONF / "run.yaml")
    kind = OmegaConf.get_type(run_config()[part])
    assert_no_drift(yaml[part], kind)
    assert {str(key) for key in yaml[part]} == {field.name for field in dataclasses.fields(kind)}


@pytest.mark.parametrize("dataset", ["files", "clinc150"])
def test_dataset_yaml_and_schema_agree_on_the_defaults(dataset: str) -> None:
    kind = OmegaConf.get_type(run_config(f"dataset={dataset}").dataset)
    assert_no_drift(OmegaConf.load(CONF / "dataset" / f"{dataset}.yaml"), kind)


def targets(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping with a `_target_`, at any depth."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield node
        for value in node.values():
            yield from targets(value)


def imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


EVERY_TARGET = [(f"router={name}", "router") for name in ROUTERS] + [
    (f"dataset={name}", "dataset") for name in DATASETS
]


@pytest.mark.parametrize(("override", "part"), EVERY_TARGET)
def test_every_target_takes_exactly_the_keys_of_its_configuration(override: str, part: str) -> None:
    config: Any = OmegaConf.to_container(run_config(override, DATASET_PATH), resolve=True)
    found = list(targets(config[part]))
    assert found
    for node in found:
        target = imported(node["_target_"])
        # A router's name is ours; a class does not know it.
        ours = {"_target_", "name"} if isinstance(target, type) else {"_target_"}
        assert set(inspect.signature(target).parameters) == set(node) - ours


@pytest.mark.parametrize(("override", "part"), EVERY_TARGET)
def test_constructors_and_schema_agree_on_the_defaults(override: str, part: str) -> None:
    config = run_config(override, DATASET_PATH)[part]
    nodes = [config] + [
        config[key] for key in config if OmegaConf.is_dict(config[key]) and "_target_" in config[key]
    ]
    for node in nodes:
        structured = OmegaConf.structured(OmegaConf.get_type(node))
        for name, parameter in inspect.signature(imported(node["_target_"])).parameters.items():
            if parameter.default is not inspect.Parameter.empty:
                assert structured[name] == parameter.default, f"{node['_target_']}: {name}"


REFUSED = [
    ("knn", "router.k", "0"),
    ("knn", "router.weighting", "nearest"),
    ("knn", "router.temperature", "0"),
    ("knn", "router.temperature", "nan"),
    ("centroid", "router.temperature", "-1"),
    ("centroid", "router.n_centroids", "0"),
    *(
        ("tinyllama", f"router.{key}", "0")
        for key in ("lora_r", "lora_alpha", "batch_size", "epochs", "patience", "learning_rate", "max_tokens")
    ),
    ("tinyllama", "router.learning_rate", "nan"),
    ("tinyllama", "router.validation_fraction", "0"),
    ("tinyllama", "router.validation_fraction", "1"),
    ("tinyllama", "router.lora_dropout", "1"),
    ("tinyllama", "router.lora_dropout", "-0.1"),
    ("tinyllama", "router.quantization", "int4"),
    ("tinyllama", "router.dtype", "float16"),
    ("tfidf", "router.c", "0"),
    ("tfidf", "router.ngram_max", "0"),
    ("knn", "encoder.backend", "tensorrt"),
    ("knn", "encoder.max_tokens", "7"),
    ("knn", "encoder.batch_size", "0"),
    ("knn", "dataset.test_fraction", "0"),
    ("knn", "dataset.test_fraction", "1"),
    *(("knn", f"measure.{key}", "0") for key in ("threads", "min_queries", "batch_size", "min_batches")),
    ("knn", "measure.warmup", "-1"),
    ("knn", "statistics.resamples", "99"),
    ("knn", "statistics.confidence", "0"),
    ("knn", "statistics.confidence", "1"),
    ("knn", "seed", "-1"),
]


@pytest.mark.parametrize(("router", "key", "value"), REFUSED)
def test_a_refused_value_is_named_with_its_key(router: str, key: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(f"router={router}", f"{key}={value}")
    message = str(caught.value)
    typed = message.partition(": ")[0].partition("=")
    assert typed[0] == key
    assert typed[2] == value or float(typed[2]) == pytest.approx(float(value), nan_ok=True)
    assert message.partition(": ")[2]


def test_a_refused_dataset_label_is_named_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"^dataset\.labels=topics: not one of domains, intents$"):
        checked("dataset=clinc150", DATASET_PATH, "dataset.labels=topics")


@pytest.mark.parametrize(
    ("router", "key", "value"),
    [
        ("knn", "router.k", "1"),
        ("tinyllama", "router.lora_dropout", "0"),
        ("tinyllama", "router.max_tokens", "8"),
        ("knn", "measure.warmup", "0"),
        ("knn", "statistics.resamples", "100"),
        ("knn", "seed", "0"),
    ],
)
def test_the_last_value_allowed(router: str, key: str, value: str) -> None:
    assert isinstance(checked(f"router={router}", f"{key}={value}"), schema.Run)


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        (("router=knn",), "model"),
        (("router=centroid",), "model"),
        (("router=knn", "weights=hub"), "BAAI/bge-base-en-v1.5"),
        (("router=centroid", "weights=hub"), "sentence-transformers/all-MiniLM-L6-v2"),
        (("router=knn", "weights=hub", "encoder=bge_small"), "BAAI/bge-small-en-v1.5"),
        (("router=centroid", "encoder=bge_small"), "BAAI/bge-small-en-v1.5"),
        (("encoder=bge_small", "router=centroid", "weights=hub"), "BAAI/bge-small-en-v1.5"),
    ],
)
def test_weights_choose_the_encoder_unless_it_is_chosen(overrides: tuple[str, ...], path: str) -> None:
    config = run_config(*overrides)
    assert config.router.encoder.model.path == config.encoder.model.path == path


def test_keys_of_the_encoder_reach_the_router() -> None:
    config = run_config("router=centroid", "encoder.backend=onnx_int8", "encoder.max_tokens=64")
    assert (config.router.encoder.backend, config.router.encoder.max_tokens) == ("onnx_int8", 64)


@pytest.mark.parametrize("router", ["centroid", "tinyllama", "random"])
def test_one_seed_for_everything(router: str) -> None:
    config = run_config(f"router={router}", "seed=5")
    assert (config.router.seed, config.baselines.random.seed) == (5, 5)


@pytest.mark.parametrize("name", ["centroid", "knn", "tinyllama"])
def test_the_same_name_down_the_tree(name: str) -> None:
    yaml = run_config(f"router={name}").router
    assert yaml.name == name
    assert yaml._target_.startswith(f"routers.{name}.")
    for path in (f"conf/router/{name}.yaml", f"routers/{name}.py", f"tests/routers/test_{name}.py"):
        assert (ROOT / path).is_file(), path


def test_help_lists_every_option() -> None:
    template: str = OmegaConf.load(CONF / "run.yaml").hydra.help.template
    for group in ("router", "encoder", "weights", "dataset", "experiment"):
        (line,) = [line for line in template.splitlines() if line.startswith(f"{group}: ")]
        words = {word.strip("(),") for word in line.split()}
        assert set(options(group)) <= words, line
