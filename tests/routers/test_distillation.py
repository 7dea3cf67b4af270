"""Distillation: each step by hand, and the whole against the package model2vec."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from common.progress import Event, listening
from routers.base import FloatArray, RouterError
from routers.distillation import distil, principal_components, sif_weights, vocabulary_of
from routers.encoder import SentenceEncoder
from routers.model2vec import mapped

pytestmark = pytest.mark.slow

MakeModel = Callable[..., str]


def table(folder: Path) -> FloatArray:
    return mapped(folder / "model.safetensors")["embeddings"]


def test_weights_by_hand() -> None:
    # 1/2, 1/3 and 1/4 are 6/13, 4/13 and 3/13 of their sum.
    wanted = [0.1 / (0.1 + share / 13) for share in (6, 4, 3)]
    assert sif_weights(3, 0.1) == pytest.approx(np.array(wanted))
    assert (np.diff(sif_weights(100, 1e-4)) > 0).all()


def test_principal_components_by_hand() -> None:
    # On a line through (1, 2) in the direction (3, 4), with a little across.
    along, across = np.array([-10.0, 0, 10]), np.array([0.1, -0.2, 0.1])
    vectors = np.array([1, 2]) + along[:, None] * [0.6, 0.8] + across[:, None] * [-0.8, 0.6]
    found = principal_components(vectors.astype(np.float32), 2)
    assert found[:, 0] == pytest.approx(along * np.sign(found[2, 0]), abs=1e-5)
    # The largest value of a component is positive.
    assert found[np.abs(found).argmax(axis=0), [0, 1]].min() > 0
    assert np.abs(found[:, 1]) == pytest.approx(np.abs(across), abs=1e-5)
    assert principal_components(vectors.astype(np.float32), 1) == pytest.approx(found[:, :1])


def test_principal_components_are_scikit_learn_s() -> None:
    from sklearn.decomposition import PCA

    generator = np.random.default_rng(0)
    vectors = (generator.normal(size=(300, 8)) * 2.0 ** -np.arange(8) + 3).astype(np.float32)
    wanted = PCA(5, svd_solver="full").fit_transform(vectors.astype(np.float64))
    found = principal_components(vectors, 5)
    assert np.abs(found) == pytest.approx(np.abs(wanted), abs=1e-5)
    # There are no more components than dimensions, and none of fewer vectors than that.
    assert principal_components(vectors, 100).shape == (300, 8)
    assert np.array_equal(principal_components(vectors[:5], 5), vectors[:5])


def test_the_vocabulary_leaves_out_what_no_text_has(minilm: str) -> None:
    found = vocabulary_of(Path(minilm))
    tokens = sorted(found.tokenizer.get_vocab(), key=found.tokenizer.token_to_id)
    assert tokens[:3] == ["[PAD]", "[UNK]", "!"]
    assert len(tokens) == len(found.sequences) == 29525
    assert not [token for token in tokens if token.startswith(("[unused", "[CLS", "[SEP", "[MASK"))]
    # Of the model [CLS] is 101, [SEP] 102 and ! 999.
    assert found.sequences[2].tolist() == [101, 999, 102]
    encoding = found.tokenizer.encode("Can't sleep!")
    assert encoding.tokens == ["can", "'", "t", "sleep", "!"]
    assert len(found.tokenizer.encode("nap " * 600).ids) == 512


def test_the_package_distils_the_same(tiny_bert: MakeModel, tmp_path: Path) -> None:
    from model2vec.distill import distill

    # Whatever the model's own pooling is, both take the mean.
    model = tiny_bert("cls")
    theirs = distill(model, pca_dims=8, quantize_to="float32", device="cpu")
    (tmp_path / "ours").mkdir()
    distil(model, tmp_path / "ours", 8, 1e-4, "float32")
    assert table(tmp_path / "ours") == pytest.approx(theirs.embedding, abs=1e-3)
    assert np.abs(theirs.embedding).max() > 0.5
    theirs.save_pretrained(tmp_path / "theirs")
    own, their = (json.loads((tmp_path / name / "config.json").read_text()) for name in ("ours", "theirs"))
    assert own == {**their, "tokenizer_name": Path(model).name}
    own, their = (json.loads((tmp_path / name / "tokenizer.json").read_text()) for name in ("ours", "theirs"))
    assert own["model"] == their["model"]
    assert (tmp_path / "ours" / "modules.json").read_text().split() == (
        (tmp_path / "theirs" / "modules.json").read_text().split()
    )


@pytest.fixture(scope="module")
def distilled(
    tiny_encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Event]]:
    """Folder of a static encoder, and what a listener was told when it was made."""
    folder = tmp_path_factory.mktemp("distilled")
    events: list[Event] = []
    with listening(events.append):
        distil(tiny_encoder.model, folder, 32, 1e-4, "float32")
    return folder, events


def test_vectors_are_of_a_token_between_the_special_ones(
    tiny_encoder: SentenceEncoder, distilled: tuple[Path, list[Event]]
) -> None:
    """All components are a rotation: what is between vectors stays, up to the mean and the weights."""
    folder, _ = distilled
    numbers = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    made = table(folder) / sif_weights(len(numbers), 1e-4)[:, None]
    # The sentence encoder brings its vectors to length 1, those of four words differ only by that.
    words = ["car", "sleep", "oil", "nap"]
    rows = [numbers[word] for word in words]
    vectors = tiny_encoder.encode(words)
    gaps = made[rows] - made[rows[0]]
    cosine = gaps[1] @ gaps[2] / np.linalg.norm(gaps[1]) / np.linalg.norm(gaps[2])
    near = vectors - vectors[0]
    wanted = near[1] @ near[2] / np.linalg.norm(near[1]) / np.linalg.norm(near[2])
    assert cosine == pytest.approx(wanted, abs=0.02)


def test_progress_and_one_notice(distilled: tuple[Path, list[Event]]) -> None:
    _, events = distilled
    assert events[0] == Event("distilling a static encoder of 29525 tokens (once per model)")
    steps = [event for event in events if event.what == "distilling the encoder"]
    assert [step.done for step in steps] == sorted({step.done for step in steps if step.done is not None})
    assert {step.total for step in steps} == {29525}
    assert len(events) == len(steps) + 1


def test_other_models_are_refused_with_a_way_out(tiny_encoder: SentenceEncoder, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_encoder.model, tmp_path / "model"))
    target = tmp_path / "target"
    target.mkdir()

    def refused(message: str) -> None:
        with pytest.raises(RouterError, match=f"{message}.* distil it with the package model2vec"):
            distil(str(model), target, 16, 1e-4, "float32")
        assert list(target.iterdir()) == []

    weights = load_file(model / "model.safetensors")
    save_file(
        {name: weights[name] for name in weights if "LayerNorm" not in name}, model / "model.safetensors"
    )
    refused(r"weights lack embeddings\.LayerNorm\.weight")
    tokeniser = json.loads((model / "tokenizer.json").read_text())
    tokeniser["model"] = {"type": "WordLevel", "vocab": {"[UNK]": 100}, "unk_token": "[UNK]"}
    (model / "tokenizer.json").write_text(json.dumps(tokeniser))
    refused("no WordPiece")
    (model / "tokenizer.json").unlink()
    refused(r"no tokenizer\.json")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "model_type": "mpnet"}))
    refused("no BERT")
