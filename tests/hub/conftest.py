"""The hub with every model and data set that the configuration names, and the real command line on it."""

import json
import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import reload
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from tests.benchmarks.helpers import derby, in_process
from tests.conftest import write_qna
from tests.hub.models import (
    BGE_BASE,
    BGE_SMALL,
    LLAMA,
    MINILM,
    PHI,
    TINYLLAMA,
    Named,
    files_in,
    write_llama,
    write_phi,
)
from tests.hub.server import Hub, served

Done = subprocess.CompletedProcess[str]
Files = dict[str, bytes]
# An account that Meta has granted access, and one that has asked nobody.
GRANTED, STRANGER = "hf_granted", "hf_stranger"


@pytest.fixture(scope="session")
def encoder_files(tiny_bert: Callable[..., str]) -> dict[Named, Files]:
    return {
        BGE_BASE: files_in(tiny_bert("cls", seed=1)),
        BGE_SMALL: files_in(tiny_bert("cls", seed=2)),
        MINILM: files_in(tiny_bert("mean", seed=3)),
    }


@pytest.fixture(scope="session")
def classifier_files(tiny_llama: str) -> dict[Named, Files]:
    return {TINYLLAMA: files_in(tiny_llama)}


@pytest.fixture(scope="session")
def expert_files(tmp_path_factory: pytest.TempPathFactory) -> dict[Named, Files]:
    found = {}
    for model, write in ((LLAMA, write_llama), (PHI, write_phi)):
        folder = tmp_path_factory.mktemp("expert")
        write(folder)
        found[model] = files_in(folder)
    return found


@pytest.fixture
def hub() -> Iterator[Hub]:
    """An empty hub of the test's own."""
    with served(Hub(tokens={GRANTED: {LLAMA.path}, STRANGER: set()})) as running:
        yield running


def publish(hub: Hub, models: dict[Named, Files], **settings: Any) -> None:
    """Publish models under their names and commits; Llama is gated, as the real one is."""
    for model, files in models.items():
        hub.add(model.path, model.revision, files, gated=model == LLAMA, **settings)


@pytest.fixture(scope="session")
def qna(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set with answers: read only."""
    return write_qna(tmp_path_factory.mktemp("data") / "qna")


@contextmanager
def read_anew(variables: Mapping[str, str]) -> Iterator[None]:
    """Let the hub's library read these variables as when it is imported, and try again without a pause."""
    from huggingface_hub import close_session, constants, file_download

    log, to_stderr = logging.getLogger("huggingface_hub"), logging.lastResort
    assert to_stderr is not None
    hurried = SimpleNamespace(**{**vars(time), "sleep": lambda _: None})
    # Its own handler writes to what was standard error when the library was imported.
    log.addHandler(to_stderr)
    try:
        with patch.dict(os.environ, variables), patch.object(file_download, "time", hurried):
            reload(constants)
            yield
    finally:
        log.removeHandler(to_stderr)
        close_session()
        reload(constants)


class Machine:
    """A computer with an empty hub cache, and the command line on it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "hf"
        self.cwd = folder / "cwd"
        self.cwd.mkdir(parents=True)

    def variables(self, hub: Hub) -> dict[str, str]:
        """Environment variables of a user who is online."""
        return {"HF_ENDPOINT": hub.url, "HF_HOME": str(self.home), "HF_HUB_OFFLINE": "0"}

    def derby(self, hub: Hub, *arguments: str, **changes: str) -> Done:
        """Run a command as a process; unless `changes` say so, online and without a token."""
        # Three tries of Xet's client instead of minutes.
        few = {"HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "2", "HF_XET_CLIENT_RETRY_BASE_DELAY": "10ms"}
        return derby(*arguments, cwd=self.cwd, **self.variables(hub) | few | changes)

    def here(self, hub: Hub, *arguments: str, **changes: str) -> Done:
        """Run it in this process, which is quicker; not for Xet's client, which reads its settings once."""
        variables = self.variables(hub) | changes
        with read_anew(variables):
            return in_process(*arguments, cwd=self.cwd, **variables)

    def snapshot(self, model: Named) -> Path:
        return self.home / "hub" / f"models--{model.path.replace('/', '--')}" / "snapshots" / model.revision

    def unfinished(self) -> list[Path]:
        """Files of the hub's cache that were begun and not finished."""
        return list(self.home.rglob("*.incomplete"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


def refusal(done: Done) -> str:
    """The one line with which a command ended that the user can put right; a slow one tells how far it is."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("downloading ")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0].removeprefix("error: ")


def record_of(machine: Machine) -> dict[str, Any]:
    """Record of the machine's newest run."""
    folder = max(path for path in (machine.cwd / "outputs" / "run").iterdir() if path.name[0] != ".")
    found: dict[str, Any] = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    return found
