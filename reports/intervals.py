"""How sure the intervals in square brackets are, in words."""

from collections.abc import Iterable

from reports.record import Record


def interval_words(records: Iterable[Record]) -> str:
    """`95 % interval`; without the number where the records have none, or not the same."""
    known = {(record.derivation.get("statistics") or {}).get("confidence") for record in records}
    confidence = known.pop() if len(known) == 1 else None
    return f"{100 * confidence:g} % interval" if confidence else "interval"
