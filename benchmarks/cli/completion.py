"""Shell completion for the console script: verbs first, then what Hydra knows of the verb's configuration.

`eval "$(derby --shell-completion install=bash)"` installs it. Hydra's own completion expects an
application without verbs, so the verb is taken out of the line before Hydra sees it.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

INSTALL = """\
_derby_completion() {
    local choices
    choices=$(COMP_LINE=$COMP_LINE derby --shell-completion query=bash 2>/dev/null)
    COMPREPLY=($(compgen -W "$choices" -- "${COMP_WORDS[COMP_CWORD]}"))
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -F _derby_completion derby
"""
# They take folders and options of their own.
WITHOUT_CONFIGURATION = ("check", "diff", "experts", "verify")
USAGE = 'error: completion is for bash: eval "$(derby --shell-completion install=bash)"'


def complete(arguments: Sequence[str], verbs: Sequence[str]) -> int:
    """Answer `--shell-completion install=bash` or `query=bash`; returns the exit code."""
    action = arguments[-1]
    if action == "install=bash":
        print(INSTALL, end="")
    elif action == "query=bash":
        print(" ".join(_choices(os.environ.get("COMP_LINE", ""), verbs)))
    else:
        print(USAGE, file=sys.stderr)
        return 2
    return 0


def _choices(line: str, verbs: Sequence[str]) -> list[str]:
    """What could stand in place of the last word, or after the last space."""
    words = line.split()
    last = words.pop() if len(words) > 1 and not line.endswith(" ") else ""
    if len(words) < 2:
        return _beginning(last, [f"{verb} " for verb in verbs])
    verb, *given = words[1:]
    if verb not in verbs:
        return []
    if last.startswith("-"):
        return _beginning(last, _options(verb))
    if verb == "experts":
        return _beginning(last, ["list ", "show ", "use "]) if not given else []
    if verb == "points":
        if not given:
            return _beginning(last, ["export ", "ask "])
        # After the folder, which bash completes, come the keys of `ask`.
        return _hydra_choices("ask", given[2:], last) if len(given) > 1 else []
    # Folders: bash itself completes these.
    return [] if verb in WITHOUT_CONFIGURATION else _hydra_choices(verb, given, last)


def _beginning(start: str, choices: Iterable[str]) -> list[str]:
    return [choice for choice in choices if choice.startswith(start)]


def _options(verb: str) -> list[str]:
    """The long options of a verb: its own, or those of every Hydra application."""
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    if verb in WITHOUT_CONFIGURATION:
        parser = import_module(f"benchmarks.cli.{verb}").argument_parser(verb)
    return [option for option in parser._option_string_actions if option.startswith("--")]


def _hydra_choices(verb: str, given: Sequence[str], last: str) -> list[str]:
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.core_plugins.bash_completion import BashCompletion
    from hydra._internal.utils import create_config_search_path, get_args
    from hydra.errors import HydraException

    from benchmarks.assets.packages import register as register_resolvers
    from benchmarks.cli.ask import FLAGS_WITH_VALUE, split_arguments
    from benchmarks.schema import register as register_schemas

    # A question is nothing of Hydra's.
    _, overrides = split_arguments(given)
    if overrides[-1:] and overrides[-1] in FLAGS_WITH_VALUE:
        return []
    register_schemas()
    register_resolvers()
    search_path = create_config_search_path("pkg://conf")
    if own := get_args(overrides).config_dir:
        search_path.append("command-line", f"file://{Path(own).expanduser().absolute()}")
    try:
        completion = BashCompletion(ConfigLoaderImpl(search_path))
        return completion._query(config_name=verb, line=" ".join([*overrides, last]))
    except HydraException:
        return []
