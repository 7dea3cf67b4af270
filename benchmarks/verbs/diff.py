"""`python -m benchmarks diff`: which of several recorded routers is better, and where they disagree."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from benchmarks.pairwise import Pair
    from reports.record import Prediction, Record

USAGE = """\
A RUN is a result folder: outputs/run/DATE_TIME_ROUTER, or one of the baselines under it.

examples:
  python -m benchmarks diff outputs/run/A outputs/run/B
  python -m benchmarks diff outputs/run/A outputs/run/A/baselines/tfidf --rows 30
  python -m benchmarks diff outputs/run/* --json
"""


class _Run(NamedTuple):
    """A result folder and what it holds."""

    folder: Path
    record: "Record"
    predictions: "list[Prediction]"

    @property
    def dataset(self) -> str:
        return str(self.record.provenance.get("dataset", {}).get("name", "unknown"))


def main(verb: str) -> None:
    options = _parser(verb).parse_args(sys.argv[1:])
    from benchmarks.errors import BadInput
    from benchmarks.pairwise import POWER, pairwise
    from conf.schema import Statistics
    from reports.pairs import print_pairs

    if len(options.runs) < 2:
        raise BadInput(f"one run cannot be compared; name another beside {options.runs[0]}")
    if options.rows < 0:
        raise BadInput(f"--rows is {options.rows}; it must be 0 or more")
    runs = _named([_read(Path(folder)) for folder in options.runs])
    _check_questions(runs)
    # As the first run was configured, so that its intervals are those of its record.
    asked = next(iter(runs.values())).record.config
    known = asked.get("statistics", {})
    statistics = Statistics(**{key: known[key] for key in ("resamples", "confidence") if key in known})
    named = {name: run.predictions for name, run in runs.items()}
    pairs = pairwise(named, statistics, asked.get("seed", 0))
    if options.json:
        print(_as_json(runs, pairs, statistics.confidence, POWER))
    else:
        from dataclasses import asdict

        print_pairs([asdict(pair) for pair in pairs], statistics.confidence, POWER, options.rows)


def _parser(verb: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {verb}",
        description="Compare recorded routers on the same test questions, every two of them.",
        epilog=USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="result folder of a run or of a baseline")
    parser.add_argument(
        "--rows", type=int, default=10, help="how many questions to show on which they disagree (10)"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON, with every such row")
    return parser


def _read(folder: Path) -> _Run:
    from benchmarks.errors import BadInput
    from reports.record import RecordError, read_predictions, read_record

    try:
        return _Run(folder, read_record(folder), read_predictions(folder))
    except RecordError as error:
        raise BadInput(f"{error}; name the result folder of a run") from error


def _named(runs: list[_Run]) -> dict[str, _Run]:
    """By the router's name; by the folder's, or its path, where that is not enough to tell them apart."""
    from benchmarks.errors import BadInput

    folders = Counter(run.folder.resolve() for run in runs)
    twice = [str(folder) for folder, count in folders.items() if count > 1]
    if twice:
        raise BadInput(f"{twice[0]} is named twice; a run does not differ from itself")
    names: list[str] = []
    routers = Counter(run.record.router for run in runs)
    last = Counter(run.folder.resolve().name for run in runs)
    for run in runs:
        folder = run.folder.resolve().name
        if routers[run.record.router] == 1:
            names.append(run.record.router)
        else:
            names.append(folder if last[folder] == 1 and folder not in routers else str(run.folder))
    return dict(zip(names, runs, strict=True))


def _check_questions(runs: dict[str, _Run]) -> None:
    from benchmarks.errors import BadInput
    from benchmarks.pairwise import difference_of_questions

    first, *others = runs.values()
    for other in others:
        found = difference_of_questions(first.predictions, other.predictions)
        if found:
            raise BadInput(
                f"{first.folder} (data set {first.dataset}) and {other.folder} (data set {other.dataset}) "
                f"have other test questions: {found}; compare runs on the same ones"
            )


def _as_json(runs: dict[str, _Run], pairs: "list[Pair]", confidence: float, power: float) -> str:
    import json
    from dataclasses import asdict

    content = {
        "runs": [
            {"name": name, "router": run.record.router, "folder": str(run.folder), "dataset": run.dataset}
            for name, run in runs.items()
        ],
        "confidence": confidence,
        "power": power,
        "pairs": [asdict(pair) for pair in pairs],
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)
