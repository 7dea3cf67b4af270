"""Every choice composes, is checked with the key that was typed, and is recorded without paths."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import conf
from benchmarks.assets.weights import Weights, router_spec
from benchmarks.config import (
    VERBS,
    checked,
    compose_config,
    explain,
    flat,
    recordable,
    register,
)
from benchmarks.datasets.leakage import Guard
from benchmarks.errors import BadInput
from benchmarks.schema import NoExperts
from common.checks import ConfigError
from common.settings import Policy
from routers.base import build
from routers.indexes.hnsw import HnswIndex
from routers.ready_made import ENTRIES
from routers.static_encoder import StaticEncoder

CONF = Path(conf.__path__[0])
ROOT = CONF.parent


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


ROUTERS, ENCODERS, INDEXES, WEIGHTS, DATASETS, EXPERTS, TRAINERS, EXPERIMENTS, GUARDS = (
    options(group)
    for group in (
        "router",
        "encoder",
        "index",
        "weights",
        "dataset",
        "experts",
        "trainer",
        "experiment",
        "guard",
    )
)
HELP_LISTS = {
    "run": ("router", "encoder", "index", "weights", "dataset", "experts", "guard", "experiment"),
    "train": ("weights", "dataset", "experts", "trainer"),
    "ask": ("router", "encoder", "index", "weights", "dataset", "experts"),
    "grow": ("router", "encoder", "index", "weights", "dataset"),
}
MEMBERS = ("knn", "svm", "tfidf")
# A choice for what has no value by itself.
NEEDED = {
    "router=command": ["router.command=mine"],
    "router=url": ["router.url=http://127.0.0.1:1"],
    "experts=openai": ["experts.base_url=http://127.0.0.1:1/v1"],
    "experts=llama_phi": ["weights=hub"],
    "weights=own": ["weights.experts.default.path=mine"],
    **{f"dataset={name}": ["dataset.path=/nowhere"] for name in DATASETS if name != "car_sleep"},
}


@pytest.fixture(scope="module", autouse=True)
def hydra() -> Iterator[None]:
    register()
    with initialize_config_module("conf", version_base="1.3"):
        yield


@cache
def composed(root: str, overrides: tuple[str, ...]) -> DictConfig:
    needed = [one for override in overrides for one in NEEDED.get(override, ())]
    return compose(root, [*overrides, *needed])


def settings(*overrides: str, root: str = "run") -> Any:
    return checked(composed(root, overrides))


def refusal(*overrides: str, root: str = "run") -> str:
    """The one line that a user reads when a configuration cannot be used."""
    with pytest.raises((HydraException, OmegaConfBaseException, ConfigError, BadInput)) as caught:
        settings(*overrides, root=root)
    text = explain(caught.value)
    assert text == " ".join(text.split())
    return text


@pytest.mark.parametrize(
    "router", [name for name in ROUTERS if name not in ENTRIES or not ENTRIES[name].cannot_run]
)
def test_every_choice_composes(router: str) -> None:
    # Data sets, weights and encoders know nothing of each other: every one by turns.
    assert len(ROUTERS) >= max(len(ENCODERS) + 1, len(DATASETS), len(WEIGHTS))
    turn = ROUTERS.index(router)
    encoder = (None, *ENCODERS)[turn % (len(ENCODERS) + 1)]
    dataset, weights = DATASETS[turn % len(DATASETS)], WEIGHTS[turn % len(WEIGHTS)]
    chosen = [f"router={router}", f"weights={weights}", f"dataset={dataset}"]
    found = settings(*chosen, *([f"encoder={encoder}"] if encoder else []))
    assert (found.router.name, found.weights.name, found.dataset.name) == (router, weights, dataset)
    assert set(found.baselines) == {"majority", "random", "tfidf"}


@pytest.mark.parametrize("experts", EXPERTS)
def test_every_command_composes_with_experts(experts: str) -> None:
    root = ("ask", "compare", "run", "train")[EXPERTS.index(experts)]
    found = settings(f"experts={experts}", root=root)
    assert type(found) is VERBS[root]
    assert found.experts.name == experts


@pytest.mark.parametrize("root", HELP_LISTS)
def test_help_lists_every_option(root: str) -> None:
    template: str = OmegaConf.load(CONF / f"{root}.yaml").hydra.help.template
    for group in HELP_LISTS[root]:
        (line,) = [line for line in template.splitlines() if line.startswith(f"{group}: ")]
        assert set(options(group)) <= {word.strip("(),") for word in line.split()}, line


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_changes_something(experiment: str) -> None:
    assert settings(f"experiment={experiment}") != settings()


def test_a_run_refuses_leaks_and_does_no_more_than_it_must() -> None:
    found = settings()
    assert (found.guard, found.policy) == (Guard("refuse", 0.95), Policy())
    assert (found.calibration, found.tune, found.train_per_domain) == ("none", False, None)
    assert (found.multilabel, found.robustness, found.learning_curve) == (False, False, False)
    assert found.measure.enabled
    assert found.measure.threads >= 1


def test_unsloth_is_the_same_training_but_for_its_dropout() -> None:
    trl, unsloth = (vars(settings(f"trainer={name}", root="train").trainer) for name in TRAINERS)
    assert {key for key in trl if trl[key] != unsloth[key]} == {"name", "lora_dropout"}


def test_weights_choose_the_base_model_of_each_domain() -> None:
    packaged, hub = settings(), settings("experts=llama_phi")
    assert packaged.experts.models == {"default": packaged.weights.classifier}
    assert {domain: found.path for domain, found in hub.experts.models.items()} == {
        "car": "meta-llama/Llama-3.1-8B-Instruct",
        "sleep": "microsoft/Phi-3-medium-4k-instruct",
    }
    assert (hub.experts.quantization, hub.experts.dtype) == ("nf4", "bfloat16")
    mine = settings("+weights.experts.legal.path=/models/mine")
    assert mine.experts.models["legal"] == Weights(path="/models/mine")
    assert set(mine.experts.models) == {"default", "legal"}


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        ((), "model"),
        (("router=ensemble", "weights=hub"), "BAAI/bge-base-en-v1.5"),
        (("router=centroid", "weights=hub"), "sentence-transformers/all-MiniLM-L6-v2"),
        (("router=ensemble", "encoder=bge_small"), "BAAI/bge-small-en-v1.5"),
    ],
)
def test_weights_choose_the_encoder_unless_it_is_chosen(overrides: tuple[str, ...], path: str) -> None:
    found = settings(*overrides)
    assert found.encoder.model.path == path
    members = getattr(found.router, "members", {"knn": found.router, "svm": found.router})
    assert {members[name].encoder.model.path for name in ("knn", "svm")} == {path}


def test_keys_of_the_encoder_and_the_seed_reach_the_router() -> None:
    chosen = ["encoder=bge_small", "encoder.backend=torch", "encoder.finetune=batch_all_triplet", "seed=5"]
    found = settings("router=centroid", *chosen)
    assert found.router.encoder == found.encoder
    assert (found.encoder.backend, found.encoder.finetune) == ("torch", "batch_all_triplet")
    assert (found.encoder.finetune_seed, found.router.seed, found.baselines["random"].seed) == (5, 5, 5)


@pytest.mark.parametrize("encoder", ["static", "minilm"])
def test_a_text_names_the_model_of_an_encoder(encoder: str) -> None:
    found = settings(f"encoder={encoder}", "encoder.model=models/mine", "router=svm")
    assert found.encoder.model == found.router.encoder.model == Weights(path="models/mine")
    config = composed("run", (f"encoder={encoder}", "encoder.model=/home/me/models/mine"))
    assert recordable(config)["encoder"]["model"] == "mine"
    # Keys of the packaged weights stay for whoever changes one of them.
    assert settings(f"encoder={encoder}", "encoder.model.sha256=null").encoder.model.package is not None


def test_encoders_of_either_kind_reach_the_router() -> None:
    found = settings("encoder=static", "encoder.dimension=64", "router=centroid", "seed=3")
    assert found.router.encoder == found.encoder
    assert type(build(router_spec(found.router, {})).encoder) is StaticEncoder
    assert (found.encoder.dimension, found.encoder.finetune_seed) == (64, 3)


def test_members_of_an_ensemble_can_be_exchanged() -> None:
    chosen = ["+router@router.members.centroid=centroid", "~router@router.members.tfidf"]
    router = settings(
        "router=ensemble", *chosen, "router.members.knn.k=5", "router.weights={knn:1,svm:2.5,centroid:0}"
    ).router
    assert {name: member.name for name, member in router.members.items()} == {
        name: name for name in ("knn", "svm", "centroid")
    }
    assert router.members["knn"].k == 5
    assert router.weights == {"knn": 1, "svm": 2.5, "centroid": 0}


@pytest.mark.parametrize("override", ["guard=off", "experiment=full", "experiment=ci", "experiment=quick"])
def test_a_choice_changes_the_same_for_one_router_and_for_several(override: str) -> None:
    def changes(verb: str) -> dict[str, object]:
        before, after = (flat(recordable(compose_config(verb, chosen))) for chosen in ([], [override]))
        # The default number of answered questions differs.
        return {
            key: value
            for key, value in after.items()
            if before.get(key) != value and key != "experts.questions"
        }

    assert changes("run")
    assert changes("compare") == changes("run")


def test_every_command_that_measures_takes_as_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    found = {verb: compose_config(verb).measure.threads for verb in ("run", "compare", "grow")}
    assert found == {"run": 3, "compare": 3, "grow": 3}


def test_any_two_routers_make_a_cascade() -> None:
    default = settings("router=cascade").router
    assert (default.cheap.name, default.expensive.name) == ("svm_static", "svm")
    chosen = ["router@router.cheap=tfidf", "router@router.expensive=ensemble", "router.cheap.c=1"]
    other = settings("router=cascade", *chosen).router
    assert (other.cheap.name, other.cheap.c) == ("tfidf", 1.0)
    assert set(other.expensive.members) == set(MEMBERS)


def test_the_pinned_checksums_of_a_public_data_set_can_be_given_up() -> None:
    pinned = settings("dataset=routellm").dataset.sha256
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in pinned.values())
    assert settings("dataset=routellm", "dataset.sha256=null").dataset.sha256 is None


# By choices, the keys and values that are refused with them.
REFUSED: dict[tuple[str, ...], dict[str, str]] = {
    ("router=knn",): {"router.k": "0", "router.weighting": "nearest", "router.temperature": "0"},
    ("router=centroid",): {
        "router.temperature": "-1",
        "router.n_centroids": "0",
        "router.label_prototypes": "{car:5}",
    },
    ("router=tinyllama",): {
        **{f"router.{key}": "0" for key in ("lora_r", "lora_alpha", "batch_size", "epochs", "patience")},
        "router.learning_rate": "0",
        "router.max_tokens": "7",
        "router.validation_fraction": "0",
        "router.lora_dropout": "1",
        "router.quantization": "int4",
        "router.dtype": "float16",
    },
    ("router=svm",): {"router.c": "0", "router.gamma": "0", "router.temperature": "0"},
    ("router=ensemble",): {
        "router.method": "hard",
        "router.folds": "1",
        "router.c": "0",
        "router.members.knn.k": "0",
        "router.weights": "{knn:1}",
    },
    ("router=ensemble", "router.weights={knn:1,svm:1,tfidf:1}"): {"router.weights.svm": "-1"},
    ("router=cascade",): {
        "router.threshold": "-0.1",
        "router.share": "-0.1",
        "router.loss": "2",
        "router.cheap.c": "0",
    },
    ("router=tfidf",): {"router.c": "0", "router.ngram_max": "0"},
    (): {
        "encoder.backend": "tensorrt",
        "encoder.max_tokens": "7",
        "encoder.batch_size": "0",
        "encoder.finetune": "triplet",
        "encoder.finetune_epochs": "0",
        "encoder.finetune_batch_size": "2",
        "encoder.finetune_learning_rate": "0",
        "encoder.finetune_margin": "0",
        "dataset.test_fraction": "0",
        **{f"measure.{key}": "0" for key in ("threads", "min_queries", "rounds", "batch_size")},
        "measure.warmup": "-1",
        "statistics.resamples": "99",
        "statistics.confidence": "0",
        "seed": "-1",
        "guard.mode": "warn",
        "guard.near_duplicate": "0",
        "learning_curve_draws": "1",
        "learning_curve_sizes": "[5,0]",
        "label_threshold": "0",
        "train_per_domain": "0",
        "baselines.tfidf.c": "0",
    },
    ("encoder=static",): {
        "encoder.dimension": "1",
        "encoder.sif_coefficient": "0",
        "encoder.dtype": "int8",
        "encoder.max_tokens": "7",
        "encoder.finetune": "triplet",
        "encoder.finetune_learning_rate": "0",
        "encoder.model": "5",
    },
    ("dataset=routing_dataset",): {"dataset.seed": "-1"},
    ("dataset=clinc150",): {"dataset.labels": "topics"},
    ("dataset=llmrouter",): {"dataset.right": "0"},
    ("dataset=routellm",): {
        "dataset.seed": "-1",
        "dataset.folds": "1",
        "dataset.fold": "-1",
        "dataset.right": "0",
        "dataset.prices.weak": "-0.1",
    },
    ("experts=local",): {
        "experts.max_new_tokens": "0",
        "experts.batch_size": "0",
        "experts.max_question_tokens": "7",
        "experts.dtype": "float16",
        "experts.quantization": "int8",
    },
    ("experts=llama_phi",): {"experts.batch_size": "0"},
    ("experts=openai",): {
        "experts.max_new_tokens": "0",
        "experts.max_concurrency": "0",
        "experts.timeout": "0",
        "experts.max_question_chars": "7",
        "experts.max_retries": "-1",
    },
}
REFUSED_OF_TRAIN = {
    **{f"trainer.{key}": "0" for key in ("steps", "batch_size", "lora_r", "lora_alpha")},
    "trainer.learning_rate": "0",
    "trainer.lora_dropout": "1",
    "trainer.target_modules": "mlp",
    "trainer.max_tokens": "15",
    "trainer.validation_fraction": "0",
    "seed": "-1",
    "threads": "0",
}
REFUSED_OF_ROUTING = {
    "policy.threshold": "-0.1",
    "policy.score": "sureness",
    "policy.coverage": "0",
    "policy.accuracy": "95",
    "policy.context": "all",
    "policy.window": "0",
    "policy.stay": "1",
    "calibration": "platt",
    "held_out": "0",
}


@pytest.mark.parametrize(
    ("root", "chosen", "table"),
    [
        *(("run", chosen, table) for chosen, table in REFUSED.items()),
        ("train", (), REFUSED_OF_TRAIN),
        ("ask", (), {**REFUSED_OF_ROUTING, "seed": "-1", "threads": "0"}),
    ],
)
def test_a_refused_value_is_named_with_its_key(
    root: str, chosen: tuple[str, ...], table: dict[str, str]
) -> None:
    for key, value in table.items():
        config = composed(root, chosen).copy()
        OmegaConf.update(config, key, yaml.safe_load(value))
        with pytest.raises(ConfigError, match=rf"^{re.escape(key)}="):
            checked(config)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        # Keys that are not there.
        (["+router.kk=3"], "no key router.kk; router has: encoder, index, k, name, temperature, weighting"),
        (
            ["encoder=static", "encoder.backend=onnx"],
            "no key encoder.backend; encoder has: dimension, ",
        ),
        (["encoder.dimension=64"], "no key encoder.dimension; encoder has: backend, batch_size, "),
        (["encoder=static", "encoder.model.pth=x"], "no key encoder.model.pth; encoder.model has: gguf, "),
        (["sead=1"], "no key sead; there is: baselines, calibration, dataset, encoder, "),
        # Types.
        (["router.k=abc"], "router.k: Value 'abc' of type 'str' could not be converted to Integer"),
        (["learning_curve_sizes=[few]"], "learning_curve_sizes[0]: Value 'few' "),
        # Missing values and packages.
        (["router=cascade", "router.seed=???"], "router.seed has no value; give one with router.seed=…"),
        (["dataset.path='${package_dir:no_such_package}'"], "the package no_such_package is not installed"),
        # Values that do not fit each other.
        (["policy.coverage=0.8", "policy.accuracy=0.9"], "policy.coverage and policy.accuracy: give one"),
        (["router=cascade", "router.loss=null"], "router.loss=null: give router.threshold"),
        (["router=ensemble", "router.weights={knn:0,svm:0,tfidf:0}"], "the sum of router.weights=0: "),
        (["dataset=routellm", "+dataset.prices.middle=1"], "dataset.prices="),
        (["+weights.experts.legal.folder=/x"], "experts.models.legal={'folder': '/x'}: weights have path, "),
    ],
)
def test_a_refusal_says_in_one_line_what_to_change(overrides: list[str], message: str) -> None:
    text = refusal(*overrides)
    assert message in text if "package_dir" in overrides[0] else text.startswith(message), text


@pytest.mark.parametrize("index", INDEXES)
def test_an_index_is_that_of_knn_also_as_a_member(index: str) -> None:
    found = settings(f"index={index}")
    assert found.router.index.name == found.index.name == index
    assert settings("router=ensemble", f"index={index}").router.members["knn"].index.name == index
    assert settings().index.name == "exact"
    assert settings("index=hnsw", "index.ef_search=7").router.index.ef_search == 7
    assert "index" not in vars(settings(f"index={index}", "router=centroid").router)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "postgresql://me:hunter2@db/x",
            "index.url: a password would be kept in the record; put the URL with it into",
        ),
        ("'postgres://me:hunt#er2@db'", "index.url: a password would be kept"),
        ("postgresql://me:hunter/2@db", "index.url: a password would be kept"),
        ("'postgresql://me@db/x?password=hunter2'", "index.url: a password would be kept"),
        ("'postgresql:///x?user=me&p%61ssword=hunter2'", "index.url: a password would be kept"),
        ("'host=db password=hunter2'", "index.url: not a URL such as postgresql://user@host:5432/database"),
        ("mysql://me@db/x", "index.url: not a URL"),
        # Hydra wants these in quotes, and shows what it cannot read.
        ("postgresql://me:hunter2@db/x?sslmode=require", "index.url=postgresql://***: cannot be read"),
        ("postgresql://me@db/x?password=hunter2", "index.url=postgresql://***: cannot be read"),
        ("postgresql://me:p@hunter2@db/x?sslmode=require", "index.url=postgresql://***: cannot be read"),
        ("'postgresql://me@db/x?password=hunter2", "index.url='postgresql://***: cannot be read"),
        ("'postgresql://me:p@hunter2@db/x?sslmode=require", "index.url='postgresql://***: cannot be read"),
        ('postgresql://me:p" hunter2@db', "index.url=postgresql://***: cannot be read"),
        ("{a:postgresql://me:p=hunter2}", "index.url={a:postgresql://***: cannot be read"),
        ("int(postgresql://me:p@hunter2@db)", "index.url=int(postgresql://***: cannot be read"),
        ("[postgresql://me:p@hunter2@db]", "index.url: Cannot convert 'list' to string: '['postgresql://***"),
    ],
)
def test_a_password_in_a_url_is_refused_and_not_shown(url: str, message: str) -> None:
    text = refusal("index=pgvector", f"index.url={url}")
    assert message in text
    assert "hunt" not in text


def test_messages_of_ones_own_are_shown_whole() -> None:
    text = "not a URL such as postgresql://user:***@host:5432/database; see https://example.com/a"
    assert explain(BadInput(text)) == text


def test_a_url_without_a_password_is_recorded() -> None:
    url = "postgresql://me@db:5432/x"
    assert recordable(compose_config("run", ["index=pgvector", f"index.url={url}"]))["index"]["url"] == url


def test_an_unknown_option_lists_those_there_are() -> None:
    text = refusal("router=bert")
    assert set(ROUTERS) <= set(re.findall(r"\w+", text))
    assert "search path" not in text


@pytest.mark.parametrize("override", ["router.k=[", "router=knn,tfidf"])
def test_an_override_that_cannot_be_parsed_is_explained_in_one_line(override: str) -> None:
    with pytest.raises((HydraException, OmegaConfBaseException)) as caught:
        compose_config("run", [override])
    assert "\n" not in explain(caught.value)


def test_a_router_without_a_name_says_where_to_give_it() -> None:
    config = OmegaConf.create({"router": {"_target_": "my_package.MyRouter"}, "folder": "${router.name}"})
    with pytest.raises(OmegaConfBaseException) as caught:
        print(config.folder)
    assert explain(caught.value) == "the chosen router has no name; add a line `name: NAME` to its YAML file"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("kk: 3", "no key router.kk; router has: encoder, index, k, name, temperature, weighting"),
        ("k: 0", "router.k=0: must be at least 1"),
        ("k: 3", None),
    ],
)
def test_a_router_of_the_users_own_file_is_checked_by_its_constructor(
    line: str, message: str | None, tmp_path: Path
) -> None:
    (tmp_path / "router").mkdir()
    mine = ["name: mine", "_target_: routers.knn.KNNRouter", "encoder: ${encoder}", line]
    (tmp_path / "router" / "mine.yaml").write_text("\n".join(mine))
    chosen = [f"hydra.searchpath=[file://{tmp_path}]", "router=mine"]
    if message is None:
        assert settings(*chosen).router["k"] == 3
    else:
        assert refusal(*chosen) == message


def test_an_index_of_the_users_own_file_is_checked_and_built(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    mine = ["name: mine", "_target_: routers.indexes.hnsw.HnswIndex", "m: 8"]
    (tmp_path / "index" / "mine.yaml").write_text("\n".join(mine))
    chosen = [f"hydra.searchpath=[file://{tmp_path}]", "index=mine"]
    index = build(router_spec(settings(*chosen).router, {})["index"])
    assert (type(index), index.m) == (HnswIndex, 8)
    assert refusal(*chosen, "index.m=1") == "index.m=1: must be at least 2"
    assert refusal(*chosen, "+index.n=1").startswith(
        "no key index.n; index has: ef_construction, ef_search, m"
    )


@pytest.mark.parametrize("value", ["0", "-3", "2.5", "some", "true", "null", "[1]"])
@pytest.mark.parametrize("who", ["local", "openai", "llama_phi", "mine"])
def test_the_experts_answer_a_number_of_questions_or_all(who: str, value: str, tmp_path: Path) -> None:
    (tmp_path / "experts").mkdir()
    mine = ["name: mine", "_target_: tests.benchmarks.fakes.Diary", "log: any", "questions: 7"]
    (tmp_path / "experts" / "mine.yaml").write_text("\n".join(mine))
    chosen = [f"hydra.searchpath=[file://{tmp_path}]", f"experts={who}"]
    assert refusal(*chosen, f"experts.questions={value}").startswith("experts.questions=")
    for good, parsed in (("5", 5), ("all", "all")):
        found = settings(*chosen, f"experts.questions={good}").experts
        assert (found if isinstance(found, dict) else vars(found))["questions"] == parsed


def test_a_run_asks_for_a_sample_and_a_comparison_for_all() -> None:
    assert compose_config("run").experts.questions == 48
    assert compose_config("run", ["experts=none"]).experts.questions is None
    assert compose_config("compare").experts.questions == "all"
    assert settings("experts=none").experts == NoExperts()
    assert checked(compose_config("compare", ["experts=none"])).experts.name == "none"
    assert compose_config("compare", ["experts.questions=9"]).experts.questions == 9


def test_a_recorded_configuration_holds_no_path_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "words.txt").touch()
    config = compose_config(
        "run",
        [
            "dataset=files",
            f"dataset.path={tmp_path}/questions",
            "dataset.test_path=../of/alice/held_out",
            f"+weights.experts.car.path={tmp_path}/model",
            f"experts.adapters={tmp_path}/adapters",
            "experts.system_prompt=/no_think",
            "encoder=bge_small",
            f"encoder.query_prefix={tmp_path}/words.txt",
        ],
    )
    found = recordable(config)
    assert str(tmp_path) not in str(found)
    assert (found["dataset"]["path"], found["dataset"]["test_path"]) == ("questions", "held_out")
    assert found["experts"]["models"]["car"] == {"path": "model"}
    assert (found["experts"]["adapters"], found["experts"]["system_prompt"]) == ("adapters", "/no_think")
    assert found["router"]["encoder"]["model"]["path"] == "BAAI/bge-small-en-v1.5"
    assert found["router"]["encoder"]["query_prefix"] == "words.txt"
    assert (found["router"]["k"], found["seed"], found["tune"]) == (checked(config).router.k, 0, False)


def test_a_path_that_leaves_the_working_directory_is_not_recorded() -> None:
    overrides = ("weights=own", "weights.experts.default.path=../secret/model", "+router.extra=/home/me/x")
    found = recordable(compose_config("run", [*overrides, "experts.adapters=../secret/adapters"]))
    assert found["weights"]["experts"]["default"]["path"] == "model"
    assert (found["experts"]["adapters"], found["router"]["extra"]) == ("adapters", "x")


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ("python mine.py 'two  words'", "python mine.py 'two  words'"),
        ("/home/me/venv/bin/python ../mine.py -k 3", "python mine.py -k 3"),
        ("mine --model=/home/me/model --rate=0.5", "mine --model=model --rate=0.5"),
        ("~/bin/mine 'my file'", "mine 'my file'"),
    ],
)
def test_a_command_is_recorded_without_paths_of_the_machine(given: str, recorded: str) -> None:
    config = compose_config("run", ["router=command", f'router.command="{given}"'])
    assert checked(config).router.command == given
    assert recordable(config)["router"]["command"] == recorded


def test_names_of_a_server_are_mapped_on_the_command_line() -> None:
    url = ["router=url", "router.url=http://host:1", "router.api_key_env=MY_KEY"]
    config = compose_config("run", [*url, "+router.domains.auto=car", "+router.domains.other=null"])
    assert dict(checked(config).router.domains) == {"auto": "car", "other": None}
    assert recordable(config)["router"]["domains"] == {"auto": "car", "other": None}
    assert build(router_spec(checked(config).router, {})).api_key_env == "MY_KEY"
    assert "protocol=http: not one of own, knn" in refusal(*url, "router.protocol=http")


def test_a_language_model_runs_here_unless_an_endpoint_has_it() -> None:
    packaged = settings("router=llm")
    assert vars(packaged.router.model) == vars(packaged.weights.classifier)
    assert settings("router=llm", "router.model=my/model").router.model == Weights("my/model")
    endpoint = ["router=llm", "router.url=http://127.0.0.1:1/v1"]
    assert settings(*endpoint, "router.model=mine").router.model == "mine"
    assert refusal(*endpoint).startswith("router.url=http://127.0.0.1:1/v1 needs router.model=NAME")


def test_the_built_in_data_are_recorded_by_their_package() -> None:
    assert (
        recordable(compose_config("run"))["dataset"]["path"] == "${package_dir:benchmarks,datasets/car_sleep}"
    )


@pytest.mark.parametrize("domain", ["car", "sleep"])
def test_the_size_of_an_expert_can_be_that_of_the_classifier(domain: str) -> None:
    found = settings("weights=untrained", "router=tinyllama", f"router.model=${{weights.experts.{domain}}}")
    wanted = found.weights.experts[domain]
    assert isinstance(found.router.model, Weights)
    assert vars(found.router.model) == vars(Weights(**wanted))
