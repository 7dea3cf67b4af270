"""Questions that the experts answer: all that have a reference, or a seeded sample of them."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.datasets.base import Dataset, Example
from benchmarks.schema import ALL_QUESTIONS, LocalExperts, NoExperts
from reports.record import AnswerSample

# Parts of the data, by fields of an example, that a sample has in the proportion of the whole.
STRATA = ("label", "slice")


@dataclass(frozen=True)
class Asked:
    """Test questions that the experts answer; `sample` is None where these are all with a reference."""

    examples: list[Example]
    sample: AnswerSample | None = None


def questions_to_ask(config: Any, dataset: Dataset, seed: int) -> Asked:
    """The test questions with a domain and a reference that experts of this configuration answer."""
    examples = [one for one in dataset.test if one.label is not None and one.reference]
    number = _number(config)
    if number is None:
        return Asked(examples)
    chosen = set(_first(number, examples, seed))
    asked = [one for one in examples if one.id in chosen]
    if len(asked) == len(examples):
        return Asked(examples)
    return Asked(asked, AnswerSample(len(asked), len(examples), seed, STRATA))


def _number(config: Any) -> int | None:
    """Size of the sample; None for all questions."""
    if isinstance(config, NoExperts):
        return 0
    settings = config if isinstance(config, dict) else vars(config)
    found = settings.get("questions", LocalExperts.questions)
    return None if found == ALL_QUESTIONS else int(found)


def _first(number: int, examples: Sequence[Example], seed: int) -> list[str]:
    """Ids of a sample, of which the first n are the sample of n.

    Within a stratum questions are in the order of a hash, so that a new one moves no other. The strata take
    turns by the quota method of Balinski and Young (1975): whatever the number, each has its proportional
    share, rounded up or down. To sort by (rank + 0.5) / size does not do that where many strata are small.
    """
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    # An id that occurs twice is one question.
    for identity, one in {one.id: one for one in examples}.items():
        strata[tuple(str(getattr(one, name)) for name in STRATA)].append(identity)
    waiting = {key: sorted(ids, key=lambda one: (_hash(seed, one), one)) for key, ids in strata.items()}
    turns = _turns({key: len(ids) for key, ids in sorted(waiting.items())})
    return [waiting[key].pop(0) for _, key in zip(range(number), turns, strict=False)]


def _turns(sizes: dict[tuple[str, ...], int]) -> Iterator[tuple[str, ...]]:
    """Strata in the order in which each gives its next question, until all have given all."""
    total = sum(sizes.values())
    given = dict.fromkeys(sizes, 0)
    for number in range(1, total + 1):
        # One more is no more than its share of `number`, rounded up.
        allowed = [key for key, size in sizes.items() if given[key] * total < size * number]
        chosen = max(allowed, key=lambda key: sizes[key] / (given[key] + 1))
        given[chosen] += 1
        yield chosen


def _hash(seed: int, identity: str) -> str:
    return hashlib.sha256(f"{seed} {identity}".encode("utf-8", "surrogatepass")).hexdigest()
