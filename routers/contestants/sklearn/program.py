"""A scikit-learn pipeline: TF-IDF of words and of letters, and a linear classifier. It runs in its own
environment."""

from pathlib import Path
from typing import Any

import skops.io
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

CLASSIFIERS = {"logistic_regression": LogisticRegression, "linear_svc": LinearSVC}


def fit(rows: list[dict[str, str]], folder: Path, seed: int, classifier: str, c: float) -> Any:
    if classifier not in CLASSIFIERS:
        raise ValueError(f"classifier={classifier}: not one of {', '.join(CLASSIFIERS)}")
    pipeline = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        ),
        CLASSIFIERS[classifier](C=c, random_state=seed),
    )
    pipeline.fit([row["query"] for row in rows], [row["domain"] for row in rows])
    skops.io.dump(pipeline, folder / "pipeline.skops")
    return pipeline


def load(folder: Path) -> Any:
    """The pipeline, of types that skops trusts by itself."""
    return skops.io.load(folder / "pipeline.skops")


def route(pipeline: Any, queries: list[str]) -> list[Any]:
    """Probabilities, or of a classifier that has none the domain."""
    if not hasattr(pipeline, "predict_proba"):
        return [str(domain) for domain in pipeline.predict(queries)]
    names = [str(name) for name in pipeline.classes_]
    return [dict(zip(names, row, strict=True)) for row in pipeline.predict_proba(queries).tolist()]
