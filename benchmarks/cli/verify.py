"""`python -m benchmarks verify`: does a result follow from its predictions, timings and data?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from benchmarks.workers.launch import Workers


@click.command("verify")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path())
@click.option("--again", is_flag=True, help="Fit and answer again, and compare: as long as `run`.")
@click.option("--data", metavar="PATH", help="Where the data is: dataset.path on this machine.")
@click.option("--test-data", metavar="PATH", help="dataset.test_path on this machine.")
@click.option(
    "--signed-by", metavar="KEY", help="A public key of minisign, or its file: the record has to be signed."
)
@click.pass_obj
def command(
    workers: "Workers | None",
    runs: tuple[str, ...],
    again: bool,
    data: str | None,
    test_data: str | None,
    signed_by: str | None,
) -> int:
    """Check that a result follows from its predictions, timings and data.

    Derived again and compared: every metric of quality, speed and memory, every comparison with another
    router, ids, probabilities, the policy's choice of experts, and what the record says of itself. Labels,
    weights and splits are compared with the data where files of those checksums are there. What was not
    derived is listed. A run brings its baselines along, and a comparison its results.
    Checksums are checked first: a folder with an edited, cut or missing file is refused.

    --again fits the router, serves it and asks local experts anew, in fresh processes as `run` does, and
    finds scores that nobody computed. It runs what the configuration of the record names, programs included:
    use it on records of people whose code you would run.

    --signed-by checks record.json.minisig, which the author makes with `minisign -Sm record.json`. The record
    has the checksum of the predictions, so both are signed.

    Exit codes: 0 everything follows; 1 something differs, or is not signed with that key; 2 a folder cannot
    be read, or --data is not its data; 3 nothing differs, but a part that can be derived was not, such as the
    comparison with a run that is not there (marked INCOMPLETE).

    \b
    Examples:
      python -m benchmarks verify outputs/run/A
      python -m benchmarks verify reports/baselines/car_sleep/*
      python -m benchmarks verify outputs/run/A --again --data my_questions
      python -m benchmarks verify outputs/run/A --signed-by author.pub
    """
    from benchmarks.cli.output import reader_may_leave
    from benchmarks.errors import BadInput
    from benchmarks.verify.configuration import DataPlaces
    from benchmarks.verify.signature import public_key
    from benchmarks.verify.verify import Wanted, verify
    from reports.record_files import RecordError, read_result
    from reports.terminal.verify import print_coverage, print_verified
    from reports.verification import Exit, Verified

    key = public_key(signed_by) if signed_by else None
    wanted = Wanted(DataPlaces(data, test_data), again, key)
    folders, unread = _folders(runs)
    verified: dict[str, Verified] = {}
    for folder in folders:
        try:
            found = verify(read_result(folder), wanted, workers)
        except RecordError as error:
            unread.append(str(error))
            continue
        with reader_may_leave():
            print_verified(str(folder), found)
        verified[str(folder)] = found
    with reader_may_leave():
        print_coverage(verified)
    if unread:
        raise BadInput("; ".join(unread))
    codes = {found.exit_code for found in verified.values()}
    return next((code for code in (Exit.DIFFERENT, Exit.NOT_DERIVED) if code in codes), Exit.FOLLOWS)


def _folders(runs: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Result folders that were named, each once, and complaints about others."""
    from benchmarks.errors import BadInput
    from benchmarks.records.folders import expanded

    folders: list[Path] = []
    unread: list[str] = []
    for pattern in runs:
        try:
            folders += expanded([pattern])
        except BadInput as error:
            unread.append(str(error))
    return list(dict.fromkeys(folders)), unread
