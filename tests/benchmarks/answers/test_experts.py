"""From configured experts to the object that answers: what is found, and what is refused."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.answers.experts import ExpertSet, assemble, build_experts, domain_weights, find_experts
from benchmarks.assets.adapters import Adapters
from benchmarks.assets.weights import Weights, locate
from benchmarks.datasets.base import Dataset, Example
from benchmarks.errors import BadInput
from benchmarks.schema import ENGINES, LocalExperts, NoExperts, OpenAIExperts
from common.checks import ConfigError
from experts.base import ExpertError
from experts.lora import LoraExperts
from experts.onnx import OnnxExperts
from experts.openai import OpenAIExperts as Endpoint
from tests.benchmarks.fakes import Diary
from tests.benchmarks.helpers import add_adapter, base_model, local_experts

DOMAINS = ["car", "sleep"]
MODELS: dict[str, str | None] = {"car": "c", "sleep": "s"}
TRAIN = [
    Example("car-1", "Which oil?", "car", "The right one."),
    Example("sleep-1", "Why do I snore?", "sleep", "Ask a doctor."),
]
TEST = [
    Example("car-9", "Which tyre?", "car", "A round one."),
    Example("sleep-9", "How long a nap?", "sleep", "Twenty minutes.", "overlap"),
    Example("car-8", "Which brake?", "car"),
    Example("x-9", "What is the capital of Peru?", None, "Lima.", "out_of_scope"),
]
DATASET = Dataset("small", TRAIN, TEST)


@pytest.fixture
def adapters(tmp_path: Path, packaged: Path) -> Path:
    return tmp_path / "adapters"


@pytest.fixture
def base(tmp_path: Path) -> Weights:
    return base_model(tmp_path / "base")


def assembled(config: Any, domains: list[str] = DOMAINS) -> ExpertSet:
    found = assemble(config, domains)
    assert found is not None
    return found


def test_local_experts_are_their_base_and_current_adapters(base: Weights, adapters: Path) -> None:
    sha256 = locate(base).sha256
    first = add_adapter(adapters, "car", sha256, ("car-1", "car-2"))
    car = add_adapter(adapters, "car", sha256, ("car-3",))
    sleep = add_adapter(adapters, "sleep", sha256)
    config = local_experts(base, adapters, use_cache=False)
    found = assembled(config)
    assert (found.name, found.use_cache) == ("local", False)
    assert found.spec["models"] == {
        domain: {
            "folder": base.path,
            "sha256": sha256,
            "adapter": str(version.folder),
            "adapter_sha256": version.sha256,
        }
        for domain, version in (("car", car), ("sleep", sleep))
    }
    assert found.weights == {
        "car": {"base": {Path(base.path).name: sha256}, "adapter": {"local/car/v2": car.sha256}},
        "sleep": {"base": {Path(base.path).name: sha256}, "adapter": {"local/sleep/v1": sleep.sha256}},
    }
    assert found.train_ids == {"car": {"car-3"}, "sleep": set()}
    experts = build_experts(found.spec)
    assert isinstance(experts, OnnxExperts)
    assert experts.identity("car")["adapter"] == car.sha256
    Adapters(adapters).use("local", "car", "v1")
    assert assembled(config).spec["models"]["car"]["adapter_sha256"] == first.sha256


def test_every_setting_of_the_experts_reaches_them(base: Weights, adapters: Path) -> None:
    add_adapter(adapters, "car", locate(base).sha256)
    changed: dict[str, Any] = {
        "system_prompt": "Be {domain}.",
        "max_new_tokens": 7,
        "max_question_tokens": 99,
        "batch_size": 3,
        "dtype": "bfloat16",
        "quantization": "nf4",
    }
    ours = {"name", "engine", "adapters", "use_cache", "questions", "models"}
    assert {item.name for item in fields(LocalExperts)} == ours | set(changed)
    for engine in ("torch", "onnx"):
        settings = changed if engine == "torch" else {name: changed[name] for name in list(changed)[:-2]}
        config = local_experts(base, adapters, engine=engine, **settings)
        experts = build_experts(assembled(config, ["car"]).spec)
        assert {name: getattr(experts, name) for name in settings} == settings


def test_the_engine_chooses_the_class(base: Weights, adapters: Path) -> None:
    add_adapter(adapters, "car", locate(base).sha256)
    made = {
        engine: build_experts(assembled(local_experts(base, adapters, engine=engine), ["car"]).spec)
        for engine in ENGINES
    }
    assert {engine: (type(one), getattr(one, "int8", None)) for engine, one in made.items()} == {
        "onnx": (OnnxExperts, False),
        "onnx_int8": (OnnxExperts, True),
        "torch": (LoraExperts, None),
    }
    # A cache gives none the answers of another.
    identities = [one.identity("car") for one in made.values()]
    assert all(identities.count(identity) == 1 for identity in identities)
    with pytest.raises(ConfigError, match=r"experts\.engine=steam"):
        local_experts(base, adapters, engine="steam")


@pytest.mark.parametrize(("name", "value"), [("dtype", "bfloat16"), ("quantization", "nf4")])
@pytest.mark.parametrize("engine", ["onnx", "onnx_int8"])
def test_weights_that_the_engine_has_not_are_refused(
    base: Weights, adapters: Path, engine: str, name: str, value: str
) -> None:
    add_adapter(adapters, "car", locate(base).sha256)
    # Training takes them.
    config = local_experts(base, adapters, engine=engine, **{name: value})
    assert domain_weights(config, "car") is base
    with pytest.raises(BadInput, match=r"experts\.engine=torch") as caught:
        assemble(config, ["car"])
    assert f"experts.{name}={value}" in str(caught.value)
    assert assemble(replace(config, engine="torch"), ["car"])


def test_each_domain_may_have_a_base_model_of_its_own(tmp_path: Path, base: Weights, adapters: Path) -> None:
    other = base_model(tmp_path / "other", b"other weights")
    add_adapter(adapters, "car", locate(other).sha256)
    add_adapter(adapters, "sleep", locate(base).sha256)
    models = assembled(local_experts(base, adapters, models={"default": base, "car": other})).spec["models"]
    assert (models["car"]["folder"], models["sleep"]["folder"]) == (other.path, base.path)
    with pytest.raises(BadInput, match=r"no base model for domain 'sleep' \(there is: car\)"):
        assemble(local_experts(base, adapters, models={"car": other}), DOMAINS)


def test_a_missing_adapter_names_the_domain_and_the_command(base: Weights, adapters: Path) -> None:
    add_adapter(adapters, "car", locate(base).sha256)
    with pytest.raises(BadInput) as caught:
        assemble(local_experts(base, adapters), DOMAINS)
    for part in ("experts=local has no adapter for domain 'sleep'", "benchmarks train experts=local"):
        assert part in str(caught.value)
    # An adapter of another configuration is none of this one's.
    with pytest.raises(BadInput, match="experts=llama_phi has no adapter for domain 'car'"):
        assemble(local_experts(base, adapters, name="llama_phi"), DOMAINS)


def test_an_adapter_of_other_base_weights_is_refused(base: Weights, adapters: Path) -> None:
    add_adapter(adapters, "car", "ab" * 32)
    with pytest.raises(BadInput) as caught:
        assemble(local_experts(base, adapters), ["car"])
    for part in ("adapter local/car/v1", "ab" * 6, str(base.path), locate(base).sha256[:12]):
        assert part in str(caught.value)
    # The same folder with other weights in it, too.
    add_adapter(adapters, "car", locate(base).sha256)
    assert assemble(local_experts(base, adapters), ["car"])
    base_model(Path(str(base.path)), b"retrained")
    with pytest.raises(BadInput, match="adapter local/car/v2 was trained on"):
        assemble(local_experts(base, adapters), ["car"])


def test_an_endpoint_gets_its_settings_and_no_more() -> None:
    config = OpenAIExperts(base_url="http://localhost/v1", models=MODELS, timeout=3.0, use_cache=False)
    found = find_experts(config, DATASET)
    assert found is not None
    assert (found.name, found.use_cache, found.train_ids) == ("openai", False, {})
    experts = build_experts(found.spec)
    assert isinstance(experts, Endpoint)
    assert (experts.base_url, experts.models, experts.timeout) == (config.base_url, MODELS, 3.0)


def test_experts_of_ones_own_are_named_by_their_class() -> None:
    config = {"name": "mine", "_target_": "tests.benchmarks.fakes.Diary", "log": "log", "version": 3}
    found = assembled(config)
    assert (found.name, found.use_cache) == ("mine", True)
    experts = build_experts(found.spec)
    assert isinstance(experts, Diary)
    assert (experts.log, experts.version) == ("log", 3)
    assert not assembled({**config, "use_cache": False}).use_cache


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"_target_": "tests.benchmarks.fakes.Absent"}, "cannot import tests.benchmarks.fakes.Absent"),
        ({"_target_": "tests.benchmarks.fakes.Even"}, "is not an experts.base.Experts class"),
        ({"_target_": "tests.benchmarks.fakes.Diary"}, "missing 1 required positional argument: 'log'"),
        ({"_target_": "tests.benchmarks.fakes.Diary", "log": "", "k": 1}, "unexpected keyword argument 'k'"),
    ],
)
def test_what_is_no_expert_is_refused(spec: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ExpertError, match=complaint.replace(".", r"\.")):
        build_experts(spec)


@pytest.mark.parametrize("reference", [None, ""])
def test_without_experts_or_references_nobody_is_asked(
    capsys: pytest.CaptureFixture[str], reference: str | None
) -> None:
    assert find_experts(NoExperts(), DATASET) is None
    assert capsys.readouterr() == ("", "")
    # The reference of what is out of scope is not enough.
    bare = [example if example.label is None else replace(example, reference=reference) for example in TEST]
    assert find_experts(OpenAIExperts(base_url="http://localhost/v1"), replace(DATASET, test=bare)) is None
    assert "no reference answers" in capsys.readouterr().err


# Also of the other domain's questions, and of those without a reference: a leak is a leak.
@pytest.mark.parametrize("leaked", ["sleep-9", "car-8"])
def test_an_adapter_trained_on_a_test_question_is_refused(base: Weights, adapters: Path, leaked: str) -> None:
    add_adapter(adapters, "car", locate(base).sha256, ("car-1",))
    add_adapter(adapters, "sleep", locate(base).sha256, ("sleep-1",))
    assert find_experts(local_experts(base, adapters), DATASET)
    add_adapter(adapters, "sleep", locate(base).sha256, ("sleep-1", leaked))
    with pytest.raises(BadInput, match="domain 'sleep' was trained on 1 of these test questions") as caught:
        find_experts(local_experts(base, adapters), DATASET)
    # By the question's own part of the id: it may have had another domain when it was learned.
    number = leaked.partition("-")[2]
    assert any(repr(example.query) in str(caught.value) for example in TEST if example.id.endswith(number))
