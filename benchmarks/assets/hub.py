"""Downloads from the Hugging Face hub into its own cache; what fails is one line that says what to do."""

import errno
import logging
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.errors import BadInput
from benchmarks.workers.progress_bar import display
from common.files import sha256_unchanged
from common.progress import Event, Listener

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError


class Repository(NamedTuple):
    """A repository on the hub.

    Attributes:
        kind: `model` or `dataset`.
        revision: a commit; None for the newest.
        instead: what else would do, for the messages.
    """

    kind: str
    name: str
    revision: str | None
    instead: str

    @property
    def title(self) -> str:
        return self.name if self.kind == "model" else f"data set {self.name}"

    @property
    def url(self) -> str:
        from huggingface_hub import constants

        return f"{constants.ENDPOINT}/{'' if self.kind == 'model' else 'datasets/'}{self.name}"


def download_folder(repository: Repository, patterns: Sequence[str]) -> Path:
    """The folder with all files of a repository that match one of `patterns`.

    Raises:
        BadInput: the hub has it not, keeps it back, cannot be reached, or there is no room.
        HFValidationError: that is not a name on the hub.
    """
    from huggingface_hub import snapshot_download

    with _downloading(repository) as show:
        found = _interruptible(
            lambda: snapshot_download(
                repository.name,
                revision=repository.revision,
                allow_patterns=list(patterns),
                tqdm_class=_told_to(show),
            )
        )
    folder = Path(found)
    _check_announced(repository, [path for path in folder.rglob("*") if path.is_file()])
    return folder


def download_file(repository: Repository, name: str) -> Path:
    """One file of a repository; raises as `download_folder`, and for a file that is not there."""
    from huggingface_hub import hf_hub_download

    with _downloading(repository, name):
        found = hf_hub_download(
            repository.name, name, repo_type=repository.kind, revision=repository.revision
        )
    _check_announced(repository, [Path(found)])
    return Path(found)


def _interruptible(download: Callable[[], str]) -> str:
    """Result of a download that Ctrl-C ends at once; the hub's library would wait for files of gigabytes."""
    outcome: Future[str] = Future()

    def run() -> None:
        try:
            outcome.set_result(download())
        except BaseException as error:
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return outcome.result()


def _check_announced(repository: Repository, files: Sequence[Path]) -> None:
    """Compare large files with the checksums that the hub announced; the hub's library compares sizes alone.

    A damaged file is deleted, or the next download would find it again.
    """
    for file in files:
        announced = _announced_sha256(file)
        if announced is not None and sha256_unchanged(file.resolve()) != announced:
            file.resolve().unlink()
            file.unlink()
            raise BadInput(
                f"{file.name} of {repository.title} has other bytes than the hub announced (SHA-256 "
                f"{announced}); it was deleted, run this again to download it once more"
            )


def _announced_sha256(file: Path) -> str | None:
    """SHA-256 in the hub's answer: the name under which its cache keeps a large file."""
    blob = Path(os.readlink(file)).name if file.is_symlink() else ""
    return blob if re.fullmatch("[0-9a-f]{64}", blob) else None


@contextmanager
def _downloading(repository: Repository, file: str | None = None) -> Iterator[Listener]:
    """Yield what shows how far a download is, and raise what goes wrong as `BadInput`."""
    from huggingface_hub.errors import HfHubHTTPError

    # The bases are the errors of the hub's HTTP client, whichever it is, and OSError. Its storage's client
    # raises RuntimeError.
    expected: tuple[type[Exception], ...] = (*HfHubHTTPError.__bases__, RuntimeError)
    try:
        with _silent(), display(f"downloading {repository.name}") as show:
            yield show
    except expected as error:
        raise BadInput(_reason(error, repository, file)) from error


@contextmanager
def _silent() -> Iterator[None]:
    """Keep back what the hub's library prints: its bars, each retry, a full disk. One line tells it all."""
    from huggingface_hub.utils import logging as hub_logging
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    before, had_bars = hub_logging.get_verbosity(), not are_progress_bars_disabled()
    hub_logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            disable_progress_bars()
            yield
    finally:
        hub_logging.set_verbosity(before)
        if had_bars:
            enable_progress_bars()


def _told_to(show: Listener) -> Any:
    """A bar of the hub's library that draws nothing, and tells `show` of the bytes that were written."""
    from huggingface_hub.utils.tqdm import tqdm

    class Told(tqdm):  # type: ignore[misc, unused-ignore]  # untyped base
        def __init__(self, *args: Any, **settings: Any) -> None:
            received = str(settings.get("name")).endswith(".transfer")
            self.counts_bytes = settings.get("unit") == "B" and not received
            self.written = 0
            super().__init__(*args, **settings)  # type: ignore[no-untyped-call, unused-ignore]

        def update(self, n: Any = 1) -> Any:
            if self.counts_bytes:
                self.written += int(n or 0)
                show(Event("MB", ceil(self.written / 1e6), ceil((self.total or 0) / 1e6)))
            return super().update(n)

    return Told


def _reason(error: Exception, repository: Repository, file: str | None) -> str:
    """What went wrong, and what to do next."""
    from huggingface_hub import constants, errors

    title, url, instead = repository.title, repository.url, repository.instead
    chain = [error, *filter(None, [error.__cause__])]
    if any(isinstance(one, errors.OfflineModeIsEnabled) for one in chain):
        return (
            f"{title} is not in the hub's cache {constants.HF_HUB_CACHE}, or only in part, and "
            f"HF_HUB_OFFLINE is set: without it the rest is downloaded; {instead}"
        )
    answer = next((one for one in chain if isinstance(one, errors.HfHubHTTPError)), None)
    if answer is not None:
        return _refusal(answer, repository, file)
    number = _error_number(error)
    if number is not None:
        return (
            f"{title} cannot be written to the hub's cache {constants.HF_HUB_CACHE}: {os.strerror(number)}"
            f"{_free(number)}; make room, or move that cache with HF_HOME=FOLDER"
        )
    if isinstance(error, errors.LocalEntryNotFoundError):
        return (
            f"{title} is not in the hub's cache {constants.HF_HUB_CACHE}, or only in part, and "
            f"{constants.ENDPOINT} cannot be reached ({type(chain[-1]).__name__}); {instead}"
        )
    return (
        f"the download of {title} from {url} broke off ({_first_line(error)}); whole files are kept, run "
        f"this again for the rest; {instead}"
    )


def _refusal(answer: "HfHubHTTPError", repository: Repository, file: str | None) -> str:
    """The hub's answer to a request that it did not serve."""
    from huggingface_hub import errors

    title, url, instead = repository.title, repository.url, repository.instead
    status = answer.response.status_code
    if isinstance(answer, errors.GatedRepoError):
        if status == 403:
            return (
                f"{title} is gated, and the account of your token has no access to it: accept its conditions "
                f"at {url} and wait until its owners agree; {instead}"
            )
        return (
            f"{title} is gated: accept its conditions at {url}, then log in with `hf auth login` or "
            f"HF_TOKEN=…; {instead}"
        )
    if isinstance(answer, errors.RepositoryNotFoundError):
        return (
            f"{title} is not on the Hugging Face hub, or private: check {url}, and for a private one log in "
            f"with `hf auth login`; {instead}"
        )
    if isinstance(answer, errors.RevisionNotFoundError):
        key = (
            "dataset.revision is one"
            if repository.kind == "dataset"
            else "revision beside its path is null for the newest, or one"
        )
        return f"{title} has no revision {repository.revision}: {key} of {url}/commits/main"
    if isinstance(answer, errors.RemoteEntryNotFoundError):
        return f"{title} has no file {file} at revision {repository.revision}"
    said = _first_line(answer.server_message or answer)
    if status == 401:
        return (
            f"the hub does not know your token ({said}): log in again with `hf auth login`, or unset HF_TOKEN"
        )
    if status == 403:
        return f"the hub refuses {title} to your token: {said}; {instead}"
    return f"the hub answers {status} for {title} ({said}): try again later; {instead}"


def _error_number(error: Exception) -> int | None:
    """Number of the error of the operating system, if that is what it is; hf_xet has it in its text alone."""
    if isinstance(error, RuntimeError):
        found = re.search(r"\(os error (\d+)\)", str(error))
        number = int(found[1]) if found else None
    else:
        number = error.errno if isinstance(error, OSError) else None
    on_disk = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
    return number if number in on_disk else None


def _free(number: int) -> str:
    """Room on the disk of the hub's cache, where that is the trouble."""
    from huggingface_hub import constants

    if number not in (errno.ENOSPC, errno.EDQUOT):
        return ""
    cache = Path(constants.HF_HUB_CACHE)
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    return f", {shutil.disk_usage(there).free / 1e6:,.1f} MB are free"


def _first_line(said: object) -> str:
    """First line of a message, without an address that is signed for the reader alone."""
    line = next(iter(str(said).strip().splitlines()), type(said).__name__)
    return re.sub(r"https?://\S+", "…", line).rstrip(".")
