"""Every choice composes, agrees with the code it names, and is checked with the key that was typed."""

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

import conf
from benchmarks import schema
from benchmarks.answers import collect as answering
from benchmarks.assets.packages import register as register_resolvers
from benchmarks.schema.encoder import FINETUNES
from common.checks import ConfigError
from experts.train import Recipe
from routers.encoder_training import LOSSES

CONF = Path(conf.__path__[0])
ROOT = CONF.parent


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


ROUTERS, ENCODERS, WEIGHTS, DATASETS, EXPERTS, TRAINERS = (
    options(group) for group in ("router", "encoder", "weights", "dataset", "experts", "trainer")
)
ROOTS = {"run": schema.Run, "train": schema.Train, "ask": schema.Ask}
GROUPS = {
    "run": ("router", "encoder", "weights", "dataset", "experts", "experiment"),
    "train": ("weights", "dataset", "experts", "trainer"),
    "ask": ("router", "encoder", "weights", "dataset", "experts"),
}
# A choice for what has no value by itself; ignored where it has one.
DATASET_PATH = "dataset.path=/nowhere"
BASE_URL = "experts.base_url=http://127.0.0.1:1/v1"


@pytest.fixture(scope="module", autouse=True)
def hydra() -> Iterator[None]:
    schema.register()
    register_resolvers()
    with initialize_config_module("conf", version_base="1.3"):
        yield


def run_config(*overrides: str) -> DictConfig:
    return compose("run", list(overrides))


def checked(*overrides: str, root: str = "run") -> Any:
    return OmegaConf.to_object(compose(root, list(overrides)))


def experts_named(name: str) -> list[str]:
    """Overrides that choose experts and give what their configuration leaves open."""
    extra = {"openai": [BASE_URL], "llama_phi": ["weights=hub"]}
    return [f"experts={name}", *extra.get(name, [])]


def test_the_groups_are_the_ones_listed_here() -> None:
    assert set(ROUTERS) >= {"centroid", "knn", "tinyllama", "majority", "random", "tfidf"}
    assert set(ROUTERS) >= {"svm", "ensemble", "cascade"}
    assert set(ENCODERS) >= {"minilm", "minilm_hub", "bge_small", "bge_base"}
    assert set(WEIGHTS) == {"packaged", "hub", "own"}
    assert set(DATASETS) >= {"car_sleep", "files", "clinc150", "routing_dataset", "routellm", "llmrouter"}
    assert set(EXPERTS) == {"local", "llama_phi", "openai", "none"}
    assert set(TRAINERS) == {"trl", "unsloth"}
    # Each has its turn below.
    assert len(ROUTERS) >= max(len(ENCODERS) + 1, len(DATASETS))


@pytest.mark.parametrize(("router", "weights"), list(product(ROUTERS, WEIGHTS)))
def test_every_combination_composes_and_is_valid(router: str, weights: str) -> None:
    # These three know nothing of one another: every one with all weights, by turns.
    turn = ROUTERS.index(router)
    encoder = (None, *ENCODERS)[turn % (len(ENCODERS) + 1)]
    dataset = DATASETS[turn % len(DATASETS)]
    chosen = [f"router={router}", f"weights={weights}", f"dataset={dataset}", DATASET_PATH]
    if weights == "own":
        chosen.append("weights.experts.default.path=mine")
    settings = checked(*chosen, *([f"encoder={encoder}"] if encoder else []))
    assert isinstance(settings, schema.Run)
    assert settings.router.name == router
    assert settings.weights.name == weights
    assert settings.dataset.name == dataset
    assert set(settings.baselines) == {"majority", "random", "tfidf"}


@pytest.mark.parametrize("root", ROOTS)
def test_every_root_composes_and_is_valid(root: str) -> None:
    settings = checked(root=root)
    assert type(settings) is ROOTS[root]
    assert settings.experts.name == "local"
    assert settings.weights.name == "packaged"
    assert settings.dataset.name == "car_sleep"


@pytest.mark.parametrize(("root", "experts"), list(product(ROOTS, EXPERTS)))
def test_every_choice_of_experts_composes_with_every_root(root: str, experts: str) -> None:
    assert checked(*experts_named(experts), root=root).experts.name == experts


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_trainer_composes(trainer: str) -> None:
    settings = checked(f"trainer={trainer}", root="train")
    assert (settings.trainer.name, settings.domains) == (trainer, None)


def test_unsloth_is_the_same_training_but_for_its_dropout() -> None:
    trl, unsloth = (vars(checked(f"trainer={name}", root="train").trainer) for name in ("trl", "unsloth"))
    assert {key for key in trl if trl[key] != unsloth[key]} == {"name", "lora_dropout"}


def test_weights_choose_the_base_model_of_each_domain() -> None:
    packaged, hub = checked().experts, checked(*experts_named("llama_phi")).experts
    assert packaged.models == {"default": checked().weights.classifier}
    assert {domain: found.path for domain, found in hub.models.items()} == {
        "car": "meta-llama/Llama-3.1-8B-Instruct",
        "sleep": "microsoft/Phi-3-medium-4k-instruct",
    }
    assert (hub.quantization, hub.dtype) == ("nf4", "bfloat16")


def test_a_base_model_of_ones_own() -> None:
    settings = checked("+weights.experts.legal.path=/models/mine")
    assert settings.experts.models["legal"] == schema.Weights(path="/models/mine")
    assert set(settings.experts.models) == {"default", "legal"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+weights.experts.legal.folder=/x", r"experts\.models\.legal=.*: weights have path, package, "),
        ("+weights.experts.legal=/x", r"experts\.models\.legal=/x: weights have path, "),
        ("+weights.experts.legal.revision=x", r"experts\.models\.legal\.path has no value"),
    ],
)
def test_a_base_model_without_a_place_is_named_with_its_key(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{message}"):
        checked(override)


@pytest.mark.parametrize("experiment", options("experiment"))
def test_every_experiment_composes_and_changes_something(experiment: str) -> None:
    config = run_config(f"experiment={experiment}")
    assert config != run_config()
    assert isinstance(OmegaConf.to_object(config), schema.Run)


def test_schemas_are_not_selectable() -> None:
    loader = GlobalHydra.instance().config_loader()
    for group in sorted({group for groups in GROUPS.values() for group in groups}):
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
    documented = {str(key) for key in yaml} | {"name", "_target_"} | placed(yaml.defaults)
    assert {field.name for field in dataclasses.fields(kind)} <= documented


def placed(defaults: Any) -> set[str]:
    """The keys that a defaults list fills with another choice of the group, as `/router@members.knn` does."""
    groups = [str(key) for entry in defaults if OmegaConf.is_dict(entry) for key in entry]
    return {key.partition("@")[2].partition(".")[0] for key in groups if key.startswith("/router@")}


@pytest.mark.parametrize("part", ["measure", "statistics"])
def test_run_yaml_and_schema_agree_on_the_defaults(part: str) -> None:
    yaml = OmegaConf.load(CONF / "run.yaml")
    kind = OmegaConf.get_type(run_config()[part])
    assert_no_drift(yaml[part], kind)
    assert {str(key) for key in yaml[part]} == {field.name for field in dataclasses.fields(kind)}


@pytest.mark.parametrize("dataset", ["files", "clinc150", "routing_dataset", "routellm", "llmrouter"])
def test_dataset_yaml_and_schema_agree_on_the_defaults(dataset: str) -> None:
    kind = OmegaConf.get_type(run_config(f"dataset={dataset}").dataset)
    yaml = OmegaConf.load(CONF / "dataset" / f"{dataset}.yaml")
    documented = {str(key) for key in yaml} | {"name", "_target_"}
    assert {field.name for field in dataclasses.fields(kind)} <= documented
    # A pin is of what this YAML names.
    yaml.pop("revision", None)
    assert_no_drift(yaml, kind)


def test_the_prices_of_routellm_in_yaml_and_schema_agree() -> None:
    yaml = OmegaConf.load(CONF / "dataset" / "routellm.yaml")
    assert yaml.prices == schema.DATASETS["routellm"]().prices


@pytest.mark.parametrize("dataset", ["clinc150", "routing_dataset", "routellm", "llmrouter"])
def test_the_pinned_checksums_of_a_public_data_set_can_be_given_up(dataset: str) -> None:
    pinned = checked(f"dataset={dataset}").dataset.sha256
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in pinned.values())
    assert checked(f"dataset={dataset}", "dataset.sha256=null").dataset.sha256 is None


REFUSED_OF_DATASETS = [
    ("routing_dataset", "dataset.seed", "-1"),
    ("routellm", "dataset.seed", "-1"),
    ("routellm", "dataset.folds", "1"),
    *(("routellm", "dataset.fold", value) for value in ("-1", "5")),
    *((name, "dataset.right", value) for name in ("routellm", "llmrouter") for value in ("0", "1.1", "nan")),
    *(("routellm", "dataset.prices.weak", value) for value in ("-0.1", "nan")),
]


@pytest.mark.parametrize(("dataset", "key", "value"), REFUSED_OF_DATASETS)
def test_a_refused_value_of_a_dataset_is_named_with_its_key(dataset: str, key: str, value: str) -> None:
    assert_refused(key, value, f"dataset={dataset}")


def test_the_last_fold_and_a_free_model_are_allowed() -> None:
    chosen = ["dataset.fold=4", "dataset.prices.weak=0", "dataset.right=1"]
    assert checked("dataset=routellm", *chosen).dataset.prices == {"weak": 0.0, "strong": 24.7}


def test_prices_are_of_the_weak_and_the_strong_model() -> None:
    with pytest.raises(ConfigError, match=r"^dataset\.prices=.*not middle$"):
        checked("dataset=routellm", "+dataset.prices.middle=1")


@pytest.mark.parametrize("experts", ["local", "openai"])
def test_experts_yaml_and_schema_agree_on_the_defaults(experts: str) -> None:
    kind = OmegaConf.get_type(run_config(*experts_named(experts)).experts)
    yaml = OmegaConf.load(CONF / "experts" / f"{experts}.yaml")
    # The one thing that is written for a reader of the YAML.
    assert yaml.pop("system_prompt")
    assert_no_drift(yaml, kind)
    documented = {str(key) for key in yaml} | {"name", "_target_", "system_prompt"}
    assert {field.name for field in dataclasses.fields(kind)} <= documented


def test_trainer_yaml_schema_and_recipe_agree_on_the_defaults() -> None:
    yaml = OmegaConf.load(CONF / "trainer" / "trl.yaml")
    assert_no_drift(yaml, schema.Trainer)
    assert {str(key) for key in yaml} - {"defaults"} == {
        field.name for field in dataclasses.fields(schema.Trainer)
    }
    settings = vars(schema.Trainer())
    recipe = vars(Recipe())
    assert settings == {"name": recipe["trainer"], **{key: recipe[key] for key in settings if key != "name"}}


@pytest.mark.parametrize("root", ["train", "ask"])
def test_root_yaml_and_schema_agree_on_the_defaults(root: str) -> None:
    yaml = OmegaConf.load(CONF / f"{root}.yaml")
    plain = {key: value for key, value in plain_values(yaml) if key != "hydra"}
    fields = {field.name: field.default for field in dataclasses.fields(ROOTS[root])}
    assert plain
    assert {key: fields[key] for key in plain} == plain


@pytest.mark.parametrize("root", ["run", "ask"])
def test_the_policy_in_yaml_and_schema_agree(root: str) -> None:
    assert_no_drift(OmegaConf.load(CONF / f"{root}.yaml").policy, schema.Policy)


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


EVERY_TARGET = [
    *(([f"router={name}"], "router") for name in ROUTERS),
    *(([f"dataset={name}"], "dataset") for name in DATASETS),
    *((experts_named(name), "experts") for name in EXPERTS if name != "none"),
]


@pytest.mark.parametrize(("chosen", "part"), EVERY_TARGET)
def test_every_target_takes_exactly_the_keys_of_its_configuration(chosen: list[str], part: str) -> None:
    config: Any = OmegaConf.to_container(run_config(*chosen, DATASET_PATH), resolve=True)
    found = list(targets(config[part]))
    assert found
    for node in found:
        target = imported(node["_target_"])
        # A router's name is ours; a class does not know it.
        ours = {"_target_", "name"} if isinstance(target, type) else {"_target_"}
        if part == "experts":
            ours = set(answering._OURS) & set(node)
        assert set(inspect.signature(target).parameters) == set(node) - ours


@pytest.mark.parametrize(("chosen", "part"), EVERY_TARGET)
def test_constructors_and_schema_agree_on_the_defaults(chosen: list[str], part: str) -> None:
    config = run_config(*chosen, DATASET_PATH)[part]
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
    *(("svm", f"router.{key}", "0") for key in ("c", "gamma", "temperature")),
    ("ensemble", "router.method", "hard"),
    ("ensemble", "router.folds", "1"),
    ("ensemble", "router.c", "0"),
    *(("cascade", "router.threshold", value) for value in ("-0.1", "1.1", "nan")),
    *(("cascade", "router.share", value) for value in ("-0.1", "1.1", "nan")),
    *(("cascade", "router.fraction", value) for value in ("0", "1")),
    ("tfidf", "router.c", "0"),
    ("tfidf", "router.ngram_max", "0"),
    ("knn", "encoder.backend", "tensorrt"),
    ("knn", "encoder.max_tokens", "7"),
    ("knn", "encoder.batch_size", "0"),
    ("knn", "encoder.finetune", "triplet"),
    ("knn", "encoder.finetune_epochs", "0"),
    *(("knn", "encoder.finetune_batch_size", value) for value in ("2", "7")),
    *(("knn", "encoder.finetune_learning_rate", value) for value in ("0", "nan")),
    *(("knn", "encoder.finetune_margin", value) for value in ("0", "2", "nan")),
    ("knn", "dataset.test_fraction", "0"),
    ("knn", "dataset.test_fraction", "1"),
    *(("knn", f"measure.{key}", "0") for key in ("threads", "min_queries", "rounds", "batch_size")),
    ("knn", "measure.warmup", "-1"),
    ("knn", "statistics.resamples", "99"),
    ("knn", "statistics.confidence", "0"),
    ("knn", "statistics.confidence", "1"),
    ("knn", "seed", "-1"),
]


@pytest.mark.parametrize(("router", "key", "value"), REFUSED)
def test_a_refused_value_is_named_with_its_key(router: str, key: str, value: str) -> None:
    assert_refused(key, value, f"router={router}")


def assert_refused(key: str, value: str, *chosen: str, root: str = "run") -> None:
    with pytest.raises(ConfigError) as caught:
        checked(*chosen, f"{key}={value}", root=root)
    message = str(caught.value)
    typed = message.partition(": ")[0].partition("=")
    assert typed[0] == key
    assert typed[2] == value or float(typed[2]) == pytest.approx(float(value), nan_ok=True)
    assert message.partition(": ")[2]


REFUSED_OF_EXPERTS = [
    *(("local", f"experts.{key}", "0") for key in ("max_new_tokens", "batch_size")),
    ("local", "experts.max_question_tokens", "7"),
    ("local", "experts.dtype", "float16"),
    ("local", "experts.quantization", "int8"),
    ("llama_phi", "experts.batch_size", "0"),
    *(("openai", f"experts.{key}", "0") for key in ("max_new_tokens", "max_concurrency", "timeout")),
    ("openai", "experts.max_question_chars", "7"),
    ("openai", "experts.max_retries", "-1"),
    ("openai", "experts.timeout", "nan"),
    *(("none", "policy.threshold", value) for value in ("-0.1", "1.1", "nan")),
]


@pytest.mark.parametrize(("experts", "key", "value"), REFUSED_OF_EXPERTS)
def test_a_refused_value_of_experts_is_named_with_its_key(experts: str, key: str, value: str) -> None:
    assert_refused(key, value, *experts_named(experts))


REFUSED_ELSEWHERE = [
    *(("train", f"trainer.{key}", "0") for key in ("steps", "batch_size", "lora_r", "lora_alpha")),
    *(("train", "trainer.learning_rate", value) for value in ("0", "nan")),
    *(("train", "trainer.lora_dropout", value) for value in ("1", "-0.1")),
    ("train", "trainer.target_modules", "mlp"),
    ("train", "trainer.max_tokens", "15"),
    *(("train", "trainer.validation_fraction", value) for value in ("0", "1")),
    *((root, key, value) for root in ("train", "ask") for key, value in (("seed", "-1"), ("threads", "0"))),
    ("ask", "policy.threshold", "2"),
]


@pytest.mark.parametrize(("root", "key", "value"), REFUSED_ELSEWHERE)
def test_a_refused_value_of_another_verb_is_named_with_its_key(root: str, key: str, value: str) -> None:
    assert_refused(key, value, root=root)


@pytest.mark.parametrize(
    ("root", "chosen"),
    [
        ("run", ["experts.max_new_tokens=1", "experts.batch_size=1", "experts.max_question_tokens=8"]),
        ("run", [*experts_named("openai"), "experts.max_retries=0", "experts.max_question_chars=8"]),
        ("run", ["policy.threshold=0"]),
        ("ask", ["policy.threshold=1", "threads=1", "seed=0"]),
        ("train", ["trainer.steps=1", "trainer.lora_dropout=0", "trainer.max_tokens=16", "trainer.lora_r=1"]),
    ],
)
def test_the_last_value_allowed_of_experts(root: str, chosen: list[str]) -> None:
    assert isinstance(checked(*chosen, root=root), ROOTS[root])


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


@pytest.mark.parametrize("encoder", ENCODERS)
def test_fine_tuning_is_chosen_with_one_key_and_takes_the_seed(encoder: str) -> None:
    found = run_config(f"encoder={encoder}", "encoder.finetune=batch_all_triplet", "seed=5").router.encoder
    assert (found.finetune, found.finetune_seed) == ("batch_all_triplet", 5)
    assert run_config(f"encoder={encoder}").encoder.finetune == "none"


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_can_be_configured(loss: str) -> None:
    settings = checked(f"encoder.finetune={loss}", "encoder.finetune_batch_size=4")
    assert settings.encoder.finetune == loss
    assert ("none", *LOSSES) == FINETUNES


MEMBERS = ("knn", "svm", "tfidf")


def test_the_members_of_an_ensemble_share_the_encoder_that_is_chosen() -> None:
    def paths(*overrides: str) -> set[tuple[str, str]]:
        members = run_config("router=ensemble", *overrides).router.members
        assert set(members) == set(MEMBERS)
        encoders = [members[name].encoder for name in ("knn", "svm")]
        return {(encoder.model.path, encoder.backend) for encoder in encoders}

    assert paths() == {("model", "onnx")}
    assert paths("weights=hub") == {("BAAI/bge-base-en-v1.5", "onnx")}
    assert paths("weights=hub", "encoder=bge_small", "encoder.backend=torch") == {
        ("BAAI/bge-small-en-v1.5", "torch")
    }


def test_members_can_be_exchanged() -> None:
    chosen = ["+router@router.members.centroid=centroid", "~router@router.members.tfidf"]
    router = checked("router=ensemble", *chosen, "router.members.knn.k=5").router
    assert {name: member.name for name, member in router.members.items()} == {
        "knn": "knn",
        "svm": "svm",
        "centroid": "centroid",
    }
    assert router.members["knn"].k == 5
    assert router.weights is None
    weighted = checked("router=ensemble", *chosen, "router.weights={knn:1,svm:2.5,centroid:0}").router
    assert weighted.weights == {"knn": 1, "svm": 2.5, "centroid": 0}


def test_any_two_routers_make_a_cascade() -> None:
    default = checked("router=cascade").router
    assert (default.cheap.name, default.expensive.name) == ("centroid", "tinyllama")
    chosen = ["router@router.cheap=tfidf", "router@router.expensive=ensemble", "router.cheap.c=1"]
    other = checked("router=cascade", *chosen).router
    assert (other.cheap.name, other.cheap.c) == ("tfidf", 1.0)
    assert set(other.expensive.members) == set(MEMBERS)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["router.weights={knn:1}"], r"^router\.weights=.*: needs one for each of knn, svm, tfidf$"),
        (["router.weights=2"], r"^router\.weights=2: needs one for each of knn, svm, tfidf$"),
        (["router.weights={knn:1,svm:x,tfidf:1}"], r"^router\.weights\.svm=x: must be a number$"),
        (["router.weights={knn:1,svm:-1,tfidf:1}"], r"^router\.weights\.svm=-1: must be at least 0$"),
        (["router.weights={knn:0,svm:0,tfidf:0}"], r"^the sum of router\.weights=0: "),
        ([f"~router@router.members.{name}" for name in MEMBERS], r"^router\.members has none"),
    ],
)
def test_refused_members_and_weights(chosen: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        checked("router=ensemble", *chosen)


def test_a_cascade_needs_a_threshold_or_a_share() -> None:
    assert checked("router=cascade", "router.share=null", "router.threshold=0").router.threshold == 0
    with pytest.raises(ConfigError, match=r"^router\.share=null: give router\.threshold"):
        checked("router=cascade", "router.share=null")


@pytest.mark.parametrize("router", ["centroid", "tinyllama", "random", "ensemble", "cascade"])
def test_one_seed_for_everything(router: str) -> None:
    config = run_config(f"router={router}", "seed=5")
    assert (config.router.seed, config.baselines.random.seed) == (5, 5)


@pytest.mark.parametrize("name", ["centroid", "knn", "tinyllama", "svm", "ensemble", "cascade"])
def test_the_same_name_down_the_tree(name: str) -> None:
    yaml = run_config(f"router={name}").router
    assert yaml.name == name
    assert yaml._target_.startswith(f"routers.{name}.")
    for path in (f"conf/router/{name}.yaml", f"routers/{name}.py", f"tests/routers/test_{name}.py"):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("root", ROOTS)
def test_help_lists_every_option(root: str) -> None:
    template: str = OmegaConf.load(CONF / f"{root}.yaml").hydra.help.template
    for group in GROUPS[root]:
        (line,) = [line for line in template.splitlines() if line.startswith(f"{group}: ")]
        words = {word.strip("(),") for word in line.split()}
        assert set(options(group)) <= words, line
