"""Shell completion: click's, with Hydra's knowledge of a verb's keys and values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, shell_complete

from benchmarks.errors import EXIT_BAD_INPUT


class WholeWords(BashComplete):
    """Bash completion in which KEY=VALUE is one word, and a space follows only a whole word."""

    source_template = "COMP_WORDBREAKS=${COMP_WORDBREAKS//=}\n" + BashComplete.source_template.replace(
        "-o nosort", "-o nosort -o nospace"
    )

    def format_completion(self, item: CompletionItem[Any]) -> str:
        unfinished = item.type != "plain" or item.value.endswith(("=", "."))
        return super().format_completion(item) + ("" if unfinished else " ")


def complete(commands: click.Command, variable: str, instruction: str) -> int:
    """Answer a shell's `bash_source`, `zsh_complete` or the like; returns the exit code."""
    add_completion_class(WholeWords, "bash")
    failed = shell_complete(commands, {}, "derby", variable, instruction)
    if failed:
        shells = "bash_source, zsh_source or fish_source"
        click.echo(f"error: {variable}={instruction}: expected {shells}", err=True)
    return EXIT_BAD_INPUT if failed else 0


def hydra_choices(config: str, given: Sequence[str], last: str, config_dir: str | None) -> list[str]:
    """Keys, groups and values that could stand in place of the word `last`, after the words `given`."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.core_plugins.bash_completion import BashCompletion
    from hydra._internal.utils import create_config_search_path
    from hydra.errors import HydraException

    from benchmarks.assets.packages import CONF
    from benchmarks.config import register

    register()
    search_path = create_config_search_path(str(CONF))
    if config_dir:
        search_path.append("command-line", f"file://{Path(config_dir).expanduser().absolute()}")
    try:
        completion = BashCompletion(ConfigLoaderImpl(search_path))
        return completion._query(config_name=config, line=" ".join([*given, last]))
    except HydraException:
        return []
