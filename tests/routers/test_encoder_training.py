"""Fine-tuning a tiny random BERT: it separates classes, repeats itself, and moves with its router."""

import gc
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.checks import ConfigError
from common.files import sha256_file
from common.progress import Event, listening
from routers.base import NotFittedError, Router, RouterError
from routers.centroid import CentroidRouter
from routers.encoder import SentenceEncoder
from routers.encoder_training import (
    LOSSES,
    Cosines,
    Recipe,
    Separation,
    fine_tune,
    mean_cosines,
    sample_pairs,
    split,
)
from routers.knn import KNNRouter

pytestmark = pytest.mark.slow

Questions = tuple[list[str], list[str]]
MakeModel = Callable[..., str]

WORDS = {
    "car": ["oil", "brake", "tyre", "engine", "clutch"],
    "sleep": ["nap", "dream", "bed", "snoring", "insomnia"],
}
# A random network needs steeper steps than a pretrained one.
QUICK = Recipe(epochs=4, learning_rate=0.003, batch_size=16)
SERVE = """
import json, sys
from pathlib import Path
from routers.base import Router
answers = Router.load(Path(sys.argv[1])).predict_proba(json.loads(sys.argv[2])).tolist()
heavy = {"torch", "transformers", "sentence_transformers", "datasets", "onnx"} & set(sys.modules)
print(json.dumps([answers, sorted(heavy)]))
"""


@pytest.fixture(scope="module")
def toy() -> Questions:
    """Each class has its own words."""
    generator = np.random.default_rng(0)
    labels = ["car", "sleep"] * 40
    return [" ".join(generator.choice(WORDS[label], size=4)) for label in labels], labels


@pytest.fixture(scope="module")
def model(tiny_bert: MakeModel) -> str:
    return tiny_bert()


@pytest.fixture(scope="module")
def tuning(
    model: str, toy: Questions, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Path, Separation]]:
    """Folder and result of fine-tuning with a loss, `QUICK` otherwise; done once, so do not change it."""

    @cache
    def tune(loss: str) -> tuple[Path, Separation]:
        folder = tmp_path_factory.mktemp("tuned") / loss
        return folder, fine_tune(model, *toy, replace(QUICK, loss=loss), folder)

    return tune


@pytest.fixture(scope="module")
def tuned(model: str, toy: Questions) -> KNNRouter:
    """A fitted router with a fine-tuned encoder on ONNX Runtime, shared: do not change it."""
    return KNNRouter(encoder_of(model), k=3).fit(*toy)


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Folder of temporary files; empty."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def encoder_of(model: str, **settings: Any) -> SentenceEncoder:
    quick = {"finetune_epochs": 4, "finetune_learning_rate": 0.003, "finetune_batch_size": 16}
    return SentenceEncoder(model, **{"finetune": "batch_all_triplet", **quick, **settings})


def gap(cosines: Cosines) -> float:
    return cosines.same_class - cosines.different_class


def test_mean_cosines_by_hand() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    found = mean_cosines(vectors, np.array([0, 0, 1]))
    assert (found.same_class, found.different_class) == pytest.approx((0, 0.7), abs=1e-6)
    found = mean_cosines(vectors, np.array([1, 0, 1]))
    assert (found.same_class, found.different_class) == pytest.approx((0.6, 0.4), abs=1e-6)


@given(seed=st.integers(0, 2**16), sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_mean_cosines_are_those_of_every_pair(seed: int, sizes: list[int]) -> None:
    targets = np.repeat(np.arange(len(sizes) + 1), [*sizes, 2])
    vectors = np.random.default_rng(seed).normal(size=(len(targets), 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [(i, j) for i in range(len(targets)) for j in range(i)]
    same, different = (
        np.mean([vectors[i] @ vectors[j] for i, j in pairs if (targets[i] == targets[j]) == wanted])
        for wanted in (True, False)
    )
    found = mean_cosines(vectors, targets)
    assert (found.same_class, found.different_class) == pytest.approx((same, different), abs=1e-5)


def test_a_tenth_of_each_class_is_held_out() -> None:
    targets = np.array([0] * 20 + [1] * 30 + [2] * 4)
    train, judge = split(targets, 0)
    assert np.bincount(targets[judge]).tolist() == [2, 3, 1]
    assert sorted([*train, *judge]) == list(range(54))
    assert not np.array_equal(split(targets, 1)[1], judge)
    assert np.array_equal(split(targets, 0)[1], judge)


@pytest.mark.parametrize("sizes", [(14, 14), (30, 2)], ids=["no_pair_to_judge", "too_few_to_train"])
def test_few_questions_are_trained_on_and_judged_by(sizes: tuple[int, int]) -> None:
    train, judge = split(np.repeat([0, 1], sizes), 0)
    assert train.tolist() == judge.tolist() == list(range(sum(sizes)))


@given(seed=st.integers(0, 2**16), sizes=st.lists(st.integers(2, 6), min_size=2, max_size=4))
def test_every_text_has_a_partner_of_its_class_and_of_another(seed: int, sizes: list[int]) -> None:
    targets = np.repeat(np.arange(len(sizes)), sizes)
    left, right, wanted = sample_pairs(targets, np.random.default_rng(seed))
    assert np.array_equal(targets[left] == targets[right], wanted == 1)
    assert (left != right).all()
    for cosine in (0, 1):
        assert sorted(left[wanted == cosine]) == list(range(len(targets)))


@pytest.mark.parametrize("loss", LOSSES)
def test_it_separates_the_classes(
    model: str, tuning: Callable[[str], tuple[Path, Separation]], loss: str
) -> None:
    folder, found = tuning(loss)
    assert gap(found.after) > gap(found.before) + 0.1
    assert found.after.different_class < found.before.different_class
    assert (found.n_texts, found.held_out, found.collapsed) == (8, True, False)
    texts = [" ".join(words) for words in WORDS.values()]
    before = SentenceEncoder(model, "torch").encode(texts)
    after = SentenceEncoder(str(folder), "torch").encode(texts)
    assert before[0] @ before[1] - after[0] @ after[1] > 0.1


@pytest.mark.parametrize("loss", ["batch_all_triplet", "cosine_similarity"])
def test_another_seed_makes_other_weights_alone(
    model: str, toy: Questions, tuning: Callable[[str], tuple[Path, Separation]], tmp_path: Path, loss: str
) -> None:
    """Counterpart of the routers' contract, by which the same seed makes the same bytes."""
    fine_tune(model, *toy, replace(QUICK, loss=loss, seed=1), tmp_path / "other")
    first, other = _contents(tuning(loss)[0]), _contents(tmp_path / "other")
    assert {name for name in first if first[name] != other[name]} == {"model.safetensors"}


def test_it_is_quiet_and_offline_and_leaves_nothing_else(
    model: str,
    toy: Questions,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.chdir(scratch)
    events: list[Event] = []
    with listening(events.append):
        fine_tune(model, *toy, QUICK, scratch / "tuned")
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in scratch.iterdir()] == ["tuned"]
    # 36 questions a class train, in batches of 16.
    assert events == [Event("fine-tuning the encoder", step, 20) for step in range(1, 21)]


def test_a_collapsed_encoder_is_said(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["car", "sleep"] * 10
    found = fine_tune(model, ["the same question"] * 20, labels, Recipe(), tmp_path / "tuned")
    assert found.after.different_class == pytest.approx(1)
    assert found.facts()["collapsed"] is True
    assert capsys.readouterr().err.startswith(
        "the fine-tuned encoder has collapsed: questions of different classes have a mean cosine of 1.00; "
    )


def test_collapse_is_of_different_classes() -> None:
    before = Cosines(0.2, 0.95)
    assert not Separation(before, Cosines(0.99, 0.9), 4, True).collapsed
    assert Separation(before, Cosines(0.99, 0.901), 4, True).collapsed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "margin_mse"}, r"encoder\.finetune_loss=margin_mse: not one of batch_all_triplet, "),
        ({"loss": "none"}, r"encoder\.finetune_loss=none: not one of"),
        ({"batch_size": 2}, r"encoder\.finetune_batch_size=2: must be even and at least 4"),
        ({"batch_size": 5}, r"encoder\.finetune_batch_size=5: must be even"),
        ({"seed": -1}, r"encoder\.finetune_seed=-1: must be at least 0"),
        ({"learning_rate": 1e30}, r"diverged; lower encoder\.finetune_learning_rate"),
    ],
)
def test_what_cannot_be_used_is_refused(
    model: str, toy: Questions, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises((RouterError, ConfigError), match=message):
        fine_tune(model, *toy, replace(QUICK, **change), tmp_path / "tuned")
    assert list(tmp_path.iterdir()) == []


def test_every_class_needs_two_questions(model: str, toy: Questions, tmp_path: Path) -> None:
    with pytest.raises(RouterError, match=r"two training questions of every class, and 'legal' has one; "):
        fine_tune(model, [*toy[0], "a contract"], [*toy[1], "legal"], QUICK, tmp_path / "tuned")
    with pytest.raises(RouterError, match="at least two classes"):
        fine_tune(model, toy[0], ["car"] * 80, QUICK, tmp_path / "tuned")
    with pytest.raises(RouterError, match="at least two classes"):
        fine_tune(model, [], [], QUICK, tmp_path / "tuned")
    assert list(tmp_path.iterdir()) == []


def test_interrupted_training_leaves_nothing(
    model: str, toy: Questions, questions: Questions, scratch: Path
) -> None:
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    router = KNNRouter(encoder_of(model, backend="torch"))
    with listening(interrupt), pytest.raises(KeyboardInterrupt):
        router.fit(*toy)
    with listening(interrupt), pytest.raises(KeyboardInterrupt):
        fine_tune(model, *toy, QUICK, scratch / "tuned")
    assert list(scratch.iterdir()) == []
    with pytest.raises(NotFittedError):
        router.predict(["nap"])


def test_the_folder_goes_with_the_router(model: str, toy: Questions, scratch: Path) -> None:
    router = CentroidRouter(encoder_of(model, backend="torch", finetune_epochs=1)).fit(*toy)
    first = Path(router.encoder_.model)
    assert first.is_relative_to(scratch)
    router.fit(*toy)
    assert not first.exists()
    assert Path(router.encoder_.model).is_dir()
    del router
    gc.collect()
    assert list(scratch.iterdir()) == []


def test_the_router_uses_the_fine_tuned_vectors(
    tuned: KNNRouter, model: str, toy: Questions, tuning: Callable[[str], tuple[Path, Separation]]
) -> None:
    folder, found = tuning(QUICK.loss)
    wanted = SentenceEncoder(str(folder)).encode(toy[0])
    assert tuned.index_.vectors == pytest.approx(wanted, abs=1e-4)
    assert tuned.facts() == {
        "learned_encoder": {
            "loss": "batch_all_triplet",
            "pretrained_sha256": sha256_file(Path(model) / "model.safetensors"),
            **found.facts(),
        }
    }
    assert json.loads(json.dumps(tuned.facts())) == tuned.facts()
    assert tuned.weights_sha256() == {
        "encoder": sha256_file(Path(model) / "model.safetensors"),
        "encoder_fine_tuned": sha256_file(folder / "model.safetensors"),
    }


@pytest.mark.process
def test_a_saved_router_can_be_moved_and_serves_without_training_libraries(
    tiny_bert: MakeModel,
    toy: Questions,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "cache"))
    pretrained = shutil.copytree(tiny_bert(), tmp_path / "pretrained")
    router = KNNRouter(encoder_of(str(pretrained), query_prefix="q: ", max_tokens=64), k=3).fit(*toy)
    router.save(tmp_path / "router")
    Router.load(tmp_path / "router").save(tmp_path / "again")
    (tmp_path / "again").rename(tmp_path / "moved")
    shutil.rmtree(tmp_path / "router")
    shutil.rmtree(pretrained)
    asked = ["oil brake", "nap", "a bed in the engine"]
    ran = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path / "moved"), json.dumps(asked)],
        capture_output=True,
        text=True,
        check=True,
    )
    answers, heavy = json.loads(ran.stdout)
    assert (heavy, ran.stderr) == ([], "")
    assert np.array(answers) == pytest.approx(router.predict_proba(asked), abs=1e-4)
    assert not (tmp_path / "cache" / "encoders").exists(), "the export is not in the router"
    loaded = Router.load(tmp_path / "moved")
    assert loaded.facts() == router.facts()
    assert loaded.weights_sha256() == router.weights_sha256()
    assert loaded.asset_paths() == []


@pytest.mark.parametrize("name", ["model.safetensors", "1_Pooling/config.json"])
def test_a_changed_file_is_refused(tuned: KNNRouter, model: str, tmp_path: Path, name: str) -> None:
    tuned.save(tmp_path / "router")
    path = tmp_path / "router" / "encoder" / name
    assert path.read_bytes() != (Path(model) / name).read_bytes()
    shutil.copy(Path(model) / name, path)
    with pytest.raises(RouterError, match=f"encoder in {path.parents[name.count('/')]} is not the one"):
        Router.load(tmp_path / "router")


def test_a_router_whose_encoder_was_replaced_is_not_saved(
    tuned: KNNRouter, model: str, tmp_path: Path
) -> None:
    tuned.save(tmp_path / "router")
    loaded = Router.load(tmp_path / "router")
    shutil.copy(Path(model) / "model.safetensors", tmp_path / "router" / "encoder")
    with pytest.raises(RouterError, match="has changed; fit the router again"):
        loaded.save(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
