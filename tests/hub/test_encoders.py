"""Routers on full-size weights: from the hub once, checked, kept, and served again without a network."""

import hashlib
import os
import pty
import re
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.benchmarks.helpers import BASELINES, FAST, command, environment, without
from tests.hub.conftest import Done, Files, Machine, publish, record_of, refusal
from tests.hub.models import BGE_BASE, BGE_SMALL, MINILM, TINYLLAMA, UNWANTED, Named
from tests.hub.server import Hub, served

pytestmark = [pytest.mark.process, pytest.mark.slow]

QUESTION = "Is it the brakes?"


def weights_of(files: Files) -> str:
    return hashlib.sha256(files["model.safetensors"]).hexdigest()


def on(qna: Path, *settings: str) -> list[str]:
    return [*settings, "weights=hub", "dataset=files", f"dataset.path={qna}"]


def ask(qna: Path, *settings: str) -> list[str]:
    return ["ask", QUESTION, *on(qna, *settings), "experts=none"]


class Ran(NamedTuple):
    """A run with weights of the hub: on which machine, what it recorded, and what the hub was asked."""

    machine: Machine
    record: dict[str, Any]
    wanted: set[str]


def run(hub: Hub, machine: Machine, derby: Callable[..., Done], qna: Path, *settings: str) -> Ran:
    """Run by `machine.derby`, in processes, or by `machine.here`."""
    done = derby(hub, "run", *on(qna), "guard=off", *FAST, *without(*BASELINES), *settings)
    assert done.returncode == 0, done.stderr
    assert "%|" not in done.stderr
    wanted = {path.partition("/resolve/")[2].partition("/")[2] for path in hub.paths("hub", "HEAD")}
    return Ran(machine, record_of(machine), wanted - {""})


@pytest.fixture(scope="module")
def full_size(
    encoder_files: dict[Named, Files],
    classifier_files: dict[Named, Files],
) -> Iterator[Hub]:
    with served(Hub()) as running:
        # The small one as the real hub has them all, in Xet's storage.
        for model, files in encoder_files.items():
            publish(running, {model: files}, xet=model == BGE_SMALL)
        publish(running, classifier_files)
        yield running


def test_knn_on_bge_base(
    full_size: Hub, machine: Machine, qna: Path, encoder_files: dict[Named, Files]
) -> None:
    ran = run(full_size, machine, machine.derby, qna, "router=knn")
    files = encoder_files[BGE_BASE]
    assert ran.record["provenance"]["weights"]["configured"] == {BGE_BASE.path: weights_of(files)}
    assert ran.wanted == set(files) - set(UNWANTED)
    there = machine.snapshot(BGE_BASE)
    assert {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()} == ran.wanted
    assert machine.unfinished() == []

    # Everything is here: nothing is asked, with or without a hub.
    asked = len(full_size.asked)
    first = machine.here(full_size, *ask(qna, "router=knn"))
    assert first.returncode == 0, first.stderr
    offline = machine.derby(full_size, *ask(qna, "router=knn"), HF_HUB_OFFLINE="1")
    assert (offline.returncode, offline.stdout) == (0, first.stdout), offline.stderr
    kept = next((machine.cwd / "outputs" / "run").glob("[!.]*"))
    again = machine.here(full_size, "ask", QUESTION, f"run={kept}", HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert [one.path for one in full_size.asked[asked:]] == []


def test_the_hub_is_gone_the_second_time(
    machine: Machine, qna: Path, encoder_files: dict[Named, Files]
) -> None:
    arguments = ask(qna, "router=centroid", "encoder=bge_small")
    with served(Hub()) as hub:
        publish(hub, {BGE_SMALL: encoder_files[BGE_SMALL]}, xet=True)
        first = machine.derby(hub, *arguments)
        assert first.returncode == 0, first.stderr
        assert [path.split("/")[1] for path in hub.paths("storage")] == ["v2", "v1", "xorbs"]
    second = machine.here(hub, *arguments)
    assert (second.returncode, second.stdout) == (0, first.stdout), second.stderr
    # The newest commit cannot be known without a hub: the last one that was seen is taken.
    newest = machine.here(hub, *arguments, "encoder.model.revision=null")
    assert "cannot be reached (ConnectError)" in refusal(newest)


def test_the_newest_commit_when_none_is_named(
    machine: Machine, qna: Path, encoder_files: dict[Named, Files]
) -> None:
    arguments = ask(qna, "router=centroid", "encoder=bge_small", "encoder.model.revision=null")
    with served(Hub()) as hub:
        publish(hub, {BGE_SMALL: encoder_files[BGE_SMALL]})
        first = machine.here(hub, *arguments)
        assert first.returncode == 0, first.stderr
    second = machine.here(hub, *arguments)
    assert (second.returncode, second.stdout) == (0, first.stdout), second.stderr


def test_minilm_has_a_checksum_of_its_own(
    full_size: Hub, machine: Machine, qna: Path, encoder_files: dict[Named, Files]
) -> None:
    found = weights_of(encoder_files[MINILM])
    said = refusal(machine.here(full_size, *ask(qna, "router=centroid")))
    assert said == (
        f"{machine.snapshot(MINILM)}/model.safetensors has SHA-256 {found}, but "
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db is configured; not loading it "
        "(sha256=null beside its path if other weights are meant)"
    )
    done = machine.here(full_size, *ask(qna, "router=centroid", f"encoder.model.sha256={found}"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("domain: ")


def test_tinyllama(full_size: Hub, machine: Machine, qna: Path, classifier_files: dict[Named, Files]) -> None:
    quick = ("router.epochs=1", "measure.enabled=false")
    ran = run(full_size, machine, machine.here, qna, "router=tinyllama", *quick)
    files = classifier_files[TINYLLAMA]
    assert ran.record["provenance"]["weights"]["configured"] == {TINYLLAMA.path: weights_of(files)}
    assert set(ran.wanted) >= set(files) - set(UNWANTED)
    assert not {path.name for path in machine.home.rglob("*")} & set(UNWANTED)


def test_a_terminal_shows_how_far_it_is(full_size: Hub, machine: Machine, qna: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 160))
    # Refused for its checksum afterwards: what is looked at here is the download.
    process = subprocess.Popen(
        command(*ask(qna, "router=centroid")),
        cwd=machine.cwd,
        env=environment(**machine.variables(full_size), TERM="xterm"),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 4096):
            seen += part
    except OSError:
        # The other end is closed.
        pass
    os.close(ours)
    assert process.wait() == 2
    shown = seen.decode()
    assert f"downloading {MINILM.path}" in shown
    # Of how many MB depends on which files the hub's library begins with.
    assert re.search(r"([1-9]\d*)/\1(?!\d)", shown), shown
    # The hub's own bars stay in the way of what is printed next.
    assert "%|" not in shown
