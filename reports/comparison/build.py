"""What a comparison report says: every part of it from the records of the results, nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports.comparison.cells import listed
from reports.comparison.conditions import facts, notices
from reports.comparison.model import Figure, Report, Skipped, Table
from reports.comparison.ranking import Contest, contest
from reports.comparison.tables.details import detail_tables
from reports.comparison.tables.families import families_table
from reports.comparison.tables.method import method_tables
from reports.comparison.tables.overview import comparison_table
from reports.comparison.tables.pair_table import pairs_table
from reports.comparison.tables.questions import hard_questions
from reports.comparison.verdict import verdict
from reports.record import Result
from reports.text.statistics import Paired, confidence_of, interval_words


def build_report(
    results: Mapping[str, Result],
    pairs: Sequence[Mapping[str, Any]],
    paired: Paired,
    skipped: Sequence[Skipped],
    figures: Sequence[Figure],
) -> Report:
    """Put the report together.

    Args:
        results: by the name to show, one or more; all of the same data set and test questions.
        pairs: every two of them, with the keys of `benchmarks.stats.paired.Pair`, and `rougeL`: difference,
            low and high of the paired ROUGE-L of the answers, or None.
        paired: how the pairs were compared.
        skipped: results that do not belong beside the others.
        figures: already drawn.
    """
    compared = contest(results, pairs)
    found = verdict(compared)
    questions, n_questions = hard_questions(compared, results)
    return Report(
        dataset=str(compared.records[0].provenance.get("dataset", {}).get("name", "unknown")),
        facts=facts(compared, results),
        notices=[*notices(compared, skipped), *_levels(compared, paired)],
        verdict=found,
        comparison=comparison_table(compared, paired),
        interval=interval_words(compared.records),
        tables=list(_tables(compared, found.router, paired)),
        figures=list(figures),
        questions=questions,
        n_questions=n_questions,
        method=method_tables(compared, results, paired),
        skipped=list(skipped),
    )


def _levels(compared: Contest, paired: Paired) -> Iterator[str]:
    """That a router's own figures are not as sure as what is said of two."""
    known = {confidence_of(record) for record in compared.records}
    levels = sorted(confidence for confidence in known if confidence is not None)
    if compared.met and set(levels) - {paired.confidence}:
        yield (
            f"Intervals of a router's own figures are at {listed(f'{100 * level:g} %' for level in levels)}, "
            "but differences between two routers, and what is beyond doubt about accuracy, at "
            f"{100 * paired.confidence:g} %."
        )


def _tables(compared: Contest, chosen: str, paired: Paired) -> Iterator[Table]:
    for table in (families_table(compared), pairs_table(compared, chosen, paired)):
        if table is not None:
            yield table
    yield from detail_tables(compared)
