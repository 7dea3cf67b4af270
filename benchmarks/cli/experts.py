"""`python -m benchmarks experts`: list trained adapters, show one, choose the one in use."""

from pathlib import Path

import click

ADAPTERS = click.option(
    "--adapters",
    "folder",
    default=Path("adapters"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of trained versions.",
)
EXPERTS = click.option(
    "--experts", default="local", show_default=True, help="The experts= configuration that it belongs to."
)


@click.group("experts", no_args_is_help=False)
def command() -> None:
    """List trained adapters, show one, choose the one in use.

    \b
    Examples:
      python -m benchmarks experts list
      python -m benchmarks experts show car
      python -m benchmarks experts use car v1
    """


@command.command("list")
@ADAPTERS
def list_(folder: Path) -> None:
    """List every version, with its validation loss."""
    from benchmarks.assets.adapters import Adapters
    from reports.terminal.adapters import print_versions

    adapters = Adapters(folder)
    rows = []
    for experts in adapters.experts():
        for domain in adapters.domains(experts):
            current = adapters.current(experts, domain)
            for version in adapters.versions(experts, domain):
                in_use = current is not None and version.name == current.name
                rows.append((version.card, in_use))
    if rows:
        print_versions(rows)
    else:
        print("no adapters yet: python -m benchmarks train experts=local")


@command.command()
@click.argument("domain")
@click.argument("version", required=False)
@EXPERTS
@ADAPTERS
def show(domain: str, version: str | None, experts: str, folder: Path) -> None:
    """Print the card of the current version, or of the one that is named."""
    import json

    from benchmarks.assets.adapters import Adapters
    from benchmarks.errors import BadInput

    adapters = Adapters(folder)
    found = adapters.get(experts, domain, version) if version else adapters.current(experts, domain)
    if found is None:
        raise BadInput(
            f"experts={experts} has no adapter for domain {domain!r}; `python -m benchmarks experts list` "
            "shows what there is, `python -m benchmarks train` makes one"
        )
    print(json.dumps({"folder": str(found.folder), **found.card}, indent=1, ensure_ascii=False))


@command.command()
@click.argument("domain")
@click.argument("version")
@EXPERTS
@ADAPTERS
def use(domain: str, version: str, experts: str, folder: Path) -> None:
    """Make a version the current one."""
    from benchmarks.assets.adapters import Adapters

    found = Adapters(folder).use(experts, domain, version)
    print(f"{domain}: {found.name} is current, in {found.folder}")
