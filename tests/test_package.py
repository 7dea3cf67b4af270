"""The wheel works from another folder: configuration and data are inside."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).resolve().parent.parent
# Committed records: for whoever has the repository, not for whoever installs.
COMMITTED = {ROOT / "reports" / "baselines", ROOT / "reports" / "league" / "results"}
PACKAGES = ("benchmarks", "common", "conf", "experts", "reports", "routers")
# pip builds the wheel.
pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of a copy of the source, so that the checkout stays as it is."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    # Without isolation nothing is downloaded, but then setuptools must know licence expressions.
    version = int(importlib.metadata.version("setuptools").split(".")[0])
    offline = ["--no-build-isolation"] if version >= 77 else []
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        *offline,
        "--wheel-dir",
        str(target),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def unzipped(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def python(unzipped: Path, cwd: Path, *arguments: str) -> str:
    """Run Python in another folder with the wheel's content before anything installed."""
    environment = {**os.environ, "PYTHONPATH": str(unzipped), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_and_data_file_is_inside_and_nothing_else(unzipped: Path) -> None:
    wanted = {
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not COMMITTED & {*path.parents}
    }
    inside = {path.relative_to(unzipped) for path in unzipped.rglob("*") if path.is_file()}
    assert {path for path in inside if not path.parts[0].endswith(".dist-info")} == wanted


def test_configuration_composes_from_another_folder(unzipped: Path, tmp_path: Path) -> None:
    text = python(
        unzipped, tmp_path, "-m", "benchmarks", "run", "--cfg", "job", "--resolve", "router=centroid"
    )
    config = OmegaConf.create(text)
    assert config.router.name == "centroid"
    assert Path(config.dataset.path) == unzipped / "benchmarks" / "datasets" / "car_sleep"
    assert list(tmp_path.iterdir()) == []


def test_the_data_set_loads_from_another_folder(unzipped: Path, tmp_path: Path) -> None:
    script = (
        "from benchmarks.assets.packages import package_dir\n"
        "from benchmarks.datasets.files import load\n"
        "import benchmarks\n"
        "path = package_dir('benchmarks', 'datasets/car_sleep')\n"
        "print(benchmarks.__file__, len(load('car_sleep', path).test) > 100, sep='\\n')\n"
    )
    origin, enough = python(unzipped, tmp_path, "-c", script).splitlines()
    assert Path(origin).is_relative_to(unzipped)
    assert enough == "True"


def test_an_installed_copy_claims_no_commit(unzipped: Path, tmp_path: Path) -> None:
    script = "from benchmarks.records.provenance import git_states; print(git_states()[0])"
    assert python(unzipped, tmp_path, "-c", script) == "Git(commit=None, dirty=None)\n"


def test_the_console_script_is_declared(unzipped: Path) -> None:
    (entry_points,) = unzipped.glob("*.dist-info/entry_points.txt")
    assert "derby = benchmarks.cli.main:main" in entry_points.read_text(encoding="utf-8")
    (metadata,) = unzipped.glob("*.dist-info/METADATA")
    assert "llama-cpp-python" not in metadata.read_text(encoding="utf-8").split("\n\n")[0]
