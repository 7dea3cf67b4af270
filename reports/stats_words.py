"""Intervals and tests, in words."""

from collections.abc import Iterable

from reports.record import Record


def interval_words(records: Iterable[Record]) -> str:
    """`95 % interval`; without the number where the records have none, or not the same."""
    known = {(record.derivation.get("statistics") or {}).get("confidence") for record in records}
    confidence = known.pop() if len(known) == 1 else None
    return f"{100 * confidence:g} % interval" if confidence else "interval"


def accuracy_test(weighted: bool) -> str:
    """The test that the verdict on two routers rests on, by whether the questions have weights."""
    return "a permutation test with weights" if weighted else "McNemar's exact test"
