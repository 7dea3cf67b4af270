"""Which router to take: the answer with its evidence and its doubts, by a rule that can be checked."""

from collections.abc import Iterator, Sequence

from reports.comparison.cells import disk_cell, listed, written
from reports.comparison.conditions import MOST_NAMES, differing, is_dirty, measured
from reports.comparison.contest import BASELINE, Against, Contest
from reports.comparison.families import points
from reports.comparison.overview import all_slices
from reports.comparison.report import Verdict
from reports.comparison.speeds import repeated, separate
from reports.record import BETTER, WORSE, Metric, Record

# Fewer questions with a domain than this are called few.
FEW = 100
# A share of another's memory or disk that is worth a word.
SMALLER = 0.9
# An ECE is called poor when it is this many times what chance alone makes of a calibrated router, and
# this much more.
POOR_TIMES, POOR_MORE = 1.5, 0.02
# By so much less accurate a part of the questions is worth a word.
WEAKER = 0.05
_NONE_BETTER = "no other router is more accurate beyond doubt"


def verdict(contest: Contest) -> Verdict:
    """Which router to take.

    The rule: candidates are the routers that are no baselines (all, if there are only baselines). Those
    that no other candidate beats in accuracy beyond doubt lead. Where some of the leaders beat every
    baseline beyond doubt, only they stay: what cannot be told from a baseline has not earned its place.
    Of the rest, those stay whose p50 has an interval that overlaps that of the lowest p50: what lies within
    the noise decides nothing. The most accurate of them is taken. The p50 is a multiple of the reference
    workload if they were measured on different machines, and plays no part if it is unknown for one of them
    or if their thread counts or versions of the reference workload differ.
    """
    chosen = _chosen(contest)
    return Verdict(
        router=chosen.router,
        sentence=_sentence(contest, chosen),
        evidence=list(_evidence(contest, chosen)),
        doubts=list(_doubts(contest, chosen)),
    )


def leaders(contest: Contest) -> list[Record]:
    """Candidates that no other candidate beats in accuracy beyond doubt, most accurate first."""
    return [
        record
        for record in contest.candidates
        if not any(contest.beats(other.router, record.router) for other in contest.candidates)
    ]


def shortlist(contest: Contest) -> list[Record]:
    """The leaders that beat every baseline beyond doubt; all of them where none does."""
    leading = leaders(contest)
    proven = [
        record
        for record in leading
        if all(contest.beats(record.router, other.router) for other in contest.baselines)
    ]
    return proven or leading


def fastest(records: Sequence[Record]) -> list[Record]:
    """Those whose p50 cannot be told from the lowest by its interval; all where speeds do not compare."""
    speeds = [_speed(record, records) for record in records]
    known = [speed for speed in speeds if speed is not None]
    if len(known) < len(records):
        return list(records)
    least = min(known, key=lambda speed: speed.value)
    return [record for record, speed in zip(records, known, strict=True) if not separate(least, speed)]


def _chosen(contest: Contest) -> Record:
    # The most accurate stands first.
    return fastest(shortlist(contest))[0]


def _speed(record: Record, among: Sequence[Record]) -> Metric | None:
    """The p50 that compares `among` these, in ms or as a multiple of the reference; None where none does."""
    unlike = differing(measured(among))
    if set(unlike) - {"machines"}:
        return None
    return record.metric("latency_p50_vs_reference" if unlike else "latency_p50")


def _unit(speed: Metric) -> str:
    return "ms" if speed.name == "latency_p50" else "× the reference"


def _sentence(contest: Contest, chosen: Record) -> str:
    figures = listed([part for part in (_right(chosen), _fast(chosen), _small(chosen)) if part])
    if len(contest.records) == 1:
        return f"Only {chosen.router}: {figures}; there is nothing to compare it with."
    beginning = f"Take {chosen.router}: {figures}"
    if chosen.family == BASELINE:
        beginning = f"Only baselines were compared; of them, take {chosen.router}: {figures}"
    return f"{beginning}; {_standing(contest, chosen)}."


def _standing(contest: Contest, chosen: Record) -> str:
    better = [record.router for record in contest.baselines if contest.beats(record.router, chosen.router)]
    if better:
        subject = f"baselines {listed(better)} are" if len(better) > 1 else f"baseline {better[0]} is"
        return f"but the {subject} more accurate beyond doubt"
    others = [record for record in contest.records if record != chosen]
    beaten = [record for record in others if contest.beats(chosen.router, record.router)]
    if len(beaten) == len(others):
        return "it is more accurate than every other beyond doubt"
    leading, left = leaders(contest), shortlist(contest)
    if len(leading) == 1:
        return _NONE_BETTER
    if len(left) == 1:
        return f"{_NONE_BETTER}, and it alone is more accurate than every baseline beyond doubt"
    quick = fastest(left)
    reason = "the most accurate"
    if len(quick) < len(left):
        reason = "the fastest" if len(quick) == 1 else "among the fastest"
    which = f"the {len(left)}" if len(left) > MOST_NAMES else listed(record.router for record in left)
    why = "which cannot be ranked beyond doubt"
    if len(left) < len(leading):
        why = "which alone beat every baseline beyond doubt"
    return f"{_NONE_BETTER}, and it is {reason} of {which}, {why}"


def _right(record: Record) -> str:
    accuracy = record.metric("accuracy")
    if accuracy is None:
        return "accuracy unknown"
    return f"{_percent(accuracy)} right on {accuracy.n:,} questions"


def _fast(record: Record) -> str:
    speed = record.metric("latency_p50")
    return f"{written(speed.value)} ms a question (p50)" if speed else ""


def _small(record: Record) -> str:
    memory = record.metric("peak_rss")
    return f"{written(memory.value)} MB of memory" if memory else ""


def _evidence(contest: Contest, chosen: Record) -> Iterator[str]:
    beaten = [record.router for record in contest.records if contest.beats(chosen.router, record.router)]
    if beaten:
        gains = [f"{name} ({_points(contest, chosen.router, name)})" for name in beaten]
        yield f"More accurate beyond doubt than {listed(gains, MOST_NAMES)}."
    said = [_faster_and_smaller(chosen, other) for other in leaders(contest) if other != chosen]
    yield from filter(None, said)
    yield from _answers(contest, chosen)


def _faster_and_smaller(chosen: Record, other: Record) -> str:
    """Where it is better than another leader in time (beyond doubt), memory and disk; empty where in none."""
    parts = []
    mine, theirs = (_speed(record, [chosen, other]) for record in (chosen, other))
    often = repeated(chosen) and repeated(other)
    if mine and theirs and mine.value > 0 and often and separate(mine, theirs):
        parts.append(
            f"{written(theirs.value / mine.value)} times as fast "
            f"({written(mine.value)} against {written(theirs.value)} {_unit(mine)})"
        )
    mine, theirs = chosen.metric("peak_rss"), other.metric("peak_rss")
    if mine and theirs and mine.value < SMALLER * theirs.value:
        parts.append(f"{written(mine.value)} against {written(theirs.value)} MB of memory")
    ours, disk = disk_cell(chosen).value, disk_cell(other).value
    if ours is not None and disk is not None and ours < SMALLER * disk:
        parts.append(f"{written(ours)} against {written(disk)} MB on disk")
    return f"Against {other.router}: {', '.join(parts)}." if parts else ""


def _answers(contest: Contest, chosen: Record) -> Iterator[str]:
    rouge, regret = chosen.metric("rougeL"), chosen.metric("rougeL_regret")
    if rouge is None:
        return
    text = f"Answers of the experts that it chose: ROUGE-L {_percent(rouge, unit='')} × 100"
    if regret is not None:
        text += f"; always asking the right one would add {_percent(regret, unit='')}"
    better = [
        record.router
        for record in contest.records
        if (found := contest.against(chosen.router, record.router)) and found.rouge and found.rouge[1] > 0
    ]
    yield f"{text}. " + (
        f"Beyond doubt better answers than with {listed(better, MOST_NAMES)}." if better else ""
    )


def _doubts(contest: Contest, chosen: Record) -> Iterator[str]:
    yield from _beaten_by_baseline(contest, chosen)
    yield from _not_told_apart(contest, chosen)
    yield from _worse_answers(contest, chosen)
    yield from _poor_slices(contest, chosen)
    yield from _unmeasured(contest, chosen)
    yield from _few(chosen)
    yield from _conditions(contest, chosen)
    yield from _calibration(chosen)
    if len(contest.records) == 1:
        yield "Nothing was compared: report it beside another router on the same questions."


def _beaten_by_baseline(contest: Contest, chosen: Record) -> Iterator[str]:
    for record in contest.baselines:
        if contest.beats(record.router, chosen.router):
            yield (
                f"The baseline {record.router} is more accurate beyond doubt "
                f"({_points(contest, record.router, chosen.router)}): as it is, this router is not worth "
                "having."
            )


def _not_told_apart(contest: Contest, chosen: Record) -> Iterator[str]:
    """Candidates first, then baselines; those nearest to being better first."""
    for records, beginning, ending in (
        (contest.candidates, "", ""),
        (contest.baselines, "The baseline ", " Something this simple may be enough here."),
    ):
        unclear = [
            (record, found)
            for record in records
            if record != chosen
            and (found := contest.against(chosen.router, record.router))
            and found.verdict not in (BETTER, WORSE)
        ]
        for record, found in sorted(unclear, key=lambda pair: pair[1].difference):
            yield (
                f"{beginning}{record.router} cannot be told apart from {chosen.router} by accuracy: "
                f"{_unclear(chosen.router, found)}{_faster(chosen, record)}.{ending}"
            )


def _faster(chosen: Record, other: Record) -> str:
    """That the other is faster, where it is a candidate and so; a baseline is nearly always."""
    mine, theirs = (_speed(record, [chosen, other]) for record in (chosen, other))
    if other.family == BASELINE or mine is None or theirs is None or not separate(theirs, mine):
        return ""
    return f"; it is the faster one ({written(theirs.value)} against {written(mine.value)} {_unit(mine)})"


def _unclear(name: str, found: Against) -> str:
    if not found.difference:
        return f"both got as many of the {found.n:,} questions right"
    side = "ahead" if found.difference > 0 else "behind"
    _, _, interval = points(found.difference, found.low, found.high).partition("points ")
    seen = f"{abs(100 * found.difference):.1f} points {side} {interval}"
    if found.rows_needed is None or found.rows_needed <= found.n:
        return (
            f"{name} is {seen}, but not beyond doubt after the correction for all pairs (p = {found.p:.2f})"
        )
    return (
        f"{name} is {seen} on {found.n:,} questions, and about {found.rows_needed:,} would be needed if that "
        "is the true difference"
    )


def _worse_answers(contest: Contest, chosen: Record) -> Iterator[str]:
    better = [
        record.router
        for record in contest.records
        if (found := contest.against(chosen.router, record.router)) and found.rouge and found.rouge[2] < 0
    ]
    if better:
        yield f"The answers are better beyond doubt with {listed(better)} (ROUGE-L)."


def _poor_slices(contest: Contest, chosen: Record) -> Iterator[str]:
    """A part of the questions well below the accuracy on all, with its whole interval."""
    whole = chosen.metric("accuracy")
    for name in all_slices(contest.records):
        part = chosen.metric("accuracy", name)
        if whole is None or part is None or part.ci_high is None or part.ci_high >= whole.value:
            continue
        if whole.value - part.value >= WEAKER:
            yield f"On the {name} questions it is weaker: {_percent(part)} right on {part.n:,}."


def _unmeasured(contest: Contest, chosen: Record) -> Iterator[str]:
    left = shortlist(contest)
    without = [record.router for record in left if record.metric("latency_p50") is None]
    if not without:
        return
    if len(left) == 1:
        yield f"The speed of {chosen.router} was not measured."
    else:
        yield (
            f"The speed of {listed(without)} was not measured, so that speed played no part in the choice."
        )


def _few(chosen: Record) -> Iterator[str]:
    accuracy = chosen.metric("accuracy")
    if accuracy is None or accuracy.n >= FEW:
        return
    known = ""
    if accuracy.value == 1:
        # The bootstrap of no mistake is no interval; three in n is what 95 % leave open (Hanley &
        # Lippman-Hand, 1983, JAMA 249, 1743-1745).
        known = f", and without a mistake in them up to {300 / accuracy.n:.0f} % may still be wrong"
    elif accuracy.ci_low is not None and accuracy.ci_high is not None:
        known = f", which give its accuracy to about ±{50 * (accuracy.ci_high - accuracy.ci_low):.0f} points"
    yield f"There are only {accuracy.n} test questions with a domain{known}."


def _conditions(contest: Contest, chosen: Record) -> Iterator[str]:
    found = differing(measured(contest.candidates))
    if found:
        ignored = set(differing(measured(shortlist(contest)))) - {"machines"}
        why = ", so that speed played no part in the choice" if ignored else ""
        yield f"Speeds come from different {listed(found)}{why}: see the notices."
    once = [record.router for record in measured(contest.candidates) if not repeated(record)]
    if once and len(contest.candidates) > 1:
        yield (
            f"The speed of {listed(once, MOST_NAMES)} was measured in one process, so that it is not beyond "
            "doubt: set measure.rounds to 2 or more."
        )
    if is_dirty(chosen):
        yield "It ran from uncommitted changes, so that nobody can run the same code again."


def _calibration(chosen: Record) -> Iterator[str]:
    error, chance = chosen.metric("ece"), chosen.metric("ece_by_chance")
    if error is None or chance is None:
        return
    if error.value > POOR_TIMES * chance.value and error.value - chance.value > POOR_MORE:
        yield (
            f"Its probabilities are off by {100 * error.value:.1f} points on average, where chance alone "
            f"would make {100 * chance.value:.1f}: calibrate it before a threshold depends on them."
        )


def _points(contest: Contest, name: str, other: str) -> str:
    found = contest.against(name, other)
    return points(found.difference, found.low, found.high) if found else ""


def _percent(metric: Metric, unit: str = " %") -> str:
    text = f"{written(100 * metric.value, 1)}{unit}"
    if metric.ci_low is not None and metric.ci_high is not None:
        text += f" [{written(100 * metric.ci_low, 1)}, {written(100 * metric.ci_high, 1)}]"
    return text
