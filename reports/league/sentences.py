"""Sentences of a league: its leader, how the ranking is made, what to know before using a figure."""

from collections.abc import Iterator, Sequence

from reports.comparison.conditions import CONDITIONS, MILLISECONDS, commit, differing
from reports.league.model import Front, League, Standing
from reports.league.records import record_of
from reports.record import Estimate
from reports.text.cells import counted, figure_text, listed
from reports.text.unicode import one_line

# Names that a sentence lists before it only counts them.
MOST = 3

RULE = (
    "Contestants with a score on every data set are ranked by the mean of their scores, each data set "
    "counting the same; whoever lacks one stands below, without a place, with what is missing (a data set on "
    "which nobody has a score does not count)."
)


def headline(league: League) -> str:
    """Leader, by how much, whose difference may be chance, and who is not ranked."""
    ranked = league.ranked
    if not ranked:
        return "No contestant has a score on every data set, so that none is ranked."
    first = ranked[0]
    leaders = [one.contestant for one in ranked if one.place == first.place]
    lead = (
        f"{listed(leaders, MOST)} {'leads' if len(leaders) == 1 else 'lead'} with a mean score of "
        f"{_percent(first.score)} on {counted(len(league.counted), 'data set')}; "
        f"{_difference(ranked[len(leaders) :])}."
    )
    unranked = [one.contestant for one in league.standings if one.place is None]
    return f"{lead} Without a place, as a score is missing: {listed(unranked, MOST)}." if unranked else lead


def _difference(others: Sequence[Standing]) -> str:
    if not others:
        return "nobody else is ranked"
    near = [one.contestant for one in others if not _is_behind(one)]
    if near:
        return f"the difference to {listed(near, MOST)} may be chance"
    return f"{'all others that are ranked are' if len(others) > 1 else 'the other is'} behind beyond chance"


def facts(league: League) -> Iterator[str]:
    """Facts on what was compared."""
    yield counted(len(league.standings), "contestant")
    yield counted(len(league.datasets), "data set")
    yield counted(sum(one.questions for one in league.datasets), "question")
    pairs = sum(one.pairs for one in league.datasets)
    if pairs:
        yield f"{counted(pairs, 'pair')} compared"


def notices(league: League) -> Iterator[str]:
    """Notices that a reader needs before using a figure."""
    for dataset in league.datasets:
        if dataset.absent:
            names = listed(dataset.absent, MOST)
            yield f"No result on {dataset.name} of {names}: the table of {dataset.name} says why."
        unscored = [one.contestant for one in dataset.entries if not one.metric(dataset.score)]
        if unscored:
            yield f"No score on {dataset.name} of {listed(unscored, MOST)}."
    records = [record_of(entry, league) for entry in league.entries if entry.metric(Front.LATENCY)]
    if unlike := differing(records, CONDITIONS):
        apart = (
            "so that latencies do not compare" if differing(records, MILLISECONDS) else "see the conditions"
        )
        yield f"Speeds were measured with different {listed(unlike)}, {apart}."
    everything = [record_of(entry, league) for entry in league.entries]
    if len({commit(record) for record in everything}) > 1:
        yield "Results come from different commits: see the conditions."
    if dirty := list(dict.fromkeys(record.router for record in everything if record.is_dirty)):
        yield f"Measured on uncommitted changes: {listed(dirty, MOST)}."


def method(league: League) -> Iterator[str]:
    """Sentences on how the figures were made."""
    statistics = league.statistics
    yield RULE
    yield (
        "The score is accuracy; where a data set has the quality of several models' answers, it is that of "
        "the models chosen."
    )
    yield (
        f"Means over data sets: percentile bootstrap over the questions of each, {statistics.resamples:,} "
        "resamples, the same for every contestant, so that differences are paired. Intervals of the "
        "differences to the first are simultaneous (the quantile of the largest |t|)."
    )
    yield (
        "A win is a significantly higher score on one data set: McNemar's exact test (a permutation test "
        "where answers are graded, questions have weights, or several are of one conversation), with Holm's "
        "correction over all pairs of that data set."
    )
    yield (
        "The best constant always chooses the same domain, or model: the one with the best score on the "
        "test. The oracle knows the right domain or the best answer, of equally good ones the cheapest."
    )
    yield (
        "On a Pareto front are those than which no other is at least as good in both figures and better in "
        "one: by a significant score, a p50 whose interval is apart, or less memory or cost. Contestants "
        "whose accuracy is no better than the best constant's are on none; there is none of latency where "
        "machines or threads differ."
    )


def _is_behind(standing: Standing) -> bool:
    return standing.behind is not None and standing.behind.ci_low > 0


def _percent(found: Estimate | None) -> str:
    return f"{figure_text(100 * found.value, 1)} %" if found else "–"


def title(league: League) -> str:
    """Title of the page."""
    return one_line(league.suite) or "League"
