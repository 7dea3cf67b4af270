"""One cell of a suite: a contestant fitted on one data set and scored, as a job of a Hydra launcher."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from benchmarks.config import enter_job, launched_beside_others
from benchmarks.errors import WorkerError
from benchmarks.experiment.run import run_routers, write
from benchmarks.experiment.spec import RunSpec, run_spec
from benchmarks.settings import Suite
from benchmarks.suite.folder import SuiteFolder
from benchmarks.workers.launch import Workers
from common.errors import UserError
from common.files import atomic_dir

# What is not a part of a contestant's own configuration.
_OF_SUITE = ("suite", "folder", "baselines")


def fit_cell(config: DictConfig, workers: Workers | None = None) -> None:
    """Fit and score the router of a `suite` configuration on its data set, and keep both in the folder of
    its cell, whole or not at all. Of a failure the reason is kept, and the other cells go on.

    Neither speed nor memory is measured: other cells may run beside this one.
    """
    enter_job()
    spec = cell_spec(config)
    folder, place = SuiteFolder(Path(config.folder)), str(config.suite.cell)
    threads = 1 if launched_beside_others() else spec.settings.measure.threads
    untimed = replace(spec.settings, measure=replace(spec.settings.measure, enabled=False))
    spec = replace(spec, settings=untimed)
    try:
        with folder.job_runs(), atomic_dir(folder.path / place) as work:
            places = {spec.name: work}
            write(places, run_routers({spec.name: spec}, places, workers or Workers(threads)))
    except (UserError, WorkerError) as error:
        folder.note_failure(place, str(error))


def cell_spec(config: DictConfig) -> RunSpec:
    """Run spec of a `suite` configuration; what it records is the configuration of a run."""
    spec = run_spec(config)
    assert isinstance(spec.settings, Suite)
    content: dict[str, Any] = {key: value for key, value in spec.config.items() if key not in _OF_SUITE}
    return replace(spec, config=content)
