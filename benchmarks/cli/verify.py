"""`python -m benchmarks verify`: are the figures of a result those of its predictions and timings?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reports.record import Prediction
    from reports.record_files import Result

EXIT_DIFFERENT = 1


@click.command("verify")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path())
def command(runs: tuple[str, ...]) -> int:
    """Check that recorded figures follow from their predictions.

    Computes every metric, of quality, speed and memory, and every comparison with another router again, and
    names those that differ from record.json. A run brings its baselines along, and a comparison its results.
    Checksums are checked first: a folder with an edited, cut or missing file is refused.

    Exit codes: 0 every figure follows, 1 some differ, 2 a folder cannot be read.

    \b
    Examples:
      python -m benchmarks verify outputs/run/A
      python -m benchmarks verify reports/baselines/car_sleep/*
    """
    from benchmarks.cli.output import reader_may_leave
    from benchmarks.errors import BadInput
    from benchmarks.records.folders import expanded
    from benchmarks.records.verify import verify
    from reports.record_files import RecordError, read_result
    from reports.terminal.verify import print_verified

    folders: list[Path] = []
    unread, differ = [], False
    for pattern in runs:
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
            print_verified(str(folder), found, unknown)
        differ |= bool(found.differences)
    if unread:
        raise BadInput("; ".join(unread))
    return EXIT_DIFFERENT if differ else 0


def _compared_with(result: "Result") -> "dict[str, list[Prediction]]":
    """Rows of every router that the record compares itself with, from the folders of its baselines or beside
    it; empty when one of them is not there.

    Raises:
        RecordError: one is damaged.
    """
    from benchmarks.records.folders import is_result
    from benchmarks.stats.paired import difference_of_questions
    from reports.record_files import read_result

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
