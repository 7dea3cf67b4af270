"""Downloads that fail: exit code 2, one line that says what to do, and nothing half left in use."""

import hashlib
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.benchmarks.helpers import command, environment, started
from tests.hub.conftest import GRANTED, STRANGER, Done, Files, Machine, publish, refusal
from tests.hub.models import BGE_BASE, LLAMA, PHI, Named
from tests.hub.server import Fault, Hub, xorb

pytestmark = pytest.mark.process

WEIGHTS = "model.safetensors"
INSTEAD = "weights=packaged needs no account and no network"


@pytest.fixture
def arguments(qna: Path) -> list[str]:
    """A command that downloads bge-base and then is quickly done."""
    data = ["dataset=files", f"dataset.path={qna}"]
    return ["ask", "Is it the brakes?", "router=knn", "weights=hub", *data, "experts=none"]


@pytest.fixture(params=[False, True], ids=["http", "xet"])
def bge(request: pytest.FixtureRequest, hub: Hub, encoder_files: dict[Named, Files]) -> Files:
    """Files of bge-base, published in each of the two ways in which the hub keeps large files."""
    publish(hub, {BGE_BASE: encoder_files[BGE_BASE]}, xet=request.param)
    return encoder_files[BGE_BASE]


def downloading(hub: Hub, machine: Machine) -> Callable[..., Done]:
    """The way to run a command that downloads bge-base: Xet's client needs a process."""
    return machine.derby if hub.repositories["models", BGE_BASE.path].xet else machine.here


@pytest.fixture
def training(qna: Path) -> list[str]:
    return ["train", "experts=llama_phi", "weights=hub", "dataset=files", f"dataset.path={qna}"]


def test_gated_without_a_token(
    hub: Hub, machine: Machine, training: list[str], expert_files: dict[Named, Files]
) -> None:
    publish(hub, expert_files)
    assert refusal(machine.here(hub, *training)) == (
        f"{LLAMA.path} is gated: accept its conditions at {hub.url}/{LLAMA.path}, then log in with "
        f"`hf auth login` or HF_TOKEN=…; {INSTEAD}"
    )
    assert hub.paths("storage") == []
    assert not (machine.cwd / "adapters").exists()


def test_gated_with_the_token_of_a_stranger(
    hub: Hub, machine: Machine, training: list[str], expert_files: dict[Named, Files]
) -> None:
    publish(hub, expert_files)
    assert refusal(machine.here(hub, *training, HF_TOKEN=STRANGER)) == (
        f"{LLAMA.path} is gated, and the account of your token has no access to it: accept its conditions at "
        f"{hub.url}/{LLAMA.path} and wait until its owners agree; {INSTEAD}"
    )


def test_a_token_that_nobody_knows(
    hub: Hub, machine: Machine, training: list[str], expert_files: dict[Named, Files]
) -> None:
    publish(hub, expert_files)
    assert refusal(machine.here(hub, *training, HF_TOKEN="hf_expired")) == (
        "the hub does not know your token (Invalid credentials in Authorization header): log in again with "
        "`hf auth login`, or unset HF_TOKEN"
    )


def test_a_name_that_the_hub_does_not_know(hub: Hub, machine: Machine, arguments: list[str]) -> None:
    assert refusal(machine.here(hub, *arguments)) == (
        f"{BGE_BASE.path} is not on the Hugging Face hub, or private: check {hub.url}/{BGE_BASE.path}, and "
        f"for a private one log in with `hf auth login`; {INSTEAD}"
    )


@pytest.mark.parametrize("bge", [False], indirect=True)
@pytest.mark.usefixtures("bge")
def test_a_revision_that_is_not_there(hub: Hub, machine: Machine, arguments: list[str]) -> None:
    revision = "f" * 40
    assert refusal(machine.here(hub, *arguments, f"encoder.model.revision={revision}")) == (
        f"{BGE_BASE.path} has no revision {revision}: revision beside its path is null for the newest, or "
        f"one of {hub.url}/{BGE_BASE.path}/commits/main"
    )


@pytest.mark.parametrize("bge", [False], indirect=True)
@pytest.mark.usefixtures("bge")
def test_no_network(hub: Hub, machine: Machine, arguments: list[str]) -> None:
    cache = machine.home / "hub"
    assert refusal(machine.here(hub, *arguments, HF_HUB_OFFLINE="1")) == (
        f"{BGE_BASE.path} is not in the hub's cache {cache}, or only in part, and HF_HUB_OFFLINE is set: "
        f"without it the rest is downloaded; {INSTEAD}"
    )
    closed = "http://127.0.0.1:9"
    # A commit is asked for again and again, for half a minute.
    newest = [*arguments, "encoder.model.revision=null"]
    assert refusal(machine.here(hub, *newest, HF_ENDPOINT=closed)) == (
        f"{BGE_BASE.path} is not in the hub's cache {cache}, or only in part, and {closed} cannot be reached "
        f"(ConnectError); {INSTEAD}"
    )
    assert hub.asked == []
    hub.status = 503
    assert refusal(machine.here(hub, *newest)) == (
        f"the hub answers 503 for {BGE_BASE.path} (the hub is ill): try again later; {INSTEAD}"
    )


def test_a_connection_that_is_cut(hub: Hub, machine: Machine, arguments: list[str], bge: Files) -> None:
    hub.faults[WEIGHTS] = Fault(cut=len(bge[WEIGHTS]) // 2)
    said = refusal(downloading(hub, machine)(hub, *arguments))
    assert said.startswith(f"the download of {BGE_BASE.path} from {hub.url}/{BGE_BASE.path} broke off (")
    assert said.endswith(f"; whole files are kept, run this again for the rest; {INSTEAD}")
    assert "Signature" not in said
    assert machine.unfinished() == []
    there = machine.snapshot(BGE_BASE)
    assert not (there / WEIGHTS).exists()
    assert (there / "tokenizer.json").read_bytes() == bge["tokenizer.json"]
    # What is whole is not used as if it were all.
    assert "or only in part" in refusal(machine.here(hub, *arguments, HF_HUB_OFFLINE="1"))

    hub.faults.clear()
    hub.asked.clear()
    done = downloading(hub, machine)(hub, *arguments)
    assert done.returncode == 0, done.stderr
    assert (there / WEIGHTS).read_bytes() == bge[WEIGHTS]
    assert [path for path in hub.paths("hub", "HEAD") if "/resolve/" in path and WEIGHTS not in path] == []


def test_a_file_with_other_bytes_than_announced(
    hub: Hub, machine: Machine, arguments: list[str], bge: Files
) -> None:
    xet = hub.repositories["models", BGE_BASE.path].xet
    other = bytes(len(bge[WEIGHTS]))
    hub.faults[WEIGHTS] = Fault(instead=xorb(other) if xet else other)
    announced = hashlib.sha256(bge[WEIGHTS]).hexdigest()
    assert refusal(downloading(hub, machine)(hub, *arguments)) == (
        f"{WEIGHTS} of {BGE_BASE.path} has other bytes than the hub announced (SHA-256 {announced}); it was "
        "deleted, run this again to download it once more"
    )
    hub.faults.clear()
    done = downloading(hub, machine)(hub, *arguments)
    assert done.returncode == 0, done.stderr
    weights = machine.snapshot(BGE_BASE) / WEIGHTS
    assert weights.read_bytes() == bge[WEIGHTS]

    # So is one that a disk has changed since.
    kept = weights.resolve()
    kept.chmod(0o644)
    kept.write_bytes(other)
    assert "has other bytes than the hub announced" in refusal(
        machine.here(hub, *arguments, HF_HUB_OFFLINE="1")
    )


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """A file system of that size at `folder`; skips the test where none may be mounted."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(hub: Hub, machine: Machine, arguments: list[str], bge: Files) -> None:
    cache = machine.home / "hub"
    with small_disk(machine.home, (sum(map(len, bge.values())) - len(bge[WEIGHTS]) // 2) // 1024):
        said = refusal(machine.derby(hub, *arguments))
        assert said.startswith(
            f"{BGE_BASE.path} cannot be written to the hub's cache {cache}: No space left on device, "
        )
        assert said.endswith(" MB are free; make room, or move that cache with HF_HOME=FOLDER")
        assert machine.unfinished() == []
        assert not (machine.snapshot(BGE_BASE) / WEIGHTS).exists()
        # The advice is good.
        elsewhere = str(machine.home.with_name("roomy"))
        done = downloading(hub, machine)(hub, *arguments, HF_HOME=elsewhere)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("bge", [False], indirect=True)
def test_a_file_larger_than_the_user_may_write(
    hub: Hub, machine: Machine, arguments: list[str], bge: Files
) -> None:
    most = len(bge[WEIGHTS]) // 2

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done: Done = subprocess.run(
        command(*arguments),
        cwd=machine.cwd,
        env=environment(**machine.variables(hub)),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )
    assert refusal(done) == (
        f"{BGE_BASE.path} cannot be written to the hub's cache {machine.home / 'hub'}: File too large; make "
        "room, or move that cache with HF_HOME=FOLDER"
    )
    assert machine.unfinished() == []


@pytest.mark.parametrize("bge", [False], indirect=True)
def test_a_hub_that_falls_silent(hub: Hub, machine: Machine, arguments: list[str], bge: Files) -> None:
    hub.faults[WEIGHTS] = Fault(held=True)
    said = refusal(machine.here(hub, *arguments, HF_HUB_DOWNLOAD_TIMEOUT="1"))
    assert said.startswith(f"the download of {BGE_BASE.path} from {hub.url}/{BGE_BASE.path} broke off (")
    assert machine.unfinished() == []


@pytest.mark.parametrize("bge", [False], indirect=True)
def test_a_process_killed_in_the_middle(hub: Hub, machine: Machine, arguments: list[str], bge: Files) -> None:
    hub.faults[WEIGHTS] = Fault(held=True)
    process = subprocess.Popen(
        command(*arguments),
        cwd=machine.cwd,
        env=environment(**machine.variables(hub)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert hub.held.wait()
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    hub.faults.clear()
    done = machine.here(hub, *arguments)
    assert done.returncode == 0, done.stderr
    assert (machine.snapshot(BGE_BASE) / WEIGHTS).read_bytes() == bge[WEIGHTS]


@pytest.mark.signals
@pytest.mark.parametrize("bge", [False, True], indirect=True)
@pytest.mark.usefixtures("bge")
def test_an_interrupt_is_heard_at_once(hub: Hub, machine: Machine, arguments: list[str]) -> None:
    hub.faults[WEIGHTS] = Fault(held=True)
    # The file would be waited for until the hub ends.
    with started(*arguments, cwd=machine.cwd, **machine.variables(hub)) as process:
        assert hub.held.wait()
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate()
    lines = [line for line in errors.splitlines() if not line.startswith("downloading ")]
    assert (process.returncode, output, lines) == (-signal.SIGINT, "", ["interrupted"])
    assert not hub.closing.is_set()
    assert len(hub.paths("storage")) in (1, 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root could not mount either")
def test_the_small_disk_is_small(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16), pytest.raises(OSError, match="No space left"):
        (tmp_path / "disk" / "file").write_bytes(bytes(100_000))


def test_parts_of_the_second_expert_break_off(
    hub: Hub, machine: Machine, training: list[str], expert_files: dict[Named, Files]
) -> None:
    publish(hub, expert_files)
    part = "model-00005-of-00006.safetensors"
    hub.faults[part] = Fault(cut=10)
    said = refusal(machine.here(hub, *training, HF_TOKEN=GRANTED))
    assert said.startswith(f"the download of {PHI.path} from {hub.url}/{PHI.path} broke off (")
    # Nothing was trained on the half that was there.
    assert not (machine.cwd / "adapters").exists()
    there = {path.name for path in machine.snapshot(PHI).iterdir()}
    assert part not in there
