"""`install`: what it lists, makes and refuses."""

from pathlib import Path

import pytest

from benchmarks.cli.main import VERBS
from routers.ready_made import ENTRIES, Entry
from tests.benchmarks.helpers import in_process

TINY = Path(__file__).parents[2] / "routers" / "contestant"


def test_the_list(tmp_path: Path) -> None:
    done = in_process("install", cwd=tmp_path, ROUTER_DERBY_CACHE=str(tmp_path / "cache"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    for name, entry in ENTRIES.items():
        state = ["cannot", "run"] if entry.cannot_run else ["not", "installed"]
        if not entry.cannot_run:
            assert lines[name] == [name, entry.package, entry.version, *state]
        else:
            assert f"{name} cannot run: {entry.cannot_run}" in done.stdout
    assert "install" in VERBS
    assert list(tmp_path.iterdir()) == []


def test_one_is_made_and_then_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENTRIES, "tiny", Entry("tiny", TINY))
    cache = {"ROUTER_DERBY_CACHE": str(tmp_path / "cache")}
    first, again = (in_process("install", "tiny", cwd=tmp_path, **cache) for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0)
    assert first.stdout.startswith("tiny: tiny")
    (made,) = (tmp_path / "cache" / "environments").iterdir()
    assert str(made) in first.stdout
    assert again.stdout == f"tiny: installed already, {made}\n"
    listed = in_process("install", cwd=tmp_path, **cache)
    assert ["tiny", "tiny", "installed"] in [line.split() for line in listed.stdout.splitlines()]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("sklearn", "nope"), "error: no contestant 'nope'; there is: semantic_router, setfit"),
        (("sklearn", "routellm_bert"), "error: routellm_bert cannot run: its weights"),
    ],
)
def test_nothing_is_made_where_one_name_is_wrong(
    names: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = in_process("install", *names, cwd=tmp_path, ROUTER_DERBY_CACHE=str(tmp_path / "cache"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert list(tmp_path.iterdir()) == []
