"""From a question to the model's own chat format; training and serving share it."""

from typing import Any

from experts.base import ExpertError, cut_middle

# Changes when the same question would reach the model as other tokens.
VERSION = 1


def messages(tokenizer: Any, system_prompt: str, question: str) -> list[dict[str, str]]:
    """The conversation before the answer.

    Some chat templates (Phi-3-medium's, Gemma's) drop or refuse a system message; the instruction then
    stands before the question.

    Raises:
        ExpertError: the tokenizer has no chat template.
    """
    if tokenizer.chat_template is None:
        raise ExpertError(f"the tokenizer in {tokenizer.name_or_path} has no chat template")
    if not system_prompt:
        return [{"role": "user", "content": question}]
    if _shows_system_message(tokenizer, system_prompt):
        return [{"role": "system", "content": system_prompt}, {"role": "user", "content": question}]
    return [{"role": "user", "content": f"{system_prompt}\n\n{question}"}]


def render(tokenizer: Any, system_prompt: str, question: str) -> str:
    """The text that the model continues with its answer."""
    conversation = messages(tokenizer, system_prompt, question)
    text: str = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
    return text


def plain_question(tokenizer: Any, question: str) -> str:
    """The question as words alone, without what a tokenizer refuses or would take for the end of a turn."""
    # No tokenizer takes a lone surrogate.
    text = question.encode("utf-8", "replace").decode("utf-8")
    for token in tokenizer.all_special_tokens:
        text = text.replace(token, " ")
    return text.strip()


def fit_question(tokenizer: Any, question: str, max_tokens: int) -> tuple[str, str | None]:
    """The question in at most `max_tokens` tokens, cut in the middle, and a note when it was cut."""
    tokens = tokenizer(question, add_special_tokens=False)["input_ids"]
    text, length, limit = question, len(tokens), max_tokens
    while length > max_tokens:
        # A cut through a character leaves a mark of several tokens; other words may join into more.
        text = tokenizer.decode(cut_middle(tokens, limit), skip_special_tokens=True).replace("\ufffd", "")
        length = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        limit -= max(1, length - max_tokens)
    return text, f"question cut from {len(tokens)} to {length} tokens" if text != question else None


def load_tokenizer(folder: str) -> Any:
    """The tokenizer of a local model folder, padding on the left as generation needs it.

    Raises:
        ExpertError: there is none.
    """
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # it warns of a question that is too long, which is cut here
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ExpertError(f"cannot load a tokenizer from {folder}: {error}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return tokenizer


def _shows_system_message(tokenizer: Any, system_prompt: str) -> bool:
    from jinja2 import TemplateError

    probe = [{"role": "system", "content": system_prompt}, {"role": "user", "content": "?"}]
    try:
        # Templates may trim it.
        return system_prompt.strip() in tokenizer.apply_chat_template(probe, tokenize=False)
    except TemplateError:
        return False
