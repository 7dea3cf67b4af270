"""The static encoder: distilled once, kept with its router, served by tokenizers and numpy alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from common.files import sha256_file
from routers.base import Router, RouterError
from routers.centroid import CentroidRouter
from routers.encoder import SentenceEncoder
from routers.knn import KNNRouter
from routers.static_encoder import StaticEncoder
from routers.svm import SVMRouter

pytestmark = pytest.mark.slow

Questions = tuple[list[str], list[str]]

NOTICE = "distilling a static encoder of 29525 tokens (once per model)\n"
SERVE = """
import json, sys
from pathlib import Path
from routers.base import Router
from routers.decision import route
folders, asked = json.loads(sys.argv[1]), json.loads(sys.argv[2])
loaded = [Router.load(Path(folder)) for folder in folders]
said = [[list(route(router, query).scores.values()) for query in asked] for router in loaded]
heavy = ("onnxruntime", "onnx", "scipy", "sklearn", "torch", "transformers", "ml_dtypes")
print(json.dumps([said, sorted(set(heavy) & set(sys.modules))]))
"""


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(encoder: StaticEncoder) -> Path:
    folder = encoder.made_folder()
    assert folder is not None
    return folder


def test_it_is_distilled_once_per_model_and_settings(
    tiny_encoder: SentenceEncoder, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_encoder.model
    first = StaticEncoder(model, dimension=16).encode(["a question"])
    # What comes before or after looking up makes no other vectors of tokens.
    again = StaticEncoder(
        model, dimension=16, query_prefix="q: ", max_tokens=64, finetune="batch_all_triplet"
    )
    assert made(again) == made(StaticEncoder(model, dimension=16))
    assert capsys.readouterr().err == NOTICE
    path = made(again) / "model.safetensors"
    assert path.is_relative_to(own_cache)
    content = path.read_bytes()
    others: list[dict[str, float | str]] = [{"dimension": 8}, {"sif_coefficient": 0.01}, {"dtype": "float16"}]
    for change in others:
        other = StaticEncoder(model, **{"dimension": 16, **change})  # type: ignore[arg-type]
        assert other.fingerprint() != again.fingerprint()
        assert np.abs(other.encode(["a question"])[0, :8] - first[0, :8]).max() > 1e-6
    assert capsys.readouterr().err == 3 * NOTICE
    path.write_bytes(content[:1000])
    assert made(again) == path.parent
    assert f"cached {path} is corrupt; rebuilding it" in capsys.readouterr().err
    assert path.read_bytes() == content


def test_a_text_without_a_known_token_is_alike_to_none(
    tiny_static: StaticEncoder, questions: Questions
) -> None:
    nothing = ["", "   ", "🚗", "睡"]
    assert not tiny_static.encode(nothing).any()
    for router in (CentroidRouter(tiny_static), KNNRouter(tiny_static), SVMRouter(tiny_static)):
        said = router.fit(*questions).infer(nothing)
        assert said.confidence == pytest.approx(np.zeros(4))
        assert said.proba.sum(axis=1) == pytest.approx(np.ones(4))
    centroid = CentroidRouter(tiny_static).fit(*questions)
    assert centroid.predict_proba([""]) == pytest.approx(np.array([[0.5, 0.5]]))


def test_a_published_model_is_referred_to_and_a_distilled_one_is_copied(
    tiny_static: StaticEncoder, published: str, questions: Questions, tmp_path: Path
) -> None:
    KNNRouter(tiny_static).fit(*questions).save(tmp_path / "distilled")
    copied = tmp_path / "distilled" / "encoder" / "model.safetensors"
    assert sha256_file(copied) == sha256_file(made(tiny_static) / "model.safetensors")
    router = KNNRouter(StaticEncoder(published)).fit(*questions)
    router.save(tmp_path / "published")
    assert {path.name for path in (tmp_path / "published").iterdir()} == {"router.json", "state.safetensors"}
    assert router.weights_sha256() == {"encoder": sha256_file(Path(published, "model.safetensors"))}
    assert {path.name for path in router.asset_paths()} == {"model.safetensors", "tokenizer.json"}


def test_another_distillation_is_refused_on_load(
    tiny_static: StaticEncoder, questions: Questions, tmp_path: Path
) -> None:
    CentroidRouter(tiny_static).fit(*questions).save(tmp_path / "router")
    other = StaticEncoder(tiny_static.model, dimension=16, sif_coefficient=0.01)
    shutil.copy(made(other) / "model.safetensors", tmp_path / "router" / "encoder" / "model.safetensors")
    with pytest.raises(RouterError, match=r"is not the one that this router was fitted with; fit it again"):
        Router.load(tmp_path / "router")


def test_facts_of_fine_tuning(tiny_static: StaticEncoder, questions: Questions) -> None:
    encoder = StaticEncoder(tiny_static.model, dimension=16, finetune="cosine_similarity")
    router = CentroidRouter(encoder)
    assert router.fit_is_expensive
    router.fit(*questions)
    learned = router.facts()["learned_encoder"]
    assert learned["loss"] == "cosine_similarity"
    # Of the teacher, from whose weights everything was made.
    assert learned["pretrained_sha256"] == tiny_static.weights_sha256()
    assert router.weights_sha256().keys() == {"encoder", "encoder_fine_tuned"}


@pytest.mark.process
def test_it_serves_elsewhere_by_tokenizers_and_numpy_alone(
    tiny_encoder: SentenceEncoder, questions: Questions, own_cache: Path, tmp_path: Path
) -> None:
    teacher = shutil.copytree(tiny_encoder.model, tmp_path / "teacher")
    encoder = StaticEncoder(str(teacher), dimension=16)
    kinds = {"centroid": CentroidRouter(encoder), "knn": KNNRouter(encoder), "svm": SVMRouter(encoder)}
    wanted = []
    for name, router in kinds.items():
        wanted.append(router.fit(*questions).predict_proba(questions[0][:5]))
        router.save(tmp_path / "routers" / name)
    moved = (tmp_path / "routers").rename(tmp_path / "moved")
    folders = [str(moved / name) for name in kinds]
    shutil.rmtree(teacher)
    shutil.rmtree(own_cache)
    ran = subprocess.run(
        [sys.executable, "-c", SERVE, json.dumps(folders), json.dumps(questions[0][:5])],
        capture_output=True,
        text=True,
        check=True,
    )
    said, heavy = json.loads(ran.stdout)
    assert (heavy, ran.stderr) == ([], "")
    assert np.array(said) == pytest.approx(np.array(wanted), abs=1e-5)
    assert not own_cache.exists()
