"""`python -m benchmarks verify`: are the figures of a result those of its predictions and timings?"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cli.arguments import verb_parser

if TYPE_CHECKING:
    from reports.record import Prediction, Result

EXIT_DIFFERENT = 1
USAGE = """\
Derives every quality metric again from predictions.jsonl, every metric of speed and memory from the raw
timings, and what the record says of other routers from theirs, and says which differ from record.json. A run
brings its baselines along, and a comparison its results. Checksums are checked first: a folder with an
edited, cut or missing file is refused.

exit codes: 0 every figure follows, 1 some differ, 2 a folder cannot be read

examples:
  python -m benchmarks verify outputs/run/A
  python -m benchmarks verify reports/baselines/car_sleep/*
"""


def main(verb: str) -> None:
    options = argument_parser(verb).parse_args(sys.argv[1:])
    from benchmarks.cli.output import reader_may_leave
    from benchmarks.errors import BadInput
    from benchmarks.records.folders import expanded
    from benchmarks.records.verify import verify
    from reports.record import RecordError, read_result
    from reports.terminal.verify import print_verified

    folders: list[Path] = []
    unread, differ = [], False
    for pattern in options.runs:
        try:
            folders += expanded([pattern])
        except BadInput as error:
            unread.append(str(error))
    for folder in dict.fromkeys(folders):
        try:
            result = read_result(folder)
            others = _compared_with(result)
            found = verify(result, others)
        except RecordError as error:
            unread.append(str(error))
            continue
        unknown = [] if others else sorted({one.other for one in result.record.comparisons})
        with reader_may_leave():
            differences = [one._asdict() for one in found.differences]
            print_verified(str(folder), found.n_metrics, found.n_comparisons, differences, unknown)
        differ |= bool(found.differences)
    if unread:
        raise BadInput("; ".join(unread))
    if differ:
        sys.exit(EXIT_DIFFERENT)


def _compared_with(result: "Result") -> "dict[str, list[Prediction]]":
    """The rows of every router that the record compares itself with, from the folders of its baselines or
    beside it; nothing where one of them is not there.

    Raises:
        RecordError: one is damaged.
    """
    from benchmarks.records.folders import is_result
    from benchmarks.stats.paired import difference_of_questions
    from reports.record import read_result

    found = {}
    for name in {one.other for one in result.record.comparisons}:
        places = (result.folder / "baselines" / name, result.folder.resolve().parent / name)
        place = next(filter(is_result, places), None)
        if place is None:
            return {}
        rows = read_result(place).predictions
        if difference_of_questions(result.predictions, rows):
            return {}
        found[name] = rows
    return found


def argument_parser(verb: str) -> argparse.ArgumentParser:
    parser = verb_parser(
        verb, "Check that the figures of recorded runs follow from their predictions.", USAGE
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="result folder of a run, a baseline or a comparison"
    )
    return parser
