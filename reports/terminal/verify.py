"""Output of `verify`: one line a folder, and a line for each figure that differs."""

from collections import Counter
from collections.abc import Sequence

from reports.terminal.render import plain_console, print_lines
from reports.text.cells import counted
from reports.text.unicode import one_line
from reports.verification import Difference, Kind, Verified


def print_verified(folder: str, verified: Verified, unknown: Sequence[str]) -> None:
    """Print what follows from the predictions and timings, and what does not.

    Args:
        unknown: routers that the record compares itself with, and whose results are not there.
    """
    console = plain_console()
    n_metrics, n_comparisons, intervals, differences = verified

    def say(line: str, indent: str = "") -> None:
        # One line, whatever the ids of questions hold.
        print_lines(console, [indent + one_line(line)])

    if not differences:
        compared = f" and {counted(n_comparisons, 'comparison')}" if n_comparisons else ""
        say(f"{folder}: all {counted(n_metrics, 'metric')}{compared} follow from the predictions and timings")
    else:
        of = {Kind.METRIC: f" of {n_metrics}", Kind.COMPARISON: f" of {n_comparisons}"}
        wrong = {(one.kind, one.metric, one.slice) for one in differences}
        kinds = Counter(kind for kind, _, _ in sorted(wrong))
        parts = [f"{counted(number, kind)}{of.get(kind, '')}" for kind, number in kinds.items()]
        say(f"{folder}: {', '.join(parts)} DIFFER from what the predictions and timings give:")
    if not intervals:
        say(f"{folder}: intervals not compared: an older version drew other resamples")
    for difference in differences:
        say(_words(difference), indent="  ")
    if unknown:
        say(f"{folder}: not derived: comparisons with {', '.join(unknown)}, whose results are not beside it")


def _words(difference: Difference) -> str:
    between = {Kind.ROW: "of row", Kind.COMPARISON: "against"}.get(difference.kind, "of")
    where = "" if difference.slice == "all" else f" {between} {difference.slice}"
    what = "" if difference.field == "value" else f", {difference.field}"
    recorded, derived = (
        "nothing" if side is None else side for side in (difference.recorded, difference.derived)
    )
    return f"{difference.metric}{where}{what}: recorded {recorded}, derived {derived}"
