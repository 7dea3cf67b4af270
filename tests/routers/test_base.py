"""Softmax, rebuilding from JSON, and the refusal of folders that hold no router."""

import json
import sys
from math import exp
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from routers.base import FORMAT_VERSION, Router, RouterError, build, saved_arrays, softmax
from routers.baselines import MajorityRouter
from routers.centroid import CentroidRouter
from routers.encoder import SentenceEncoder


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    MajorityRouter().fit(["a", "b", "c"], ["car", "sleep", "car"]).save(tmp_path / "router")
    return tmp_path / "router"


def edit(folder: Path, **changes: object) -> None:
    path = folder / "router.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_softmax_by_hand() -> None:
    got = softmax(np.array([[0.0, 1.0], [2.0, 2.0]]))
    assert got == pytest.approx(np.array([[1 / (1 + exp(1)), exp(1) / (1 + exp(1))], [0.5, 0.5]]))
    assert got.dtype == np.float32


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(0, 5), st.integers(1, 5)),
        elements=st.floats(-(2.0**100), 2.0**100, width=32),
    )
)
def test_softmax_of_any_finite_logits_are_probabilities(logits: np.ndarray) -> None:
    proba = softmax(logits)
    assert proba.shape == logits.shape
    assert ((proba >= 0) & (proba <= 1)).all()
    assert proba.sum(axis=1) == pytest.approx(np.ones(len(logits)), abs=1e-5)


def test_spec_is_json_that_builds_an_equal_router() -> None:
    encoder = SentenceEncoder("somewhere", backend="torch", query_prefix="q: ")
    router = CentroidRouter(encoder, n_centroids=2, label_prototypes={"car": "driving"})
    built = build(json.loads(json.dumps(router.spec())))
    assert type(built) is CentroidRouter
    assert type(built.encoder) is SentenceEncoder
    assert built.encoder.get_params() == encoder.get_params()
    assert built.get_params() | {"encoder": None} == router.get_params() | {"encoder": None}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"_target_": "no.such.module.Router"}, "cannot import no.such.module.Router"),
        ({"_target_": "routers.knn.NoSuchRouter"}, "cannot import"),
        ({"_target_": "KNNRouter"}, "cannot import"),
        ({"_target_": "pathlib.Path", "a": "/"}, "not a routers.base.Router"),
        ({"_target_": "os.system", "command": "false"}, "not a routers.base.Router"),
        ({"_target_": "routers.base.Router"}, "routers.base.Router: "),
        ({"_target_": "routers.baselines.RandomRouter", "sead": 1}, "sead"),
        ({"_target_": "routers.knn.KNNRouter"}, "encoder"),
    ],
)
def test_only_routers_with_their_own_parameters_are_built(spec: dict[str, str], message: str) -> None:
    with pytest.raises(RouterError, match=message):
        build(spec)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("x = 1\n\nclass R(:\n", "SyntaxError: invalid syntax (own_module.py, line 3)"),
        ("x = 1\ny = z\n", "NameError: name 'z' is not defined (own_module.py, line 2)"),
        ("x = 1 / 0\n", "ZeroDivisionError: division by zero (own_module.py, line 1)"),
        (
            "import absent_module\n",
            "ModuleNotFoundError: No module named 'absent_module' (own_module.py, line 1)",
        ),
        ("", "AttributeError: module 'own_module' has no attribute 'R'"),
    ],
)
def test_whatever_a_module_of_ones_own_does_is_one_line_with_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, reason: str
) -> None:
    (tmp_path / "own_module.py").write_text(content, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_module", raising=False)
    with pytest.raises(RouterError) as refusal:
        build({"_target_": "own_module.R"})
    monkeypatch.delitem(sys.modules, "own_module", raising=False)
    assert str(refusal.value) == f"cannot import own_module.R: {reason}"


def test_saved_arrays_are_read_without_a_router(saved: Path) -> None:
    edit(saved, spec={"_target_": "no.such.module.Router"})
    assert saved_arrays(saved)["prior"] == pytest.approx([2 / 3, 1 / 3])
    edit(saved, format_version=FORMAT_VERSION + 1)
    with pytest.raises(RouterError, match=r"cannot load the router saved in .*/router: .*format version"):
        saved_arrays(saved)


@pytest.mark.parametrize("name", ["router.json", "state.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe nonsense", b"[]", b"{}"])
def test_a_damaged_folder_is_refused_by_name(saved: Path, name: str, content: bytes | None) -> None:
    if content is None:
        (saved / name).unlink()
    else:
        (saved / name).write_bytes(content)
    with pytest.raises(RouterError, match=r"cannot load the router saved in .*/router: ."):
        Router.load(saved)


@pytest.mark.parametrize(
    "spec", [{"_target_": "routers.encoder.SentenceEncoder", "model": "m"}, "text", None]
)
def test_a_folder_that_holds_no_router_is_refused(saved: Path, spec: object) -> None:
    edit(saved, spec=spec)
    with pytest.raises(RouterError, match=r"it holds a (SentenceEncoder|str|NoneType)"):
        Router.load(saved)
