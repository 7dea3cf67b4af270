"""Model2Vec's format, both ways between us and the package."""

import json
import mmap
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model2vec import StaticModel
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers

from routers.base import FloatArray, RouterError
from routers.model2vec import TokenVectors, is_model2vec, mapped, read_model2vec, write_model2vec
from routers.static_encoder import StaticEncoder

WORDS = ["[UNK]", "car", "sleep", "oil", "nap", "brake"]
TABLE = np.arange(12, dtype=np.float32).reshape(6, 2)
# Known, unknown and special tokens, none at all, and a text beyond 512 tokens.
TEXTS = [
    "Why does my car pull to the left when braking?",
    "cant sleep",
    "",
    " ",
    "🚗 睡眠 zzz",
    "[PAD] [UNK] [CLS] ##ing",
    "unaffordable antidisestablishmentarianism " * 400,
    "x" * 5000,
]


def words(unknown: str | None = "[UNK]") -> Any:
    """Tokeniser of `WORDS`, split at blanks."""
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, **({"unk_token": unknown} if unknown else {})))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of `WORDS` and `TABLE`."""
    (tmp_path / "model").mkdir()
    write_model2vec(tmp_path / "model", TABLE, words(), {})
    return tmp_path / "model"


def unit(*rows: list[float]) -> FloatArray:
    vectors = np.array(rows)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1))


def ours(folder: Path | str) -> FloatArray:
    return StaticEncoder(str(folder)).encode(TEXTS)


def test_the_mean_by_hand(folder: Path) -> None:
    vectors = read_model2vec(folder, 512)
    texts = ["car oil", "car unheard-of oil", "nap", "unheard-of", ""]
    assert vectors.tokenise(texts) == [[1, 3], [1, 3], [4], [], []]
    wanted = unit([4, 5], [4, 5], [8, 9], [0, 0], [0, 0])
    assert vectors.unit_vectors(vectors.tokenise(texts)) == pytest.approx(wanted)
    for text, row in zip(texts, wanted, strict=True):
        assert vectors.unit_vectors(vectors.tokenise([text]))[0] == pytest.approx(row)


def test_a_mapping_and_weights_by_hand(folder: Path) -> None:
    table, rows = np.array([[1, 0], [0, 1]], dtype=np.float32), np.array([0, 0, 1, 0, 1, 0])
    # The package writes them in float64 where it distils.
    weights = np.array([0, 1, 2, 3, 4, 5], dtype=np.float64)
    save_file({"embeddings": table, "mapping": rows, "weights": weights}, folder / "model.safetensors")
    vectors = read_model2vec(folder, 512)
    assert vectors.unit_vectors([[1, 4], [3]]) == pytest.approx(unit([1, 4], [3, 0]))
    assert vectors.unit_vectors([[1, 4]]) == pytest.approx(unit([1, 4]))
    assert vectors.unit_vectors([[1, 4]]).dtype == np.float32
    assert vectors.unfolded() == pytest.approx(np.array([[0, 0], [1, 0], [0, 2], [3, 0], [0, 4], [5, 0]]))


@pytest.mark.slow
def test_the_package_reads_what_we_wrote(tiny_static: StaticEncoder) -> None:
    made = tiny_static.made_folder()
    assert made is not None
    theirs = StaticModel.from_pretrained(made)
    assert (theirs.normalize, theirs.max_length, theirs.dim) == (True, 512, 16)
    assert theirs.encode(TEXTS) == pytest.approx(tiny_static.encode(TEXTS), abs=1e-5)
    theirs.save_pretrained(made.parent / "again")
    assert ours(made.parent / "again") == pytest.approx(tiny_static.encode(TEXTS), abs=1e-5)
    shutil.rmtree(made.parent / "again")


def quantised(model: StaticModel, made: Path) -> StaticModel:
    return StaticModel.from_pretrained(made, vocabulary_quantization=10)


def in_float64(model: StaticModel, made: Path) -> StaticModel:
    return StaticModel.from_pretrained(made, quantize_to="float64")


def in_bytes(model: StaticModel, made: Path) -> StaticModel:
    return StaticModel.from_pretrained(made, quantize_to="int8")


def of_fewer_dimensions(model: StaticModel, made: Path) -> StaticModel:
    return StaticModel.from_pretrained(made, dimensionality=4)


def of_short_texts(model: StaticModel, made: Path) -> StaticModel:
    return StaticModel.from_pretrained(made, max_length=3)


def of_weights_alone(model: StaticModel, made: Path) -> StaticModel:
    weights = np.linspace(0.1, 1, len(model.tokens), dtype=np.float32)
    return StaticModel(model.embedding, model.tokenizer, normalize=True, weights=weights)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [quantised, in_float64, in_bytes, of_fewer_dimensions, of_short_texts, of_weights_alone]
)
def test_we_read_what_the_package_wrote(
    tiny_static: StaticEncoder, tmp_path: Path, change: Callable[[StaticModel, Path], StaticModel]
) -> None:
    made = tiny_static.made_folder()
    assert made is not None
    theirs = change(StaticModel.from_pretrained(made), made)
    theirs.save_pretrained(tmp_path / "model")
    wanted = theirs.encode(TEXTS, normalize=True)
    assert np.abs(wanted).max() > 0.1
    assert ours(tmp_path / "model") == pytest.approx(wanted, abs=1e-5)
    assert is_model2vec(str(tmp_path / "model"))


@pytest.mark.slow
def test_float16_differs_by_the_package_s_rounding_alone(tiny_static: StaticEncoder, tmp_path: Path) -> None:
    made = tiny_static.made_folder()
    assert made is not None
    theirs = StaticModel.from_pretrained(made, quantize_to="float16")
    theirs.save_pretrained(tmp_path / "model")
    # The package rounds means and vectors to float16 as well; we compute in float32.
    assert ours(tmp_path / "model") == pytest.approx(theirs.encode(TEXTS).astype(np.float32), abs=2e-3)
    theirs.embedding = theirs.embedding.astype(np.float32)
    assert ours(tmp_path / "model") == pytest.approx(theirs.encode(TEXTS), abs=1e-5)
    small = StaticEncoder(tiny_static.model, dimension=16, dtype="float16")
    folder = small.made_folder()
    assert folder is not None
    assert load_file(folder / "model.safetensors")["embeddings"].dtype == np.float16
    assert small.encode(TEXTS) == pytest.approx(ours(tmp_path / "model"), abs=1e-6)


@pytest.mark.slow
def test_sentence_transformers_reads_what_we_wrote_and_we_what_it_wrote(
    tiny_static: StaticEncoder, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    made = tiny_static.made_folder()
    network = SentenceTransformer(str(made), local_files_only=True, device="cpu")
    # It counts unknown tokens, so only texts without any are the same.
    rows = [0, 1]
    wanted = network.encode([TEXTS[row] for row in rows])
    assert tiny_static.encode(TEXTS)[rows] == pytest.approx(wanted, abs=1e-5)
    network.save_pretrained(str(tmp_path / "theirs"), create_model_card=False)
    assert "embedding.weight" in load_file(tmp_path / "theirs" / "model.safetensors")
    assert ours(tmp_path / "theirs") == pytest.approx(tiny_static.encode(TEXTS), abs=1e-5)


@pytest.mark.parametrize(("max_length", "wanted"), [(3, 3), (100, 5), (None, 5), ("absent", 5)])
def test_texts_are_cut_by_the_shorter_of_both_limits(folder: Path, max_length: Any, wanted: int) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {} if max_length == "absent" else {"max_length": max_length}
    (folder / "config.json").write_text(json.dumps(config))
    assert read_model2vec(folder, 5).max_tokens == wanted
    assert len(read_model2vec(folder, 5).tokenise(["car " * 50])[0]) == wanted


def test_without_an_unknown_token_none_is_left_out(folder: Path) -> None:
    write_model2vec(folder, TABLE, words(unknown=None), {})
    assert read_model2vec(folder, 512).tokenise(["car [UNK]"]) == [[1, 0]]
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("car", -1.0), ("c", -2.0)], unk_id=0))
    write_model2vec(folder, TABLE[:3], tokenizer, {})
    assert read_model2vec(folder, 512).tokenise(["carz"]) == [[1]]


def test_arrays_are_mapped_and_equal(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        kind: np.arange(6).reshape(2, 3).astype(kind)
        for kind in ("float64", "float32", "float16", "int64", "int32", "int16", "int8")
    }
    save_file(arrays, tmp_path / "all.safetensors", metadata={"format": "np"})
    found = mapped(tmp_path / "all.safetensors")
    assert found.keys() == arrays.keys()
    for name, array in found.items():
        assert array.dtype == name
        assert np.array_equal(array, arrays[name])
        assert not array.flags.writeable
        base: Any = array
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)


def test_what_is_no_model_of_this_format_is_refused(folder: Path, tmp_path: Path) -> None:
    assert is_model2vec(str(folder))
    assert not is_model2vec(str(tmp_path))
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    save_file({"word_embeddings": TABLE}, weights)
    assert not is_model2vec(str(folder))
    with pytest.raises(RouterError, match=r"model\.safetensors has no vectors of tokens, embeddings or"):
        read_model2vec(folder, 512)
    for damaged in (b"", content[:4], content[:30], b"\xff" * 100):
        weights.write_bytes(damaged)
        with pytest.raises(RouterError, match=r"model\.safetensors is no safetensors file: "):
            read_model2vec(folder, 512)
    weights.write_bytes(content[:-8])
    with pytest.raises(RouterError, match=r"model\.safetensors is no safetensors file: "):
        read_model2vec(folder, 512)
    weights.write_bytes(content.replace(b"F32", b"F8_"))
    with pytest.raises(RouterError, match="embeddings has values of type F8_, not F64, F32"):
        read_model2vec(folder, 512)
    save_file({"embeddings": TABLE[:4]}, weights)
    with pytest.raises(RouterError, match="vectors for 4 tokens, and its tokeniser knows 6"):
        read_model2vec(folder, 512)
    weights.write_bytes(content)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(RouterError, match=rf"no tokenizer\.json in the encoder folder {folder}"):
        read_model2vec(folder, 512)


def test_the_dimension_is_the_table_s(folder: Path) -> None:
    found: TokenVectors = read_model2vec(folder, 512)
    assert found.dimension == 2
    assert found.unit_vectors([]).shape == (0, 2)
