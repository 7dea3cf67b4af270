"""Words KEY=VALUE: text that Hydra cannot read is quoted, what it can read stays as it is."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.config import compose_settings
from benchmarks.overrides import as_override, how_to_quote


def read(word: str) -> Any:
    """Value that Hydra reads."""
    parsed = OverridesParser.create().parse_override(word)
    if parsed.is_sweep_override():
        return list(parsed.sweep_string_iterator())
    return parsed.value()


@pytest.mark.parametrize(
    "text",
    [
        "josé",
        "O'Brien",
        "a&b",
        "my data/José & Zoë's (2)",
        'say "x"; run',
        "back\\slash\\&",
        "#1",
        "睡眠",
        "a]b",
    ],
)
def test_text_is_read_as_it_was_typed(text: str) -> None:
    assert read(as_override(f"dataset.path={text}")) == text


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1))
def test_whatever_is_changed_is_read_as_it_was_typed(text: str) -> None:
    word = f"key={text}"
    changed = as_override(word)
    if changed != word and not text.startswith("["):
        assert read(changed) == text


@pytest.mark.parametrize(
    "word",
    [
        "router=knn",
        "router.k=5",
        "runs=[a,b]",
        "~baselines",
        "router.k=1,5",
        "seed=range(1,3)",
        "dataset.path='it is'",
        "+x={a: 1}",
        # Only their author knows what was meant.
        "router.name='knn",
        "runs=[a,'b]",
        "router.k=[1",
        "josé=5",
        "knn",
    ],
)
def test_what_hydra_reads_and_what_nothing_helps_stays_as_it_is(word: str) -> None:
    assert as_override(word) == word


def test_lists_and_several_values_are_quoted_one_by_one() -> None:
    assert read(as_override("runs=[~/a,b,O'Brien]")) == ["~/a", "b", "O'Brien"]
    assert read(as_override("dataset.path=~/a,é", sweeps=True)) == ["'~/a'", "'é'"]
    # Without a sweep a comma is a part of a name.
    assert read(as_override("dataset.path=~/a,b")) == "~/a,b"


def test_a_folder_of_hydra_may_be_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/zoë")
    assert read(as_override("hydra.run.dir=~/a")) == "/home/zoë/a"


def test_a_quoted_value_survives_a_shell() -> None:
    (word,) = shlex.split(how_to_quote('dataset.path=it\'s "a" b,c'))
    assert read(word) == 'it\'s "a" b,c'


def test_the_home_folder_stands_for_a_tilde_wherever_a_value_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files = ["dataset=files", "dataset.test_path='~'", "experts.adapters='~/adapters'"]
    settings = compose_settings("run", [*files, "dataset.path='~/data'", "router.name='~x'"])
    assert settings.dataset.path == f"{tmp_path}/data"
    assert settings.dataset.test_path == str(tmp_path)
    assert settings.experts.adapters == f"{tmp_path}/adapters"
    assert settings.router.name == "~x"
    report = compose_settings("report", ["runs=['~/a','b~/c']"])
    assert report.runs == [f"{tmp_path}/a", "b~/c"]
