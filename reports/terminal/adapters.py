"""Output of training and of `experts list`: one line an adapter, from its card."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.table import Cell, Column, Row, Table
from reports.terminal.render import plain_console, print_table

Card = Mapping[str, Any]

_LOSSES = [
    Column("before", "loss before", about="validation loss a token of the answers", digits=3),
    Column("after", "loss after", about="validation loss a token of the answers", digits=3),
]


def print_trained(cards: Sequence[Card]) -> None:
    """Print what training each new adapter took, and its validation loss a token of the answers."""
    columns = [
        Column("version", "version"),
        Column("questions", "questions", digits=0),
        Column("trainable", "trainable", "% of weights", "weights that were trained", 100, 2),
        *_LOSSES,
        Column("minutes", "time", "min", digits=1),
        Column("peak", "peak memory", "MB", digits=0),
    ]
    rows = [Row(card["domain"], _trained_cells(card)) for card in cards]
    print_table(plain_console(), Table("trained", "Trained adapters", columns, rows, "domain"))


def print_versions(cards: Sequence[tuple[Card, bool]]) -> None:
    """Print every version: (card, whether it is in use)."""
    columns = [
        Column("in_use", "in use"),
        *_LOSSES,
        *(Column(name, name) for name in ("trained", "commit")),
        Column("base", "base model"),
    ]
    rows = [
        Row(f"{card['experts']}/{card['domain']}/{card['version']}", _version_cells(card, in_use))
        for card, in_use in cards
    ]
    print_table(plain_console(), Table("adapters", "Adapters", columns, rows, "adapter"))


def _trained_cells(card: Card) -> list[Cell]:
    trained = card["trained"]
    return [
        Cell(card["version"]),
        Cell(trained["questions_trained"]),
        Cell(trained["trainable_parameters"] / trained["parameters"]),
        *_losses(trained),
        Cell(trained["train_seconds"] / 60),
        Cell((trained["cuda_peak_bytes"] or trained["peak_rss_bytes"]) / 1e6),
    ]


def _version_cells(card: Card, in_use: bool) -> list[Cell]:
    return [
        Cell("yes" if in_use else ""),
        *_losses(card["trained"]),
        Cell(str(card["date"]).partition("T")[0]),
        Cell((card["git"]["commit"] or "")[:8] or None),
        Cell(str(card["base"]["source"])),
    ]


def _losses(trained: Mapping[str, Any]) -> list[Cell]:
    return [Cell(trained["validation_loss_before"]), Cell(trained["validation_loss_after"])]
