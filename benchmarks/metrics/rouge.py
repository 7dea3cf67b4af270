"""ROUGE (Lin, 2004) of an answer against its reference: F1, with stemming, by Google's rouge-score."""

from functools import cache, lru_cache
from typing import Any

MEASURES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}


@lru_cache(maxsize=100_000)
def rouge(reference: str, answer: str) -> dict[str, float]:
    """F1 in [0, 1] by the names of `MEASURES`."""
    return {name: float(score.fmeasure) for name, score in _scorer().score(reference, answer).items()}


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(MEASURES), use_stemmer=True)
