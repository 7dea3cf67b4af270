"""A verb that Hydra configures: its options are click's, its KEY=VALUE words are composed by Hydra."""

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from benchmarks.errors import BadInput

# Ends at a blank, which no option has before its `=`.
DASHED_QUESTION = re.compile(r"-[^=\s]*\s")
KEY_VALUE = re.compile(r"[+~]{0,2}[\w./@]+(@[\w.]*)?=|~[\w./@]+$")


def hydra_options(sweeps: bool) -> list[click.Parameter]:
    """Hydra's options, passed on to it; only a verb that `sweeps` shows `-m`."""
    show = click.Choice(["job", "hydra", "all"])
    details = click.Choice(["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"])
    folder = click.Path(file_okay=False)
    return [
        click.Option(["-m", "--multirun"], is_flag=True, hidden=not sweeps, help="Run every combination."),
        click.Option(["-c", "--cfg"], type=show, help="Print the configuration and stop."),
        click.Option(["--resolve"], is_flag=True, help="Resolve interpolations in what --cfg prints."),
        click.Option(["-p", "--package"], metavar="KEY", help="Print only this part with --cfg."),
        click.Option(["-i", "--info"], type=details, is_flag=False, flag_value="all", help="Explain Hydra."),
        click.Option(["-cd", "--config-dir"], type=folder, help="Folder of configuration of your own."),
        click.Option(["-cn", "--config-name"], metavar="NAME", help="Another root configuration."),
        click.Option(["--hydra-help"], is_flag=True, help="Explain Hydra's own options."),
    ]


class Configured(click.Command):
    """A verb with KEY=VALUE words.

    Its callback finds Hydra's part of the line in `sys.argv`, where Hydra reads it, and gets the other words
    as `questions` when the verb takes them.

    Args:
        config: the configuration whose keys complete a line.
        sweeps: whether a key may have several values, with `-m`.
        questions: whether words may be questions; every word after `--` is one.
        hydra_help: whether `--help` shows every key with its value, which is Hydra's help text.
        example: a KEY=VALUE word to show where one is expected.
        named: keys under which the user makes up names, as in `routers.NAME=…`.
    """

    def __init__(
        self,
        name: str | None,
        *,
        config: str,
        params: list[click.Parameter] | None = None,
        sweeps: bool = False,
        questions: bool = False,
        hydra_help: bool = True,
        example: str = "router=knn",
        named: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        self.example = example
        self.config, self.questions, self.named = config, questions, tuple(f"{key}." for key in named)
        self.options = hydra_options(sweeps)
        if hydra_help:
            self.options.insert(0, click.Option(["-h", "--help"], is_flag=True, help="Show every key."))
        metavar = '["QUESTION" | KEY=VALUE]...' if questions else "[KEY=VALUE]..."
        words = click.Argument(["words"], nargs=-1, metavar=metavar, shell_complete=_complete)
        super().__init__(
            name, params=[*(params or []), words, *self.options], add_help_option=not hydra_help, **settings
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # click drops `--`, and whether a word stood after it.
        end = args.index("--") if self.questions and "--" in args else len(args)
        ctx.meta["after_dashes"] = args[end + 1 :]
        # click takes whatever begins with a dash for an option.
        dashed = [word for word in args[:end] if self.questions and DASHED_QUESTION.match(word)]
        ctx.meta["in_order"], ctx.meta["dashed"] = args[:end], dashed
        if not ctx.resilient_parsing:
            self._refuse_dashed_keys(ctx, args[:end])
        try:
            return super().parse_args(ctx, [word for word in args[:end] if word not in dashed])
        except click.NoSuchOption as error:
            if not self.questions:
                raise
            hint = f"a question of one word goes after --: -- {error.option_name}"
            raise click.UsageError(f"{error.message.rstrip('.')}; {hint}", ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        from benchmarks.overrides import as_override

        questions, overrides = self.split(ctx.params.pop("words"))
        self._refuse_bare(ctx, overrides)
        if self.questions:
            self._refuse_unknown(overrides)
        sweeps = bool(ctx.params.get("multirun"))
        options = [word for option in self.options for word in _as_words(option, ctx.params)]
        overrides = [as_override(word, sweeps=sweeps) for word in overrides]
        # Hydra adds a name that it does not know when it is told to.
        overrides = [f"++{word}" if word.startswith(self.named) else word for word in overrides]
        sys.argv = [ctx.command_path, *options, *overrides]
        if self.questions:
            asked = {*questions, *ctx.meta["dashed"]}
            before = [word for word in ctx.meta["in_order"] if word in asked]
            ctx.params["questions"] = [*before, *ctx.meta["after_dashes"]]
        return super().invoke(ctx)

    def split(self, words: Sequence[str]) -> tuple[list[str], list[str]]:
        """Questions, and KEY=VALUE without a space in KEY; `-` is standard input."""
        named = ["input=-" if word == "-" and self.questions else word for word in words]
        questions = [word for word in named if self.questions and self._is_question(word)]
        return questions, [word for word in named if word not in questions]

    def _is_question(self, word: str) -> bool:
        """True for what is no KEY=VALUE, and for several words after what is no key: `E=mc2 explained`."""
        return not KEY_VALUE.match(word) or (" " in word and not self._has_key(word))

    def _refuse_dashed_keys(self, ctx: click.Context, words: Sequence[str]) -> None:
        """Raises UsageError for a key with dashes before it: `--router=knn`, or `--router knn`."""
        options = {name for option in self.params for name in option.opts}
        for word in words:
            option = word.partition("=")[0]
            key = option.lstrip("-")
            if word.startswith("-") and option not in options and self._has_key(key):
                raise click.UsageError(f"{option}: a key has no dashes before it: {key}=VALUE", ctx)

    def _refuse_bare(self, ctx: click.Context, words: Sequence[str]) -> None:
        """Raises UsageError for a word that is neither KEY=VALUE nor deletes a key."""
        from benchmarks.config import without_urls

        for word in words:
            if "=" not in word and not word.startswith("~"):
                rules = "no spaces go around the =, and a value with spaces goes into quotes"
                raise click.UsageError(
                    f"{without_urls(word)}: not KEY=VALUE, such as {self.example}; {rules}", ctx
                )

    def _refuse_unknown(self, overrides: Sequence[str]) -> None:
        """Raises BadInput for one word behind what is no key: a mistyped key, or a question."""
        from benchmarks.config import keys_of, without_urls

        for word in overrides:
            if not self._has_key(word):
                raise BadInput(
                    f"no key {_first_key(word)}; there is: {', '.join(keys_of(self.config))}; a question "
                    f"of one word goes after --: -- {shlex.quote(without_urls(word))}"
                )

    def _has_key(self, word: str) -> bool:
        """True if the verb has the key of a KEY=VALUE, or the word adds it or deletes one."""
        from benchmarks.config import keys_of

        return word.startswith(("+", "~")) or _first_key(word) in keys_of(self.config)


def _first_key(word: str) -> str:
    return re.split(r"[.=@/]", word, maxsplit=1)[0]


def _as_words(option: click.Parameter, values: dict[str, Any]) -> Iterator[str]:
    """The option as it was given; it is taken out of `values`."""
    value = values.pop(option.name or "")
    if value is True:
        yield option.opts[-1]
    elif value:
        yield f"{option.opts[-1]}={value}"


def _complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    from benchmarks.cli.completion import hydra_choices

    assert isinstance(ctx.command, Configured)
    overrides = ctx.command.split(ctx.params.get("words") or ())[1]
    choices = hydra_choices(ctx.command.config, overrides, incomplete, ctx.params.get("config_dir"))
    return [CompletionItem(choice) for choice in choices]
