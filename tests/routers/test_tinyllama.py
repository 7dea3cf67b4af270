"""Fine-tuning a tiny random Llama: it learns, keeps its best epoch, and guards its base."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from common.extras import MissingExtra
from common.progress import Event, listening
from common.splits import stratified_holdout
from routers.base import Router, RouterError
from routers.classifier_training import balanced_accuracy, class_weights
from routers.tinyllama import TinyLlamaRouter
from routers.weights import UNTRAINED

pytestmark = pytest.mark.slow

Questions = tuple[list[str], list[str]]

WORDS = {
    "car": ["oil", "brake", "tyre", "engine", "clutch"],
    "sleep": ["nap", "dream", "bed", "snoring", "insomnia"],
}
QUICK: dict[str, Any] = {"epochs": 6, "learning_rate": 0.01, "patience": 6, "dtype": "float32"}


@pytest.fixture(scope="module")
def toy() -> Questions:
    """Each class has its own words, so that even a random network's last state tells them apart."""
    generator = np.random.default_rng(0)
    labels = ["car", "sleep"] * 40
    return [" ".join(generator.choice(WORDS[label], size=4)) for label in labels], labels


@pytest.fixture(scope="module")
def trained(tiny_llama: str, toy: Questions) -> TinyLlamaRouter:
    return TinyLlamaRouter(tiny_llama, **QUICK).fit(*toy)


def split(
    router: TinyLlamaRouter, questions: Questions
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Targets, and the rows that the router trained on and validated on."""
    targets = np.array([router.classes_.index(label) for label in questions[1]])
    return targets, *stratified_holdout(targets, router.validation_fraction, router.seed)


def test_it_learns_a_separable_problem(trained: TinyLlamaRouter, toy: Questions) -> None:
    queries = [f"{first} {second}" for words in WORDS.values() for first in words for second in words]
    labels = [label for label in WORDS for _ in range(25)]
    predicted = trained.predict(queries)
    assert sum(got == label for got, label in zip(predicted, labels, strict=True)) >= 40


@pytest.mark.parametrize(
    ("backend", "dtype", "changes"),
    [
        ("onnx", "float32", False),
        ("onnx", "bfloat16", False),
        ("onnx_int8", "float32", False),
        ("torch", "float32", False),
        ("torch", "bfloat16", True),
    ],
)
def test_what_is_computed_in_float32_does_not_depend_on_the_batch(
    tiny_llama: str, toy: Questions, backend: str, dtype: str, changes: bool
) -> None:
    settings = {**QUICK, "epochs": 1, "backend": backend, "dtype": dtype}
    router = TinyLlamaRouter(tiny_llama, **settings).fit(*toy)
    queries = [" ".join(toy[0][row : row + 1 + row % 5]) for row in range(64)]
    together = router.predict_proba(queries)
    alone = np.concatenate([router.predict_proba([query]) for query in queries])
    worst = np.abs(alone - together).max()
    assert router.batch_changes_scores == changes
    if not changes:
        assert worst <= 1e-6
    assert not router.is_cut(queries[0])
    assert router.is_cut("oil and brake " * 100)


def test_the_best_epoch_is_kept(tiny_llama: str, toy: Questions) -> None:
    # So steep a rate and this seed that the last epoch is not the best.
    router = TinyLlamaRouter(tiny_llama, **QUICK | {"learning_rate": 0.1, "seed": 1}).fit(*toy)
    targets, _, valid = split(router, toy)
    predicted = router.predict_proba([toy[0][row] for row in valid]).argmax(axis=1)
    scores = [epoch["validation_balanced_accuracy"] for epoch in router.history_]
    assert balanced_accuracy(targets[valid], predicted) == pytest.approx(max(scores))


def test_the_loss_weighs_classes_the_same(tiny_llama: str, toy: Questions) -> None:
    queries, labels = toy
    rows = [row for row, label in enumerate(labels) if label == "car" or row < 20]
    uneven = [queries[row] for row in rows], [labels[row] for row in rows]
    router = TinyLlamaRouter(tiny_llama, epochs=1, learning_rate=1e-12, dtype="float32").fit(*uneven)
    targets, train, valid = split(router, uneven)
    proba = router.predict_proba([uneven[0][row] for row in valid])
    losses = -np.log(proba[np.arange(len(valid)), targets[valid]])
    weights = class_weights(targets[train], 2)[targets[valid]]
    assert weights.min() < weights.max()
    wanted = np.average(losses, weights=weights)
    assert abs(wanted - losses.mean()) > 1e-3
    assert router.history_[0]["validation_loss"] == pytest.approx(wanted, abs=1e-5)


def test_training_stops_without_progress(tiny_llama: str, toy: Questions) -> None:
    router = TinyLlamaRouter(tiny_llama, epochs=20, patience=2, learning_rate=1e-9, dtype="float32")
    assert len(router.fit(*toy).history_) == 3


def test_confidence_is_the_top_probability(trained: TinyLlamaRouter) -> None:
    proba, confidence, *_ = trained.infer(["oil brake", "nap", "dream tyre bed"])
    assert np.array_equal(confidence, proba.max(axis=1))


def test_the_adapter_alone_is_saved(trained: TinyLlamaRouter, tmp_path: Path) -> None:
    trained.save(tmp_path / "router")
    adapter = tmp_path / "router" / "adapter"
    arrays = load_file(adapter / "adapter_model.safetensors")
    assert all(".lora_" in name or "score" in name for name in arrays)
    # Two matrices for each of four projections in each of two layers, and the head.
    assert len(arrays) == 2 * 4 * 2 + 1
    assert {path.name for path in adapter.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    base = Path(trained.model) / "model.safetensors"
    assert (adapter / "adapter_model.safetensors").stat().st_size < base.stat().st_size / 2


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_what_comes_back_is_what_was_trained(
    tiny_llama: str, trained: TinyLlamaRouter, toy: Questions, tmp_path: Path, backend: str
) -> None:
    """Merged into the weights, as inputs of a graph, or trained and never saved."""
    other = TinyLlamaRouter(tiny_llama, **QUICK | {"backend": backend})
    router = trained if backend == trained.backend else other.fit(*toy)
    router.save(tmp_path / "router")
    arrays = load_file(tmp_path / "router" / "adapter" / "adapter_model.safetensors")
    assert max(np.abs(array).max() for name, array in arrays.items() if "lora_B" in name) > 1e-3
    loaded = Router.load(tmp_path / "router")
    assert isinstance(loaded, TinyLlamaRouter)
    assert loaded.history_ == router.history_ == trained.history_
    # Short and long ones, so that a batch is padded.
    queries = [*toy[0], "oil", "nap", " ".join(toy[0][:8]), ""]
    wanted = np.log(trained.predict_proba(queries))
    for one in (router, loaded):
        assert np.log(one.predict_proba(queries)) == pytest.approx(wanted, abs=1e-3)
        assert all(path.is_file() for path in one.asset_paths())
        assert len(one.asset_paths()) == (3 if backend == "onnx" else 2)


def test_eight_bits_predict_nearly_as_float32(
    tiny_llama: str, trained: TinyLlamaRouter, toy: Questions, tmp_path: Path
) -> None:
    router = TinyLlamaRouter(tiny_llama, **QUICK | {"backend": "onnx_int8"}).fit(*toy)
    router.save(tmp_path / "router")
    wanted = trained.predict_proba(toy[0])
    for one in (router, Router.load(tmp_path / "router")):
        found = one.predict_proba(toy[0])
        assert found == pytest.approx(wanted, abs=0.05)
        assert (found.argmax(axis=1) == wanted.argmax(axis=1)).mean() > 0.95
        assert not np.allclose(found, wanted, atol=1e-6)
    sizes = [one.asset_paths()[0].stat().st_size for one in (router, trained)]
    assert sizes[0] < sizes[1]


NEEDED_TO_TRAIN = ("torch", "transformers", "peft", "sentence_transformers", "trl", "accelerate")
WITHOUT_THEM = """
import sys
from routers.base import Router

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
router = Router.load({folder!r})
print(router.predict_proba({queries}).tolist())
"""


@pytest.mark.process
def test_a_router_that_comes_back_needs_nothing_of_training(
    trained: TinyLlamaRouter, toy: Questions, tmp_path: Path
) -> None:
    trained.save(tmp_path / "router")
    code = WITHOUT_THEM.format(names=NEEDED_TO_TRAIN, folder=str(tmp_path / "router"), queries=toy[0][:5])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert np.array(json.loads(done.stdout)) == pytest.approx(trained.predict_proba(toy[0][:5]), abs=1e-5)


@pytest.mark.parametrize(("backend", "tolerance"), [("onnx", 0.1), ("torch", 0.02)])
def test_bfloat16_agrees_with_float32(
    tiny_llama: str, toy: Questions, tmp_path: Path, backend: str, tolerance: float
) -> None:
    """A graph is in float32, whatever the network was trained in."""
    router = TinyLlamaRouter(tiny_llama, **QUICK | {"dtype": "bfloat16", "backend": backend}).fit(*toy)
    router.save(tmp_path / "router")
    merged = Router.load(tmp_path / "router").predict_proba(toy[0])
    assert merged == pytest.approx(router.predict_proba(toy[0]), abs=tolerance)


def test_longer_questions_are_cut(tiny_llama: str, toy: Questions) -> None:
    router = TinyLlamaRouter(tiny_llama, **QUICK | {"max_tokens": 8, "epochs": 1}).fit(*toy)
    one, other = router.predict_proba(["oil brake " * 20 + "engine", "oil brake " * 20 + "insomnia dream"])
    assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize(
    "name", ["adapter", "adapter/adapter_config.json", "adapter/adapter_model.safetensors"]
)
@pytest.mark.parametrize("how", ["lost", "cut"])
def test_a_lost_adapter_is_an_error_of_the_folder(
    trained: TinyLlamaRouter, tmp_path: Path, name: str, how: str
) -> None:
    folder = tmp_path / "router"
    trained.save(folder)
    if how == "lost" or name == "adapter":
        (folder / name).rename(tmp_path / "lost")
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:-9])
    with pytest.raises(RouterError, match=f"cannot load the router saved in {folder}"):
        Router.load(folder)


def test_a_lost_head_is_an_error_of_the_folder(trained: TinyLlamaRouter, tmp_path: Path) -> None:
    folder = tmp_path / "router"
    trained.save(folder)
    weights = folder / "adapter" / "adapter_model.safetensors"
    save_file({name: array for name, array in load_file(weights).items() if "score" not in name}, weights)
    with pytest.raises(RouterError, match=f"cannot load the router saved in {folder}"):
        Router.load(folder)


def test_missing_weights_are_named(tiny_llama: str, toy: Questions, tmp_path: Path) -> None:
    router = TinyLlamaRouter(str(tmp_path))
    with pytest.raises(RouterError, match=rf"no model\.safetensors in the classifier folder {tmp_path}"):
        router.weights_sha256()
    with pytest.raises(RouterError, match=r"no model\.safetensors"):
        router.fit(*toy)


def test_missing_bitsandbytes_is_named_with_its_cure(
    tiny_llama: str, toy: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtra, match=r"nf4 needs bitsandbytes.*router-derby\[nf4\]"):
        TinyLlamaRouter(tiny_llama, quantization="nf4", backend="torch").fit(*toy)


@pytest.mark.parametrize("backend", ["onnx", "onnx_int8"])
def test_four_bit_weights_are_of_pytorch(tiny_llama: str, toy: Questions, backend: str) -> None:
    router = TinyLlamaRouter(tiny_llama, quantization="nf4", backend=backend)
    for refused in (router.check_parameters, lambda: router.fit(*toy)):
        with pytest.raises(RouterError, match="backend=torch"):
            refused()


def test_a_model_that_the_graph_does_not_know_names_the_way_out(
    tiny_llama: str, toy: Questions, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(tiny_llama, tmp_path / "model"))
    config = json.loads((model / "config.json").read_text())
    scaled = {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}
    (model / "config.json").write_text(json.dumps(config | scaled))
    heard: list[Event] = []
    with listening(heard.append), pytest.raises(RouterError, match=r"router\.backend=torch"):
        TinyLlamaRouter(str(model), **QUICK | {"epochs": 1}).fit(*toy)
    # Before it is trained.
    assert heard == []
    assert TinyLlamaRouter(str(model), **QUICK | {"epochs": 1, "backend": "torch"}).fit(*toy).predict(["oil"])


@pytest.mark.usefixtures("four_bits")
def test_four_bit_weights_learn_and_come_back(tiny_llama: str, toy: Questions, tmp_path: Path) -> None:
    router = TinyLlamaRouter(tiny_llama, **QUICK | {"quantization": "nf4", "backend": "torch"}).fit(*toy)
    router.save(tmp_path / "router")
    loaded = Router.load(tmp_path / "router")
    assert loaded.predict_proba(toy[0]) == pytest.approx(router.predict_proba(toy[0]), abs=1e-3)
    assert balanced_accuracy(np.array(toy[1]), np.array(loaded.predict(toy[0]))) > 0.75


def test_training_is_silent_and_tells_a_listener_of_every_step(
    tiny_llama: str, toy: Questions, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[Event] = []
    with listening(heard.append):
        TinyLlamaRouter(tiny_llama, **QUICK | {"epochs": 2, "validation_fraction": 0.2}).fit(*toy)
    # Two epochs of 64 questions, 16 at a time.
    assert [(event.done, event.total) for event in heard] == [(step, 8) for step in range(1, 9)]
    assert heard[0].what != heard[-1].what
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def untrained_llama(tiny_llama: str, tmp_path: Path) -> str:
    """The same model, said to be of random values."""
    model = tmp_path / "untrained"
    shutil.copytree(tiny_llama, model)
    (model / UNTRAINED).write_text("{}", encoding="utf-8")
    return str(model)


@pytest.mark.parametrize(
    ("backend", "quantization"),
    [("onnx", "none"), ("onnx_int8", "none"), ("torch", "none"), ("torch", "nf4")],
)
def test_untrained_weights_are_served_as_trained_ones_are(
    backend: str,
    quantization: str,
    untrained_llama: str,
    toy: Questions,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if quantization == "nf4":
        request.getfixturevalue("four_bits")
    heard: list[Event] = []
    settings = {**QUICK, "backend": backend, "quantization": quantization}
    with listening(heard.append):
        router = TinyLlamaRouter(untrained_llama, **settings).fit(*toy)
    assert router.training_skipped
    assert router.history_ == []
    assert [event.what for event in heard if "training" in event.what] == [
        "untrained weights: training is skipped, adapters and head get random values"
    ]
    router.save(tmp_path / "router")
    found = Router.load(tmp_path / "router")
    assert found.predict_proba(toy[0][:4]) == pytest.approx(router.predict_proba(toy[0][:4]), abs=1e-3)


def test_the_adapter_of_untrained_weights_has_the_shapes_of_a_trained_one(
    trained: TinyLlamaRouter, untrained_llama: str, toy: Questions, tmp_path: Path
) -> None:
    TinyLlamaRouter(untrained_llama, **QUICK).fit(*toy).save(tmp_path / "one")
    TinyLlamaRouter(untrained_llama, **QUICK).fit(*toy).save(tmp_path / "two")
    trained.save(tmp_path / "trained")
    one, two, real = (
        load_file(tmp_path / name / "adapter" / "adapter_model.safetensors")
        for name in ("one", "two", "trained")
    )
    assert {name: value.shape for name, value in one.items()} == {
        name: value.shape for name, value in real.items()
    }
    assert all((one[name] == two[name]).all() for name in one)
    assert all(value.any() for value in one.values())


def test_trained_weights_are_trained(trained: TinyLlamaRouter) -> None:
    assert not trained.training_skipped
