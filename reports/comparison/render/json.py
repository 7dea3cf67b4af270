"""A comparison report for other programs: the figures themselves, by stable names."""

import json
from dataclasses import asdict
from typing import Any

from reports.comparison.model import Figure, Report, Table

# Of this form alone; a change that a reader would notice raises it.
SCHEMA_VERSION = 1


def to_json(report: Report) -> str:
    """One object: tables have their cells by column key, figures are named, not held.

    Raises:
        ValueError: a figure of a table is not finite, which JSON has no word for.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "dataset": report.dataset,
        "facts": report.facts,
        "notices": report.notices,
        "verdict": asdict(report.verdict),
        "comparison": _table(report.comparison),
        "interval": report.interval,
        "tables": [_table(table) for table in report.tables],
        "figures": [_figure(figure) for figure in report.figures],
        "questions": [asdict(question) for question in report.questions],
        "n_questions": report.n_questions,
        "method": [_table(table) for table in report.method],
        "skipped": [{"folder": entry.folder.as_posix(), "reason": entry.reason} for entry in report.skipped],
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _table(table: Table) -> dict[str, Any]:
    keys = [column.key for column in table.columns]
    return {
        "key": table.key,
        "title": table.title,
        "about": table.about,
        "columns": [asdict(column) for column in table.columns],
        "rows": [
            {
                "name": row.name,
                "note": row.note,
                "cells": {key: asdict(cell) for key, cell in zip(keys, row.cells, strict=True)},
            }
            for row in table.rows
        ],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "title": figure.title,
        "caption": figure.caption,
        "alt": figure.alt,
        "files": [f"{figure.name}.svg", f"{figure.name}.png"],
    }
