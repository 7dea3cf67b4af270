"""The test hub answers huggingface_hub as the real one does."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.hub.server import CHUNK, SIGNATURE, Fault, Hub, served, xorb

COMMIT = "c" * 40
WEIGHTS = bytes(range(256)) * 4


@pytest.fixture
def hub() -> Iterator[Hub]:
    with served(Hub(tokens={"mine": {"o/gated"}, "other": set()})) as running:
        files = {"config.json": b"{}", "model.safetensors": WEIGHTS}
        running.add("o/open", COMMIT, files)
        running.add("o/gated", COMMIT, files, gated=True)
        yield running


def get(url: str, **headers: str) -> tuple[int, bytes]:
    try:
        with urlopen(Request(url, headers=headers)) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, (error.headers["X-Error-Code"] or "").encode()


def test_a_small_file_and_a_large_one_lead_to_their_bytes(hub: Hub) -> None:
    assert get(f"{hub.url}/o/open/resolve/main/config.json") == (200, b"{}")
    assert get(f"{hub.url}/o/open/resolve/{COMMIT}/model.safetensors") == (200, WEIGHTS)
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    assert hub.paths("storage") == [f"/{sha256}"]
    # An address of the storage is of use to nobody without its signature.
    assert get(f"{hub.storage_url}/{sha256}") == (403, b"")


def test_a_range_is_that_part(hub: Hub) -> None:
    url = f"{hub.url}/o/open/resolve/main/model.safetensors"
    assert get(url, Range="bytes=1000-") == (206, WEIGHTS[1000:])
    assert get(url, Range="bytes=10-19") == (206, WEIGHTS[10:20])


@pytest.mark.parametrize(
    ("path", "token", "expected"),
    [
        ("o/none/resolve/main/config.json", None, (401, b"RepoNotFound")),
        ("o/none/resolve/main/config.json", "mine", (404, b"RepoNotFound")),
        ("o/open/resolve/v2/config.json", None, (404, b"RevisionNotFound")),
        ("o/open/resolve/main/none.json", None, (404, b"EntryNotFound")),
        ("o/gated/resolve/main/config.json", None, (401, b"GatedRepo")),
        ("o/gated/resolve/main/config.json", "other", (403, b"GatedRepo")),
        ("o/gated/resolve/main/config.json", "mine", (200, b"{}")),
        ("o/open/resolve/main/config.json", "unknown", (401, b"")),
    ],
)
def test_who_may_read_what(hub: Hub, path: str, token: str | None, expected: tuple[int, bytes]) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert get(f"{hub.url}/{path}", **headers) == expected


def test_a_fault_is_of_one_file(hub: Hub) -> None:
    hub.faults["model.safetensors"] = Fault(status=503)
    assert get(f"{hub.url}/o/open/resolve/main/model.safetensors")[0] == 503
    assert get(f"{hub.url}/o/open/resolve/main/config.json")[0] == 200
    hub.faults["model.safetensors"] = Fault(instead=b"other")
    assert get(f"{hub.url}/o/open/resolve/main/model.safetensors") == (200, b"other")


def test_chunks_of_a_xorb_have_their_lengths() -> None:
    first, rest = b"\0\0\0\1\0\0\0\1", b"\0\3\0\0\0\3\0\0"
    assert xorb(bytes(CHUNK + 3)) == first + bytes(CHUNK) + rest + bytes(3)


@pytest.mark.process
@pytest.mark.parametrize("xet", [False, True])
def test_the_hubs_own_library_gets_the_same_bytes_both_ways(hub: Hub, tmp_path: Path, xet: bool) -> None:
    hub.add("o/both", COMMIT, {"a/config.json": b"[]", "model.safetensors": WEIGHTS * 500}, xet=xet)
    script = (
        "import sys; from huggingface_hub import snapshot_download; "
        "print(snapshot_download('o/both', revision=sys.argv[1]))"
    )
    own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0", "HF_TOKEN": "mine"}
    done = subprocess.run(
        [sys.executable, "-c", script, COMMIT],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    folder = Path(done.stdout.strip())
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS * 500
    assert (folder / "a" / "config.json").read_bytes() == b"[]"
    sha256 = hashlib.sha256(WEIGHTS * 500).hexdigest()
    assert hub.paths("storage")[-1] == (f"/xorbs/{sha256}" if xet else f"/{sha256}")
    # The user's token is for the hub alone.
    sent = {one.headers.get("authorization") for one in hub.asked if one.server == "storage"}
    assert "Bearer mine" not in sent
    assert SIGNATURE not in done.stdout + done.stderr
