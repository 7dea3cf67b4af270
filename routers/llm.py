"""A language model that is asked to name the domain: here, or behind any OpenAI-compatible endpoint."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.checks import ConfigError, Constraints, at_least, optional, positive
from common.files import sha256_unchanged
from common.onnx_weights import WEIGHTS
from common.splits import shuffled_by_class
from routers.base import Inference, ModelFolderOrName, valid_text
from routers.http_client import JsonClient
from routers.language_models import EndpointModel, LanguageModel, LocalModel, Message
from routers.outside import OutsideRouter, matrix
from routers.weights import Reference, is_untrained, refer, weights_file

PROMPT = (
    "You sort questions into domains. The domains are:\n{domains}\n"
    "Answer with the name of the one domain that the question belongs to, and nothing else."
)
MILLION = 1e6
ROLE = "language model"


@dataclass(eq=False, repr=False)
class LLMRouter(OutsideRouter):
    """A chat model, asked greedily; what it says is searched for the name of a domain, which gets all the
    probability. An answer that names none, or several, is counted, and all domains are equally probable.

    Args:
        model: the endpoint's name of it; without `url` the folder of a Llama chat model, which runs here.
        url: of the endpoint, up to and with `/v1`; null asks no endpoint.
        int8: keep the matrices of a model that runs here in 8 bits.
        shots: training questions of each domain in the prompt, drawn by the seed; 0 asks without examples.
        prompt: the system message; `{domains}` in it is replaced by the names, one a line.
        max_tokens: an answer is cut after so many.
        max_chars: a longer question, or example, is cut behind them.
        usd_per_million_in, usd_per_million_out: prices of tokens read and written; None where unknown.
        api_key_env: the environment variable that holds the key; null sends none.
        timeout: seconds without a sign of the endpoint.
        max_retries: of a request that timed out, could not connect or met a busy endpoint.
    """

    parameter_constraints: ClassVar[Constraints] = {
        **dict.fromkeys(("shots", "max_retries", "seed"), at_least(0)),
        **dict.fromkeys(("max_tokens", "max_chars"), at_least(1)),
        **dict.fromkeys(("usd_per_million_in", "usd_per_million_out"), optional(at_least(0))),
        "timeout": positive,
    }

    model: ModelFolderOrName
    url: str | None = None
    int8: bool = True
    shots: int = 0
    prompt: str = PROMPT
    max_tokens: int = 16
    max_chars: int = 4000
    usd_per_million_in: float | None = None
    usd_per_million_out: float | None = None
    api_key_env: str | None = None
    timeout: float = 60.0
    max_retries: int = 2
    seed: int = 0

    @staticmethod
    def check_together(values: Mapping[str, Any], prefix: str = "") -> None:
        """Raises ConfigError for an endpoint without a name of its model."""
        if values["url"] is not None and not isinstance(values.get("model"), str):
            raise ConfigError(f"{prefix}url={values['url']} needs {prefix}model=NAME: its model's name there")

    @staticmethod
    def weights_arguments(values: Mapping[str, Any]) -> tuple[str, ...]:
        """Arguments that are weights, and not the name of somebody else's."""
        return ("model",) if values["url"] is None else ()

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        super()._fit(queries, targets)
        drawn = [rows[: self.shots] for rows in shuffled_by_class(targets, self.seed)]
        # One of each domain by turns, so that none is the last that was named for long.
        rows = [some[turn] for turn in range(self.shots) for some in drawn if turn < len(some)]
        self.shots_ = [(queries[row], self.classes_[targets[row]]) for row in rows]
        self._open()

    def _open(self) -> None:
        before = self._conversation()
        if self.url is None:
            sha256 = self.weights_sha256()[ROLE]
            self._model: LanguageModel = LocalModel(
                self.model, sha256, before, self.max_tokens, int8=self.int8
            )
        else:
            client = JsonClient(self.url, self.api_key_env, self.timeout, self.max_retries)
            settings = {"model": self.model, "temperature": 0, "max_tokens": self.max_tokens}
            self._model = EndpointModel(client, self.url, settings, before)
        self._names = Names(self.classes_)
        self._events = {
            "questions": 0,
            "unnamed": 0,
            "counted": 0,
            "prompt_tokens": 0,
            "completion_tokens": 0,
        }

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        rows = [self._row(query) for query in queries]
        proba = matrix(rows, len(self.classes_))
        named = [max(row) == 1 for row in rows]
        return Inference(proba, np.array(named, dtype=np.float32))

    def _row(self, query: str) -> list[float]:
        """Probabilities by column."""
        self._events["questions"] += 1
        column = self._names.find(self._ask(query))
        if column is None:
            self._events["unnamed"] += 1
            return [1 / len(self.classes_)] * len(self.classes_)
        return [float(number == column) for number in range(len(self.classes_))]

    def _ask(self, query: str) -> str:
        reply = self._model.ask(self._cut(query))
        if reply.read is not None and reply.written is not None:
            self._events["counted"] += 1
            self._events["prompt_tokens"] += reply.read
            self._events["completion_tokens"] += reply.written
        return reply.text

    def _conversation(self) -> list[Message]:
        """The messages before each question."""
        names = "\n".join(f"- {name}" for name in self.classes_)
        messages = [{"role": "system", "content": valid_text(self.prompt.replace("{domains}", names))}]
        for example, domain in self.shots_:
            messages.append({"role": "user", "content": self._cut(example)})
            messages.append({"role": "assistant", "content": valid_text(domain)})
        return messages

    def _cut(self, text: str) -> str:
        return valid_text(text[: self.max_chars])

    def is_cut(self, query: str) -> bool:
        self._check_fitted()
        return len(query) > self.max_chars or self._model.is_cut(valid_text(query))

    def events(self) -> dict[str, float]:
        """Of an endpoint requests and those sent again; questions, those without a domain as answer; of those
        whose tokens were counted the tokens, and their price in US dollars where prices are known."""
        events = self._events
        read, written = events["prompt_tokens"], events["completion_tokens"]
        found: dict[str, float] = {**self._model.events(), **events}
        found["tokens"] = read + written
        if self.usd_per_million_in is not None and self.usd_per_million_out is not None:
            found["usd"] = (read * self.usd_per_million_in + written * self.usd_per_million_out) / MILLION
        return found

    @property
    def training_skipped(self) -> bool:
        return self.url is None and is_untrained(self.model)

    def asset_paths(self) -> list[Path]:
        model = getattr(self, "_model", None)
        if not isinstance(model, LocalModel):
            return []
        graph = model.graph
        return [graph, graph.with_name(WEIGHTS), Path(self.model) / "tokenizer.json"]

    def pretrained(self) -> Reference | None:
        return None if self.url is not None else refer(self.model, ROLE, with_settings=False)

    def weights_sha256(self) -> dict[str, str]:
        return {} if self.url is not None else {ROLE: sha256_unchanged(weights_file(self.model, ROLE))}

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, _ = super()._state(folder)
        return arrays, {"shots": [[valid_text(query), domain] for query, domain in self.shots_]}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        super()._restore(folder, arrays, meta)
        self.shots_ = [(query, domain) for query, domain in meta["shots"]]
        self._open()


class Names:
    """Names of domains, to be found in what a model says."""

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = {name: column for column, name in enumerate(names)}
        self._plain: dict[str, int] = {}
        for name, column in self._exact.items():
            self._plain.setdefault(_plain(name), column)
        # The longest first: a name may be a part of another.
        longest = sorted(filter(None, self._plain), key=len, reverse=True)
        self._any = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in longest) or r"(?!)")

    def find(self, text: str) -> int | None:
        """Column of the domain that `text` is, or else the only one that it mentions, as a whole word and in
        any case; None without one, or with several."""
        if text in self._exact:
            return self._exact[text]
        plain = _plain(text)
        if plain in self._plain:
            return self._plain[plain]
        found = {self._plain[name] for name in self._any.findall(plain)}
        return found.pop() if len(found) == 1 else None


def _plain(text: str) -> str:
    """Text in lower case, with single blanks, without what stands around it."""
    return re.sub(r"^\W+|\W+$", "", " ".join(text.casefold().split()))
