"""What training and `experts list` print: one line an adapter, from its card."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.terminal.console import columns, plain_console, table

Card = dict[str, Any]


def print_trained(cards: Sequence[Card]) -> None:
    """What each new adapter took and reached."""
    shown = table("Trained; validation loss a token of the answers, before → after")
    columns(shown, "domain", ["version", "questions", "trainable", "loss", "minutes", "peak\nMB"])
    for card in cards:
        trained = card["trained"]
        peak = trained["cuda_peak_bytes"] or trained["peak_rss_bytes"]
        shown.add_row(
            card["domain"],
            card["version"],
            str(trained["questions_trained"]),
            _share(trained),
            f"{trained['validation_loss_before']:.3f} → {trained['validation_loss_after']:.3f}",
            f"{trained['train_seconds'] / 60:.1f}",
            f"{peak / 1e6:.0f}",
        )
    plain_console().print(shown)


def print_versions(rows: Sequence[tuple[Card, bool, Path]]) -> None:
    """Every version: (card, whether it is in use, its folder)."""
    shown = table("Adapters; * is in use")
    columns(shown, "experts", ["domain", "version", "base model", "loss", "trained", "commit"])
    for card, in_use, _ in rows:
        trained = card["trained"]
        shown.add_row(
            card["experts"],
            card["domain"],
            f"{card['version']} {'*' if in_use else ' '}",
            str(card["base"]["source"]),
            f"{trained['validation_loss_before']:.3f} → {trained['validation_loss_after']:.3f}",
            str(card["date"]).partition("T")[0],
            str(card["git"]["commit"] or "–")[:8],
        )
    plain_console().print(shown)


def _share(trained: dict[str, Any]) -> str:
    share = 100 * trained["trainable_parameters"] / trained["parameters"]
    return f"{share:.2f} % of {trained['parameters'] / 1e6:.0f} M"
