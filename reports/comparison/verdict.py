"""Which router to take, in words: the answer with its evidence and its doubts."""

from collections.abc import Iterator, Sequence

from reports.comparison.cells import disk_cell, listed, written
from reports.comparison.conditions import MOST_NAMES
from reports.comparison.doubts import doubts
from reports.comparison.model import Verdict
from reports.comparison.phrases import limited, percent_of, points_of, recovered, unit_of
from reports.comparison.ranking import BASELINE, Contest
from reports.comparison.recommend import fastest, is_proven, leaders, most_accurate, shortlist, speed, taken
from reports.comparison.speeds import repeated, separate
from reports.record import Record

# A share of another's memory or disk that is worth a word.
SMALLER = 0.9
_NONE_BETTER = "no other router is more accurate beyond doubt"


def verdict(contest: Contest) -> Verdict:
    """Which router to take by the rule of `taken`, why, and what speaks against it."""
    chosen, decided = taken(contest)
    return Verdict(
        router=chosen.router,
        sentence=_sentence(contest, chosen, decided),
        evidence=list(_evidence(contest, chosen)),
        doubts=list(doubts(contest, chosen)),
    )


def _sentence(contest: Contest, chosen: Record, decided: Sequence[str]) -> str:
    figures = listed([part for part in (_right(chosen), _fast(chosen), _small(chosen)) if part])
    if len(contest.records) == 1:
        return f"Only {chosen.router}: {figures}; there is nothing to compare it with."
    beginning = f"Take {chosen.router}: {figures}"
    if chosen.family == BASELINE:
        beginning = f"Only baselines were compared; of them, take {chosen.router}: {figures}"
    return f"{beginning}; {_standing(contest, chosen, decided)}."


def _standing(contest: Contest, chosen: Record, decided: Sequence[str]) -> str:
    better = [record.router for record in contest.baselines if contest.beats(record.router, chosen.router)]
    if better:
        return f"but the {_baselines(better)} {_are(better)} more accurate beyond doubt"
    if all(contest.beats(chosen.router, other.router) for other in contest.records if other != chosen):
        return "it is more accurate than every other beyond doubt"
    unclear = [record.router for record, _ in contest.unclear(chosen.router, contest.baselines)]
    but = f"; but it cannot be told apart from the {_baselines(unclear)} by accuracy" if unclear else ""
    return f"{_NONE_BETTER}{_among_leaders(contest, chosen, decided)}{but}"


def _among_leaders(contest: Contest, chosen: Record, decided: Sequence[str]) -> str:
    """Why it is this one of those that no router beats; empty where it is the only one."""
    leading, left = leaders(contest), shortlist(contest)
    if len(leading) == 1:
        return ""
    proven = is_proven(contest, chosen)
    kept = "more accurate than every baseline beyond doubt" if proven else "beaten by no baseline"
    if len(left) == 1:
        return f", and of those that no router beats, it alone is {kept}"
    quick = fastest(left)
    tied = [record.router for record in most_accurate(quick) if record != chosen]
    why = f": of those that no router beats, only they are {kept}" if len(left) < len(leading) else ""
    if len(tied) + 1 == len(left):
        return f", and it is as accurate as {listed(tied, MOST_NAMES)}{why}; {listed(decided)} decided"
    which = f"the {len(left)}" if len(left) > MOST_NAMES else listed(record.router for record in left)
    reason = "among the most accurate" if tied else "the most accurate"
    if len(quick) < len(left):
        reason = "the fastest" if len(quick) == 1 else "among the fastest"
    said = f", and it is {reason} of {which}{why or ', which cannot be ranked beyond doubt'}"
    if not tied:
        return said
    return f"{said}; {listed(tied, MOST_NAMES)} {_are(tied)} as accurate, and {listed(decided)} decided"


def _baselines(names: Sequence[str]) -> str:
    return f"baseline{'s' if len(names) > 1 else ''} {listed(names, MOST_NAMES)}"


def _are(names: Sequence[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _right(record: Record) -> str:
    accuracy = record.metric("accuracy")
    if accuracy is None:
        return "accuracy unknown"
    return f"{percent_of(accuracy)} right on {accuracy.n:,} questions"


def _fast(record: Record) -> str:
    p50 = record.metric("latency_p50")
    return f"{written(p50.value)} ms a question (p50)" if p50 else ""


def _small(record: Record) -> str:
    memory = record.metric("peak_rss")
    return f"{written(memory.value)} MB of memory" if memory else ""


def _evidence(contest: Contest, chosen: Record) -> Iterator[str]:
    beaten = [record.router for record in contest.records if contest.beats(chosen.router, record.router)]
    if beaten:
        gains = [f"{name} ({points_of(contest, chosen.router, name)})" for name in beaten]
        yield f"More accurate beyond doubt than {listed(gains, MOST_NAMES)}."
    said = [_faster_and_smaller(chosen, other) for other in leaders(contest) if other != chosen]
    yield from limited(
        [line for line in said if line],
        lambda n: f"It is faster or smaller than {n} other routers, too: see the tables.",
    )
    yield from _cost_quality(chosen)
    yield from _answers(contest, chosen)


def _faster_and_smaller(chosen: Record, other: Record) -> str:
    """Where it is better than another leader in time (beyond doubt), memory and disk; empty where in none."""
    parts = []
    mine, theirs = (speed(record, [chosen, other]) for record in (chosen, other))
    often = repeated(chosen) and repeated(other)
    if mine and theirs and mine.value > 0 and often and separate(mine, theirs):
        parts.append(
            f"{written(theirs.value / mine.value)} times as fast "
            f"({written(mine.value)} against {written(theirs.value)} {unit_of(mine)})"
        )
    mine, theirs = chosen.metric("peak_rss"), other.metric("peak_rss")
    if mine and theirs and mine.value < SMALLER * theirs.value:
        parts.append(f"{written(mine.value)} against {written(theirs.value)} MB of memory")
    ours, disk = disk_cell(chosen).value, disk_cell(other).value
    if ours is not None and disk is not None and ours < SMALLER * disk:
        parts.append(f"{written(ours)} against {written(disk)} MB on disk")
    return f"Against {other.router}: {', '.join(parts)}." if parts else ""


def _cost_quality(chosen: Record) -> Iterator[str]:
    """What choosing between models of different price gains, which accuracy does not say."""
    name, found = recovered(chosen)
    if found is None:
        return
    text = f"Choosing between models: {name} {percent_of(found)}"
    at_random = chosen.metric(f"{found.name}_random")
    if at_random is not None:
        text += f", where choosing at random has {written(100 * at_random.value, 1)} %"
    quality = chosen.metric("quality")
    yield f"{text}; quality {percent_of(quality)}." if quality else f"{text}."


def _answers(contest: Contest, chosen: Record) -> Iterator[str]:
    rouge, regret = chosen.metric("rougeL"), chosen.metric("rougeL_regret")
    if rouge is None:
        return
    text = f"Answers of the experts that it chose: ROUGE-L {percent_of(rouge, unit='')} × 100"
    if regret is not None:
        text += f"; always asking the right one would add {percent_of(regret, unit='')}"
    better = [
        record.router
        for record in contest.records
        if (found := contest.against(chosen.router, record.router)) and found.rouge and found.rouge[1] > 0
    ]
    yield f"{text}. " + (
        f"Beyond doubt better answers than with {listed(better, MOST_NAMES)}." if better else ""
    )
