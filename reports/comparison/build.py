"""A comparison report from the records of its results."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from reports.comparison.balance import balance
from reports.comparison.conditions import facts, notices
from reports.comparison.model import Figure, Recommendation, Report, Skipped, state
from reports.comparison.ranking import BASELINE, Ranking, difference, estimate, rank, value_of
from reports.comparison.reasons import caveats, few, lost_to_baselines, reasons
from reports.comparison.recommend import choose, contenders, recovered, shortlist
from reports.comparison.sentences import Code
from reports.comparison.tables.details import detail_tables
from reports.comparison.tables.families import families_table
from reports.comparison.tables.method import method_tables
from reports.comparison.tables.metrics import first_table, group_tables
from reports.comparison.tables.pairs import pairs_table
from reports.comparison.tables.questions import hard_questions
from reports.metric_info import Glossary
from reports.record import Constant, Pair
from reports.record_files import Result
from reports.table import Table
from reports.text.statistics import Paired, interval_words


def build_report(
    results: Mapping[str, Result],
    pairs: Sequence[Pair],
    paired: Paired,
    glossary: Glossary,
    skipped: Sequence[Skipped] = (),
    figures: Sequence[Figure] = (),
    constant: Constant | None = None,
) -> Report:
    """Put the report together.

    Args:
        results: by the name to show, one or more; all of the same data set and test questions.
        pairs: every two of them.
        paired: how the pairs were compared.
        glossary: every metric that a table shall show.
        skipped: results that cannot be compared with the others.
        figures: already drawn.
        constant: the best constant choice, and what the routers gain over it; None where no router is scored.
    """
    ranking = rank(results, pairs, constant)
    recommended = recommendation(ranking)
    questions, n_questions = hard_questions(ranking, results)
    return Report(
        dataset=ranking.records[0].provenance.dataset.name,
        facts=list(facts(ranking, results)),
        notices=[*balance(ranking.eligible), *notices(ranking, skipped, paired)],
        recommendation=recommended,
        comparison=first_table(ranking, glossary, paired),
        interval=interval_words(ranking.records),
        tables=list(_tables(ranking, recommended.router, paired, glossary)),
        pairs=list(pairs),
        figures=list(figures),
        questions=questions,
        n_questions=n_questions,
        method=method_tables(ranking, results),
        skipped=list(skipped),
    )


def recommendation(ranking: Ranking) -> Recommendation:
    """The router to take by the rule of `choose`, why, and what speaks against it; none where every candidate
    ran on untrained weights, is no better than always choosing one domain, or is beaten by a baseline."""
    if not ranking.eligible:
        routers = [record.router for record in ranking.candidates]
        return Recommendation(None, state(Code.NOTHING_SCORED, routers=routers), [], [])
    if ranking.constant and not contenders(ranking):
        return _none(ranking, ranking.constant)
    chosen, decided = choose(ranking)
    # Where models of different prices are chosen between, accuracy is not all.
    if (lost := lost_to_baselines(ranking, chosen)) and not recovered(chosen):
        headline = state(Code.NONE_ABOVE_BASELINE, router=chosen.router, gains=lost)
        return Recommendation(None, headline, [], list(few(chosen)))
    code = Code.ONLY_BASELINES if chosen.family == BASELINE else Code.TAKE
    if len(ranking.records) == 1:
        code = Code.ONLY_ROUTER
    names = {"accuracy": "accuracy", "latency": "latency_p50", "memory": "peak_rss"}
    figures = {title: value_of(chosen.metric(name)) for title, name in names.items()}
    return Recommendation(
        router=chosen.router,
        headline=state(code, router=chosen.router, **figures),
        reasons=list(reasons(ranking, chosen, decided)),
        caveats=list(caveats(ranking, chosen, shortlist(ranking))),
    )


def _none(ranking: Ranking, constant: Constant) -> Recommendation:
    """No router, as none is above the constant choice beyond chance."""
    best = ranking.eligible[0]
    gain = constant.gains[best.router]
    several = len(constant.gains)
    closest = state(
        Code.CLOSEST,
        router=best.router,
        accuracy=estimate(best.metric("accuracy")),
        difference=difference(gain),
        domain=constant.domain,
        p=gain.p_adjusted,
        compared=several if several > 1 else None,
    )
    headline = state(Code.NONE_ABOVE_CONSTANT, n=gain.n, domain=constant.domain, constant=constant.accuracy)
    return Recommendation(None, headline, [closest], list(few(best)))


def _tables(ranking: Ranking, chosen: str | None, paired: Paired, glossary: Glossary) -> Iterator[Table]:
    """The tables that have something in them, in order."""
    tables = chain(
        (families_table(ranking), pairs_table(ranking, chosen, paired)),
        group_tables(ranking, glossary),
        detail_tables(ranking),
    )
    return (table for table in tables if table is not None and not table.is_empty)
