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


def fit_question(tokenizer: Any, question: str, max_tokens: int) -> tuple[str, str | None]:
    """The question in at most `max_tokens` tokens, cut in the middle, and a note when it was cut."""
    tokens = tokenizer(question, add_special_tokens=False)["input_ids"]
    if len(tokens) <= max_tokens:
        return question, None
    text = tokenizer.decode(cut_middle(tokens, max_tokens), skip_special_tokens=True)
    return text, f"question cut from {len(tokens)} to {max_tokens} tokens"


def load_tokenizer(folder: str) -> Any:
    """The tokenizer of a local model folder, padding on the left as generation needs it."""
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # it warns of a question that is too long, which is cut here
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return tokenizer


def _shows_system_message(tokenizer: Any, system_prompt: str) -> bool:
    from jinja2 import TemplateError

    probe = [{"role": "system", "content": system_prompt}, {"role": "user", "content": "?"}]
    try:
        return system_prompt in tokenizer.apply_chat_template(probe, tokenize=False)
    except TemplateError:
        return False
