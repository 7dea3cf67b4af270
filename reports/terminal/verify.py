"""Output of `verify`: a line a folder, a line for each value that differs, and what was not derived."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from textwrap import shorten
from typing import Any

from reports.record import ALL
from reports.terminal.render import plain_console, print_lines
from reports.text.cells import counted, listed
from reports.text.unicode import one_line
from reports.verification import Difference, Kind, Missing, Verified

# Lines of one kind that are shown, and characters of a value.
SHOWN, LONGEST = 10, 200
_SENTENCES = {
    Missing.COMPARED_RUN: "the comparison with {name}: {why}",
    Missing.THRESHOLDS: "the thresholds: {why}; --again chooses them anew",
    Missing.LEARNING_CURVE: "the learning curve's accuracies; --again fits them anew",
    Missing.TUNING: "the scores of tuning; --again tunes anew",
    Missing.CASCADE: "the cascade's threshold and loss; --again fits it anew",
    Missing.NOT_REPEATED: "the fit: it could not be made again: {why}",
    Missing.IDS: "ids from the questions: a loader that is not Router Derby's made them",
    Missing.DATA: "labels, weights and splits from the data: {why}",
    Missing.ROUTED: "scores and answers of each question; --again asks the router and the experts anew",
    Missing.ANSWERS: "answers: only local experts are asked again",
    Missing.MEASURED: "{what}: raw values are not in the folder",
    Missing.NEAR_IN_MEANING: "pairs of questions that are near in meaning alone; --again searches anew",
    Missing.SURROUNDINGS: "raw timings, machine, packages, commit; a signature vouches for them: --signed-by",
}


# Of the lines on what was derived, in their order.
_TITLES = ("Derived", "Intervals not compared", "Not derived (INCOMPLETE)", "Not derived")


def print_verified(folder: str, verified: Verified) -> None:
    """Print whether the result follows from its folder, and what differs."""
    console = plain_console()
    # One line each, whatever the ids of questions hold.
    print_lines(console, map(one_line, _head(folder, verified)))
    print_lines(console, ("  " + one_line(line) for line in _differences(verified.differences)))


def print_coverage(results: Mapping[str, Verified]) -> None:
    """Print what was derived and what was not, by folder; a line names folders unless it is true of all."""
    folders: dict[tuple[str, str], list[str]] = {}
    for folder, verified in results.items():
        for line in _coverage(verified):
            folders.setdefault(line, []).append(folder)
    lines = []
    for (title, text), named in sorted(folders.items(), key=lambda found: _TITLES.index(found[0][0])):
        where = "" if len(named) == len(results) else f" for {listed(named, SHOWN)}"
        lines.append(one_line(f"{title}{where}: {text}"))
    print_lines(plain_console(), lines)


def _head(folder: str, verified: Verified) -> Iterator[str]:
    n_metrics, n_comparisons = verified.n_metrics, verified.n_comparisons
    if verified.differences:
        of = {Kind.METRIC: f" of {n_metrics}", Kind.COMPARISON: f" of {n_comparisons}"}
        wrong = {(one.kind, one.metric, one.slice) for one in verified.differences}
        kinds = Counter(kind for kind, _, _ in sorted(wrong))
        parts = [f"{counted(number, _NAMES[kind])}{of.get(kind, '')}" for kind, number in kinds.items()]
        yield f"{folder}: {', '.join(parts)} DIFFER from what was derived:"
        return
    compared = f" and {counted(n_comparisons, 'comparison')}" if n_comparisons else ""
    again = "; fitted again, the same" if verified.repeated else ""
    signed = "; signed with that key" if verified.signed else ""
    metrics = "the only metric" if n_metrics == 1 else f"all {n_metrics:,} metrics"
    follow = "follows" if n_metrics == 1 and not n_comparisons else "follow"
    yield f"{folder}: {metrics}{compared} {follow} from the predictions and timings{again}{signed}"


_NAMES = {
    Kind.METRIC: "metric",
    Kind.CURVE: "curve",
    Kind.ROW: "row value",
    Kind.COMPARISON: "comparison",
    Kind.SECTION: "section",
    Kind.DATA: "data value",
    Kind.AGAIN: "newly fitted value",
    Kind.SIGNATURE: "signature",
}


def _differences(differences: Sequence[Difference]) -> Iterator[str]:
    """A line each, of many that are alike the first ones."""
    counts = Counter((one.kind, one.metric, one.field) for one in differences)
    told: Counter[tuple[Kind, str, str]] = Counter()
    for one in differences:
        key = (one.kind, one.metric, one.field)
        told[key] += 1
        if told[key] <= SHOWN:
            yield _words(one)
        elif told[key] == counts[key]:
            yield f"{one.metric}: and {counts[key] - SHOWN} more"


def _words(difference: Difference) -> str:
    rows = {Kind.ROW: "of row", Kind.DATA: "of row", Kind.AGAIN: "of row", Kind.COMPARISON: "against"}
    between = rows.get(difference.kind, "of")
    where = "" if difference.slice == ALL else f" {between} {difference.slice}"
    what = "" if difference.field == "value" else f", {difference.field}"
    if difference.recorded is None and difference.derived is None:
        return f"{difference.metric}{where}: not as derived"
    recorded, derived = map(_shown, (difference.recorded, difference.derived))
    source = _SOURCES.get(difference.kind, "derived")
    return f"{difference.metric}{where}{what}: recorded {recorded}, {source} {derived}"


def _shown(value: Any) -> str:
    return "nothing" if value is None else shorten(str(value), LONGEST, placeholder=" …")


# Where the other value comes from, if it was not derived from the folder.
_SOURCES = {Kind.DATA: "in the data", Kind.AGAIN: "fitted again", Kind.SIGNATURE: "wanted"}


def _coverage(verified: Verified) -> Iterator[tuple[str, str]]:
    """Title and text of each line on what was derived and what was not."""
    derived, intervals, incomplete, outside = _TITLES
    yield derived, "; ".join(_derived(verified))
    if not verified.intervals:
        yield intervals, "an older version computed them otherwise"
    for one in verified.not_derived:
        yield (
            incomplete if one.is_claim else outside,
            _SENTENCES[one.code].format(why=one.reason, **one.details),
        )


def _derived(verified: Verified) -> Iterator[str]:
    """Parts of the result that were derived and compared."""
    missing = {one.code for one in verified.not_derived}
    yield "metrics, comparisons, curves, rows and sections"
    if Missing.IDS not in missing:
        yield "ids from the questions"
    if Missing.DATA not in missing:
        yield "labels, weights and splits from the data"
    if verified.repeated:
        yield "scores and analyses from a new fit"
