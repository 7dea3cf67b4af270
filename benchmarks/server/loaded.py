"""Kept routers as a server loads them, with what their records say of them."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BadInput
from benchmarks.experiment.router_folder import DECISION, QUESTIONS, ROUTER, read_kept, router_folder
from benchmarks.pipeline import Pipeline, load_run
from benchmarks.records.folders import RUNS, dated_runs
from benchmarks.settings import Serve
from common.files import digest, read_json, sha256_file
from common.typed_json import from_json
from reports.record_files import RECORD, RecordError, read_result

# Name that stands for the first router.
AUTO = "auto"


@dataclass(frozen=True)
class Expected:
    """What a router said of its record's test questions.

    Attributes:
        confidences: of every question with a domain.
        shares: of the domains that it chose for them.
    """

    confidences: list[float]
    shares: dict[str, float]


@dataclass(frozen=True, eq=False)
class LoadedRouter:
    """A kept router that is ready to serve.

    Attributes:
        name: under which it is served.
        folder: where it was loaded from; for the log of this machine, never for an answer.
        checksum: SHA-256 over the files of the router.
        record: SHA-256 of the record beside it; None where it was moved without one.
        questions: text of training questions by id, of a router that names neighbours.
        expected: None without a record.
    """

    name: str
    folder: Path
    pipeline: Pipeline
    checksum: str
    record: str | None
    questions: Mapping[str, str]
    expected: Expected | None

    @property
    def domains(self) -> list[str]:
        return self.pipeline.router.classes_


def load_routers(folders: Mapping[str, Path], settings: Serve) -> list[LoadedRouter]:
    """Load kept routers by name; those with the same experts share them.

    Raises:
        BadInput, RouterError: a folder is no kept router, or is damaged.
    """
    with_experts: dict[str, Pipeline] = {}
    return [_loaded(name, folder, settings, with_experts) for name, folder in folders.items()]


def served_folders(settings: Serve) -> dict[str, Path]:
    """Folders to load by name: those of the settings, or the newest run.

    Raises:
        BadInput: there is none, or one holds no kept router.
    """
    if settings.routers:
        folders = {name: Path(folder) for name, folder in settings.routers.items()}
    else:
        folder = Path(settings.run) if settings.run else newest_run()
        folders = {_name(folder): folder}
    check_names(folders)
    for folder in folders.values():
        read_kept(router_folder(folder))
    return folders


def check_names(names: Iterable[str]) -> None:
    """Raises BadInput for a name that no router can have."""
    for name in names:
        if name == AUTO or not name or "/" in name or not name.isprintable():
            raise BadInput(f"routers.{name}: call it otherwise")


def newest_run() -> Path:
    """The newest run that kept a router. Raises BadInput where there is none."""
    found = [run for run in dated_runs() if (run / ROUTER / DECISION).is_file()]
    if not found:
        raise BadInput(
            f"no run in {RUNS}: make one with `python -m benchmarks run router=knn`, "
            "or name its folder with run=FOLDER"
        )
    return found[-1]


def _loaded(name: str, folder: Path, settings: Serve, others: MutableMapping[str, Pipeline]) -> LoadedRouter:
    home = router_folder(folder)
    pipeline = load_run(home, weights=settings.locate, experts=not settings.route_only, others=others)
    if pipeline.experts is not None:
        pipeline.experts.load()
    # The first question would else wait for what is only made when it is used.
    pipeline.route(["a question"])
    file = home / QUESTIONS
    record = home.parent / RECORD
    return LoadedRouter(
        name,
        folder,
        pipeline,
        _checksum(home),
        sha256_file(record) if record.is_file() else None,
        _questions(file) if file.is_file() else {},
        _expected(home.parent) if record.is_file() else None,
    )


def _name(folder: Path) -> str:
    """The router's own name, as its record has it."""
    record = router_folder(folder).parent / RECORD
    try:
        name = json.loads(record.read_text("utf-8"))["router"]
    except (OSError, ValueError, KeyError, TypeError):
        return "router"
    return str(name)


def _questions(file: Path) -> dict[str, str]:
    try:
        return from_json(read_json(file), dict[str, str])
    except (OSError, ValueError) as error:
        raise BadInput(f"{file} cannot be read: {error}") from error


def _checksum(home: Path) -> str:
    files = sorted(path for path in home.rglob("*") if path.is_file())
    return digest({path.relative_to(home).as_posix(): sha256_file(path) for path in files})


def _expected(folder: Path) -> Expected | None:
    try:
        rows = [row for row in read_result(folder).predictions if row.label is not None]
    except RecordError as error:
        raise BadInput(str(error)) from error
    if not rows:
        return None
    chosen = Counter(row.predicted for row in rows)
    return Expected(
        [row.confidence for row in rows], {name: count / len(rows) for name, count in chosen.items()}
    )
