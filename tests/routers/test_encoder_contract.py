"""Contract of every encoder; an encoder that is not among `CASES` fails the last test."""

import importlib
import inspect
import json
import pkgutil
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import routers
from common.progress import listening
from routers.base import RouterError, build
from routers.encoder import SentenceEncoder
from routers.encoder_base import Encoder
from routers.stages import collect_stages
from routers.static_encoder import StaticEncoder

pytestmark = pytest.mark.slow

# By name, the class, its settings, and whether `model` is a teacher or in Model2Vec's format.
CASES: dict[str, tuple[type[Encoder], dict[str, Any], str]] = {
    "onnx": (SentenceEncoder, {"max_tokens": 64}, "teacher"),
    "torch": (SentenceEncoder, {"backend": "torch", "max_tokens": 64}, "teacher"),
    "static": (StaticEncoder, {"dimension": 16, "max_tokens": 64}, "teacher"),
    "published": (StaticEncoder, {"max_tokens": 64}, "published"),
}
TEXTS = (
    "Why does my car shake when I brake?",
    "nap",
    "How many hours of sleep does a teenager need on a school night?",
    "nap",
    "Tell me everything about tyres. " * 40,
)
ODD = ("", " \t\n ", "🚗💤", "z" * 100_000, "a\x00b\ufeff", "\ud800", "כמה שעות שינה")
WORDS = {
    "car": ["oil", "brake", "tyre", "engine", "clutch"],
    "sleep": ["nap", "dream", "bed", "snoring", "insomnia"],
}
TRAIN = {"finetune": "batch_all_triplet", "finetune_batch_size": 16, "finetune_epochs": 4}


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest) -> Callable[..., Encoder]:
    """Makes an encoder of the same settings but for those given."""
    kind, settings, needs = CASES[request.param]
    if needs == "published":
        model = request.getfixturevalue("published")
    else:
        model = request.getfixturevalue("tiny_encoder").model

    def make(**given: Any) -> Encoder:
        return kind(**{"model": model, **settings, **given})

    return make


@pytest.fixture(scope="module")
def encoder(case: Callable[..., Encoder]) -> Encoder:
    return case().prepare()


def test_vectors_of_length_1_in_the_order_asked(encoder: Encoder) -> None:
    with collect_stages() as times:
        vectors = encoder.encode(TEXTS)
    assert set(times) == {"tokenise", "encode"}
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), encoder.encode(["one"]).shape[1])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert vectors[1] == pytest.approx(vectors[3], abs=1e-5)
    assert np.abs(vectors[0] - vectors[2]).max() > 0.01
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert vectors == pytest.approx(alone, abs=1e-5)
    assert encoder.encode(TEXTS, batch_size=2) == pytest.approx(vectors, abs=1e-5)
    assert encoder.encode([]).shape == (0, vectors.shape[1])


def test_any_text_has_a_finite_vector_alone_and_among_others(encoder: Encoder) -> None:
    vectors = encoder.encode([*ODD, *TEXTS])
    assert np.isfinite(vectors).all()
    lengths = np.linalg.norm(vectors, axis=1)
    # Of a static encoder the vector is 0 where no token is known.
    assert np.minimum(abs(lengths - 1), abs(lengths)).max() < 1e-5
    for row, text in enumerate(ODD):
        assert vectors[row] == pytest.approx(encoder.encode([text])[0], abs=1e-5), text[:20]


def test_a_prefix_is_put_before_every_text(case: Callable[..., Encoder], encoder: Encoder) -> None:
    wanted = encoder.encode([f"question: {text}" for text in TEXTS])
    assert case(query_prefix="question: ").encode(TEXTS) == pytest.approx(wanted, abs=1e-5)
    assert np.abs(wanted - encoder.encode(TEXTS)).max() > 0.001


def test_longer_texts_are_cut(case: Callable[..., Encoder]) -> None:
    short = case(max_tokens=8)
    # Of eight tokens two may be special.
    texts = ["why does my car rattle so loud today", "why does my car rattle so loud today in the cold"]
    cut, whole = short.encode(texts), case().encode(texts)
    assert cut[0] == pytest.approx(cut[1], abs=1e-5)
    assert np.abs(whole[0] - whole[1]).max() > 0.001


def test_it_says_which_texts_are_cut(case: Callable[..., Encoder]) -> None:
    sentence = "why does my car rattle so loud today when it is cold outside and wet"
    texts = [" ".join(sentence.split()[:number]) for number in range(1, 15)]
    # The last is of more than eight tokens that differ, in no ASCII.
    texts += [*ODD[:2], ODD[-1], "übermüdete Mütter schläfern größere Bären in Löchern ein, für früh"]
    for settings in ({}, {"query_prefix": "ask me: "}):
        short, whole = case(max_tokens=8, **settings), case(**settings)
        apart = [np.abs(short.encode([text]) - whole.encode([text])).max() > 1e-4 for text in texts]
        assert [short.is_cut(text) for text in texts] == apart
        assert {True, False} == set(apart)
        assert not any(whole.is_cut(text) for text in texts)


@pytest.mark.parametrize("backend", ["onnx", "torch", "onnx_int8"])
def test_only_rounding_to_8_bits_depends_on_the_batch(minilm: str, backend: str) -> None:
    encoder = SentenceEncoder(minilm, backend)
    texts = [f"{TEXTS[row % 3]} {'And why? ' * (row % 7)} {row}" for row in range(64)]
    together = encoder.encode(texts)
    worst = max(np.abs(encoder.encode([text])[0] - together[row]).max() for row, text in enumerate(texts))
    assert encoder.batch_changes_vectors == (backend == "onnx_int8")
    assert (worst > 1e-6) == encoder.batch_changes_vectors


def test_the_fingerprint_tells_what_vectors_depend_on(case: Callable[..., Encoder], encoder: Encoder) -> None:
    assert case().fingerprint() == encoder.fingerprint()
    assert json.loads(json.dumps(encoder.fingerprint())) == encoder.fingerprint()
    for change in ({"query_prefix": "q: "}, {"max_tokens": 32}):
        assert case(**change).fingerprint() != encoder.fingerprint()


def test_changed_parameters_take_effect(case: Callable[..., Encoder]) -> None:
    changed = case().prepare()
    before = changed.fingerprint()
    changed.encode(["nap"])
    assert changed.set_params(max_tokens=8).fingerprint() != before
    assert changed.encode(TEXTS) == pytest.approx(case(max_tokens=8).encode(TEXTS), abs=1e-5)
    with pytest.raises(RouterError, match=r"max_tokens=1: must be at least 8"):
        changed.set_params(max_tokens=1).encode(TEXTS)


def test_it_is_built_again_from_its_description(encoder: Encoder) -> None:
    built = build(json.loads(json.dumps(encoder.spec())))
    assert type(built) is type(encoder)
    assert built.get_params() == encoder.get_params()
    moved = build(json.loads(json.dumps(encoder.spec(portable=True))), locate=lambda _: Path(encoder.model))
    assert moved.get_params() == encoder.get_params()
    assert encoder.pretrained().sha256 == encoder.weights_sha256() == encoder.pretrained_sha256()


def test_its_files_are_those_that_it_serves(encoder: Encoder) -> None:
    assert encoder.asset_paths()
    assert all(path.is_file() for path in encoder.asset_paths())


def test_a_folder_without_weights_is_named(case: Callable[..., Encoder], tmp_path: Path) -> None:
    for method in ("prepare", "load_pretrained", "fingerprint", "weights_sha256"):
        with pytest.raises(RouterError, match=rf"no model\.safetensors in the encoder folder {tmp_path}"):
            getattr(case(model=str(tmp_path)), method)()


def test_what_was_made_serves_alone(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = encoder.made_folder()
    if made is None:
        return
    moved, fingerprint = Path(shutil.copytree(made, tmp_path / "moved")), encoder.fingerprint()
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "empty"))
    over = encoder.over(moved)
    assert over.fingerprint() == fingerprint
    assert np.array_equal(over.encode(TEXTS), encoder.encode(TEXTS))
    assert over.made_folder() is None
    assert not (tmp_path / "empty").exists()


def test_it_is_fine_tuned_into_a_folder(case: Callable[..., Encoder], tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = ["car", "sleep"] * 40
    questions = [" ".join(generator.choice(WORDS[label], size=4)) for label in labels], labels
    assert case().extras(case().get_params()).keys() <= {"encoder.backend=torch"}
    encoder = case(**TRAIN, finetune_learning_rate=0.003, query_prefix="ask: ")
    assert encoder.extras(encoder.get_params())["encoder.finetune=batch_all_triplet"] == "train"
    encoder.load_pretrained()
    before = encoder.encode(questions[0])
    separation = encoder.fine_tune(*questions, tmp_path / "tuned")
    cosines = (separation.before, separation.after)
    before_gap, after_gap = (found.same_class - found.different_class for found in cosines)
    assert after_gap > before_gap + 0.1
    tuned = encoder.over(tmp_path / "tuned")
    assert tuned.query_prefix == "ask: "
    assert tuned.finetune == "none"
    assert tuned.fingerprint() != encoder.fingerprint()
    assert np.abs(tuned.encode(questions[0]) - before).max() > 0.001
    assert np.array_equal(encoder.encode(questions[0]), before)


def test_progress_is_told_of_many_texts(encoder: Encoder) -> None:
    told: list[tuple[str, int | None]] = []
    with listening(lambda event: told.append((event.what, event.total))):
        encoder.encode([f"question {number}" for number in range(600)])
    assert set(told) == {("encoding questions", 600)}


def test_every_encoder_is_among_the_cases() -> None:
    found = {
        member
        for module in pkgutil.walk_packages(routers.__path__, "routers.")
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if issubclass(member, Encoder) and not inspect.isabstract(member)
    }
    assert found == {kind for kind, _, _ in CASES.values()}
