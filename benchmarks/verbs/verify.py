"""`python -m benchmarks verify`: are the figures of a result those of its predictions and timings?"""

import argparse
import sys
from pathlib import Path

from benchmarks.verbs.arguments import verb_parser

EXIT_DIFFERENT = 1
USAGE = """\
Derives every quality metric again from predictions.jsonl, and every metric of speed and memory from the raw
timings, and says which differ from record.json. Checksums are checked first: a folder with an edited, cut or
missing file is refused.

exit codes: 0 every figure follows, 1 some differ, 2 a folder cannot be read

examples:
  python -m benchmarks verify outputs/run/A
  python -m benchmarks verify reports/baselines/car_sleep/*
"""


def main(verb: str) -> None:
    options = _parser(verb).parse_args(sys.argv[1:])
    from benchmarks.errors import BadInput
    from benchmarks.streams import reader_may_leave
    from benchmarks.verify import verify
    from reports.record import RecordError, read_result
    from reports.verified import print_verified

    unread, differ = [], False
    for folder in options.runs:
        try:
            found = verify(read_result(Path(folder)))
        except RecordError as error:
            unread.append(str(error))
            continue
        with reader_may_leave():
            print_verified(
                folder, found.n_metrics, [difference._asdict() for difference in found.differences]
            )
        differ |= bool(found.differences)
    if unread:
        raise BadInput("; ".join(unread))
    if differ:
        sys.exit(EXIT_DIFFERENT)


def _parser(verb: str) -> argparse.ArgumentParser:
    parser = verb_parser(
        verb, "Check that the figures of recorded runs follow from their predictions.", USAGE
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="result folder of a run or of a baseline")
    return parser
