"""`python -m benchmarks diff`: which of several recorded routers is better, and where they disagree."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cli.arguments import verb_parser

if TYPE_CHECKING:
    from benchmarks.stats.paired import Pair
    from reports.record import Result

USAGE = """\
A RUN is a result folder: outputs/run/DATE_TIME_ROUTER, or one of the baselines under it.

examples:
  python -m benchmarks diff outputs/run/A outputs/run/B
  python -m benchmarks diff outputs/run/A outputs/run/A/baselines/tfidf --rows 30
  python -m benchmarks diff outputs/run/* --json
"""


def main(verb: str) -> None:
    options = argument_parser(verb).parse_args(sys.argv[1:])
    from benchmarks.errors import BadInput
    from benchmarks.records.folders import named, read_results
    from benchmarks.stats.paired import POWER, pairwise
    from common.settings import Statistics
    from reports.terminal.diff import print_pairs

    if len(options.runs) < 2:
        raise BadInput(f"one run cannot be compared; name another beside {options.runs[0]}")
    if options.rows < 0:
        raise BadInput(f"--rows is {options.rows}; it must be 0 or more")
    runs = named(read_results([Path(folder) for folder in options.runs]))
    _check_questions(runs)
    # As the first run was configured, so that its intervals are those of its record.
    asked = next(iter(runs.values())).record.config
    known = asked.get("statistics", {})
    statistics = Statistics(**{key: known[key] for key in ("resamples", "confidence") if key in known})
    rows = {name: run.predictions for name, run in runs.items()}
    pairs = pairwise(rows, statistics, asked.get("seed", 0))
    if options.json:
        print(_as_json(runs, pairs, statistics.confidence, POWER))
    else:
        from dataclasses import asdict

        print_pairs([asdict(pair) for pair in pairs], statistics.confidence, POWER, options.rows)


def argument_parser(verb: str) -> argparse.ArgumentParser:
    parser = verb_parser(
        verb, "Compare recorded routers on the same test questions, every two of them.", USAGE
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="result folder of a run or of a baseline")
    parser.add_argument(
        "--rows", type=int, default=10, help="how many questions to show on which they disagree (10)"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON, with every such row")
    return parser


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
