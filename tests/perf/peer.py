"""One contestant of `tests.perf.peers`, in an environment of its own: JSON lines in, JSON lines out.

Only `ours` imports anything of the product: the others run where a peer alone is installed. The first line
has a model folder and training questions, each further one queries to route one at a time, or together.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

# The nearest training questions that vote, of those that have votes.
K = 20

# Queries to labels; of several none where a contestant does not say them.
Route = Callable[[Sequence[str]], list[str]]


def minilm(model: str, router: str) -> dict[str, Any]:
    encoder = {"_target_": "routers.encoder.SentenceEncoder", "model": model}
    return {"_target_": router, "encoder": encoder}


def static(model: str, router: str) -> dict[str, Any]:
    encoder = {"_target_": "routers.static_encoder.StaticEncoder", "model": model}
    return {"_target_": router, "encoder": encoder}


def ours(spec: dict[str, Any]) -> Callable[[list[str], list[str]], Route]:
    """A router of the product."""

    def fit(queries: list[str], labels: list[str]) -> Route:
        from routers.base import build
        from routers.decision import route

        fitted = build(spec).fit(queries, labels)

        def answer(asked: Sequence[str]) -> list[str]:
            if len(asked) == 1:
                return [route(fitted, asked[0]).label]
            return [fitted.classes_[column] for column in fitted.infer(asked).proba.argmax(axis=1)]

        return answer

    return fit


def semantic_router(model: str) -> Callable[[list[str], list[str]], Route]:
    """aurelio's semantic-router with a local encoder and its local index."""

    def fit(queries: list[str], labels: list[str]) -> Route:
        from semantic_router import IndexedRouter
        from semantic_router import Route as Domain
        from semantic_router.encoders import LocalEncoder

        domains = [
            Domain(
                name=name,
                utterances=[query for query, label in zip(queries, labels, strict=True) if label == name],
            )
            for name in sorted(set(labels))
        ]
        router = IndexedRouter(LocalEncoder(name=model, device="cpu"), domains, top_k=K)

        def answer(asked: Sequence[str]) -> list[str]:
            if len(asked) == 1:
                return [str(router(asked[0]).name)]
            # Its only public call for several questions says how many are right, not which.
            router.evaluate(list(asked), [None] * len(asked))
            return []

        return answer

    return fit


def sentence_transformers(model: str) -> Callable[[list[str], list[str]], Route]:
    """sentence-transformers and a matrix product: the nearest mean of a domain."""

    def fit(queries: list[str], labels: list[str]) -> Route:
        import numpy as np

        encode = _encoder(model)
        vectors, names = encode(queries), sorted(set(labels))
        centroids = np.stack([vectors[np.array(labels) == name].mean(axis=0) for name in names])
        centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
        return lambda asked: [names[column] for column in (encode(asked) @ centroids.T).argmax(axis=1)]

    return fit


def scikit_learn(model: str) -> Callable[[list[str], list[str]], Route]:
    """scikit-learn's nearest neighbours over vectors of sentence-transformers."""

    def fit(queries: list[str], labels: list[str]) -> Route:
        from sklearn.neighbors import KNeighborsClassifier

        encode = _encoder(model)
        classifier = KNeighborsClassifier(K, metric="cosine", algorithm="brute").fit(encode(queries), labels)
        return lambda asked: [str(label) for label in classifier.predict(encode(asked))]

    return fit


def faiss(model: str) -> Callable[[list[str], list[str]], Route]:
    """faiss's flat index over vectors of sentence-transformers, and a vote."""

    def fit(queries: list[str], labels: list[str]) -> Route:
        import faiss

        encode = _encoder(model)
        faiss.omp_set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        vectors, known = encode(queries), list(labels)
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)

        def answer(asked: Sequence[str]) -> list[str]:
            _, found = index.search(encode(asked), K)
            votes = [[known[row] for row in rows] for rows in found]
            return [max(sorted(set(vote)), key=vote.count) for vote in votes]

        return answer

    return fit


def _encoder(model: str) -> Callable[[Sequence[str]], Any]:
    from sentence_transformers import SentenceTransformer

    network = SentenceTransformer(model, device="cpu", local_files_only=True)
    return lambda texts: network.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


CENTROID, KNN, SVM = "routers.centroid.CentroidRouter", "routers.knn.KNNRouter", "routers.svm.SVMRouter"
CONTESTANTS: dict[str, Callable[[str], Callable[[list[str], list[str]], Route]]] = {
    "knn": lambda model: ours(minilm(model, KNN)),
    "centroid": lambda model: ours(minilm(model, CENTROID)),
    "knn, static": lambda model: ours(static(model, KNN)),
    "svm, static": lambda model: ours(static(model, SVM)),
    "cascade": lambda model: ours(
        {
            "_target_": "routers.cascade.CascadeRouter",
            "cheap": static(model, SVM),
            "expensive": minilm(model, SVM),
        }
    ),
    "sentence-transformers": sentence_transformers,
    "semantic-router": semantic_router,
    "scikit-learn": scikit_learn,
    "faiss": faiss,
}


def main() -> None:
    # A line of the protocol must not be mixed with what libraries print.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    task = json.loads(sys.stdin.readline())
    start = time.perf_counter()
    route = CONTESTANTS[task["name"]](task["model"])(task["queries"], task["labels"])
    route([task["queries"][0]])
    _say(out, {"seconds": time.perf_counter() - start, "peak_rss_bytes": _peak_rss()})
    for line in sys.stdin:
        work = json.loads(line)
        labels: list[str] = []
        seconds: list[float] = []
        for asked in [work["queries"]] if work["together"] else [[query] for query in work["queries"]]:
            start = time.perf_counter()
            labels += route(asked)
            seconds.append(time.perf_counter() - start)
        _say(out, {"seconds": seconds, "labels": labels, "peak_rss_bytes": _peak_rss()})


def _say(out: Any, content: dict[str, Any]) -> None:
    out.write(json.dumps(content) + "\n")
    out.flush()


def _peak_rss() -> int:
    """Largest resident set so far, in bytes; Linux only."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
