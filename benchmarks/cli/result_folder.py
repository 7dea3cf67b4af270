"""A folder of results has its final name when it is whole, and is gone when it never will be."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Give a whole run its final name: the same path without `.unfinished`."""
    target = final = Path(*(part for part in folder.parts if part != UNFINISHED))
    if final == folder:
        return folder
    count = 1
    while target.exists():
        count += 1
        target = final.with_name(f"{final.name}-{count}")
    folder.rename(target)
    remove_if_empty(folder.parent)
    return target


def _remove(folder: Path) -> None:
    """Leave nothing of a run that did not finish, unless the user chose where it goes."""
    if UNFINISHED in folder.parts:
        shutil.rmtree(folder, ignore_errors=True)
        remove_if_empty(folder.parent)


def remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= {"multirun.yaml"}:
        shutil.rmtree(folder)
