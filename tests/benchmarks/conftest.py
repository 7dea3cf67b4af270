"""Data and runs that several files share, each made once."""

import json
from pathlib import Path

import pytest


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
