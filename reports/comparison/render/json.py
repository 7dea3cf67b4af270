"""A comparison report for other programs: the figures themselves, by stable names."""

import json
from typing import Any

from common.typed_json import to_json as plain
from reports.comparison.model import Report, Statement
from reports.table import Table

# Of this form alone; a change that a reader would notice raises it.
SCHEMA_VERSION = 3


def to_json(report: Report) -> str:
    """One object: statements have a code, details and their sentence; tables have their cells by column key,
    as the records have the figures; figures are named, not held.

    Raises:
        ValueError: a figure of a table is not finite, which JSON has no word for.
    """
    chosen = report.recommendation
    content = {
        "schema_version": SCHEMA_VERSION,
        "dataset": report.dataset,
        "facts": _statements(report.facts),
        "notices": _statements(report.notices),
        "recommendation": {
            "router": chosen.router,
            "headline": _statement(chosen.headline),
            "reasons": _statements(chosen.reasons),
            "caveats": _statements(chosen.caveats),
        },
        "comparison": _table(report.comparison),
        "interval": report.interval,
        "tables": [_table(table) for table in report.tables],
        "pairs": [
            {key: value for key, value in plain(pair).items() if key != "disagreements"}
            for pair in report.pairs
        ],
        "figures": [
            {key: getattr(figure, key) for key in ("name", "title", "caption", "alt")}
            | {"files": [f"{figure.name}.svg", f"{figure.name}.png"]}
            for figure in report.figures
        ],
        "questions": plain(report.questions),
        "n_questions": report.n_questions,
        "method": [_table(table) for table in report.method],
        "skipped": [
            {"folder": one.folder.as_posix(), "reason": _statement(one.reason)} for one in report.skipped
        ],
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _statements(statements: list[Statement]) -> list[dict[str, Any]]:
    return [_statement(one) for one in statements]


def _statement(one: Statement) -> dict[str, Any]:
    return {"code": one.code.name.lower(), "details": plain(dict(one.details)), "message": one.message}


def _table(table: Table) -> dict[str, Any]:
    keys = [column.key for column in table.columns]
    return {
        **plain(table),
        "rows": [
            {
                "name": row.name,
                "note": row.note,
                "cells": {key: plain(cell) for key, cell in zip(keys, row.cells, strict=True)},
            }
            for row in table.rows
        ],
    }
