"""The main job: one router, and the baselines beside it, fitted, served, judged and recorded."""

from pathlib import Path

from omegaconf import DictConfig

from benchmarks.experiment.entrants import baselines_of, entrant_of
from benchmarks.experiment.race import compared, race, write
from reports.record import Record

# Of the chosen router among its baselines, none of which has an empty name.
CHOSEN = ""


def run(config: DictConfig, folder: Path) -> list[Record]:
    """Judge `config.router` and every one of `config.baselines`; the router's record comes first.

    Its record goes into `folder`, those of the baselines into `folder/baselines/<name>`.
    """
    chosen = entrant_of(config)
    judged = race({CHOSEN: chosen, **baselines_of(chosen)})
    others = {name: other for name, other in judged.items() if name != CHOSEN}
    first = compared(judged[CHOSEN], others, chosen.settings)
    write({**{folder / "baselines" / name: other for name, other in others.items()}, folder: first})
    return [first.record, *(other.record for other in others.values())]
