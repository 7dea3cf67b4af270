"""Everything that the endpoints of one process share."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.server.answering import Answerers
from benchmarks.server.batching import Batcher
from benchmarks.server.cache import Answers
from benchmarks.server.feedback import Feedback
from benchmarks.server.keys import Keys
from benchmarks.server.loaded import AUTO, LoadedRouter, check_names, load_routers
from benchmarks.server.logs import Log
from benchmarks.server.metrics import Drift, Metrics
from benchmarks.server.refusals import Busy, Invalid, Unknown
from benchmarks.server.routing import Deciding, Served
from benchmarks.settings import Serve
from common.files import read_json, replace_json


@dataclass(eq=False)
class State:
    """State of one process that serves.

    Attributes:
        folders: what to load, by name.
        shared: file that tells the other processes what to load; None of a single process.
        failed: why nothing could be loaded.
        since: seconds since the epoch.
    """

    settings: Serve
    folders: dict[str, Path]
    keys: Keys
    shared: Path | None = None
    failed: Exception | None = None
    since: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        settings = self.settings
        self.metrics = Metrics()
        self.log = Log(settings.log.file, settings.log.questions)
        self.feedback = Feedback(settings.feedback)
        self.deciding = Deciding(self.metrics, self.feedback, self.log)
        self.answerers = Answerers(settings.limits, self.log)
        self.answers = Answers(settings.cache.size, settings.cache.similarity)
        self._served: dict[str, Served] = {}
        self._loading = asyncio.Lock()
        # One thread loads; those that route and answer go on.
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loading")

    @property
    def ready(self) -> bool:
        return bool(self._served)

    def all(self) -> list[Served]:
        """Routers in the order in which they were named."""
        return list(self._served.values())

    def router(self, name: str | None = None) -> Served:
        """The router of that name; the first one for None and `auto`.

        Raises:
            Busy: they are still loading.
            Unknown: there is none of that name.
        """
        if not self._served:
            raise Busy("the routers are still loading", retry_after=1)
        if name in (None, AUTO):
            return next(iter(self._served.values()))
        served = self._served.get(str(name))
        if served is None:
            raise Unknown(f"no router {name!r}; there is: {', '.join(self._served)}")
        return served

    async def load(self, folders: Mapping[str, Path] | None = None) -> None:
        """Load every router beside those that serve, then swap them.

        Raises:
            Exception: a folder cannot be loaded; what served before goes on.
        """
        async with self._loading:
            wanted = dict(folders or self.folders)
            check_names(wanted)
            try:
                loaded = await asyncio.get_running_loop().run_in_executor(self._loader, self._load, wanted)
            except Exception as error:
                self.metrics.reloads.labels("refused").inc()
                self.log.write("reload_refused", message=str(error))
                raise
            before = self._served
            self._served = {one.name: self._serve(one) for one in loaded}
            self.folders = wanted
            for old in before.values():
                self._forget(old.loaded)
            for new in loaded:
                self.metrics.info.labels(new.name, new.checksum, new.record or "").set(1)
            if before:
                self.metrics.reloads.labels("ok").inc()
            self.log.write("loaded", process=os.getpid(), routers={one.name: one.checksum for one in loaded})

    async def reload(self, folders: Mapping[str, Path]) -> None:
        """Load what an administrator names, here and in the other processes.

        Raises:
            UserError: see `load`.
        """
        await self.load(folders)
        if self.shared is not None:
            replace_json(self.shared, {name: str(folder) for name, folder in self.folders.items()})
            _tell_others()

    async def load_first(self) -> None:
        """Load what the shared file names; without one, the folders of the start.

        Raises:
            Exception: see `load`.
        """
        folders = self.folders
        if self.shared is not None and self.shared.is_file():
            folders = {name: Path(folder) for name, folder in read_json(self.shared).items()}
        await self.load(folders)

    async def load_again(self) -> None:
        """As `load_first`; what cannot be loaded is in the log, and what served before goes on."""
        with suppress(Exception):
            await self.load_first()

    def close(self) -> None:
        self._loader.shutdown(wait=False)

    def measure_drift(self) -> None:
        """Set the gauges; done when somebody reads them."""
        for served in self._served.values():
            if served.drift is None:
                continue
            for of, value in (
                ("confidence", served.drift.of_confidence()),
                ("domain", served.drift.of_domains()),
            ):
                if value is not None:
                    self.metrics.drift.labels(served.name, of).set(value)

    def _load(self, folders: Mapping[str, Path]) -> list[LoadedRouter]:
        return load_routers(folders, self.settings)

    def _serve(self, loaded: LoadedRouter) -> Served:
        batcher = Batcher(
            loaded.pipeline.router, self.settings.batching, self.settings.limits.queued, self.metrics
        )
        expected = loaded.expected
        drift = Drift(expected.confidences, expected.shares) if expected else None
        return Served(loaded, batcher, drift)

    def _forget(self, old: LoadedRouter) -> None:
        """Take a router that was swapped out of the gauges."""
        if (old.name, old.checksum) not in [(one.name, one.loaded.checksum) for one in self._served.values()]:
            self.metrics.info.labels(old.name, old.checksum, old.record or "").set(0)
        for of in ("confidence", "domain"):
            self.metrics.drift.labels(old.name, of).set(0)


def check_text(state: State, text: str, what: str = "the question") -> str:
    """`text`, when it can be routed.

    Raises:
        Invalid: it is empty, or longer than the server takes.
    """
    limit = state.settings.limits.question_chars
    if len(text) > limit:
        raise Invalid(f"{what} has {len(text)} characters, at most {limit} are taken")
    if not text.strip():
        raise Invalid(f"{what} is empty")
    return text


def _tell_others() -> None:
    """Have the supervisor pass the news on to every process."""
    os.kill(os.getppid(), signal.SIGHUP)
