"""What speaks against the router that the verdict takes, the weightiest first."""

from collections.abc import Iterator

from reports.comparison.cells import listed, written
from reports.comparison.conditions import (
    CONDITIONS,
    MILLISECONDS,
    MOST_NAMES,
    comparable_speed,
    differing,
    measured,
)
from reports.comparison.phrases import limited, percent_of, points_of, recovered, unit_of
from reports.comparison.ranking import BASELINE, Against, Contest
from reports.comparison.recommend import ROUNDING, shortlist, speed
from reports.comparison.speeds import repeated, separate
from reports.comparison.tables.families import points
from reports.comparison.tables.overview import all_slices
from reports.record import Record
from reports.terminal.analyses import policy_line
from reports.text.statistics import enough_already

# Fewer questions with a domain than this are called few.
FEW = 100
# An ECE is called poor when it is this many times what chance alone makes of a calibrated router, and
# this much more.
POOR_TIMES, POOR_MORE = 1.5, 0.02
# By so much less accurate a part of the questions is worth a word.
WEAKER = 0.05


def doubts(contest: Contest, chosen: Record) -> Iterator[str]:
    """A sentence each; none where nothing does."""
    yield from _beaten_by_baseline(contest, chosen)
    yield from _refuses(chosen)
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
    better = [record.router for record in contest.baselines if contest.beats(record.router, chosen.router)]
    yield from limited(
        [
            f"The baseline {name} is more accurate beyond doubt ({points_of(contest, name, chosen.router)}): "
            "as it is, this router is not worth having."
            for name in better
        ],
        lambda n: f"{n} other baselines are more accurate beyond doubt, too: see the tables.",
    )


def _refuses(chosen: Record) -> Iterator[str]:
    coverage = chosen.metric("coverage")
    if coverage is not None and coverage.value < 1:
        yield f"Its accuracy counts the best guess for every question, but {policy_line(chosen)}."


def _not_told_apart(contest: Contest, chosen: Record) -> Iterator[str]:
    """Baselines first, then candidates; those nearest to being better first."""
    # On data of cost and quality the simplest router always asks the cheap model: accuracy is not all.
    enough = "" if recovered(chosen)[1] else " Something this simple may be enough here."
    lines = []
    for records, beginning, ending in (
        (contest.baselines, "The baseline ", enough),
        (contest.candidates, "", ""),
    ):
        lines += [
            f"{beginning}{record.router} cannot be told apart from {chosen.router} by accuracy: "
            f"{_why_unclear(chosen.router, found)}{_faster(chosen, record)}.{ending}"
            for record, found in contest.unclear(chosen.router, records)
        ]
    yield from limited(
        lines,
        lambda n: f"{n} others cannot be told apart from {chosen.router} by accuracy either: see the tables.",
    )


def _faster(chosen: Record, other: Record) -> str:
    """That the other is faster, where it is a candidate and so; a baseline is nearly always."""
    mine, theirs = (speed(record, [chosen, other]) for record in (chosen, other))
    if other.family == BASELINE or mine is None or theirs is None or not separate(theirs, mine):
        return ""
    return f"; it is the faster one ({written(theirs.value)} against {written(mine.value)} {unit_of(mine)})"


def _why_unclear(name: str, found: Against) -> str:
    if abs(found.difference) < ROUNDING:
        return f"they are equally accurate on the {found.n:,} questions"
    side = "ahead" if found.difference > 0 else "behind"
    _, _, interval = points(found.difference, found.low, found.high).partition("points ")
    seen = f"{name} is {abs(100 * found.difference):.1f} points {side} {interval}"
    if found.rows_needed is None or enough_already(found.verdict, found.rows_needed, found.n):
        # Not blamed on the correction: without it there may be doubt as well.
        corrected = (
            f", {written(found.p)} after the correction for all pairs" if found.p > found.p_alone else ""
        )
        return f"{seen}, but not beyond doubt (p = {written(found.p_alone)}{corrected})"
    return (
        f"{seen} on {found.n:,} questions, and about {found.rows_needed:,} would be needed if that is the "
        "true difference"
    )


def _worse_answers(contest: Contest, chosen: Record) -> Iterator[str]:
    better = [
        record.router
        for record in contest.records
        if (found := contest.against(chosen.router, record.router)) and found.rouge and found.rouge[2] < 0
    ]
    if better:
        yield f"The answers are better beyond doubt with {listed(better, MOST_NAMES)} (ROUGE-L)."


def _poor_slices(contest: Contest, chosen: Record) -> Iterator[str]:
    """A part of the questions well below the accuracy on all, with its whole interval."""
    whole = chosen.metric("accuracy")
    for name in all_slices(contest.records):
        part = chosen.metric("accuracy", name)
        if whole is None or part is None or part.ci_high is None or part.ci_high >= whole.value:
            continue
        if whole.value - part.value >= WEAKER:
            yield f"On the {name} questions it is weaker: {percent_of(part)} right on {part.n:,}."


def _unmeasured(contest: Contest, chosen: Record) -> Iterator[str]:
    left = shortlist(contest)
    without = [record.router for record in left if record.metric("latency_p50") is None]
    if not without:
        return
    if len(left) == 1:
        yield f"The speed of {chosen.router} was not measured."
    else:
        yield (
            f"The speed of {listed(without, MOST_NAMES)} was not measured, so that speed played no part in "
            "the choice."
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
    compared = measured(contest.candidates)
    if differing(compared):
        ignored = comparable_speed(measured(shortlist(contest))) is None
        why = ", so that speed played no part in the choice" if ignored else ""
        unlike = differing(compared, CONDITIONS if ignored else MILLISECONDS)
        yield f"Speeds come from different {listed(unlike)}{why}: see the notices."
    once = [record.router for record in compared if not repeated(record)]
    if once and len(contest.candidates) > 1:
        yield (
            f"The speed of {listed(once, MOST_NAMES)} was measured in one process, so that it is not beyond "
            "doubt: set measure.rounds to 2 or more."
        )
    if chosen.is_dirty:
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
