"""`python -m benchmarks diff`: which of several recorded routers is better, and where they disagree."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reports.record import Pair
    from reports.record_files import Result


@click.command("diff")
@click.argument("folders", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "--rows",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Questions to show on which they disagree.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, with every such row.")
def command(folders: tuple[Path, ...], rows: int, as_json: bool) -> None:
    """Say which of several recorded routers is better, pair by pair.

    A RUN is a result folder: outputs/run/DATE_TIME_ROUTER, or one of the baselines under it.

    \b
    Examples:
      python -m benchmarks diff outputs/run/A outputs/run/B
      python -m benchmarks diff outputs/run/A outputs/run/A/baselines/tfidf --rows 30
      python -m benchmarks diff outputs/run/* --json
    """
    from benchmarks.errors import BadInput
    from benchmarks.records.folders import named, read_results
    from benchmarks.stats.paired import pairwise
    from benchmarks.stats.power import POWER
    from reports.terminal.diff import print_pairs
    from reports.text.statistics import Paired

    if len(folders) < 2:
        raise BadInput(f"one run cannot be compared; name another beside {folders[0]}")
    runs = named(read_results(folders))
    _check_questions(runs)
    _check_scored(runs)
    # As the first run was configured, so that its intervals are those of its record.
    how = next(iter(runs.values())).record.derivation
    predictions = {name: run.predictions for name, run in runs.items()}
    pairs = pairwise(predictions, how.statistics, how.seed)
    if as_json:
        print(_as_json(runs, pairs, how.statistics.confidence, POWER))
    else:
        print_pairs(pairs, Paired(how.statistics.confidence), rows)


def _check_questions(runs: "dict[str, Result]") -> None:
    from benchmarks.errors import BadInput
    from benchmarks.records.folders import dataset_of
    from benchmarks.stats.paired import difference_of_questions

    first, *others = runs.values()
    for other in others:
        found = difference_of_questions(first.predictions, other.predictions)
        if found:
            one, two = (f"{side.folder} (data set {dataset_of(side.record)})" for side in (first, other))
            raise BadInput(
                f"{one} and {two} have other test questions: {found}; compare runs on the same ones"
            )


def _check_scored(runs: "dict[str, Result]") -> None:
    from benchmarks.errors import BadInput

    for run in runs.values():
        if run.record.derivation.untrained:
            names = ", ".join(run.record.derivation.untrained)
            raise BadInput(
                f"{run.folder} ran on untrained weights ({names}), so that its choices are not compared; for "
                "speed, memory and disk: python -m benchmarks report runs=[…]"
            )


def _as_json(runs: "dict[str, Result]", pairs: "list[Pair]", confidence: float, power: float) -> str:
    import json
    from dataclasses import asdict

    from benchmarks.records.folders import dataset_of

    content = {
        "runs": [
            {
                "name": name,
                "router": run.record.router,
                "folder": str(run.folder),
                "dataset": dataset_of(run.record),
            }
            for name, run in runs.items()
        ],
        "confidence": confidence,
        "power": power,
        "pairs": [asdict(pair) for pair in pairs],
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)
