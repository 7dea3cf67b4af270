"""`python -m benchmarks experts`: list trained adapters, show one, choose the one in use."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cli.arguments import verb_parser

if TYPE_CHECKING:
    from benchmarks.assets.adapters import Adapters

USAGE = """\
examples:
  python -m benchmarks experts list
  python -m benchmarks experts show car
  python -m benchmarks experts use car v1
"""


def main(verb: str) -> None:
    options = argument_parser(verb).parse_args(sys.argv[1:])
    from benchmarks.assets.adapters import Adapters

    adapters = Adapters(Path(options.adapters))
    if options.action == "list":
        _list(adapters)
    elif options.action == "show":
        _show(adapters, options.experts, options.domain, options.version)
    else:
        version = adapters.use(options.experts, options.domain, options.version)
        print(f"{options.domain}: {version.name} is current, in {version.folder}")


def argument_parser(verb: str) -> argparse.ArgumentParser:
    parser = verb_parser(
        verb, "Versions of the experts' LoRA adapters: what is there, what is in use.", USAGE
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|show|use")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--adapters", default="adapters", help="folder of trained versions (adapters)")
    actions.add_parser("list", parents=[common], help="every version, with its validation loss")
    named = argparse.ArgumentParser(add_help=False, parents=[common])
    named.add_argument("--experts", default="local", help="the experts= configuration it belongs to (local)")
    named.add_argument("domain")
    show = actions.add_parser("show", parents=[named], help="the card of the current, or of one, version")
    show.add_argument("version", nargs="?")
    use = actions.add_parser("use", parents=[named], help="make a version the current one")
    use.add_argument("version")
    return parser


def _list(adapters: "Adapters") -> None:
    from reports.terminal.adapters import print_versions

    rows = []
    for experts in adapters.experts():
        for domain in adapters.domains(experts):
            current = adapters.current(experts, domain)
            for version in adapters.versions(experts, domain):
                in_use = current is not None and version.name == current.name
                rows.append((version.card, in_use, version.folder))
    if rows:
        print_versions(rows)
    else:
        print("no adapters yet: python -m benchmarks train experts=local")


def _show(adapters: "Adapters", experts: str, domain: str, name: str | None) -> None:
    import json

    from benchmarks.errors import BadInput

    version = adapters.get(experts, domain, name) if name else adapters.current(experts, domain)
    if version is None:
        raise BadInput(
            f"experts={experts} has no adapter for domain {domain!r}; `python -m benchmarks experts list` "
            "shows what there is, `python -m benchmarks train` makes one"
        )
    print(json.dumps({"folder": str(version.folder), **version.card}, indent=1, ensure_ascii=False))
