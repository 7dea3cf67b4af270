"""A check for other programs to read."""

import json
from dataclasses import asdict

from reports.gate.check import Check
from reports.gate.wording import verdict

SCHEMA_VERSION = 1


def check_json(check: Check) -> str:
    """The whole check: the exit code, and every finding in its own units, null where there is no figure.

    Raises:
        ValueError: a figure is not finite, which JSON has no word for.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "exit_code": check.exit_code,
        "verdict": verdict(check).lower(),
        **asdict(check),
    }
    return json.dumps(content, allow_nan=False, indent=1) + "\n"
