"""Distillation of a sentence encoder into a table of token vectors, as Model2Vec does it.

The method is that of Tulkens & van Dongen (2024, "Model2Vec: Fast State-of-the-Art Static Embeddings"):
each token of the vocabulary once through the model, principal components, weights by Zipf's law. Details are
those of the package model2vec 0.10 (`distill/distillation.py` and `distill/inference.py` there).
"""

import json
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.files import read_json
from common.onnx_session import session
from common.onnx_weights import MODEL, write_model
from common.progress import progress, say
from routers.base import FloatArray, RouterError
from routers.model2vec import CONFIG, MAX_LENGTH, TOKENISER, write_model2vec
from routers.onnx_bert import WORD_EMBEDDINGS, MissingWeight, bert_graph, bert_weights, is_plain_bert, named

# Tokens that are left out, as the package does by default.
UNUSED = re.compile(r"\[unused\d+\]")
# Tokens that go through the model at once.
BATCH = 256
ELSEWHERE = "distil it with the package model2vec, and name the folder that this writes"


class Vocabulary(NamedTuple):
    """Vocabulary of a static encoder.

    Attributes:
        tokenizer: a `tokenizers.Tokenizer` that knows these tokens only.
        sequences: what the model is given for each token, int64 (n_tokens, length): its number in the model's
            own vocabulary between the tokens that begin and end a text.
    """

    tokenizer: Any
    sequences: Any


def distil(model: str, folder: Path, dimension: int, sif_coefficient: float, dtype: str) -> None:
    """Write the static encoder of the sentence-transformers model in `model` into `folder`.

    Raises:
        RouterError: the model is no BERT or lacks a weight, its tokeniser is no WordPiece, or its vectors are
            not finite.
    """
    source = Path(model)
    config = read_json(source / CONFIG)
    if not is_plain_bert(config):
        raise RouterError(
            f"the encoder in {model} is no BERT, and others are not distilled here; {ELSEWHERE}"
        )
    vocabulary = vocabulary_of(source)
    n_tokens = len(vocabulary.sequences)
    say(f"distilling a static encoder of {n_tokens} tokens (once per model)")
    try:
        vectors = principal_components(_through_model(source, config, vocabulary.sequences), dimension)
    except MissingWeight as error:
        raise RouterError(f"{error}; {ELSEWHERE}") from error
    if not np.isfinite(vectors).all():
        raise RouterError(f"the encoder in {model} gives tokens vectors that are not finite")
    table = (vectors * sif_weights(n_tokens, sif_coefficient)[:, None]).astype(dtype)
    described = {
        "tokenizer_name": source.absolute().name,
        "apply_pca": dimension,
        "sif_coefficient": sif_coefficient,
        "pooling": "mean",
        "max_length": MAX_LENGTH,
    }
    write_model2vec(folder, table, vocabulary.tokenizer, described)


def vocabulary_of(source: Path) -> Vocabulary:
    """Vocabulary of the tokeniser in `source`, in its order.

    It has no `UNUSED` tokens, and of the special ones only those of padding and of the unknown.

    Raises:
        RouterError: it is no WordPiece: from others no token can be taken without changing how text is split.
    """
    from tokenizers import Tokenizer

    if not (source / TOKENISER).is_file():
        raise RouterError(f"no {TOKENISER} in the encoder folder {source}; {ELSEWHERE}")
    original = Tokenizer.from_file(str(source / TOKENISER))
    original.no_truncation()
    described = json.loads(original.to_str())
    if described["model"]["type"] != "WordPiece":
        raise RouterError(f"the tokeniser in {source} is no WordPiece; {ELSEWHERE}")
    vocabulary: dict[str, int] = described["model"]["vocab"]
    padding = (described["padding"] or {}).get("pad_token", "[PAD]")
    kept_special = {padding, described["model"]["unk_token"]}
    special = {token["content"] for token in described["added_tokens"]} - kept_special
    tokens = [
        token
        for token in sorted(vocabulary, key=vocabulary.__getitem__)
        if token not in special and not UNUSED.match(token)
    ]
    described["model"]["vocab"] = numbers = {token: number for number, token in enumerate(tokens)}
    described["added_tokens"] = [
        {**token, "id": numbers[token["content"]]}
        for token in described["added_tokens"]
        if token["content"] in numbers
    ]
    described["post_processor"] = described["padding"] = None
    pruned = Tokenizer.from_str(json.dumps(described))
    pruned.enable_truncation(MAX_LENGTH)
    before, after = _around_a_text(original)
    sequences = np.array([[*before, vocabulary[token], *after] for token in tokens], dtype=np.int64)
    return Vocabulary(pruned, sequences)


def _around_a_text(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Special tokens that begin and end every text."""
    tokenizer.no_padding()
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a").ids
    start = next(row for row in range(len(whole)) if whole[row : row + len(bare)] == bare)
    return whole[:start], whole[start + len(bare) :]


def _through_model(source: Path, config: Any, sequences: Any) -> FloatArray:
    """Mean of the model's output over each sequence, not brought to length 1.

    That is what the package takes by default, whatever pooling the model itself has.
    """
    weights = bert_weights(source)
    words = named(weights, WORD_EMBEDDINGS)
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        write_model(bert_graph(config, weights, "mean", normalise=False), Path(scratch))
        # The session has what it needs of them.
        del weights
        running = session(Path(scratch, MODEL))
    parts = []
    for start in range(0, len(sequences), BATCH):
        progress("distilling the encoder", start, len(sequences))
        ids = sequences[start : start + BATCH]
        parts += running.run(
            None, {"embeddings": words[ids], "attention_mask": np.ones(ids.shape, np.float32)}
        )
    return np.concatenate(parts)


def principal_components(vectors: FloatArray, dimension: int) -> FloatArray:
    """Scores of `vectors` (n, width) on their first `dimension` principal components, float64.

    By the eigenvectors of the covariance matrix, as `_pca_fit_transform` of model2vec. The largest value of
    each component is positive, so that the signs are the same everywhere. There are at most `width`
    components. Of no more vectors than components the vectors are returned as they are, as in `apply_pca`.
    """
    dimension = min(dimension, vectors.shape[1])
    if dimension >= len(vectors):
        return vectors
    centred = vectors.astype(np.float64)
    centred -= centred.mean(axis=0)
    _, eigenvectors = np.linalg.eigh(centred.T @ centred / (len(vectors) - 1))
    scores = centred @ eigenvectors[:, ::-1][:, :dimension]
    largest = np.abs(scores).argmax(axis=0)
    return np.asarray(scores * np.sign(scores[largest, np.arange(dimension)]))


def sif_weights(n_tokens: int, coefficient: float) -> FloatArray:
    """Weight of each token by its place in a vocabulary sorted by frequency, float64 (n_tokens,).

    Smooth inverse frequency a / (a + p) (Arora et al., 2017, "A Simple but Tough-to-Beat Baseline for
    Sentence Embeddings"). By Zipf's law p is proportional to 1 / (place + 1), the first place being 1, as in
    `compute_weights` of model2vec.
    """
    shares = 1 / np.arange(2, n_tokens + 2)
    weights: FloatArray = coefficient / (coefficient + shares / shares.sum())
    return weights
