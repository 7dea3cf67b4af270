"""Sentences of a comparison report: one template a code, filled with the names and figures of a statement."""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from string import Formatter
from typing import Any

from reports.record import Estimate, Verdict
from reports.text.cells import counted, figure_text, listed, p_text

# Names that a sentence lists before it only counts them.
MOST_NAMES = 3


_FIGURES = "[: {accuracy:percent} right][, {latency:figure} ms][, {memory:figure} MB]"


class Code(Enum):
    """Meaning of a statement, and the template of its sentence; other programs read its `name` in lower case.

    `[…]` is left out where a detail in it is missing; what follows a colon is explained in `_FORMATS`.
    """

    # Headlines
    TAKE = f"Take {{router}}{_FIGURES}."
    ONLY_ROUTER = f"Only {{router}} was run{_FIGURES}."
    ONLY_BASELINES = f"Only baselines were run; take {{router}}{_FIGURES}."
    NOTHING_SCORED = (
        "No router is recommended: {routers:list} ran on untrained weights, which have speed, memory and "
        "disk, and no quality."
    )
    NONE_ABOVE_CONSTANT = (
        "No router is recommended: on {n:,} test question{n:s} none is significantly more accurate than "
        "always choosing {domain}, which is right on {constant:percent}."
    )
    NONE_ABOVE_BASELINE = (
        "No router is recommended: a baseline is significantly more accurate than {router}, which would be "
        "taken otherwise: {gains:gains}."
    )
    # Reasons for the router that is recommended
    CLOSEST = (
        "{router} has the highest accuracy, {accuracy:percent}: {difference:points} beside always {domain}, "
        "p = {p:p}[ after the correction for all {compared:,} routers (Holm)]."
    )
    MORE_ACCURATE_THAN_ALL = "It is significantly more accurate than every other router: {gains:gains}."
    NONE_MORE_ACCURATE = "No other router is significantly more accurate."
    ONLY_ABOVE_BASELINES = (
        "It is the only one of {routers:list} that is significantly more accurate than every baseline."
    )
    ONLY_NOT_BELOW_BASELINES = "It is the only one of {routers:list} that no baseline beats significantly."
    ABOVE_BASELINES = "Of the best, only {routers:list} are significantly better than every baseline."
    NOT_BELOW_BASELINES = "Of the best, only {routers:list} are not significantly worse than a baseline."
    FASTEST = "It is the fastest of {routers:list}, whose accuracies do not differ significantly."
    AMONG_FASTEST = (
        "It is the most accurate of the fastest among {routers:list}, whose accuracies do not differ "
        "significantly."
    )
    MOST_ACCURATE = "It has the highest accuracy of {routers:list}, though the difference is not significant."
    TIE = "{routers:list} {routers:are} exactly as accurate: {decided:decided} decided."
    MORE_ACCURATE = "It is significantly more accurate than {gains:gains}."
    FASTER = "It is faster: {value:figure} {unit} against {others:named}."
    LESS_MEMORY = "It needs less memory: {value:figure} MB against {others:named}."
    LESS_DISK = "It needs less disk: {value:figure} MB against {others:named}."
    COST_QUALITY = (
        "Choosing between models, it reaches {measure} {value:percent}"
        "[, and a random choice {random:percent}][; quality {quality:percent}]."
    )
    ANSWERS = (
        "The answers of the experts that it chose have ROUGE-L {rouge:hundred}"
        "[ on a sample of {n:,} of {of:,} questions]"
        "[; always choosing the right expert would add {regret:hundred}]."
    )
    BETTER_ANSWERS = "Its answers are significantly better than with {routers:list}."
    FAMILIES = (
        "Best classifier ({classifier}) against best embedding router ({embedding})[: {difference:points} of "
        "accuracy, {verdict:verdict}][; {latency:figure} × the latency][; {memory:figure} × the memory]"
        "[; {training:figure} × the training time]"
        "[; time and memory do not compare: different {conditions:list}]."
    )
    # Caveats
    BASELINE_BETTER = "A baseline is significantly more accurate: {gains:gains}."
    REFUSES = (
        "Its accuracy counts the best guess for every question, but its threshold of {threshold:figure} by "
        "{score} accepts only {coverage:percent} of the questions with a domain[, {accuracy:percent} of them "
        "right]."
    )
    EQUALLY_ACCURATE = "{other} is as accurate on the {n:,} questions."
    TOO_FEW_TO_TELL = (
        "The difference in accuracy to {other} is not significant: {difference:points} on {n:,} questions. "
        "About {needed:,} would be needed if that is the true difference."
    )
    NOT_SIGNIFICANT = (
        "The difference in accuracy to {other} is not significant: {difference:points}, p = {p:p}"
        "[ after the correction for all {compared:,} pairs (Holm)]."
    )
    MORE_NOT_SIGNIFICANT = (
        "The difference in accuracy to {n:,} more is not significant either: see the tables."
    )
    OTHER_FASTER = "{other} is faster: {theirs:figure} against {value:figure} {unit}."
    BASELINE_MAY_DO = "A baseline may be enough here."
    WORSE_ANSWERS = "The answers are significantly better with {routers:list} (ROUGE-L)."
    NEVER_RIGHT = "It routes no question of {domains:list} right (recall 0)."
    WEAK_SLICE = "On the {slice} questions it is weaker: {accuracy:percent} right on {n:,}."
    NOT_CHOSEN_ON = (
        "Its threshold was chosen without {names:list} questions, which {n:,} of the {of:,} test questions "
        "with a domain are: no promise holds for those."
    )
    TIED = (
        "On {n:,} test question{n:s} ({share:percent}) its two best domains are equally probable: the choice "
        "between them is arbitrary."
    )
    UNLIKE = (
        "The test is unlike the questions that its threshold was chosen on: {chosen_on:percent} of "
        "{n_chosen_on:,} {figure:shifted} there, {test:percent} of {n_test:,} here (p = {p:p}). What it was "
        "chosen for need not hold on this test."
    )
    SPEED_UNKNOWN = "The speed of {routers:list} was not measured."
    SPEED_UNUSED = "Speed played no part in the choice."
    FEW_QUESTIONS = (
        "There {n:is} only {n:,} test question{n:s} with a domain"
        "[: the accuracy may be anything from {low:percent} to {high:percent}]."
    )
    OTHER_CONDITIONS = "Speeds come from different {conditions:list}: see the notices."
    ONE_PROCESS = (
        "The speed of {routers:list} was measured in one process, so that no difference is significant: set "
        "measure.rounds to 2 or more."
    )
    UNCOMMITTED = "It ran from uncommitted changes, so that nobody can run the same code again."
    CUT_QUESTIONS = (
        "{router} saw only the beginning of questions longer than it reads: {n:,} of the test"
        "[, {n_training:,} of the training]."
    )
    POOR_CALIBRATION = (
        "Its probabilities are off by {error:hundred} points (root mean square), which chance does not "
        "explain (p = {p:p}): calibrate it before a threshold depends on them."
    )
    POOR_ECE = (
        "Its probabilities are off by {ece:hundred} points on average, where chance alone would make "
        "{chance:hundred}: calibrate it before a threshold depends on them."
    )
    NOTHING_COMPARED = "Nothing was compared: report it beside another router on the same questions."
    # Notices
    DOMINANT = (
        "{share:percent} of the test questions are of {domain}: accuracy says little of the other domains, "
        "recall and macro-F1 say more."
    )
    ABSENT = "The test has no question of {domains:list}: it says nothing of how those are routed."
    MISSED = "No question of these domains was routed right (recall 0): {groups:groups}."
    DIFFERENT_MACHINES = (
        "Measured on different machines: {groups:groups}. Their milliseconds do not compare"
        "[; compare {instead} instead]."
    )
    DIFFERENT_THREADS = "Measured with different thread counts: {groups:groups}. Their speeds do not compare."
    DIFFERENT_REFERENCES = (
        "Measured with different versions of the reference workload: {groups:groups}. Their p50 ÷ reference "
        "do not compare."
    )
    DIFFERENT_COMMITS = "Not all ran the same code: {groups:groups}."
    UNCOMMITTED_RUNS = "Run with uncommitted changes, so that no commit says what ran: {routers:list}."
    LEAKAGE_UNCHECKED = (
        "Leakage was not checked, so test questions may also be in the training data: {routers:list}."
    )
    REPEATED_QUESTIONS = (
        "{n:,} test question{n:s} nearly repeat{n:verb_s} another one. Intervals and tests treat every "
        "question as independent, so they are somewhat too optimistic."
    )
    UNTRAINED = (
        "On untrained weights, whose choices mean nothing: {routers:list}. Their quality is not scored, and "
        "they are neither ranked nor recommended; speed, memory and disk are those of full size."
    )
    DIFFERENT_TRAINING = "Not all were trained on the same questions: {groups:groups}."
    DIFFERENT_EXPERTS = (
        "Not all asked the same experts, so that ROUGE-L differs for more reasons than routing."
    )
    DIFFERENT_SAMPLES = (
        "Not all experts answered the same questions: {groups:groups}. Their ROUGE-L does not compare; the "
        "differences of two routers are of the questions that both have."
    )
    LEFT_OUT = "{n:,} result{n:s} left out; the report lists the reason{n:s}."
    DIFFERENT_CONFIDENCE = (
        "Intervals of a router's own figures are at {own:levels}, those of the difference of two routers, "
        "and the tests, at {pairs:levels}."
    )
    # Facts
    ROUTERS = "{counts:counts}"
    QUESTIONS = "{inside:,} test questions with a domain[, {outside:,} without]"
    TRAINING_QUESTIONS = "{n:,} training questions"
    DOMAINS = "{n:,} domains[: {names:list}]"
    MACHINE = "{machine}, {threads}"
    SEVERAL_MACHINES = "several machines or thread counts"
    COMMIT = "{commit}"
    SEVERAL_COMMITS = "several commits"
    WEIGHTS = "{names:list} weights"
    # Why a result was left out
    OTHER_QUESTIONS = (
        "other data: its test questions (data set {dataset}) are not those of {first} (data set "
        "{first_dataset}): {mismatch}"
    )
    OTHER_TRAINING = "other split: it was trained on other questions than {first}"
    SAME_RESULT = "the same router with the same predictions as {first}"


_DECIDED = {
    "latency": "the lower p50",
    "memory": "less memory",
    "disk": "less disk",
    "order": "the order in which they were named",
}
_VERDICTS = {
    Verdict.BETTER: "significantly better",
    Verdict.WORSE: "significantly worse",
    Verdict.CANNOT_TELL: "not significant",
}
_SHIFTED = {
    "coverage": "accepted",
    "selective_accuracy": "accepted ones right",
    "sent_on": "sent on",
}
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")


def sentence(code: Code, details: Mapping[str, Any]) -> str:
    """The sentence of a statement."""

    def filled(part: re.Match[str]) -> str:
        names = {name for _, name, _, _ in Formatter().parse(part[1]) if name}
        return _WORDS.vformat(part[1], (), details) if names <= set(details) else ""

    # Split first: names may have brackets of their own.
    pieces = re.split(r"(\[[^\[\]]*\])", code.value)
    return "".join(
        filled(found) if (found := _OPTIONAL.fullmatch(piece)) else _WORDS.vformat(piece, (), details)
        for piece in pieces
    )


def percent(value: float | Estimate) -> str:
    """A fraction in percent, with its interval if it has one."""
    return hundred(value, " %")


def hundred(value: float | Estimate, unit: str = "", signed: bool = False) -> str:
    """A fraction times 100, with its interval if it has one."""

    def text(part: float) -> str:
        return figure_text(100 * part, 1, signed)

    if not isinstance(value, Estimate):
        return f"{text(value)}{unit}"
    return f"{text(value.value)}{unit} [{text(value.ci_low)}, {text(value.ci_high)}]"


def points(difference: Estimate) -> str:
    """A difference of fractions in percentage points, with its interval."""
    return hundred(difference, " points", signed=True)


class _Words(Formatter):
    """Formats of details: those of Python, and the ones below by name."""

    def format_field(self, value: Any, format_spec: str) -> str:
        known = _FORMATS.get(format_spec)
        return known(value) if known else str(format(value, format_spec))


_WORDS = _Words()
_FORMATS: dict[str, Callable[[Any], str]] = {
    "percent": percent,
    "hundred": hundred,
    "points": points,
    "figure": figure_text,
    "p": p_text,
    "list": lambda names: listed(names, MOST_NAMES),
    "is": lambda number: "is" if number == 1 else "are",
    "are": lambda names: "is" if len(names) == 1 else "are",
    "s": lambda number: "" if number == 1 else "s",
    "verb_s": lambda number: "s" if number == 1 else "",
    # Names with a figure each.
    "gains": lambda gains: listed([f"{name} ({points(gain)})" for name, gain in gains.items()], MOST_NAMES),
    "named": lambda values: listed(
        [f"{figure_text(value)} ({name})" for name, value in values.items()], MOST_NAMES
    ),
    # Names of routers by what they have in common.
    "groups": lambda groups: "; ".join(
        f"{what} ({listed(names, MOST_NAMES)})" for what, names in groups.items()
    ),
    "levels": lambda levels: listed(f"{100 * level:g} %" for level in levels),
    "shifted": _SHIFTED.__getitem__,
    "decided": lambda parts: listed(_DECIDED[part] for part in parts),
    "counts": lambda counts: listed(counted(n, noun) for noun, n in counts.items()),
    "verdict": _VERDICTS.__getitem__,
}
