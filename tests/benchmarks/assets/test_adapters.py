"""Versions of adapters: which there are, which is in use, and what is never half there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.assets.adapters import CARD, CURRENT, WEIGHTS, Adapters
from benchmarks.errors import BadInput
from common.files import sha256_file
from common.lora import CONFIG
from tests.benchmarks.helpers import add_adapter, environment, json_file

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def own(tmp_path: Path, packaged: Path) -> Path:
    """The user's folder."""
    return tmp_path / "adapters"


def names(folder: Path, domain: str = "car") -> list[str]:
    return [version.name for version in Adapters(folder).versions("local", domain)]


def current(folder: Path, domain: str = "car") -> str | None:
    version = Adapters(folder).current("local", domain)
    return version.name if version else None


def test_a_new_version_is_numbered_described_and_current(own: Path) -> None:
    for number in (1, 2):
        version = add_adapter(own, "car", train_ids=("car-1",))
        assert version.name == f"v{number}"
        assert version.folder == own / "local" / "car" / version.name
        assert Adapters(own).current("local", "car") == version
    card = json_file(version.folder / CARD)
    assert card == version.card
    identity = {key: card[key] for key in ("card_version", "experts", "domain", "version")}
    assert identity == {"card_version": 1, "experts": "local", "domain": "car", "version": "v2"}
    assert card["data"] == {"train_ids": ["car-1"]}
    assert card["adapter_sha256"] == version.sha256 == sha256_file(version.folder / WEIGHTS)


def test_versions_are_sorted_by_number(own: Path) -> None:
    for _ in range(10):
        add_adapter(own, "car")
    assert names(own) == [f"v{number}" for number in range(1, 11)]
    assert current(own) == "v10"
    assert add_adapter(own, "car").name == "v11"


def test_experts_and_domains_are_apart(own: Path) -> None:
    add_adapter(own, "car")
    add_adapter(own, "car")
    add_adapter(own, "sleep")
    add_adapter(own, "car", experts="llama_phi")
    Adapters(own).use("local", "car", "v1")
    adapters = Adapters(own)
    assert adapters.experts() == ["llama_phi", "local"]
    assert adapters.domains("local") == ["car", "sleep"]
    assert adapters.domains("llama_phi") == ["car"]
    assert (current(own), current(own, "sleep")) == ("v1", "v1")
    assert names(own, "sleep") == ["v1"]
    found = adapters.current("llama_phi", "car")
    assert found is not None
    assert found.experts == "llama_phi"


def test_those_of_the_product_are_under_the_users(own: Path, packaged: Path) -> None:
    shipped = add_adapter(packaged, "car")
    assert Adapters(own).current("local", "car") == shipped
    trained = add_adapter(own, "car")
    assert (trained.name, trained.folder.parent) == ("v2", own / "local" / "car")
    assert names(own) == ["v1", "v2"]
    assert current(own) == "v2"
    # The user's choice is the user's: it is written in the user's folder alone.
    Adapters(own).use("local", "car", "v1")
    back = Adapters(own).current("local", "car")
    assert back == shipped
    assert not (packaged / "local" / "car" / CURRENT).exists()
    assert current(packaged) == "v1"


def test_the_product_can_train_its_own(packaged: Path) -> None:
    # `train experts.adapters=experts/adapters`: one layer, not the same one twice.
    assert add_adapter(packaged, "car").folder == packaged / "local" / "car" / "v1"
    assert add_adapter(packaged, "car").name == "v2"
    assert names(packaged) == ["v1", "v2"]


@pytest.mark.parametrize("call", ["get", "use"])
def test_an_unknown_version_names_those_there_are(own: Path, call: str) -> None:
    for _ in range(2):
        add_adapter(own, "car")
    with pytest.raises(BadInput) as caught:
        getattr(Adapters(own), call)("local", "car", "v9")
    assert str(caught.value) == "domain 'car' of experts=local has no version v9; there is: v1, v2"
    with pytest.raises(BadInput, match="has no version v1; there is: none"):
        getattr(Adapters(own), call)("local", "legal", "v1")
    assert current(own) == "v2"
    assert not (own / "local" / "legal").exists()


def test_a_chosen_version_that_is_gone_is_not_replaced_in_silence(own: Path) -> None:
    add_adapter(own, "car")
    version = add_adapter(own, "car")
    Adapters(own).use("local", "car", "v2")
    version.folder.rename(own / "elsewhere")
    with pytest.raises(BadInput, match="has no version v2; there is: v1"):
        Adapters(own).current("local", "car")
    assert Adapters(own).use("local", "car", "v1").name == "v1"
    assert current(own) == "v1"


def test_settings_that_are_not_those_of_the_card_are_refused(own: Path) -> None:
    def build(folder: Path) -> dict[str, Any]:
        (folder / WEIGHTS).write_bytes(b"weights")
        (folder / CONFIG).write_text('{"lora_alpha": 16}')
        return {}

    version = Adapters(own).add("local", "car", build)
    assert Adapters(own).get("local", "car", "v1") == version
    (version.folder / CONFIG).write_text('{"lora_alpha": 61}')
    with pytest.raises(BadInput, match=f"{CONFIG} is not what its card says"):
        Adapters(own).get("local", "car", "v1")


def test_weights_that_are_not_those_of_the_card_are_refused(own: Path) -> None:
    version = add_adapter(own, "car")
    (version.folder / WEIGHTS).write_bytes(b"other")
    for call in (
        lambda adapters: adapters.get("local", "car", "v1"),
        lambda adapters: adapters.current("local", "car"),
        lambda adapters: adapters.use("local", "car", "v1"),
    ):
        with pytest.raises(BadInput) as caught:
            call(Adapters(own))
        assert str(caught.value) == f"{version.folder / WEIGHTS} is not what its card says; train it again"
    # Listing reads cards alone.
    assert names(own) == ["v1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"card_version": 1, "adapt', "cannot be read"),
        ("[]", "does not hold a JSON object"),
        ('{"card_version": 2, "adapter_sha256": "aa"}', "not the card of an adapter"),
    ],
)
def test_an_unreadable_card_is_named(own: Path, content: str | None, said: str) -> None:
    path = add_adapter(own, "car").folder / CARD
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=said) as caught:
        Adapters(own).current("local", "car")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", ['{"version": ', "[]", "{}"])
def test_an_unreadable_choice_is_named(own: Path, content: str) -> None:
    add_adapter(own, "car")
    (own / "local" / "car" / CURRENT).write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=CURRENT):
        Adapters(own).current("local", "car")


@pytest.mark.parametrize("failure", [RuntimeError("the trainer broke"), KeyboardInterrupt()])
def test_a_training_that_fails_leaves_everything_as_it_was(own: Path, failure: BaseException) -> None:
    add_adapter(own, "car")
    Adapters(own).use("local", "car", "v1")
    before = sorted(own.rglob("*"))

    def build(folder: Path) -> dict[str, Any]:
        (folder / WEIGHTS).write_bytes(b"half")
        raise failure

    with pytest.raises(type(failure)):
        Adapters(own).add("local", "car", build)
    assert sorted(own.rglob("*")) == before
    assert current(own) == "v1"


def test_a_version_appears_when_it_is_whole(own: Path) -> None:
    add_adapter(own, "car")

    def build(folder: Path) -> dict[str, Any]:
        (folder / WEIGHTS).write_bytes(b"whole")
        # Another process that looks meanwhile.
        assert names(own) == ["v1"]
        assert current(own) == "v1"
        return {}

    assert Adapters(own).add("local", "car", build).name == "v2"
    assert current(own) == "v2"


def test_two_trainings_at_once_are_two_versions(own: Path) -> None:
    def build(folder: Path) -> dict[str, Any]:
        # Training takes minutes; meanwhile another one, in another terminal, is done.
        add_adapter(own, "car", train_ids=("car-1",))
        (folder / WEIGHTS).write_bytes(b"whole")
        return {"data": {"train_ids": ["car-2"]}}

    Adapters(own).add("local", "car", build)
    versions = Adapters(own).versions("local", "car")
    assert sorted(version.card["data"]["train_ids"][0] for version in versions) == ["car-1", "car-2"]


KILLED = """
import os, signal, sys
from pathlib import Path
from benchmarks.assets.adapters import WEIGHTS, Adapters

def build(folder):
    (folder / WEIGHTS).write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

Adapters(Path(sys.argv[1])).add("local", "car", build)
"""


@pytest.mark.process
def test_a_killed_training_adds_no_version(own: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(own)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    # The real packaged ones do not show through: the folder in their place is empty.
    assert names(own) == []
    assert current(own) is None
    version = add_adapter(own, "car")
    assert json.loads((version.folder / CARD).read_text(encoding="utf-8"))["version"] == version.name == "v1"
