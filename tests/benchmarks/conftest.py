"""Data and runs that several files share, each made once."""

import json
from pathlib import Path

import pytest

from tests.conftest import ANSWERS, CAR, OUT_OF_SCOPE, OVERLAP, SLEEP


@pytest.fixture(scope="session")
def shared_qna(questions: tuple[list[str], list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set like `qna_folder`'s that outlives one test: read only."""
    folder = tmp_path_factory.mktemp("shared") / "qna"
    folder.mkdir()
    for label in sorted(set(questions[1])):
        rows = [{"question": text} for text, owner in zip(*questions, strict=True) if owner == label]
        (folder / f"{label}.json").write_text(json.dumps({"qna": rows}), encoding="utf-8")
    overlap = [
        {"question": "May I nap in my car at a rest stop?", "domain": "car"},
        {"question": "Long drives make me drowsy, how much sleep do I need before one?", "domain": "sleep"},
    ]
    foreign = [{"question": "What is the capital of Peru?"}, {"question": "How do I bake a loaf of bread?"}]
    (folder / "overlap.json").write_text(json.dumps({"qna": overlap}), encoding="utf-8")
    (folder / "out_of_scope.json").write_text(json.dumps({"qna": foreign}), encoding="utf-8")
    return folder


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the adapters that come with the product, empty at first."""
    folder = tmp_path / "packaged"
    monkeypatch.setattr("benchmarks.assets.adapters.package_dir", lambda *_: str(folder))
    return folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, empty at first."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def answered_qna(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set like `qna_folder`, answers included, that outlives one test: read only.

    The domains have names of their own, for which the product brings no adapter.
    """
    folder = tmp_path_factory.mktemp("answered") / "qna"
    folder.mkdir()
    files = {
        "auto": [{"question": text, "answer": ANSWERS["car"]} for text in CAR],
        "night": [{"question": text, "answer": ANSWERS["sleep"]} for text in SLEEP],
        "overlap": [
            {"question": text, "domain": "auto" if owner == "car" else "night", "answer": answer}
            for text, owner, answer in OVERLAP
        ],
        "out_of_scope": [{"question": text} for text in OUT_OF_SCOPE],
    }
    for name, rows in files.items():
        (folder / f"{name}.json").write_text(json.dumps({"qna": rows}), encoding="utf-8")
    return folder
