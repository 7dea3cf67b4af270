"""Reasons for the router that a report recommends, and caveats about it; the most important first."""

from collections.abc import Iterator, Sequence

from reports.comparison.balance import never_right
from reports.comparison.conditions import (
    CONDITIONS,
    MILLISECONDS,
    comparable_speed,
    differing,
    disk,
    measured,
    repeated,
    separate,
)
from reports.comparison.model import Statement, state
from reports.comparison.ranking import BASELINE, Ranking, difference, estimate, gains, value_of
from reports.comparison.recommend import (
    ROUNDING,
    fastest,
    is_proven,
    leaders,
    most_accurate,
    recovered,
    shortlist,
    speed,
    speed_unit,
)
from reports.comparison.sentences import MOST_NAMES, Code
from reports.record import OUT_OF_SCOPE, Estimate, Pair, Record

# A share of another's memory or disk that is worth mentioning.
SMALLER = 0.9
# Fewer questions with a domain than this are called few.
FEW = 100
# A calibration error that chance does not explain is called poor from this size on. Records before schema 5
# have ECE alone: it is poor when it is so many times what chance makes of a calibrated router, and this much
# more.
POOR, POOR_TIMES = 0.02, 1.5
# By so much less accurate a part of the questions is worth mentioning.
WEAKER = 0.05


def reasons(ranking: Ranking, chosen: Record, decided: Sequence[str]) -> Iterator[Statement]:
    """Reasons for `chosen`; `decided` is what told it from those as accurate."""
    yield from _standing(ranking, chosen, decided)
    yield from _evidence(ranking, chosen)


def _standing(ranking: Ranking, chosen: Record, decided: Sequence[str]) -> Iterator[Statement]:
    """Standing among the others, and the reason why it is this one of those that none beats."""
    others = [record for record in ranking.records if record != chosen]
    if not others or ranking.beating(chosen.router, ranking.baselines):
        return
    if len(ranking.beaten(chosen.router, others)) == len(others):
        yield state(Code.MORE_ACCURATE_THAN_ALL, gains=_gains_over(ranking, chosen))
        return
    yield state(Code.NONE_MORE_ACCURATE)
    leading, left = leaders(ranking), shortlist(ranking)
    if len(leading) == 1:
        return
    proven = is_proven(ranking, chosen)
    if len(left) == 1:
        code = Code.ONLY_ABOVE_BASELINES if proven else Code.ONLY_NOT_BELOW_BASELINES
        yield state(code, routers=_names(leading))
        return
    if len(left) < len(leading):
        code = Code.ABOVE_BASELINES if proven else Code.NOT_BELOW_BASELINES
        yield state(code, routers=_names(left))
    quick = fastest(left)
    tied = [record for record in most_accurate(quick) if record != chosen]
    if len(tied) + 1 < len(left):
        code = Code.AMONG_FASTEST if len(quick) < len(left) else Code.MOST_ACCURATE
        yield state(Code.FASTEST if len(quick) == 1 else code, routers=_names(left))
    if tied:
        yield state(Code.TIE, routers=_names(tied), decided=list(decided))


def _names(records: Sequence[Record]) -> list[str]:
    return [record.router for record in records]


def _gains_over(ranking: Ranking, chosen: Record) -> dict[str, Estimate]:
    """Gain in accuracy over each router that is significantly less accurate."""
    return gains(ranking, chosen.router, ranking.beaten(chosen.router, ranking.records))


def _evidence(ranking: Ranking, chosen: Record) -> Iterator[Statement]:
    more_accurate = _gains_over(ranking, chosen)
    # Where it is all others the first reason says it.
    if 0 < len(more_accurate) < len(ranking.records) - 1:
        yield state(Code.MORE_ACCURATE, gains=more_accurate)
    yield from _faster_and_smaller(chosen, [record for record in leaders(ranking) if record != chosen])
    yield from _cost_quality(chosen)
    if (rouge := estimate(chosen.metric("rougeL"))) is not None:
        sample = chosen.sample
        yield state(
            Code.ANSWERS,
            rouge=rouge,
            regret=estimate(chosen.metric("rougeL_regret")),
            n=sample.questions if sample else None,
            of=sample.of if sample else None,
        )
    worse = [name for name in _names(ranking.records) if ranking.answers_better(chosen.router, name)]
    if worse:
        yield state(Code.BETTER_ANSWERS, routers=worse)
    yield from _families(ranking)


def _faster_and_smaller(chosen: Record, others: Sequence[Record]) -> Iterator[Statement]:
    """The other leaders that are slower, significantly, or take more memory or disk."""
    compared = [chosen, *others]
    mine = speed(chosen, compared)
    slower = {
        record.router: theirs.value
        for record in others
        if mine
        and (theirs := speed(record, compared))
        and repeated(chosen)
        and repeated(record)
        and separate(mine, theirs)
    }
    if mine and slower:
        yield state(Code.FASTER, value=mine.value, unit=speed_unit(mine), others=slower)
    memory = {record.router: value_of(record.metric("peak_rss")) for record in compared}
    sizes = {record.router: disk(record) for record in compared}
    for code, values in ((Code.LESS_MEMORY, memory), (Code.LESS_DISK, sizes)):
        least = values.pop(chosen.router)
        larger = {
            name: value
            for name, value in values.items()
            if least is not None and value is not None and least < SMALLER * value
        }
        if larger:
            yield state(code, value=least, others=larger)


def _cost_quality(chosen: Record) -> Iterator[Statement]:
    """Choosing between models of different price, which accuracy says nothing of."""
    found = recovered(chosen)
    if found is not None:
        yield state(
            Code.COST_QUALITY,
            measure=found.name.upper(),
            value=estimate(found),
            random=value_of(chosen.metric(f"{found.name}_random")),
            quality=estimate(chosen.metric("quality")),
        )


def _families(ranking: Ranking) -> Iterator[Statement]:
    """The most accurate of either kind beside each other."""
    best = {record.family: record for record in reversed(ranking.eligible)}
    classifier, embedding = best.get("classifier"), best.get("embedding")
    if classifier is None or embedding is None:
        return
    unlike = differing(measured([classifier, embedding]))

    def ratio(name: str) -> float | None:
        mine, other = classifier.metric(name), embedding.metric(name)
        return mine.value / other.value if mine and other and other.value > 0 and not unlike else None

    found = ranking.pair(classifier.router, embedding.router)
    yield state(
        Code.FAMILIES,
        classifier=classifier.router,
        embedding=embedding.router,
        difference=difference(found) if found else None,
        verdict=found.verdict if found else None,
        latency=ratio("latency_p50"),
        memory=ratio("peak_rss"),
        training=ratio("train_time"),
        conditions=unlike or None,
    )


def lost_to_baselines(ranking: Ranking, chosen: Record) -> dict[str, Estimate]:
    """Accuracy that each baseline has more than `chosen`, as far as that is significant."""
    better = ranking.beating(chosen.router, ranking.baselines)
    return {name: gains(ranking, name, [chosen.router])[chosen.router] for name in better}


def caveats(ranking: Ranking, chosen: Record, shortlist: Sequence[Record]) -> Iterator[Statement]:
    """Caveats about `chosen`, which is one of the `shortlist`."""
    if lost := lost_to_baselines(ranking, chosen):
        yield state(Code.BASELINE_BETTER, gains=lost)
    if missed := never_right(chosen):
        yield state(Code.NEVER_RIGHT, domains=missed)
    yield from _refuses(chosen)
    yield from unlike(chosen)
    yield from _unclear(ranking, chosen)
    names = [record.router for record in ranking.records]
    if better := [name for name in names if ranking.answers_better(name, chosen.router)]:
        yield state(Code.WORSE_ANSWERS, routers=better)
    yield from _weak_slices(chosen)
    if tied := chosen.metric("tied"):
        yield state(Code.TIED, n=round(tied.value * tied.n), share=tied.value)
    yield from few(chosen)
    yield from _speeds(ranking, shortlist)
    yield from cut(chosen)
    if chosen.is_dirty:
        yield state(Code.UNCOMMITTED)
    yield from _poor_calibration(chosen)
    if len(ranking.records) == 1:
        yield state(Code.NOTHING_COMPARED)


def _poor_calibration(chosen: Record) -> Iterator[Statement]:
    error, p = chosen.metric("calibration_error"), chosen.metric("calibration_p")
    if error and p:
        alpha = 1 - chosen.derivation.statistics.confidence
        if p.value <= alpha and error.value >= POOR:
            yield state(Code.POOR_CALIBRATION, error=estimate(error) or error.value, p=p.value)
        return
    ece, chance = chosen.metric("ece"), chosen.metric("ece_by_chance")
    if ece and chance and ece.value > max(POOR_TIMES * chance.value, POOR + chance.value):
        yield state(Code.POOR_ECE, ece=ece.value, chance=chance.value)


def _refuses(chosen: Record) -> Iterator[Statement]:
    coverage, policy = chosen.metric("coverage"), chosen.derivation.policy
    if coverage is not None and coverage.value < 1:
        yield state(
            Code.REFUSES,
            threshold=policy.threshold,
            score=policy.score,
            coverage=coverage.value,
            accuracy=estimate(chosen.metric("selective_accuracy")),
        )


def unlike(record: Record) -> Iterator[Statement]:
    """Caveats where the test is unlike the questions that a threshold was chosen on: in kind, or in a share
    that differs significantly."""
    analyses = record.analyses
    found = [shift for one in analyses.thresholds for shift in one.shifts]
    found += analyses.cascade.shifts if analyses.cascade else []
    if not found:
        return
    for shift in found:
        if shift.p_adjusted <= 1 - record.derivation.statistics.confidence:
            yield state(
                Code.UNLIKE,
                figure=shift.figure,
                chosen_on=shift.chosen_on,
                n_chosen_on=shift.n_chosen_on,
                test=shift.test,
                n_test=shift.n_test,
                p=shift.p_adjusted,
            )
    data = record.provenance.dataset
    learned = {name for part in (data.train, data.validation) if part for name in part.by_slice}
    tested = {
        name: n for name, n in (data.test.by_slice if data.test else {}).items() if name != OUT_OF_SCOPE
    }
    unseen = sorted(set(tested) - learned) if learned else []
    if unseen:
        n = sum(tested[name] for name in unseen)
        yield state(Code.NOT_CHOSEN_ON, names=unseen, n=n, of=sum(tested.values()))


def _unclear(ranking: Ranking, chosen: Record) -> Iterator[Statement]:
    """Baselines first, then candidates; those nearest to being better first."""
    baselines = ranking.unclear(chosen.router, ranking.baselines)
    unclear = [*baselines, *ranking.unclear(chosen.router, ranking.candidates)]
    # One more takes no more room than saying that there is one.
    n_shown = len(unclear) if len(unclear) <= MOST_NAMES + 1 else MOST_NAMES
    for record, pair in unclear[:n_shown]:
        yield _why_unclear(record, pair, ranking.n_pairs)
        mine, theirs = (speed(one, [chosen, record]) for one in (chosen, record))
        # A baseline nearly always is.
        if record.family != BASELINE and mine and theirs and separate(theirs, mine):
            yield state(
                Code.OTHER_FASTER,
                other=record.router,
                theirs=theirs.value,
                value=mine.value,
                unit=speed_unit(mine),
            )
    if unclear[n_shown:]:
        yield state(Code.MORE_NOT_SIGNIFICANT, n=len(unclear) - n_shown)
    # On data of cost and quality the simplest router always asks the cheap model: accuracy is not all.
    if baselines and not recovered(chosen):
        yield state(Code.BASELINE_MAY_DO)


def _why_unclear(record: Record, pair: Pair, n_pairs: int) -> Statement:
    name = f"the baseline {record.router}" if record.family == BASELINE else record.router
    if abs(pair.difference) < ROUNDING:
        return state(Code.EQUALLY_ACCURATE, other=name, n=pair.n)
    if pair.rows_needed is None:
        return state(
            Code.NOT_SIGNIFICANT,
            other=name,
            difference=difference(pair),
            p=pair.p_adjusted,
            compared=n_pairs if n_pairs > 1 else None,
        )
    return state(
        Code.TOO_FEW_TO_TELL, other=name, difference=difference(pair), n=pair.n, needed=pair.rows_needed
    )


def _weak_slices(chosen: Record) -> Iterator[Statement]:
    """Parts of the questions well below the accuracy on all, with their whole interval."""
    whole = chosen.metric("accuracy")
    for part in chosen.metrics:
        if whole is None or part.name != "accuracy" or part.ci_high is None or part.ci_high >= whole.value:
            continue
        if whole.value - part.value >= WEAKER:
            yield state(Code.WEAK_SLICE, slice=part.slice, accuracy=estimate(part), n=part.n)


def few(chosen: Record) -> Iterator[Statement]:
    """A caveat where there are few test questions, with what they leave open."""
    accuracy = chosen.metric("accuracy")
    if accuracy is None or accuracy.n >= FEW:
        return
    # Records before schema 5 have an interval of no width where every answer is right.
    open_ = accuracy.ci_low != accuracy.ci_high
    low, high = (accuracy.ci_low, accuracy.ci_high) if open_ else (None, None)
    yield state(Code.FEW_QUESTIONS, n=accuracy.n, low=low, high=high)


def cut(record: Record) -> Iterator[Statement]:
    """A caveat where questions were longer than the router reads."""
    tested = record.analyses.cut_questions or 0
    trained = record.timings.trained and record.timings.trained.cut_questions
    if tested or trained:
        yield state(Code.CUT_QUESTIONS, router=record.router, n=tested, n_training=trained or None)


def _speeds(ranking: Ranking, shortlist: Sequence[Record]) -> Iterator[Statement]:
    unknown = [record.router for record in shortlist if record.metric("latency_p50") is None]
    compared = measured(ranking.candidates)
    unused = comparable_speed(measured(shortlist)) is None
    if unknown:
        yield state(Code.SPEED_UNKNOWN, routers=unknown)
    if differing(compared):
        conditions = differing(compared, CONDITIONS if unused else MILLISECONDS)
        yield state(Code.OTHER_CONDITIONS, conditions=conditions)
    if len(shortlist) > 1 and (unknown or unused):
        yield state(Code.SPEED_UNUSED)
    once = [record.router for record in compared if not repeated(record)]
    if once and len(ranking.candidates) > 1:
        yield state(Code.ONE_PROCESS, routers=once)
