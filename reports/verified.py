"""What `verify` prints: one line a folder, and a line for each figure that differs."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.console import plain_console


def print_verified(folder: str, n_metrics: int, differences: Sequence[Mapping[str, Any]]) -> None:
    """A difference holds `metric`, `slice`, `field`, `recorded` and `derived`; None where one is missing."""
    console = plain_console()

    def say(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True)

    if not differences:
        say(f"{folder}: all {n_metrics} metrics follow from the predictions and timings")
        return
    names = {(difference["metric"], difference["slice"]) for difference in differences}
    say(f"{folder}: {len(names)} of {n_metrics} metrics DIFFER from what the predictions and timings give:")
    for difference in differences:
        name, field = difference["metric"], difference["field"]
        where = "" if difference["slice"] == "all" else f" of {difference['slice']}"
        what = "" if field == "value" else f", {field}"
        recorded, derived = (
            "nothing" if difference[side] is None else difference[side] for side in ("recorded", "derived")
        )
        say(f"  {name}{where}{what}: recorded {recorded}, derived {derived}")
