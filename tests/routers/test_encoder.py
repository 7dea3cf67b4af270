"""Sentence encoders beyond the contract: their backends, exports and the cache of those."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.files import sha256_file
from routers.base import FloatArray, Router, RouterError
from routers.centroid import CentroidRouter
from routers.encoder import SentenceEncoder

pytestmark = pytest.mark.slow

Questions = tuple[list[str], list[str]]
MakeModel = Callable[..., str]

MIXED = [
    "Why does my car pull to the left when braking?",
    "nap",
    "",
    "The mattress is too soft and the room too warm, what should I change first? " * 3,
    "Öl am Motor 🚗 — und jetzt?",
    "gearbox " * 400,
    "nap",
]
SERVE = """
import sys
from pathlib import Path
from routers.base import Router
from routers.decision import route
label = route(Router.load(Path(sys.argv[1])), "My car does not start").label
heavy = {"torch", "transformers", "sentence_transformers", "sklearn", "onnx", "peft"} & set(sys.modules)
print(label, sorted(heavy))
"""

WITHOUT_TRAINING = """
import json, sys
for name in ("torch", "transformers", "sentence_transformers", "peft", "trl", "accelerate"):
    sys.modules[name] = None
from pathlib import Path
from routers.base import Router
from routers.centroid import CentroidRouter
from routers.decision import route
from routers.encoder import SentenceEncoder
from routers.knn import KNNRouter
model, folder, questions, labels = json.loads(sys.argv[1])
for kind in (CentroidRouter, KNNRouter):
    path = Path(folder, kind.__name__)
    kind(SentenceEncoder(model)).fit(questions, labels).save(path)
    print(kind.__name__, route(Router.load(path), "My car does not start").label)
"""


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def cosines(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.sum(left * right, axis=1)


def weights_of(encoder: SentenceEncoder) -> Path:
    return next(path for path in encoder.asset_paths() if path.name == "weights.bin")


def test_int8_is_close_and_small(encoder: SentenceEncoder, minilm: str) -> None:
    small = SentenceEncoder(minilm, backend="onnx_int8")
    vectors = small.encode(MIXED)
    assert cosines(vectors, encoder.encode(MIXED)).min() >= 0.95
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(MIXED)), abs=1e-5)
    assert weights_of(small).stat().st_size < 0.4 * weights_of(encoder).stat().st_size


def test_export_happens_once(
    tiny_bert: MakeModel, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_bert()
    first = SentenceEncoder(model).encode(["a question"])
    assert np.array_equal(SentenceEncoder(model, query_prefix="").encode(["a question"]), first)
    SentenceEncoder(model, query_prefix="other: ", batch_size=2).prepare().asset_paths()
    assert capsys.readouterr().err.count("exporting the encoder to onnx (once per model)") == 1
    SentenceEncoder(model, max_tokens=16).prepare()
    SentenceEncoder(tiny_bert(seed=1)).prepare()
    assert capsys.readouterr().err.count("exporting") == 2
    assert len(list((own_cache / "encoders").iterdir())) == 3


def test_an_export_beside_the_weights_moves_with_them(
    tiny_bert: MakeModel, own_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copytree(tiny_bert(), tmp_path / "model"))
    wanted = SentenceEncoder(str(model), max_tokens=16).export_beside().encode(MIXED)
    model = model.rename(tmp_path / "moved")
    capsys.readouterr()
    encoder = SentenceEncoder(str(model), max_tokens=16)
    assert np.array_equal(encoder.encode(MIXED), wanted)
    assert all(path.is_relative_to(model) for path in encoder.asset_paths())
    assert (capsys.readouterr().err, own_cache.exists()) == ("", False)
    # Of other settings, or of other weights, it is no export.
    shutil.copy(Path(tiny_bert(seed=1)) / "model.safetensors", model / "model.safetensors")
    assert np.abs(SentenceEncoder(str(model), max_tokens=16).encode(MIXED) - wanted).max() > 0.01
    assert len(list((own_cache / "encoders").iterdir())) == 1
    assert SentenceEncoder(str(model), "torch").export_beside().encode(MIXED).shape == (len(MIXED), 32)


def test_a_corrupt_cached_file_is_rebuilt_and_said(
    tiny_bert: MakeModel, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_bert()
    wanted = SentenceEncoder(model).encode(MIXED)
    path = weights_of(SentenceEncoder(model))
    assert path.is_relative_to(own_cache)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    capsys.readouterr()
    assert SentenceEncoder(model).encode(MIXED) == pytest.approx(wanted, abs=1e-6)
    assert f"cached {path} is corrupt; rebuilding it" in capsys.readouterr().err
    assert path.stat().st_size == len(content)


@pytest.mark.process
def test_serving_needs_no_training_library(
    encoder: SentenceEncoder, questions: Questions, tmp_path: Path
) -> None:
    CentroidRouter(encoder).fit(*questions).save(tmp_path / "router")
    ran = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path / "router")], capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("car []\n", "")


@pytest.mark.process
def test_the_default_routers_need_no_training_library(
    own_cache: Path, minilm: str, questions: Questions, tmp_path: Path
) -> None:
    job = json.dumps([minilm, str(tmp_path), *questions])
    ran = subprocess.run([sys.executable, "-c", WITHOUT_TRAINING, job], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "CentroidRouter car\nKNNRouter car\n"), ran.stderr
    assert len(list((own_cache / "encoders").iterdir())) == 1


def test_changed_parameters_take_effect(tiny_bert: MakeModel) -> None:
    one, other = tiny_bert(), tiny_bert(seed=1)
    encoder = SentenceEncoder(one, backend="torch").prepare()
    before = encoder.fingerprint()
    encoder.set_params(model=other)
    assert encoder.fingerprint() != before
    assert encoder.encode(MIXED) == pytest.approx(SentenceEncoder(other, "torch").encode(MIXED), abs=1e-6)
    with pytest.raises(RouterError, match="not one of"):
        encoder.set_params(backend="tensorrt").encode(MIXED)


def test_the_fingerprint_tells_backends_apart_and_not_batches(tiny_encoder: SentenceEncoder) -> None:
    model = tiny_encoder.model
    assert SentenceEncoder(model, "torch").fingerprint() != tiny_encoder.fingerprint()
    assert SentenceEncoder(model, batch_size=1).fingerprint() == tiny_encoder.fingerprint()


@pytest.mark.parametrize("name", ["1_Pooling/config.json", "tokenizer.json"])
def test_fingerprint_tells_models_of_equal_weights_apart(
    tiny_bert: MakeModel, tmp_path: Path, name: str
) -> None:
    model = tiny_bert()
    other = Path(shutil.copytree(model, tmp_path / "other"))
    settings = json.loads((other / name).read_text(encoding="utf-8"))
    if name == "tokenizer.json":
        settings["normalizer"]["lowercase"] = False
    else:
        settings |= {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (other / name).write_text(json.dumps(settings), encoding="utf-8")
    assert SentenceEncoder(str(other)).fingerprint() != SentenceEncoder(model).fingerprint()


def test_a_router_of_other_weights_is_refused_on_load(
    tiny_bert: MakeModel, questions: Questions, tmp_path: Path
) -> None:
    model = tiny_bert()
    CentroidRouter(SentenceEncoder(model, "torch")).fit(*questions).save(tmp_path / "router")
    assert Router.load(tmp_path / "router").classes_ == ["car", "sleep"]
    shutil.copy(Path(tiny_bert(seed=1)) / "model.safetensors", Path(model) / "model.safetensors")
    with pytest.raises(RouterError, match=f"the weights in {model} have SHA-256"):
        Router.load(tmp_path / "router")


def test_assets_and_checksum_are_of_the_files_that_serve(tiny_bert: MakeModel) -> None:
    model = Path(tiny_bert())
    assert SentenceEncoder(str(model), "torch").asset_paths() == [
        model / "model.safetensors",
        model / "tokenizer.json",
    ]
    checksum = sha256_file(model / "model.safetensors")
    assert SentenceEncoder(str(model)).weights_sha256() == checksum
    assert SentenceEncoder(str(model), "torch").weights_sha256() == checksum
    exported = SentenceEncoder(str(model)).asset_paths()
    assert {path.name for path in exported} == {"model.onnx", "weights.bin", "words.npy", "tokenizer.json"}
    assert all(path.is_file() for path in exported)
