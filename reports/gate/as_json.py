"""A check for other programs to read."""

import json
from dataclasses import asdict
from typing import Any

from reports.gate.results import Check, Remark
from reports.gate.wording import message, sentence, verdict

SCHEMA_VERSION = 3


def check_json(check: Check) -> str:
    """The whole check: the exit code, and every result with its code and figures in its own units, null where
    there is none; `message` is its sentence.

    Raises:
        ValueError: a figure is not finite, which JSON cannot hold.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "exit_code": check.exit_code,
        "verdict": verdict(check).lower(),
        **asdict(check),
        "results": [{**asdict(result), "message": message(result)} for result in check.results],
        "refusals": [_remark(remark) for remark in check.refusals],
        "notes": [_remark(remark) for remark in check.notes],
    }
    return json.dumps(content, allow_nan=False, indent=1) + "\n"


def _remark(remark: Remark) -> dict[str, Any]:
    return {**asdict(remark), "message": sentence(remark)}
