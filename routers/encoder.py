"""Sentence encoders: text to unit-length float32 vectors, through PyTorch or ONNX Runtime."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from common.files import cache_dir, cached_dir, digest, read_json, sha256_file, sha256_unchanged
from common.progress import progress, say
from routers.base import Configurable, FloatArray, RouterError, valid_text
from routers.stages import stage
from routers.vector_cache import through_store

if TYPE_CHECKING:
    from routers.encoder_training import Recipe

BACKENDS = ("torch", "onnx", "onnx_int8")

SETTINGS_FILES = ("tokenizer.json", "modules.json", "config.json", "1_Pooling/config.json")

# Raise when an exported file would differ for the same weights, so that old caches are not used.
EXPORT_VERSION = 1


class Backend(Protocol):
    """One way to run an encoder. `tokens` is whatever `tokenise` returns to itself."""

    def tokenise(self, texts: list[str]) -> Any: ...

    def forward(self, tokens: Any) -> FloatArray: ...


class SentenceEncoder(Configurable):
    """A sentence-transformers model, served by one of three backends.

    Args:
        model: folder of a sentence-transformers model (the benchmark resolves packages and
            hub names to a folder first).
        backend: `torch` (sentence-transformers itself), `onnx` (float32) or `onnx_int8`
            (dynamic quantisation). The ONNX files are exported once from the very weights in
            `model` and cached; from then on neither torch nor transformers is imported.
        query_prefix: instruction put before every text. Routing compares questions with
            questions, so training questions get it too.
        max_tokens: longer texts are cut here; capped by what the model was trained with.
        batch_size: texts encoded at once, sorted by length to waste little on padding.
        finetune: how a router over this encoder trains it on its questions before use: `none`, or a
            loss of `routers.encoder_training.LOSSES`. The encoder itself always runs on `model`.
        finetune_epochs, finetune_batch_size, finetune_learning_rate, finetune_margin, finetune_seed:
            see `routers.encoder_training.Recipe`.
    """

    _keeps_vectors = True

    def __init__(
        self,
        model: str,
        backend: str = "onnx",
        query_prefix: str = "",
        max_tokens: int = 256,
        batch_size: int = 32,
        finetune: str = "none",
        finetune_epochs: int = 1,
        finetune_batch_size: int = 32,
        finetune_learning_rate: float = 2e-5,
        finetune_margin: float = 0.5,
        finetune_seed: int = 0,
    ) -> None:
        self.model = model
        self.backend = backend
        self.query_prefix = query_prefix
        self.max_tokens = max_tokens
        self.batch_size = batch_size
        self.finetune = finetune
        self.finetune_epochs = finetune_epochs
        self.finetune_batch_size = finetune_batch_size
        self.finetune_learning_rate = finetune_learning_rate
        self.finetune_margin = finetune_margin
        self.finetune_seed = finetune_seed

    def set_params(self, **params: Any) -> Self:
        """As in `Configurable`; what was loaded for the old arguments is forgotten."""
        super().set_params(**params)
        for name in ("_loaded", "_weights_sha256"):
            self.__dict__.pop(name, None)
        return self

    def encode(self, texts: Sequence[str], batch_size: int | None = None) -> FloatArray:
        """Unit vectors, float32 (n_texts, dimension), in the order of `texts`."""
        prefixed = [valid_text(self.query_prefix + text) for text in texts]
        if not self._keeps_vectors:
            return self._encode(prefixed, batch_size)
        return through_store(
            prefixed, lambda: digest(self.fingerprint()), lambda missing: self._encode(missing, batch_size)
        )

    def _encode(self, prefixed: Sequence[str], batch_size: int | None) -> FloatArray:
        runner = self._runner()
        if len(prefixed) == 1:
            return self._encode_batch(runner, list(prefixed))
        size = batch_size or self.batch_size
        order = sorted(range(len(prefixed)), key=lambda row: len(prefixed[row]))
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        # Encoding one short text is the cheapest way to learn the dimension for zero texts.
        if not batches:
            return self._encode_batch(runner, [""])[:0]
        parts = []
        for number, rows in enumerate(batches):
            progress("encoding questions", number * size, len(prefixed))
            parts.append(self._encode_batch(runner, [prefixed[row] for row in rows]))
        vectors = np.concatenate(parts)
        return vectors[np.argsort(order)]

    @staticmethod
    def _encode_batch(runner: Backend, texts: list[str]) -> FloatArray:
        with stage("tokenise"):
            tokens = runner.tokenise(texts)
        with stage("encode"):
            return runner.forward(tokens)

    def prepare(self) -> Self:
        """Load the backend now; exports the ONNX file if this is its first use."""
        self._runner()
        return self

    def recipe(self) -> "Recipe":
        """How `routers.encoder_training` is to fine-tune this encoder."""
        from routers.encoder_training import Recipe

        return Recipe(
            loss=self.finetune,
            epochs=self.finetune_epochs,
            batch_size=self.finetune_batch_size,
            learning_rate=self.finetune_learning_rate,
            margin=self.finetune_margin,
            seed=self.finetune_seed,
            max_tokens=self.max_tokens,
        )

    def over(self, folder: Path) -> "SentenceEncoder":
        """The same settings over the fine-tuned model in `folder`."""
        encoder = SentenceEncoder(
            str(folder), self.backend, self.query_prefix, self.max_tokens, batch_size=self.batch_size
        )
        # No other fit will ever find its vectors again.
        encoder._keeps_vectors = False
        return encoder

    def export_beside(self) -> Self:
        """Export into the model's own folder, so that the export moves with it and the cache is not used."""
        if self.backend != "torch":
            self._export_into(self._own_export())
        return self

    def weights_sha256(self) -> str:
        """SHA-256 of the weights file that the vectors come from."""
        if not hasattr(self, "_weights_sha256"):
            self._weights_sha256 = sha256_unchanged(self._weights_file())
        return self._weights_sha256

    def asset_paths(self) -> list[Path]:
        """The files that serving loads."""
        if self.backend == "torch":
            return [self._weights_file(), Path(self.model) / "tokenizer.json"]
        return [path for path in self._exported().iterdir() if path.name in ("model.onnx", "tokenizer.json")]

    def fingerprint(self) -> dict[str, Any]:
        """What the vectors depend on; vectors of different fingerprints must not be compared."""
        return {
            "weights_sha256": self.weights_sha256(),
            "settings_sha256": self._settings_sha256(),
            "backend": self.backend,
            "query_prefix": self.query_prefix,
            "max_tokens": self.max_tokens,
        }

    def _settings_sha256(self) -> str:
        """Of the files beside the weights that change the vectors: tokeniser, modules, pooling."""
        paths = [Path(self.model, name) for name in SETTINGS_FILES]
        return digest([sha256_file(path) if path.is_file() else None for path in paths])

    def _weights_file(self) -> Path:
        path = Path(self.model) / "model.safetensors"
        if not path.is_file():
            raise RouterError(f"no model.safetensors in the encoder folder {self.model}")
        return path

    def _exported(self) -> Path:
        own = self._own_export()
        return self._export_into(own if own.is_dir() else cache_dir() / "encoders" / own.name)

    def _own_export(self) -> Path:
        """Where an export lies beside the weights; its name says what it was made of, and by which code."""
        key = digest({"export": EXPORT_VERSION, **self.fingerprint(), "query_prefix": ""})
        return Path(self.model, "onnx", key[:32])

    def _export_into(self, target: Path) -> Path:
        from routers.onnx_export import export

        return cached_dir(
            target, lambda folder: export(self.model, folder, self.backend, self.max_tokens), say=say
        )

    def _runner(self) -> Backend:
        if not hasattr(self, "_loaded"):
            if self.backend not in BACKENDS:
                raise RouterError(f"backend {self.backend!r} is not one of {', '.join(BACKENDS)}")
            self._weights_file()
            if self.backend == "torch":
                self._loaded: Backend = TorchBackend(self.model, self.max_tokens)
            else:
                self._loaded = OnnxBackend(self._exported())
        return self._loaded


class OnnxBackend:
    """An exported encoder: `tokenizers` and ONNX Runtime, nothing else.

    The graph pools and normalises, so its output are the unit vectors. OMP_NUM_THREADS sets
    the number of threads, as it does for PyTorch.
    """

    def __init__(self, folder: Path) -> None:
        # Read when it is imported; else it would note a device id in the home folder and report its use.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _threads()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        settings = read_json(folder / "export.json")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(settings["max_tokens"])
        self.tokenizer.enable_padding(pad_id=settings["pad_id"], pad_token=settings["pad_token"])

    def tokenise(self, texts: list[str]) -> dict[str, Any]:
        # Batches go through a thread pool, which one text would only wait for.
        encodings = (
            [self.tokenizer.encode(texts[0])] if len(texts) == 1 else self.tokenizer.encode_batch_fast(texts)
        )
        return {
            "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64),
        }

    def forward(self, tokens: dict[str, Any]) -> FloatArray:
        (vectors,) = self.session.run(None, tokens)
        return np.asarray(vectors, dtype=np.float32)


def _threads() -> int:
    """The first number of OMP_NUM_THREADS, which may list one a nesting level; 0 lets the library choose."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdigit() else 0


class TorchBackend:
    """sentence-transformers as it comes, on the GPU where there is one."""

    def __init__(self, model: str, max_tokens: int) -> None:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.model = SentenceTransformer(model, local_files_only=True)
        self.model.max_seq_length = min(max_tokens, self.model.max_seq_length or max_tokens)

    def tokenise(self, texts: list[str]) -> Any:
        return self.model.preprocess(texts)

    def forward(self, tokens: Any) -> FloatArray:
        import torch
        from sentence_transformers.util import batch_to_device

        with torch.inference_mode():
            output = self.model(batch_to_device(tokens, self.model.device))["sentence_embedding"]
            return np.asarray(torch.nn.functional.normalize(output, dim=1).float().cpu().numpy())
