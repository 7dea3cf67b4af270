"""Files of a public data set, from this machine or from a pinned revision of a hub repository."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.assets.hub import Repository, download_file
from benchmarks.errors import BadInput
from common.files import sha256_file


class Fetched(NamedTuple):
    """Local paths by requested name, and SHA-256 by actual file name."""

    paths: dict[str, Path]
    sha256: dict[str, str]


def fetch(
    files: Sequence[str],
    path: str | None,
    hub: str | None,
    revision: str | None,
    sha256: Mapping[str, str] | None,
    usual_hub: str | None = None,
) -> Fetched:
    """Find or download the files, and check them before they are parsed.

    Nothing is downloaded unless `hub` names a repository.

    Args:
        files: their names in a hub repository.
        path: a folder with them (also without the folders in their names), one of them, or, if there is
            only one, that file under any name.
        hub: a data set repository on the Hugging Face hub.
        revision: commit of that repository.
        sha256: expected checksums by file name.
        usual_hub: repository to suggest in the message.

    Raises:
        BadInput: neither or both of `path` and `hub`, `hub` without a commit, a file that is not there, a
            hub that cannot be reached, or another SHA-256 than the one configured.
    """
    if path is not None and hub is not None:
        raise BadInput("dataset.path and dataset.hub are both given; keep one")
    if path is not None:
        paths = {name: _local(path, name, files) for name in files}
    elif hub is not None:
        paths = {name: _download(name, hub, _pinned(hub, revision)) for name in files}
    else:
        where = usual_hub or "NAME dataset.revision=COMMIT"
        raise BadInput(
            "where is the data? dataset.path=PATH for files on this machine, "
            f"or dataset.hub={where} to download them from the Hugging Face hub"
        )
    configured = {Path(name).name: value for name, value in (sha256 or {}).items()}
    return Fetched(paths, {_named(name, file): _checked(file, configured) for name, file in paths.items()})


def _local(path: str, name: str, files: Sequence[str]) -> Path:
    given, short = Path(path).expanduser(), Path(name).name
    expected = f"dataset.path is the folder with {', '.join(files)}{', or that file' * (len(files) == 1)}"
    if given.is_file():
        if len(files) == 1:
            return given
        if given.name not in {Path(file).name for file in files}:
            raise BadInput(f"{given}: {expected}")
        given = given.parent
    if not given.is_dir():
        raise BadInput(f"{given}: no such file or folder; {expected}")
    for file in (given / name, given / short):
        if file.is_file():
            return file
    raise BadInput(f"{given}: no file {name} in it; {expected}")


def _pinned(hub: str, revision: str | None) -> str:
    if revision is None:
        raise BadInput(f"dataset.hub={hub} can change under the same name: pin dataset.revision=<commit>")
    if not re.fullmatch("[0-9a-f]{40}", revision):
        raise BadInput(
            f"dataset.revision={revision}: not a commit; pin dataset.revision=<the 40 hex digits of one>"
        )
    return revision


def _download(name: str, hub: str, revision: str) -> Path:
    from huggingface_hub.errors import HFValidationError

    instead = "dataset.path=PATH reads files on this machine"
    try:
        return download_file(Repository("dataset", hub, revision, instead), name)
    except HFValidationError as error:
        raise BadInput(f"dataset.hub={hub}: not the name of a repository, which is OWNER/NAME") from error


def _named(name: str, file: Path) -> str:
    return name if file.name == Path(name).name else file.name


def _checked(file: Path, configured: Mapping[str, str]) -> str:
    """SHA-256 of a file. Raises BadInput if another one is configured for a file of its name."""
    actual = sha256_file(file)
    expected = configured.get(file.name, actual)
    if actual != expected:
        raise BadInput(
            f"{file} has SHA-256 {actual}, but dataset.sha256 has {expected}; not reading it "
            "(dataset.sha256=null if another version is meant)"
        )
    return actual
