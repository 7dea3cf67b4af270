"""Environments made by pip from a folder of wheels: whole, or not at all."""

import os
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from benchmarks.assets.environments import make
from benchmarks.errors import BadInput
from common.files import digest
from common.progress import Event, listening
from routers.environment import Environment

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one package, which is all that pip finds, and a cache of the test's own."""
    folder = tmp_path / "wheels"
    write_wheel(folder, "tiny-words", "1.0")
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_CONFIG_FILE": os.devnull,
        "ROUTER_DERBY_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    return folder


def write_wheel(folder: Path, name: str, version: str) -> None:
    """A package with one module, `VERSION` in it."""
    folder.mkdir(exist_ok=True)
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    with ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{module}.py", f"VERSION = '{version}'\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def pinned(folder: Path, text: str) -> Environment:
    path = folder / "requirements.txt"
    path.write_text(text, encoding="utf-8")
    return Environment("tiny", path)


def test_it_has_what_is_pinned_and_is_made_once(tmp_path: Path) -> None:
    environment = pinned(tmp_path, "# One package.\ntiny-words==1.0\n")
    assert environment.pins == {"tiny-words": "1.0"}
    assert not environment.is_made
    # As if killed in the middle.
    (environment.folder / "lib").mkdir(parents=True)
    (environment.folder / "lib" / "left_over").touch()
    assert not environment.is_made
    told: list[Event] = []
    with listening(told.append):
        make(environment)
    assert environment.is_made
    assert not (environment.folder / "lib" / "left_over").exists()
    assert [(event.what, event.total) for event in told] == [
        ("tiny_words-1.0-py3-none-any.whl", 1),
        ("unpacking 1 packages", 1),
    ]
    command = [str(environment.python), "-c", "import tiny_words, sys; print(tiny_words.VERSION, sys.prefix)"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert done.stdout.split() == ["1.0", str(environment.folder)]
    before = sorted(environment.folder.rglob("*"))
    assert make(environment) < 1e9
    assert sorted(environment.folder.rglob("*")) == before
    # Another pin is another environment; a comment is not.
    assert pinned(tmp_path, "tiny-words==1.0  # the same\n").is_made
    assert not pinned(tmp_path, "tiny-words==2.0\n").is_made
    (environment.python).unlink()
    assert not pinned(tmp_path, "tiny-words==1.0\n").is_made


def test_what_pip_cannot_install_leaves_nothing(tmp_path: Path) -> None:
    environment = pinned(tmp_path, "tiny-words==2.0\n")
    with pytest.raises(
        BadInput, match=r"tiny: pip could not install .*txt and says ERROR: .*tiny-words==2\.0"
    ):
        make(environment)
    assert list((tmp_path / "cache" / "environments").iterdir()) == []


def test_the_name_of_its_folder_is_a_digest_of_its_pins(tmp_path: Path) -> None:
    environment = pinned(tmp_path, "b==1\na==2\n")
    assert environment.folder.parent == tmp_path / "cache" / "environments"
    assert environment.folder == pinned(tmp_path, "a==2\nb==1\n").folder
    assert environment.folder.name.startswith("tiny-")
    assert len(environment.folder.name) == len("tiny-") + 12 < len(digest({}))
