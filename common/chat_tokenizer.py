"""A tokenizer with its chat template, without transformers, which takes seconds to import."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import read_json

# Tokens with a role, as `tokenizer_config.json` names them.
ROLES = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token")


class DamagedTokenizer(UserError, ValueError):
    """A folder without a tokenizer, or with one that cannot be read."""


class ChatTokenizer:
    """Tokenizer of a model folder, with the part of transformers' interface that prompts need.

    Raises:
        DamagedTokenizer: there is none in `folder`.
    """

    def __init__(self, folder: str) -> None:
        from tokenizers import Tokenizer

        self.name_or_path = folder
        try:
            self.inner = Tokenizer.from_file(str(Path(folder, "tokenizer.json")))
        except Exception as error:  # tokenizers raises nothing more special
            raise DamagedTokenizer(f"cannot load a tokenizer from {folder}: {error}") from error
        self.inner.no_truncation()
        self.inner.no_padding()
        file = Path(folder, "tokenizer_config.json")
        self._config: dict[str, Any] = read_json(file) if file.is_file() else {}
        self.chat_template = self._chat_template()

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": self.inner.encode(text, add_special_tokens=add_special_tokens).ids}

    def decode(self, tokens: list[int], skip_special_tokens: bool = False) -> str:
        return str(self.inner.decode(tokens, skip_special_tokens=skip_special_tokens))

    def apply_chat_template(
        self, messages: list[dict[str, str]], *, tokenize: bool = False, add_generation_prompt: bool = False
    ) -> str:
        """Text of a conversation in the model's format; tokens are never made here.

        Raises:
            jinja2.TemplateError: the template refuses the conversation.
        """
        assert not tokenize
        roles = {name: content for name, content in self._roles.items() if content is not None}
        return str(
            self._template.render(
                messages=messages,
                add_generation_prompt=add_generation_prompt,
                # Templates ask whether they are none, not whether they are defined.
                tools=None,
                documents=None,
                **roles,
            )
        )

    @cached_property
    def all_special_tokens(self) -> list[str]:
        """Special tokens, those without a role too."""
        added = self.inner.get_added_tokens_decoder().values()
        return sorted(
            {token.content for token in added if token.special} | set(filter(None, self._roles.values()))
        )

    @cached_property
    def all_special_ids(self) -> list[int]:
        found = (self.inner.token_to_id(token) for token in self.all_special_tokens)
        return [token for token in found if token is not None]

    @property
    def eos_token_id(self) -> int | None:
        token = self._roles["eos_token"]
        return None if token is None else self.inner.token_to_id(token)

    @cached_property
    def _roles(self) -> dict[str, str | None]:
        def content(token: Any) -> str | None:
            return token.get("content") if isinstance(token, dict) else token

        return {role: content(self._config.get(role)) for role in ROLES}

    def _chat_template(self) -> str | None:
        """The template in a file of its own, or in the configuration, where several may have names."""
        file = Path(self.name_or_path, "chat_template.jinja")
        if file.is_file():
            return file.read_text(encoding="utf-8")
        found = self._config.get("chat_template")
        if isinstance(found, list):
            found = {entry["name"]: entry["template"] for entry in found}.get("default")
        return found

    @cached_property
    def _template(self) -> Any:
        return _environment().from_string(str(self.chat_template))


def end_of_turn(tokenizer: Any, configured: int | list[int] | None) -> list[int]:
    """Every token that ends an answer: the configured ones, and the one the chat template puts there."""
    ids = {tokenizer.eos_token_id, *([configured] if isinstance(configured, int) else configured or [])}
    if tokenizer.chat_template is not None:
        marker = "answer"
        turn = [{"role": "user", "content": "question"}, {"role": "assistant", "content": marker}]
        rendered: str = tokenizer.apply_chat_template(turn, tokenize=False)
        after = tokenizer(rendered.rpartition(marker)[2], add_special_tokens=False)["input_ids"]
        special = set(tokenizer.all_special_ids)
        ids.update(after[:1] if after and after[0] in special else [])
    return sorted(token for token in ids if token is not None)


def configured_end(folder: str) -> int | list[int] | None:
    """Tokens that end an answer as `generation_config.json` has them."""
    file = Path(folder, "generation_config.json")
    found: int | list[int] | None = read_json(file).get("eos_token_id") if file.is_file() else None
    return found


def _environment() -> Any:
    """Jinja as transformers sets it up; a template that comes with a model may not touch anything."""
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """The block that marks, for training, what the model says."""

        tags = {"generation"}  # noqa: RUF012  # as the base class has it

        def parse(self, parser: Any) -> nodes.Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body).set_lineno(line)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    # Jinja's own escapes what HTML would need.
    environment.filters["tojson"] = _json
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = _now
    return environment


def _json(value: Any, ensure_ascii: bool = False, **settings: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **settings)


def _now(layout: str) -> str:
    from datetime import datetime

    return datetime.now().strftime(layout)
