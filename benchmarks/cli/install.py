"""`python -m benchmarks install`: environments of the ready-made contestants, listed and made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from benchmarks.errors import BadInput

if TYPE_CHECKING:
    from routers.ready_made import Entry


def _complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from routers.ready_made import ENTRIES

    given = ctx.params.get("names") or ()
    names = [name for name, entry in ENTRIES.items() if entry.cannot_run is None and name not in given]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command("install")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=_complete)
def command(names: Sequence[str]) -> None:
    """Make the environments of ready-made contestants, or without a name list them.

    A ready-made contestant is a router of another package. Its environment has the versions that this
    product is tested with, apart from ours, and is kept in the cache folder: one with PyTorch takes about
    2 GB and some minutes.

    \b
    Examples:
      python -m benchmarks install
      python -m benchmarks install semantic_router setfit
    """
    from reports.terminal.contestants import Contestant, print_contestants
    from routers.ready_made import ENTRIES

    if names:
        _install({name: _entry(name) for name in names})
    else:
        print_contestants(
            [
                Contestant(name, entry.package, entry.version, entry.environment.is_made, entry.cannot_run)
                for name, entry in ENTRIES.items()
            ]
        )


def _entry(name: str) -> "Entry":
    from routers.ready_made import ENTRIES

    if name not in ENTRIES:
        raise BadInput(f"no contestant {name!r}; there is: {', '.join(ENTRIES)}")
    reason = ENTRIES[name].cannot_run
    if reason is not None:
        raise BadInput(f"{name} cannot run: {reason}")
    return ENTRIES[name]


def _install(entries: "dict[str, Entry]") -> None:
    from benchmarks.assets.environments import make
    from benchmarks.workers.progress_bar import display
    from common.progress import listening

    for name, entry in entries.items():
        if entry.environment.is_made:
            print(f"{name}: installed already, {entry.environment.folder}")
            continue
        with display(f"installing {name}") as show, listening(show):
            seconds = make(entry.environment)
        print(f"{name}: {entry.package} {entry.version}, {seconds:.0f} s, {entry.environment.folder}")
