"""Shell completion for the console script: verbs first, then what Hydra knows of the verb's configuration.

`eval "$(derby --shell-completion install=bash)"` installs it. Hydra's own completion expects an
application without verbs, so the verb is taken out of the line before Hydra sees it.
"""

import os
import sys
from collections.abc import Sequence

INSTALL = """\
_derby_completion() {
    local choices
    choices=$(COMP_LINE=$COMP_LINE derby --shell-completion query=bash 2>/dev/null)
    COMPREPLY=($(compgen -W "$choices" -- "${COMP_WORDS[COMP_CWORD]}"))
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -F _derby_completion derby
"""
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
    words = line.split()
    if len(words) < 2 or (len(words) == 2 and not line.endswith(" ")):
        return [f"{verb} " for verb in verbs if verb.startswith(words[1] if len(words) == 2 else "")]
    if words[1] not in verbs:
        return []
    if words[1] == "experts":
        return ["list ", "show ", "use "] if len(words) < 3 else []
    if words[1] == "points":
        # After the folder, which bash completes, come the keys of `ask`.
        if len(words) < 3:
            return ["export ", "ask "]
        return _hydra_choices("ask", line.split(maxsplit=4)[4]) if len(words) > 4 else []
    if words[1] in ("diff", "check", "verify"):
        # Folders: bash itself completes these.
        return []
    rest = line.split(maxsplit=2)[2] if len(words) > 2 else ""
    return _hydra_choices(words[1], rest)


def _hydra_choices(verb: str, line: str) -> list[str]:
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.core_plugins.bash_completion import BashCompletion
    from hydra._internal.utils import create_config_search_path

    from benchmarks.resolvers import register as register_resolvers
    from conf.schema import register as register_schemas

    register_schemas()
    register_resolvers()
    loader = ConfigLoaderImpl(create_config_search_path("pkg://conf"))
    return BashCompletion(loader)._query(config_name=verb, line=line)
