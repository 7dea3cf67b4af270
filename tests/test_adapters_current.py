"""The adapters in the repository are those that today's data, recipe and code would train."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.answers.train import fingerprint
from benchmarks.assets.adapters import WEIGHTS, Adapters, Version
from benchmarks.assets.packages import package_dir
from benchmarks.config import compose_settings
from benchmarks.datasets.load import load_dataset
from benchmarks.settings import Train

PACKAGED = Path(package_dir("experts", "adapters"))
DOMAINS = ("car", "sleep")
MB = 1_000_000
AGAIN = "python -m benchmarks train experts=local experts.adapters=experts/adapters"


@pytest.fixture(scope="module")
def settings() -> Train:
    """Those of `python -m benchmarks train` without another word."""
    found: Train = compose_settings("train")
    return found


def version(domain: str) -> Version:
    found = Adapters(PACKAGED).current("local", domain)
    assert found is not None, f"there is no adapter for {domain!r} in {PACKAGED}; train it with `{AGAIN}`"
    return found


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value:
            yield from texts(item)
            if isinstance(value, dict):
                yield from texts(value[item])


def test_there_is_one_for_each_domain_of_the_built_in_questions(settings: Train) -> None:
    assert tuple(load_dataset(settings.dataset).classes) == DOMAINS
    assert tuple(Adapters(PACKAGED).domains("local")) == DOMAINS


@pytest.mark.parametrize("domain", DOMAINS)
def test_it_matches_data_recipe_and_code(settings: Train, domain: str) -> None:
    trained = version(domain).card["fingerprint"]
    now = fingerprint(settings, load_dataset(settings.dataset), domain)
    differing = [part for part in now if trained.get(part) != now[part]]
    assert differing == [], (
        f"the {domain} adapter was trained with other {' and '.join(differing)} than there is now; "
        f"train it again with `{AGAIN} domains=[{domain}]` and commit the new version in place of the old"
    )


@pytest.mark.parametrize("domain", DOMAINS)
def test_it_was_trained_on_the_packaged_base_model(settings: Train, domain: str) -> None:
    assert settings.weights.name == "packaged"
    assert version(domain).card["base"]["sha256"] == settings.experts.models["default"].sha256


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_test_question_is_among_those_it_was_trained_on(settings: Train, domain: str) -> None:
    dataset = load_dataset(settings.dataset)
    trained_on = set(version(domain).card["data"]["train_ids"])
    assert trained_on <= {example.id for example in dataset.train if example.label == domain}
    assert trained_on.isdisjoint(example.id for example in dataset.test)
    assert len(trained_on) > 100


@pytest.mark.parametrize("domain", DOMAINS)
def test_training_made_it_better(domain: str) -> None:
    trained = version(domain).card["trained"]
    assert trained["validation_loss_after"] < trained["validation_loss_before"]


@pytest.mark.parametrize("domain", DOMAINS)
def test_its_weights_are_bfloat16(domain: str) -> None:
    from safetensors import safe_open

    with safe_open(version(domain).folder / WEIGHTS, "pt") as file:
        kinds = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 - no mapping
    assert kinds == {"BF16"}


@pytest.mark.parametrize("domain", DOMAINS)
def test_its_files_tell_nothing_of_the_machine_that_they_were_made_on(domain: str) -> None:
    files = sorted(version(domain).folder.glob("*.json"))
    assert {path.name for path in files} >= {"card.json", "adapter_config.json"}
    for path in files:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = [text for text in texts(content) if text.startswith(("/", "~", "file:", "C:\\"))]
        assert found == [], f"{path} holds a path"


def test_all_of_them_fit_into_the_repository() -> None:
    for domain in DOMAINS:
        version(domain)
    sizes = {path: path.stat().st_size for path in PACKAGED.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 8 * MB, f"{sum(sizes.values()) / MB:.1f} MB: {sorted(sizes, key=sizes.get)}"  # type: ignore[arg-type]


@pytest.mark.parametrize("domain", DOMAINS)
def test_git_does_not_ignore_them(domain: str) -> None:
    # An entry adapters/ for a user's own would hit them too. Without git there is nothing to ignore.
    path = version(domain).folder / WEIGHTS
    done = subprocess.run(
        ["git", "check-ignore", str(path)], cwd=path.parent, capture_output=True, check=False
    )
    assert done.returncode != 0
