"""What every router promises; a router that is not among `CASES` fails the last test."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.base import clone

import routers
from routers.base import FAMILIES, NotFittedError, Router, RouterError
from routers.baselines import MajorityRouter, RandomRouter, TfidfRouter
from routers.calibrated import CalibratedRouter
from routers.cascade import CascadeRouter
from routers.centroid import CentroidRouter
from routers.composite import CompositeRouter
from routers.embedding_base import EmbeddingRouter
from routers.encoder import SentenceEncoder
from routers.ensemble import EnsembleRouter
from routers.inference import check_inference
from routers.knn import KNNRouter
from routers.stages import STAGES, collect_stages
from routers.svm import SVMRouter
from routers.tinyllama import TinyLlamaRouter

Questions = tuple[list[str], list[str]]

PROTOTYPES = {"car": "driving and repairing cars", "sleep": "sleeping well at night"}
# Routers made of routers hold theirs as a case does, and `made` makes them.
MEMBERS = {"nearest": (KNNRouter, {"k": 5}), "words": (TfidfRouter, {})}
CASES: dict[str, tuple[type[Router], dict[str, Any]]] = {
    "centroid": (CentroidRouter, {}),
    "centroid_several": (CentroidRouter, {"n_centroids": 3, "temperature": 0.1}),
    "centroid_prototypes": (CentroidRouter, {"label_prototypes": PROTOTYPES}),
    "knn_softmax": (KNNRouter, {"k": 5}),
    "knn_similarity": (KNNRouter, {"k": 5, "weighting": "similarity"}),
    "knn_uniform": (KNNRouter, {"k": 5, "weighting": "uniform"}),
    "centroid_fine_tuned": (CentroidRouter, {}),
    "knn_fine_tuned": (KNNRouter, {"k": 5}),
    "tinyllama": (TinyLlamaRouter, {"epochs": 1, "dtype": "float32", "learning_rate": 0.01}),
    "majority": (MajorityRouter, {}),
    "random": (RandomRouter, {"seed": 3}),
    "tfidf": (TfidfRouter, {"c": 5.0}),
    "svm": (SVMRouter, {"c": 3.0, "gamma": 2.0}),
    "ensemble_soft": (EnsembleRouter, {"members": MEMBERS, "weights": {"nearest": 2.0, "words": 1.0}}),
    "ensemble_stacked": (EnsembleRouter, {"members": MEMBERS, "method": "stacked"}),
    "cascade": (CascadeRouter, {"cheap": (TfidfRouter, {}), "expensive": (SVMRouter, {}), "share": 0.5}),
    **{
        f"calibrated_{method}": (CalibratedRouter, {"router": (KNNRouter, {"k": 5}), "method": method})
        for method in ("temperature", "isotonic", "none")
    },
}
# Settings of the encoders that are fine-tuned first.
FINE_TUNED: dict[str, dict[str, Any]] = {
    "centroid_fine_tuned": {"backend": "torch", "finetune": "cosine_similarity"},
    "knn_fine_tuned": {"finetune": "batch_all_triplet"},
}
# A prototype declares its class, whatever the training labels are.
WITHOUT_PROTOTYPES = [name for name in CASES if name != "centroid_prototypes"]
TEXT_SUFFIXES = {".safetensors", ".json", ".txt", ".jinja", ".model", ".onnx"}
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
LOAD_AND_ASK = """
import json, sys
from pathlib import Path
from routers.base import Router
print(json.dumps(Router.load(Path(sys.argv[1])).predict_proba(json.loads(sys.argv[2])).tolist()))
"""


class Case(NamedTuple):
    router: type[Router]
    params: dict[str, Any]

    def make(self) -> Router:
        return self.router(**self.params)


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    router, params = CASES[request.param]
    if issubclass(router, EmbeddingRouter):
        encoder: SentenceEncoder = request.getfixturevalue("tiny_encoder")
        if request.param in FINE_TUNED:
            encoder = SentenceEncoder(encoder.model, **FINE_TUNED[request.param])
        params = {"encoder": encoder, **params}
    elif issubclass(router, TinyLlamaRouter):
        params = {"model": request.getfixturevalue("tiny_llama"), **params}
    return Case(router, {name: made(value, request) for name, value in params.items()})


def made(value: Any, request: pytest.FixtureRequest) -> Any:
    """`value` with an unfitted router where it describes one as (class, parameters)."""
    if isinstance(value, dict):
        return {key: made(item, request) for key, item in value.items()}
    if not isinstance(value, tuple):
        return value
    router, params = value
    if issubclass(router, EmbeddingRouter):
        params = {"encoder": request.getfixturevalue("tiny_encoder"), **params}
    return router(**params)


@pytest.fixture(scope="module")
def fitted(case: Case, questions: Questions) -> Router:
    """Shared by the tests that only ask; `case.make()` is for those that fit."""
    return case.make().fit(*questions)


@pytest.fixture(scope="module")
def asked(held_out: Questions) -> list[str]:
    """Of mixed lengths, one of them twice."""
    return [*held_out[0], held_out[0][3], "oil?", "Tell me everything about tyres. " * 8]


def test_constructor_only_stores(case: Case) -> None:
    router = case.make()
    params = router.get_params(deep=False)
    for name, value in case.params.items():
        assert params[name] is value
    assert vars(router) == params


def test_set_params_replaces_and_refuses_unknown_names(case: Case) -> None:
    router = case.make()
    for name, value in case.params.items():
        assert router.set_params(**{name: value}) is router
        assert router.get_params()[name] is value
    with pytest.raises(ValueError, match="no parameter kk"):
        router.set_params(kk=3)
    assert vars(router) == router.get_params()


def test_sklearn_clone_is_unfitted_and_equal(case: Case, fitted: Router) -> None:
    copy: Router = clone(fitted)
    assert type(copy) is case.router
    assert copy.spec() == fitted.spec()
    with pytest.raises(NotFittedError):
        copy.infer(["a question"])


def test_nothing_works_before_fit(case: Case, tmp_path: Path) -> None:
    router = case.make()
    for call in (router.infer, router.predict_proba, router.predict):
        with pytest.raises(NotFittedError, match="not fitted"):
            call(["a question"])
        with pytest.raises(NotFittedError):
            call([])
    with pytest.raises(NotFittedError):
        router.save(tmp_path / "router")
    assert list(tmp_path.iterdir()) == []


def test_fit_returns_self_and_keeps_its_parameters(case: Case, questions: Questions) -> None:
    router = case.make()
    before = router.get_params()
    queries, labels = questions
    assert router.fit(tuple(reversed(queries)), tuple(reversed(labels))) is router
    assert router.classes_ == ["car", "sleep"]
    assert all(router.get_params()[name] is value for name, value in before.items())


def test_scores_have_the_promised_shape(fitted: Router, asked: list[str]) -> None:
    proba, confidence, *_ = fitted.infer(asked)
    assert proba.dtype == confidence.dtype == np.float32
    assert proba.shape == (len(asked), 2)
    assert confidence.shape == (len(asked),)
    assert np.isfinite(proba).all()
    assert (proba >= 0).all()
    assert proba.sum(axis=1) == pytest.approx(np.ones(len(asked)), abs=1e-5)
    assert ((confidence >= 0) & (confidence <= 1)).all()
    check_inference(fitted, asked, fitted.infer(asked))


def test_predict_is_the_most_probable_class(fitted: Router, asked: list[str]) -> None:
    proba = fitted.predict_proba(asked)
    assert np.array_equal(proba, fitted.infer(asked).proba)
    assert fitted.predict(asked) == [["car", "sleep"][column] for column in proba.argmax(axis=1)]


def test_no_queries_give_no_rows(fitted: Router) -> None:
    proba, confidence, *_ = fitted.infer([])
    assert (proba.shape, confidence.shape) == ((0, 2), (0,))
    assert proba.dtype == confidence.dtype == np.float32
    assert fitted.predict([]) == []
    check_inference(fitted, [], fitted.infer([]))


def test_permuting_the_queries_permutes_the_rows(fitted: Router, asked: list[str]) -> None:
    proba, confidence, *_ = fitted.infer(asked)
    order = np.random.default_rng(0).permutation(len(asked))
    shuffled = fitted.infer([asked[row] for row in order])
    assert shuffled.proba == pytest.approx(proba[order], abs=1e-4)
    assert shuffled.confidence == pytest.approx(confidence[order], abs=1e-4)


def test_one_by_one_equals_together(fitted: Router, asked: list[str]) -> None:
    alone = [fitted.infer([query]) for query in asked]
    proba, confidence, *_ = fitted.infer(asked)
    assert np.concatenate([one.proba for one in alone]) == pytest.approx(proba, abs=1e-3)
    assert np.concatenate([one.confidence for one in alone]) == pytest.approx(confidence, abs=1e-3)


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_any_text_gets_an_answer(fitted: Router, text: str) -> None:
    proba, confidence, *_ = fitted.infer([text])
    assert proba.shape == (1, 2)
    assert np.isfinite(proba).all()
    assert np.isfinite(confidence).all()
    check_inference(fitted, [text], fitted.infer([text]))
    together = fitted.predict_proba(["How do I change a tyre?", text])
    assert together[1:] == pytest.approx(proba, abs=1e-3)


def test_any_text_can_be_learned_from(case: Case, questions: Questions, tmp_path: Path) -> None:
    odd = [STRANGE[name] for name in ("empty", "emoji", "right_to_left", "control", "lone_surrogate")]
    labels = [*questions[1], "car", "sleep", "car", "sleep", "car"]
    router = case.make().fit([*questions[0], *odd], labels)
    router.save(tmp_path / "router")
    loaded = Router.load(tmp_path / "router")
    assert loaded.predict_proba(odd) == pytest.approx(router.predict_proba(odd), abs=1e-4)


def test_assets_are_files_and_weights_are_named_by_role(fitted: Router) -> None:
    expected = roles(fitted)
    sums = fitted.weights_sha256()
    assert set(sums) == expected
    assert all(len(value) == 64 for value in sums.values())
    # A fine-tuned encoder is in the saved folder.
    assert bool(fitted.asset_paths()) == bool(expected and not fine_tuned(fitted))
    assert all(path.is_file() for path in fitted.asset_paths())


def fine_tuned(router: Router) -> bool:
    return isinstance(router, EmbeddingRouter) and router.encoder.finetune != "none"


def roles(router: Router) -> set[str]:
    if isinstance(router, CompositeRouter):
        return {f"{name}/{role}" for name, part in router.parts_.items() for role in roles(part)}
    if fine_tuned(router):
        return {"encoder", "encoder_fine_tuned"}
    known = {EmbeddingRouter: {"encoder"}, TinyLlamaRouter: {"classifier"}}
    return next((names for kind, names in known.items() if isinstance(router, kind)), set())


def test_only_known_stages_are_timed(fitted: Router) -> None:
    with collect_stages() as times:
        fitted.infer(["How do I change a tyre?"])
    assert set(times) <= set(STAGES)


def test_labels_may_be_any_text(case: Case, questions: Questions, asked: list[str], tmp_path: Path) -> None:
    names = {"car": '../čar "🚗"\n', "sleep": "", "third": " 睡眠\t"}
    labels = [names[label] for label in questions[1]]
    labels[-3:] = [names["third"]] * 3
    router = case.make().fit(questions[0], labels)
    assert router.classes_ == sorted({*names.values(), *(case.params.get("label_prototypes") or {})})
    assert set(router.predict(asked)) <= set(router.classes_)
    router.save(tmp_path / "router")
    loaded = Router.load(tmp_path / "router")
    assert loaded.classes_ == router.classes_
    assert loaded.predict_proba(asked) == pytest.approx(router.predict_proba(asked), abs=1e-4)


def test_refitting_forgets(case: Case, questions: Questions, asked: list[str], tmp_path: Path) -> None:
    queries, labels = questions[0][10:25], ["x", "y", "z"] * 5
    refitted = case.make().fit(*questions).fit(queries, labels)
    fresh = case.make().fit(queries, labels)
    assert refitted.classes_ == fresh.classes_
    assert np.array_equal(refitted.predict_proba(asked), fresh.predict_proba(asked))
    assert np.array_equal(refitted.infer(asked).confidence, fresh.infer(asked).confidence)


def test_lengths_must_agree(case: Case) -> None:
    router = case.make()
    with pytest.raises(RouterError, match="2 queries but 1 labels"):
        router.fit(["a", "b"], ["car"])
    with pytest.raises(RouterError, match="1 ids"):
        router.fit(["a", "b"], ["car", "sleep"], ["only one"])
    with pytest.raises(NotFittedError):
        router.predict(["a"])


@pytest.mark.parametrize("case", WITHOUT_PROTOTYPES, indirect=True)
@pytest.mark.parametrize("labels", [[], ["car", "car"]], ids=["no_rows", "one_class"])
def test_one_class_cannot_be_learned(case: Case, labels: list[str]) -> None:
    router = case.make()
    with pytest.raises(RouterError, match="at least two classes"):
        router.fit(["a", "b"][: len(labels)], labels)
    with pytest.raises(NotFittedError):
        router.predict(["a"])


def test_saved_files_are_data_not_code(fitted: Router, tmp_path: Path) -> None:
    fitted.save(tmp_path / "router")
    files = [path for path in (tmp_path / "router").rglob("*") if path.is_file()]
    assert {"router.json", "state.safetensors"} <= {path.name for path in files}
    assert {path.suffix for path in files} <= TEXT_SUFFIXES
    # Of pickle, its protocol follows: a safetensors file may well begin with 0x80, the length of its header.
    magic = (b"PK", *(bytes([0x80, protocol]) for protocol in range(2, 6)))
    for path in files:
        assert not path.read_bytes().startswith(magic)
    header = json.loads((tmp_path / "router" / "router.json").read_text(encoding="utf-8"))
    assert header["classes"] == ["car", "sleep"]


def test_a_loaded_router_equals_the_saved_one(fitted: Router, asked: list[str], tmp_path: Path) -> None:
    fitted.save(tmp_path / "router")
    loaded = Router.load(tmp_path / "router")
    assert type(loaded) is type(fitted)
    assert loaded.spec() == fitted.spec()
    assert loaded.classes_ == fitted.classes_
    assert loaded.train_ids_ == fitted.train_ids_
    for got, wanted in zip(loaded.infer(asked), fitted.infer(asked), strict=True):
        assert (got is None) == (wanted is None)
        assert wanted is None or got == pytest.approx(wanted, abs=1e-4)


def test_a_loaded_router_can_be_saved_again(fitted: Router, asked: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "router"
    fitted.save(folder)
    before = _contents(folder)
    Router.load(folder).save(folder)
    assert _contents(folder) == before
    assert Router.load(folder).predict_proba(asked) == pytest.approx(fitted.predict_proba(asked), abs=1e-4)


def test_a_loaded_router_can_be_fitted_anew(
    case: Case, fitted: Router, questions: Questions, asked: list[str], tmp_path: Path
) -> None:
    queries, labels = questions
    swapped = [{"car": "sleep", "sleep": "car"}[label] for label in labels]
    fitted.save(tmp_path / "first")
    again = Router.load(tmp_path / "first").fit(queries, swapped)
    again.save(tmp_path / "second")
    loaded = Router.load(tmp_path / "second")
    assert loaded.predict_proba(asked) == pytest.approx(again.predict_proba(asked), abs=1e-4)
    fresh = case.make().fit(queries, swapped)
    assert again.predict_proba(asked) == pytest.approx(fresh.predict_proba(asked), abs=1e-4)


def test_saving_replaces_the_folder(
    case: Case, fitted: Router, questions: Questions, asked: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "router"
    case.make().fit(questions[0][10:25], ["x", "y", "z"] * 5).save(folder)
    (folder / "stray.txt").write_text("left over")
    fitted.save(folder)
    fitted.save(tmp_path / "clean")
    assert _contents(folder) == _contents(tmp_path / "clean")
    assert Router.load(folder).predict(asked) == fitted.predict(asked)
    assert {path.name for path in tmp_path.iterdir()} == {"router", "clean"}


def test_same_seed_gives_the_same_bytes(
    case: Case, fitted: Router, questions: Questions, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "first")
    case.make().fit(*questions).save(tmp_path / "second")
    first, second = _contents(tmp_path / "first"), _contents(tmp_path / "second")
    assert set(first) == set(second)
    assert any(name.endswith(".safetensors") for name in first)
    for name, content in first.items():
        assert content == second[name], name


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: save_file({}, path)], ids=["gone", "empty"])
def test_a_saved_router_without_its_arrays_is_refused(
    fitted: Router, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "router"
    fitted.save(folder)
    for path in folder.rglob("*.safetensors"):
        damage(path)
    with pytest.raises(RouterError, match=f"cannot load the router saved in {folder}"):
        Router.load(folder)


def test_a_fresh_process_loads_what_this_one_saved(
    encoder: SentenceEncoder, questions: Questions, asked: list[str], tmp_path: Path
) -> None:
    router = KNNRouter(encoder, k=5).fit(*questions)
    router.save(tmp_path / "router")
    ran = subprocess.run(
        [sys.executable, "-c", LOAD_AND_ASK, str(tmp_path / "router"), json.dumps(asked)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert np.array(json.loads(ran.stdout)) == pytest.approx(router.predict_proba(asked), abs=1e-4)


def test_every_router_is_among_the_cases() -> None:
    found = {
        member
        for module in pkgutil.walk_packages(routers.__path__, "routers.")
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if issubclass(member, Router) and not inspect.isabstract(member)
    }
    assert found == {router for router, _ in CASES.values()}


def test_every_family_is_one_of_five(case: Case) -> None:
    family = case.make().family
    assert family in FAMILIES
    # That is what a router is which does not say.
    assert family != "other"


@pytest.mark.parametrize(
    ("router", "family"),
    [
        (SVMRouter, "embedding"),
        (TinyLlamaRouter, "classifier"),
        (EnsembleRouter, "composite"),
        (CascadeRouter, "composite"),
        (RandomRouter, "baseline"),
        (TfidfRouter, "baseline"),
    ],
)
def test_families(router: type[Router], family: str) -> None:
    assert router.family == family


def _contents(folder: Path) -> dict[str, bytes]:
    read: Callable[[Path], bytes] = Path.read_bytes
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): read(path) for path in files}
