"""The road of a suite: plan, try out and estimate, fit each cell, time each alone, rank them in a league."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from benchmarks.config import checked
from benchmarks.errors import BadInput, WorkerError
from benchmarks.experiment.serve import measure_reference
from benchmarks.experiment.time_later import add_timings
from benchmarks.settings import Suite
from benchmarks.suite.cells import fit_cell
from benchmarks.suite.estimate import estimate
from benchmarks.suite.folder import SuiteFolder
from benchmarks.suite.launch import launch
from benchmarks.suite.league import league, write_league
from benchmarks.suite.plan import Cell, make_plan
from benchmarks.suite.prepare import Composed, composed, prepare, refuse_other_settings
from benchmarks.suite.progress import Progress
from benchmarks.workers.launch import Workers
from common.progress import say
from reports.league.model import League
from reports.record_files import Result, read_result

# Starts of the launcher while cells are left: a job that kills its worker must not keep others from running.
LAUNCHES = 3
# In the folder of a suite.
LEAGUE = "league"


def suite(config: DictConfig, overrides: Sequence[str], workers: Workers | None = None) -> League:
    """Fit, score and time what the folder lacks; returns the league of all, which is also in its `league/`.

    Args:
        overrides: those of the command line, which hold for every cell.

    Raises:
        BadInput: a contestant or a data set cannot be used, the folder has results of other settings, or a
            job of it still runs.
    """
    settings: Suite = checked(config)
    if config.experts.name != "none":
        raise BadInput("a suite compares routers alone: leave experts= out, or take `run` or `compare`")
    folder = SuiteFolder(Path(settings.folder))
    common = [word for word in overrides if not word.lstrip("+~").startswith(("suite.", "folder="))]
    cells = make_plan(settings.suite.routers, settings.suite.datasets)
    configurations = composed(cells, common)
    for cell in cells:
        folder.forget_damaged(cell)
    refuse_other_settings(cells, configurations, folder)
    with folder.conducted():
        _conduct(cells, configurations, folder, common, settings, workers)
        found = _league(cells, folder, settings)
        write_league(found, folder.path / LEAGUE)
    return found


def _conduct(
    cells: Sequence[Cell],
    configurations: Composed,
    folder: SuiteFolder,
    common: Sequence[str],
    settings: Suite,
    workers: Workers | None,
) -> None:
    measure, own = settings.measure, workers or Workers(settings.measure.threads)
    to_fit = [cell for cell in cells if not folder.is_fitted(cell)]
    to_time = [cell for cell in cells if measure.enabled and not folder.is_timed(cell)]
    todo = [cell for cell in cells if cell in to_fit or cell in to_time]
    prepared = prepare(todo, configurations, folder, settings.seed, own, settings.suite.estimate)
    estimates = {}
    if settings.suite.estimate:
        estimates = estimate(to_fit, to_time, prepared.tried, prepared.datasets, measure)
    progress = Progress(cells, folder, estimates)
    progress.begin()
    with progress.watching():
        _fit(to_fit, folder, common, workers)
    _time([cell for cell in to_time if folder.is_fitted(cell)], folder, settings, own)


def _fit(cells: Sequence[Cell], folder: SuiteFolder, common: Sequence[str], workers: Workers | None) -> None:
    """Fit and score cells through the launcher; those that failed before are tried again."""
    for cell in cells:
        folder.forget_failure(cell.place)
    stopped = ""
    for _ in range(LAUNCHES):
        missing = [cell for cell in cells if not _is_decided(cell, folder)]
        if not missing:
            return
        try:
            launch(missing, common, folder.path, partial(fit_cell, workers=workers))
        except Exception as error:
            # A worker or a node died; what is raised is the launcher's own.
            stopped = " ".join(str(error).split())
            say(f"the launcher stopped: {stopped}")
    for cell in cells:
        if not _is_decided(cell, folder):
            folder.note_failure(cell.place, f"no result in {LAUNCHES} starts of the launcher: {stopped}")


def _is_decided(cell: Cell, folder: SuiteFolder) -> bool:
    return folder.is_fitted(cell) or folder.failure(cell.place) is not None


def _time(cells: Sequence[Cell], folder: SuiteFolder, settings: Suite, workers: Workers) -> None:
    """Time fitted cells one after the other, with nothing beside."""
    if not cells:
        return
    with folder.alone():
        reference_rss = measure_reference(settings.measure, workers)
        assert reference_rss is not None
        for number, cell in enumerate(cells):
            title = f"timing {cell.title} ({number + 1} of {len(cells)})"
            try:
                record = add_timings(folder.of(cell), settings.measure, workers, reference_rss, title)
            except (BadInput, WorkerError) as error:
                say(f"{title} failed: {error}")
            else:
                p50 = record.metric("latency_p50")
                say(f"{title}: p50 {p50.value:.2f} ms" if p50 else title)


def _league(cells: Sequence[Cell], folder: SuiteFolder, settings: Suite) -> League:
    results: dict[str, dict[str, Result]] = {}
    missing: dict[str, dict[str, str]] = {}
    for cell in cells:
        error = folder.failure(cell.place)
        if error is None:
            results.setdefault(cell.dataset, {})[cell.router] = read_result(folder.of(cell))
        else:
            missing.setdefault(cell.dataset, {})[cell.router] = error
    return league(results, settings.statistics, settings.seed, missing, settings.suite.name)
