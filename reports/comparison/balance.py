"""Domains that the accuracy of a router says little of: rare ones, those that the test lacks, and those that
it never recognises."""

from collections.abc import Iterator, Sequence

from reports.comparison.model import Statement, state
from reports.comparison.recommend import recovered
from reports.comparison.sentences import Code
from reports.record import Record

# With this share of the test questions, a domain alone decides the accuracy.
DOMINANT = 0.8


def balance(records: Sequence[Record]) -> Iterator[Statement]:
    """Notices on the domains of the test questions, which these routers were all asked.

    None where models of different prices are chosen between: there is no right number of questions for each.
    """
    records = [record for record in records if record.confusion_matrix.labels]
    if not records or recovered(records[0]):
        return
    sizes = _sizes(records[0])
    largest = max(sizes, key=sizes.__getitem__)
    share = sizes[largest] / (sum(sizes.values()) or 1)
    if len(sizes) > 1 and share >= DOMINANT:
        yield state(Code.DOMINANT, domain=largest, share=share)
    if absent := [domain for domain, size in sizes.items() if size == 0]:
        yield state(Code.ABSENT, domains=absent)
    if missed := {record.router: domains for record in records if (domains := never_right(record))}:
        yield state(Code.MISSED, groups=missed)


def never_right(record: Record) -> list[str]:
    """Domains of test questions none of which was routed right; none of models that were chosen between."""
    if recovered(record):
        return []
    matrix = record.confusion_matrix
    return [
        domain
        for place, (domain, row) in enumerate(
            zip(matrix.labels, matrix.rows_true_columns_predicted, strict=True)
        )
        if sum(row) > 0 and row[place] == 0
    ]


def _sizes(record: Record) -> dict[str, float]:
    """Test questions of each domain, or the sum of their weights."""
    matrix = record.confusion_matrix
    return {
        domain: sum(row)
        for domain, row in zip(matrix.labels, matrix.rows_true_columns_predicted, strict=True)
    }
