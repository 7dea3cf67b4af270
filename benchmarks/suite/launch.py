"""Jobs of a suite through Hydra's launchers: in this process, on all its cores, on a cluster."""

from collections.abc import Callable, Sequence
from pathlib import Path

from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from benchmarks.overrides import quoted
from benchmarks.suite.plan import Cell


def launch(
    cells: Sequence[Cell], common: Sequence[str], folder: Path, task: Callable[[DictConfig], None]
) -> None:
    """Run `task` once for each cell, on its configuration, with the launcher that was chosen.

    Args:
        common: overrides of all cells, those of the command line.
        folder: of the suite; where jobs run elsewhere, they have to see it under the same name.

    Raises:
        Exception: whatever the first job that failed has raised, after all jobs; or the launcher itself.
    """
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    loader = hydra.config_loader
    own = HydraConfig.get()
    master = loader.load_configuration(
        config_name=own.job.config_name,
        overrides=[*own.overrides.hydra, *common],
        run_mode=RunMode.MULTIRUN,
    )
    context = HydraContext(config_loader=loader, callbacks=Callbacks(master))
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=task, config=master
    )
    jobs = [
        [
            *common,
            *cell.overrides,
            f"folder={quoted(str(folder.absolute()))}",
            f"suite.cell={quoted(cell.place)}",
        ]
        for cell in cells
    ]
    for done in launcher.launch(jobs, initial_job_idx=0):
        # It raises what the job raised.
        _ = done.return_value
