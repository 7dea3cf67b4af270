"""Packages that only some tasks need: named before any work is done, with the command that installs them."""

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.assets.packages import check_extras
from benchmarks.config import compose_settings
from common.extras import EXTRAS, MissingExtra, need

ROOT = Path(__file__).parents[2]


def missing(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    need("openai", "this")
    missing(monkeypatch, "openai")
    with pytest.raises(MissingExtra, match=r"^this needs openai.*router-derby\[openai\]"):
        need("openai", "this")


def test_every_extra_is_one_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS) <= set(project["optional-dependencies"])
    base = " ".join(project["dependencies"])
    assert [name for names in EXTRAS.values() for name in names if name.replace("_", "-") in base] == []


@pytest.mark.parametrize(
    ("overrides", "package", "setting"),
    [
        (["router=tinyllama"], "trl", "router=tinyllama"),
        (["router=knn", "index=hnsw"], "faiss", "index=hnsw"),
        (["router=ensemble", "index=pgvector"], "psycopg", "index=pgvector"),
        (["router=centroid", "encoder.backend=torch"], "sentence_transformers", "encoder.backend=torch"),
        (
            ["router=knn", "encoder.finetune=cosine_similarity"],
            "accelerate",
            "encoder.finetune=cosine_similarity",
        ),
        (["router=cascade", "router@router.expensive=tinyllama"], "peft", "router=tinyllama"),
    ],
)
def test_a_setting_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, overrides: list[str], package: str, setting: str
) -> None:
    router: Mapping[str, Any] = compose_settings("run", overrides).router
    check_extras(router)
    missing(monkeypatch, package)
    with pytest.raises(MissingExtra, match=f"{setting} needs {package}"):
        check_extras(router)


def test_the_default_run_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = compose_settings("run", ["router=knn"])
    missing(monkeypatch, *(name for names in EXTRAS.values() for name in names))
    check_extras(settings.router, *settings.baselines.values())
