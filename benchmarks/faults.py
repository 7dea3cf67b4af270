"""Faults of the machine, such as a full disk, as one sentence that says what to do next."""

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common.files import cache_dir

_FULL = {errno.ENOSPC, errno.EDQUOT}
# Of the machine as well; anything else that a system call refuses may be a bug.
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
# Libraries in Rust and C++ raise errors of their own; NumPy and SQLite do not give the system's number.
_FULL_IN_WORDS = re.compile(
    r"No space left on device|Disk quota exceeded|\d+ requested and \d+ written|database or disk is full"
)
_TOO_LARGE_IN_WORDS = re.compile(r"File too large")
_OUT_OF_MEMORY_IN_WORDS = re.compile(r"not enough memory|Cannot allocate memory|out of memory|bad_alloc")

# Advice where memory ran out.
LESS_MEMORY = "close other programs, or take fewer questions or a smaller model"


def fault(error: BaseException) -> str | None:
    """A sentence on the fault of the machine that `error` comes from; None where there is none."""
    for cause in _chain(error):
        number = cause.errno if isinstance(cause, OSError) else None
        text = _one_line(cause)
        place = f"{cause.filename}: " if isinstance(cause, OSError) and cause.filename else ""
        if number in _FULL or _FULL_IN_WORDS.search(text):
            return f"{place}the disk is full; {_free()}"
        if number == errno.EFBIG or _TOO_LARGE_IN_WORDS.search(text):
            return f"{place}a file would be larger than may be written here; raise the limit (ulimit -f)"
        if isinstance(cause, MemoryError) or number == errno.ENOMEM or _OUT_OF_MEMORY_IN_WORDS.search(text):
            said = f" ({text})" if text else ""
            return f"memory ran out{said}; {LESS_MEMORY}"
        if number in _REFUSED and isinstance(cause, OSError):
            return f"{place}{cause.strerror}"
        if str(getattr(cause, "sqlite_errorname", "")).startswith(("SQLITE_IOERR", "SQLITE_READONLY")):
            return f"a database in {cache_dir()} cannot be written ({text}); {_free()}"
    return None


def _free() -> str:
    """Free space of the disks that commands write to, and how to write elsewhere."""
    places = {"results": Path.cwd(), "the cache": cache_dir(), "temporary files": Path(tempfile.gettempdir())}
    free = {f"{what} in {place}": shutil.disk_usage(_there(place)).free for what, place in places.items()}
    if stat.S_ISREG(os.fstat(1).st_mode):
        disk = os.fstatvfs(1)
        free["standard output"] = disk.f_bavail * disk.f_frsize
    listed = ", ".join(f"{what}: {size / 1e6:,.0f} MB" for what, size in free.items())
    return (
        f"free for {listed}; make room, or write elsewhere: ROUTER_DERBY_CACHE=DIR moves the cache and "
        "TMPDIR=DIR temporary files"
    )


def _there(place: Path) -> Path:
    """The folder, or the one that it would be made in."""
    return next(folder for folder in (place, *place.absolute().parents) if folder.is_dir())


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it was raised from or while handling."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
