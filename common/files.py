"""Files that are whole or absent: the cache directory, atomic folders, checksums, JSON."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from common.errors import UserError

MANIFEST = "manifest.json"
# Ending of a folder that is not whole yet.
PART = ".part"


class NoRoom(UserError, OSError):
    """A disk with less free space than a file takes."""


def cache_dir() -> Path:
    """Folder for everything that can be rebuilt; `ROUTER_DERBY_CACHE` moves it."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("ROUTER_DERBY_CACHE")
    return Path(home_expanded(chosen)) if chosen else user_cache_path("router-derby")


def home_expanded(text: str) -> str:
    """The text, with the home folder of the user for a `~` that begins a path."""
    return os.path.expanduser(text) if text == "~" or text.startswith("~/") else text


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value`, keys in the order given; NaN is refused because it is not JSON."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def replace_json(path: Path, value: Any) -> None:
    """As `write_json`, but a kill leaves the file as it was or as it is to be."""
    work = path.with_name(f".{path.name}.new")
    write_json(work, value)
    work.replace(path)


def check_room(folder: Path, size: int, what: str) -> None:
    """Raises NoRoom, naming `what`, where the disk of an existing folder has fewer than `size` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise NoRoom(
            f"{what} takes {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free for {folder.parent}; "
            "make room, or set ROUTER_DERBY_CACHE to a folder on a larger disk"
        )


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_unchanged(path: Path) -> str:
    """`sha256_file`, computed once as long as the file's size and modification time stay the same."""
    status = path.stat()
    return _sha256_of_version(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256_of_version(path: Path, _size: int, _changed: int) -> str:
    return sha256_file(path)


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def atomic_dir(target: Path) -> Iterator[Path]:
    """Yield an empty sibling of `target` that takes its name, replacing it, when the block ends well.

    A block that raises, or is interrupted, leaves `target` as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent))
    try:
        work.chmod(0o755)
        yield work
        # Moved aside first: there is no moment in which a kill could lose both.
        aside = work.with_name(work.name + ".old")
        if target.exists():
            target.rename(aside)
        work.rename(target)
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def cached_dir(target: Path, build: Callable[[Path], None], *, say: Callable[[str], None]) -> Path:
    """Return `target`, built by `build(folder)` unless a whole and unchanged one is there.

    The manifest written beside the files holds their checksums; a folder that does not
    match it is rebuilt, and `say` is told. Of several processes one builds and the others wait.
    What a killed one left half built beside it is deleted before anything is built.
    """
    if _is_whole(target):
        return target
    _delete_left_behind(target.parent)
    with one_at_a_time(target, say):
        # Whoever was waited for has built it.
        if not _is_whole(target):
            _build(target, build, say)
    return target


def _is_whole(target: Path) -> bool:
    return (target / MANIFEST).exists() and _damaged_file(target) is None


@contextmanager
def one_at_a_time(target: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock on `target`, so that only one process builds it."""
    from filelock import FileLock, Timeout

    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_lock_file(target))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"waiting for another process that makes {target}")
        lock.acquire()
    try:
        yield
    finally:
        # While it is held: whoever waits then makes it anew.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _lock_file(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")


def _delete_left_behind(folder: Path) -> None:
    """Delete half built folders whose lock nobody holds: the process that built them was killed."""
    from filelock import FileLock, Timeout

    # `.NAME.RANDOM.part`; with `.old` behind it where the kill came while it took its name.
    for work in folder.glob(f".*.*{PART}*"):
        name = work.name.removeprefix(".").partition(PART)[0].rpartition(".")[0]
        with suppress(Timeout), FileLock(_lock_file(folder / name), timeout=0) as lock:
            shutil.rmtree(work, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)


def _build(target: Path, build: Callable[[Path], None], say: Callable[[str], None]) -> None:
    if (target / MANIFEST).exists():
        say(f"cached {target / str(_damaged_file(target))} is corrupt; rebuilding it")
    with atomic_dir(target) as work:
        build(work)
        files = sorted(path for path in work.rglob("*") if path.is_file())
        sums = {path.relative_to(work).as_posix(): sha256_file(path) for path in files}
        write_json(work / MANIFEST, sums)


def _damaged_file(folder: Path) -> str | None:
    """Name of a file that is not as the manifest says; None where all are.

    A file that was last changed, moved or replaced before the manifest was written is what it was then:
    hashing a model of half a gigabyte takes a second.
    """
    try:
        sums: dict[str, str] = read_json(folder / MANIFEST)
        written = (folder / MANIFEST).stat().st_ctime_ns
        for name, expected in sums.items():
            path = folder / name
            if not path.is_file():
                return name
            if path.stat().st_ctime_ns >= written and sha256_file(path) != expected:
                return name
    except (ValueError, AttributeError):
        return MANIFEST
    return None
