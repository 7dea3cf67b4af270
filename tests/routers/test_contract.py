"""Contract of every router; a router that is not among `CASES` fails the last test."""

import importlib
import inspect
import pkgutil
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.base import clone

import routers
from common.settings import Context
from routers.base import FAMILIES, NotFittedError, Router, RouterError
from routers.baselines import MajorityRouter, RandomRouter, TfidfRouter
from routers.best import BestRouter
from routers.calibrated import CalibratedRouter
from routers.cascade import CascadeRouter
from routers.centroid import CentroidRouter
from routers.command import CommandRouter
from routers.composite import CompositeRouter
from routers.context import Reading
from routers.embedding_base import EmbeddingRouter
from routers.encoder import SentenceEncoder
from routers.encoder_base import Encoder
from routers.ensemble import EnsembleRouter
from routers.indexes.hnsw import HnswIndex
from routers.inference import check_inference
from routers.knn import KNNRouter
from routers.llm import LLMRouter
from routers.probe import ProbeRouter
from routers.ready_made import ENTRIES, ReadyMadeRouter
from routers.stages import STAGES, collect_stages
from routers.static_encoder import StaticEncoder
from routers.svm import SVMRouter
from routers.tinyllama import TinyLlamaRouter
from routers.url import UrlRouter
from tests.conftest import tiny_entry
from tests.routers.servers import Server, chat_by_words, listening, route_by_words

# A program of somebody else's is one of Python here.
pytestmark = [pytest.mark.slow, pytest.mark.process]

Questions = tuple[list[str], list[str]]

ROOT = Path(__file__).resolve().parents[2]
PROTOTYPES = {"car": "driving and repairing cars", "sleep": "sleeping well at night"}
# The program that docs/your-router.md tells to copy.
NAIVE_BAYES = shlex.join([sys.executable, str(ROOT / "docs" / "examples" / "naive_bayes.py")])
# Routers made of routers hold theirs as a case does, and `made` makes them.
MEMBERS = {"nearest": (KNNRouter, {"k": 5}), "words": (TfidfRouter, {})}
CASES: dict[str, tuple[type[Router], dict[str, Any]]] = {
    "centroid": (CentroidRouter, {}),
    "centroid_several": (CentroidRouter, {"n_centroids": 3, "temperature": 0.1}),
    "centroid_prototypes": (CentroidRouter, {"label_prototypes": PROTOTYPES}),
    "knn": (KNNRouter, {"k": 5}),
    "knn_hnsw": (KNNRouter, {"k": 5, "index": HnswIndex(m=8)}),
    "centroid_fine_tuned": (CentroidRouter, {"encoder": "torch_fine_tuned"}),
    "knn_fine_tuned": (KNNRouter, {"encoder": "fine_tuned", "k": 5}),
    "tinyllama": (TinyLlamaRouter, {"epochs": 1, "dtype": "float32", "learning_rate": 0.01}),
    "majority": (MajorityRouter, {}),
    "random": (RandomRouter, {"seed": 3}),
    "tfidf": (TfidfRouter, {"c": 5.0}),
    "svm": (SVMRouter, {"c": 3.0, "gamma": 2.0}),
    "probe": (ProbeRouter, {"c": 5.0}),
    "probe_prototypes": (ProbeRouter, {"label_prototypes": PROTOTYPES, "n_centroids": 2}),
    "centroid_static": (CentroidRouter, {"encoder": "static"}),
    "knn_static": (KNNRouter, {"encoder": "static", "k": 5}),
    "svm_static": (SVMRouter, {"encoder": "static"}),
    "knn_published": (KNNRouter, {"encoder": "published", "k": 5}),
    "centroid_static_fine_tuned": (CentroidRouter, {"encoder": "static_fine_tuned"}),
    "ensemble_soft": (EnsembleRouter, {"members": MEMBERS, "weights": {"nearest": 2.0, "words": 1.0}}),
    "ensemble_stacked": (EnsembleRouter, {"members": MEMBERS, "method": "stacked"}),
    "best": (BestRouter, {"candidates": {"majority": (MajorityRouter, {}), "probe": (ProbeRouter, {})}}),
    "best_nearest": (BestRouter, {"candidates": {"nearest": (KNNRouter, {"k": 5})}}),
    "best_first": (BestRouter, {"candidates": {"probe": (ProbeRouter, {}), "words": (TfidfRouter, {})}}),
    "cascade": (CascadeRouter, {"cheap": (TfidfRouter, {}), "expensive": (SVMRouter, {}), "share": 0.5}),
    "cascade_static": (
        CascadeRouter,
        {"cheap": (CentroidRouter, {"encoder": "static"}), "expensive": (SVMRouter, {}), "share": 0.5},
    ),
    **{
        f"calibrated_{method}": (CalibratedRouter, {"router": (KNNRouter, {"k": 5}), "method": method})
        for method in ("temperature", "isotonic")
    },
    "command": (CommandRouter, {"command": NAIVE_BAYES}),
    "ready_made": (ReadyMadeRouter, {"entry": "tiny", "options": {"smoothing": 0.5}}),
    "url": (UrlRouter, {"max_batch": 7}),
    "llm": (LLMRouter, {"model": "mine", "shots": 2, "seed": 1}),
    "llm_here": (LLMRouter, {"shots": 1, "seed": 1, "max_tokens": 4}),
    "calibrated_static": (CalibratedRouter, {"router": (KNNRouter, {"encoder": "static", "k": 5})}),
}

# The last three are arrays as they lie in memory, and an index.
TEXT_SUFFIXES = {".safetensors", ".json", ".txt", ".jinja", ".model", ".onnx", ".bin", ".npy", ".faiss"}
STRANGE = {
    "empty": "",
    "blank": " \t\n ",
    "long": "why does my car wake me up at night " * 2800,
    "one_long_word": "z" * 100_000,
    "emoji": "🚗💤🧑‍🔧👨‍👩‍👧‍👦",
    "right_to_left": "כמה שעות שינה צריך \u202eمرحبا\u202c",
    "control": "a\x00b\x1b[31m\ufeff",
    "lone_surrogate": "\ud800",
}


@pytest.fixture(scope="module")
def contestant(cache: Path) -> Iterator[None]:
    """A ready-made contestant called tiny, for the tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENTRIES, "tiny", tiny_entry())
        yield


class Case(NamedTuple):
    router: type[Router]
    params: dict[str, Any]

    def make(self) -> Router:
        return self.router(**self.params)


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    router, params = CASES[request.param]
    if issubclass(router, TinyLlamaRouter):
        params = {"model": request.getfixturevalue("tiny_llama"), **params}
    if issubclass(router, LLMRouter) and "model" not in params:
        params = {"model": request.getfixturevalue("tiny_chat_llama"), **params}
    elif issubclass(router, UrlRouter | LLMRouter):
        params = {"url": request.getfixturevalue("routing_server").url, **params}
    if issubclass(router, ReadyMadeRouter):
        request.getfixturevalue("contestant")
    params = with_encoder(router, params, request)
    return Case(router, {name: made(value, request) for name, value in params.items()})


@pytest.fixture(scope="module")
def routing_server() -> Iterator[Server]:
    """A server that knows of cars and sleep."""
    with listening(
        lambda asked: chat_by_words(asked) if "model" in asked.body else route_by_words(asked)
    ) as server:
        yield server


def with_encoder(
    router: type[Router], params: dict[str, Any], request: pytest.FixtureRequest
) -> dict[str, Any]:
    """`params` with the encoder that they name, by default a sentence encoder."""
    if not issubclass(router, EmbeddingRouter):
        return params
    return {**params, "encoder": encoder_named(params.get("encoder", "sentence"), request)}


def encoder_named(name: str, request: pytest.FixtureRequest) -> Encoder:
    sentence: SentenceEncoder = request.getfixturevalue("tiny_encoder")
    static: StaticEncoder = request.getfixturevalue("tiny_static")
    if name == "published":
        return StaticEncoder(request.getfixturevalue("published"))
    made: dict[str, Encoder] = {
        "sentence": sentence,
        "static": static,
        "fine_tuned": SentenceEncoder(sentence.model, finetune="batch_all_triplet"),
        "torch_fine_tuned": SentenceEncoder(sentence.model, "torch", finetune="cosine_similarity"),
        "static_fine_tuned": StaticEncoder(static.model, dimension=16, finetune="batch_all_triplet"),
    }
    return made[name]


def made(value: Any, request: pytest.FixtureRequest) -> Any:
    """`value` with an unfitted router where it describes one as (class, parameters)."""
    if isinstance(value, dict):
        return {key: made(item, request) for key, item in value.items()}
    if not isinstance(value, tuple):
        return value
    router, params = value
    return router(**with_encoder(router, params, request))


@pytest.fixture(scope="module")
def fitted(case: Case, questions: Questions) -> Router:
    """Shared by the tests that only ask; `case.make()` is for those that fit."""
    return case.make().fit(*questions)


@pytest.fixture(scope="module")
def asked(held_out: Questions) -> list[str]:
    """Questions of mixed lengths, one of them twice."""
    return [*held_out[0], held_out[0][3], "oil?", "Tell me everything about tyres. " * 8]


def test_an_unfitted_router(case: Case, tmp_path: Path) -> None:
    """It only stores its parameters, and answers nothing before `fit` or after one that failed."""
    router = case.make()
    params = router.get_params(deep=False)
    assert all(params[name] is value for name, value in case.params.items())
    assert vars(router) == params
    assert all(router.set_params(**{name: value}) is router for name, value in case.params.items())
    with pytest.raises(ValueError, match="no parameter kk"):
        router.set_params(kk=3)
    assert vars(router) == params
    assert router.family in set(FAMILIES) - {"other"}
    copy: Router = clone(router)
    assert type(copy) is case.router
    assert copy.spec() == router.spec()
    with pytest.raises(RouterError, match="2 queries but 1 labels"):
        router.fit(["a", "b"], ["car"])
    with pytest.raises(RouterError, match="1 ids"):
        router.fit(["a", "b"], ["car", "sleep"], ["only one"])
    # A prototype declares its class, whatever the training labels are.
    for labels in [] if case.params.get("label_prototypes") else [[], ["car", "car"]]:
        with pytest.raises(RouterError, match="at least two classes"):
            router.fit(["a", "b"][: len(labels)], labels)
    for queries in (["a question"], []):
        for call in (router.infer, router.predict_proba, router.predict):
            with pytest.raises(NotFittedError, match="not fitted"):
                call(queries)
    with pytest.raises(NotFittedError):
        router.save(tmp_path / "router")
    assert list(tmp_path.iterdir()) == []


def test_what_a_router_says(fitted: Router, asked: list[str]) -> None:
    assert fitted.classes_ == ["car", "sleep"]
    with collect_stages() as times:
        said = fitted.infer(asked)
    assert set(times) <= set(STAGES)
    assert said.proba.dtype == said.confidence.dtype == np.float32
    check_inference(fitted, asked, said)
    assert said.proba.sum(axis=1) == pytest.approx(np.ones(len(asked)), abs=1e-5)
    assert (said.proba >= 0).all()
    assert ((said.confidence >= 0) & (said.confidence <= 1)).all()
    assert np.array_equal(fitted.predict_proba(asked), said.proba)
    assert fitted.predict(asked) == [fitted.classes_[column] for column in said.proba.argmax(axis=1)]
    none = fitted.infer([])
    check_inference(fitted, [], none)
    assert none.proba.dtype == none.confidence.dtype == np.float32
    assert fitted.predict([]) == []


def test_order_and_batches_change_nothing(fitted: Router, asked: list[str]) -> None:
    proba, confidence, *_ = fitted.infer(asked)
    order = np.random.default_rng(0).permutation(len(asked))
    shuffled = fitted.infer([asked[row] for row in order])
    assert shuffled.proba == pytest.approx(proba[order], abs=1e-4)
    assert shuffled.confidence == pytest.approx(confidence[order], abs=1e-4)
    alone = [fitted.infer([query]) for query in asked]
    assert np.concatenate([one.proba for one in alone]) == pytest.approx(proba, abs=1e-3)
    assert np.concatenate([one.confidence for one in alone]) == pytest.approx(confidence, abs=1e-3)


def test_a_query_longer_than_the_router_reads(fitted: Router, held_out: Questions) -> None:
    assert not any(fitted.is_cut(query) for query in [*held_out[0], "", "oil?", STRANGE["lone_surrogate"]])
    long = STRANGE["long"]
    assert fitted.is_cut(long) == cuts(fitted)
    if cuts(fitted) and not isinstance(fitted, CompositeRouter):
        said = fitted.infer([long, long + " Is snoring a sign of sleep apnoea?" * 400])
        assert said.proba[0] == pytest.approx(said.proba[1], abs=1e-5)


def cuts(router: Router) -> bool:
    """Whether the router, or a part of it, reads the beginning of a long query alone."""
    if isinstance(router, CompositeRouter):
        return any(map(cuts, router.parts_.values()))
    return isinstance(router, EmbeddingRouter | TinyLlamaRouter | LLMRouter)


def test_scores_are_those_of_the_query_alone_unless_it_says_otherwise(
    fitted: Router, questions: Questions, held_out: Questions
) -> None:
    # Of all lengths, so that a batch is padded and cut in several.
    others = [f"{query} {'And why? ' * (row % 9)}" for row, query in enumerate(questions[0])]
    batch = [*others[:30], *held_out[0], *others, "oil"][:64]
    assert set(held_out[0]) < set(batch)
    assert len(batch) == 64
    together = fitted.infer(batch)
    alone = [fitted.infer([query]) for query in batch]
    worst = max(
        np.abs(together.proba - np.concatenate([said.proba for said in alone])).max(),
        np.abs(together.confidence - np.concatenate([said.confidence for said in alone])).max(),
    )
    # Steps of isotonic regression make more of rounding.
    isotonic = isinstance(fitted, CalibratedRouter) and fitted.method == "isotonic"
    assert fitted.batch_changes_scores == isotonic
    assert worst <= (1e-4 if isotonic else 1e-6)


def test_hits_come_with_the_scores_of_one_search(fitted: Router, asked: list[str]) -> None:
    said, hits = fitted.infer_with_hits(asked)
    for got, wanted in zip(said, fitted.infer(asked), strict=True):
        assert (got is None) == (wanted is None)
        assert wanted is None or np.array_equal(got, wanted)
    nearest = searcher(fitted)
    if nearest is None:
        assert hits is None
        return
    assert hits is not None
    assert len(hits) == len(asked)
    for query, found in zip(asked, hits, strict=True):
        wanted = nearest.respond(query)
        assert fitted.infer_with_hits([query])[1] == [wanted]
        assert [hit["id"] for hit in found["hits"]] == [hit["id"] for hit in wanted["hits"]]
        targets = [{score["target"] for score in one["scores"]} for one in (found, wanted)]
        assert targets[0] == targets[1]
    assert fitted.infer_with_hits([])[1] == []


def searcher(router: Router) -> KNNRouter | None:
    """The router whose neighbours a router has."""
    if isinstance(router, CalibratedRouter | BestRouter):
        (part,) = router.parts_.values()
        return searcher(part)
    return router if isinstance(router, KNNRouter) else None


@pytest.mark.parametrize("context", ["last", "window", "sticky"])
def test_a_conversation_gets_one_answer(fitted: Router, asked: list[str], context: str) -> None:
    alone = Reading.of(Context(context), [[query] for query in asked])
    said = fitted.infer(alone.texts)
    assert alone.carried(said) is said
    conversations = [asked[:count] for count in (1, 2, 5)]
    several = Reading.of(Context(context), conversations)
    found = several.carried(fitted.infer(several.texts))
    check_inference(fitted, [one[-1] for one in conversations], found)
    assert found.proba.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_any_text_gets_an_answer(fitted: Router) -> None:
    texts = list(STRANGE.values())
    together = fitted.infer(texts)
    check_inference(fitted, texts, together)
    for row, text in enumerate(texts):
        alone = fitted.infer([text])
        check_inference(fitted, [text], alone)
        assert together.proba[row : row + 1] == pytest.approx(alone.proba, abs=1e-3), text[:20]


def test_any_text_can_be_learned_from_and_be_a_label(
    case: Case, questions: Questions, asked: list[str], tmp_path: Path
) -> None:
    odd = [STRANGE[name] for name in ("empty", "emoji", "right_to_left", "control", "lone_surrogate")]
    names = {"car": '../čar "🚗"\n', "sleep": "", "third": " 睡眠\t"}
    labels = [*questions[1][:-3], *["third"] * 3, "car", "sleep", "third", "car", "sleep"]
    router = case.make()
    before = router.get_params()
    assert router.fit((*questions[0], *odd), tuple(names[label] for label in labels)) is router
    assert all(router.get_params()[name] is value for name, value in before.items())
    assert router.classes_ == sorted({*names.values(), *(case.params.get("label_prototypes") or {})})
    if isinstance(router, UrlRouter):
        # The server has learned nothing, and has names of its own.
        with pytest.raises(RouterError, match="unknown domain"):
            router.predict(asked)
        return
    assert set(router.predict(asked)) <= set(router.classes_)
    router.save(tmp_path / "router")
    loaded = Router.load(tmp_path / "router")
    assert loaded.classes_ == router.classes_
    assert loaded.predict_proba([*asked, *odd]) == pytest.approx(
        router.predict_proba([*asked, *odd]), abs=1e-4
    )


def test_assets_are_files_and_weights_are_named_by_role(fitted: Router) -> None:
    expected = roles(fitted)
    sums = fitted.weights_sha256()
    assert set(sums) == expected
    assert all(len(value) == 64 for value in sums.values())
    # What was made of pretrained weights is in the saved folder.
    assert bool(fitted.asset_paths()) == bool(folders_of(fitted))
    assert all(path.is_file() for path in fitted.asset_paths())


def roles(router: Router) -> set[str]:
    if isinstance(router, CompositeRouter):
        return {f"{name}/{role}" for name, part in router.parts_.items() for role in roles(part)}
    if isinstance(router, EmbeddingRouter):
        if router.encoder.finetune != "none":
            return {"encoder", "encoder_fine_tuned"}
        return {"encoder", "encoder_distilled"} if router.made_folder_ else {"encoder"}
    if isinstance(router, LLMRouter) and router.url is None:
        return {"language model"}
    return {"classifier"} if isinstance(router, TinyLlamaRouter) else set()


def folders_of(router: Router, *, served: bool = True) -> list[str]:
    """Folders of the pretrained weights that a router or a part of it was given, and serves unless told."""
    if isinstance(router, BestRouter) and not served:
        candidates = router.candidates.values()
        return [folder for part in candidates for folder in folders_of(part, served=False)]
    if isinstance(router, CompositeRouter):
        return [folder for part in router.parts_.values() for folder in folders_of(part, served=served)]
    if isinstance(router, EmbeddingRouter):
        return [] if served and router.made_folder_ else [router.encoder.model]
    here = isinstance(router, LLMRouter) and router.url is None
    return [router.model] if here or isinstance(router, TinyLlamaRouter) else []


def test_a_moved_router_says_the_same_on_a_machine_with_an_empty_cache(
    fitted: Router, asked: list[str], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted.save(tmp_path / "saved")
    moved = (tmp_path / "saved").rename(tmp_path / "moved")
    files = _contents(moved)
    assert {Path(name).suffix for name in files} <= TEXT_SUFFIXES
    # Data, not code. Of pickle, its protocol follows: a safetensors file may well begin with 0x80.
    magic = (b"PK", *(bytes([0x80, protocol]) for protocol in range(2, 6)))
    for name, content in files.items():
        assert not content.startswith(magic), name
        assert str(tmp_path.parent.parent).encode() not in content, name
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(empty_cache(tmp_path, cache)))
    folders = {Path(folder).name: Path(folder) for folder in folders_of(fitted, served=False)}
    loaded = Router.load(moved, locate=lambda reference: folders[reference.name])
    assert type(loaded) is type(fitted)
    assert loaded.spec() == fitted.spec()
    assert (loaded.classes_, loaded.train_ids_) == (fitted.classes_, fitted.train_ids_)
    for got, wanted in zip(loaded.infer(asked), fitted.infer(asked), strict=True):
        assert (got is None) == (wanted is None)
        assert wanted is None or got == pytest.approx(wanted, abs=1e-4)
    loaded.save(moved)
    assert _contents(moved) == files


def empty_cache(tmp_path: Path, cache: Path) -> Path:
    """A cache with the environments of programs alone, which are where they are installed."""
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "environments").symlink_to(cache / "environments")
    return folder


def test_unknown_weights_are_refused_by_name_and_checksum(
    fitted: Router, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted.save(tmp_path / "saved")
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(empty_cache(tmp_path, cache)))
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.safetensors").write_bytes(b"others")
    needed = folders_of(fitted)
    if not needed:
        # Nor does it matter what lies where they were.
        for locate in (None, lambda _: other):
            loaded = Router.load(tmp_path / "saved", locate)
            assert loaded.weights_sha256() == fitted.weights_sha256()
            loaded.save(tmp_path / "again")
            assert _contents(tmp_path / "again") == _contents(tmp_path / "saved")
        return
    sums = "|".join(sha256[:12] for sha256 in fitted.weights_sha256().values())
    with pytest.raises(RouterError, match=rf"{Path(needed[0]).name} \(SHA-256 ({sums})…\), are not"):
        Router.load(tmp_path / "saved")
    with pytest.raises(RouterError, match=rf"the weights in {other} have SHA-256 .* was fitted on"):
        Router.load(tmp_path / "saved", locate=lambda _: other)


def test_the_same_seed_gives_the_same_bytes_whatever_was_fitted_before(
    fitted: Router, questions: Questions, tmp_path: Path
) -> None:
    first, folder = tmp_path / "first", tmp_path / "router"
    fitted.save(first)
    router = Router.load(first).fit(questions[0][10:25], ["x", "y", "z"] * 5)
    assert set(router.classes_) >= {"x", "y", "z"}
    router.save(folder)
    (folder / "stray.txt").write_text("left over")
    router.fit(*questions).save(folder)
    wanted, got = _contents(first), _contents(folder)
    assert set(got) == set(wanted) >= {"router.json", "state.safetensors"}
    assert [name for name in wanted if got[name] != wanted[name]] == []
    assert {path.name for path in tmp_path.iterdir()} == {"first", "router"}


def test_a_saved_router_without_its_arrays_is_refused(fitted: Router, tmp_path: Path) -> None:
    folder = tmp_path / "router"
    damages: list[Callable[[Path], None]] = [lambda path: save_file({}, path), Path.unlink]
    for damage in damages:
        fitted.save(folder)
        for path in folder.rglob("*.safetensors"):
            damage(path)
        with pytest.raises(RouterError, match=f"cannot load the router saved in {folder}"):
            Router.load(folder)


def test_every_router_is_among_the_cases() -> None:
    found = {
        member
        for module in pkgutil.walk_packages(routers.__path__, "routers.")
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if issubclass(member, Router) and not inspect.isabstract(member)
    }
    assert found == {router for router, _ in CASES.values()}


def _contents(folder: Path) -> dict[str, bytes]:
    read: Callable[[Path], bytes] = Path.read_bytes
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): read(path) for path in files}
