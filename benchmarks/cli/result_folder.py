"""A folder of results has its final name when it is whole, and is gone when it never will be."""

import errno
import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UNFINISHED = ".unfinished"


@contextmanager
def unfinished() -> Iterator[Path]:
    """Yield the folder of this Hydra job; nothing of it stays when the block raises.

    What takes long to import is imported inside the block: an interrupt may come then, too.
    """
    from hydra.core.hydra_config import HydraConfig

    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        yield folder
    except BaseException:
        _remove(folder)
        raise


def finish(folder: Path) -> Path:
    """Give a whole run its final name: the same path without `.unfinished` and the folder of its command."""
    if UNFINISHED not in folder.parts:
        return folder
    place = folder.parts.index(UNFINISHED)
    final = Path(*folder.parts[:place], *folder.parts[place + 2 :])
    for count in itertools.count(1):
        target = final if count == 1 else final.with_name(f"{final.name}-{count}")
        # A rename would take the place of an empty folder, and fails where another command was faster.
        if not target.exists():
            try:
                folder.rename(target)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                break
    remove_empty(folder.parent)
    return target


def _remove(folder: Path) -> None:
    """Leave nothing of a run that did not finish, unless the user chose where it goes."""
    if UNFINISHED in folder.parts:
        shutil.rmtree(folder, ignore_errors=True)
        remove_empty(folder.parent)


def remove_empty(folder: Path) -> None:
    """Remove a command's folder in `.unfinished`, and `.unfinished`, unless a job's folder is there."""
    with suppress(OSError):
        if not any(path.is_dir() for path in folder.iterdir()):
            # A sweep's.
            (folder / "multirun.yaml").unlink(missing_ok=True)
        folder.rmdir()
        folder.parent.rmdir()
