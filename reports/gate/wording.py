"""A check in words and figures as people read them: one template a code, the same words in every renderer."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.gate.results import (
    CANNOT_TELL,
    COMPARED,
    FAILING,
    FINE,
    REGRESSED,
    Check,
    Code,
    GateResult,
    Outcome,
    Remark,
)
from reports.record import ALL
from reports.table import Cell, Column, Row, Table
from reports.text.cells import NOTHING, counted, figure_text, in_points, p_text, shown
from reports.text.unicode import one_line

# By exit code; the second where requirements alone failed, or a margin alone was not shown.
VERDICTS = {FINE: ("FINE",), REGRESSED: ("REGRESSION", "NOT MET"), CANNOT_TELL: ("CANNOT TELL", "UNDECIDED")}
# A first line that names more cannot be read at a glance; the table has them all.
MOST_NAMED = 3
WORST_FIRST = (*FAILING, *COMPARED)
TEMPLATES = {
    Code.MAY_BE_CHANCE: "worse by more than the tolerance, but that may be chance",
    Code.NOT_IN_RUN: "the baseline has this metric, the run does not",
    Code.NOT_IN_BASELINE: "the baseline does not have this metric; check --update adds it",
    Code.OTHER_MACHINE: "measured on another kind of machine: {differences}",
    Code.ONE_PROCESS: "timed in one process only, which is not enough: set measure.rounds=3 or more",
    Code.TOO_FAST: "too fast to tell: the change is less than {least} of the reference workload's time",
    Code.TOO_NOISY: "worse by more than the tolerance, but the measurement is too noisy to tell",
    Code.WITHIN_MARGIN: "a loss of accuracy of {margin} is ruled out by Tango's score test",
    Code.BEYOND_MARGIN: "a loss of accuracy of more than {margin} is shown by Tango's score test",
    Code.NOT_SHOWN: (
        "a loss of {margin} is neither ruled out nor shown by Tango's score test: take more questions, or a "
        "larger margin"
    ),
    Code.NOT_MEASURED: "the run does not have it",
    Code.NO_SUCH_SLICE: "the run has no such slice; of {metric} it has {slices}",
    Code.ADVISORY: "{outcome} of an advisory metric, which fails nothing",
    Code.ACCEPTED: "{outcome}, accepted up to {up_to} until {until} ({place}): {why}",
    Code.UNREADABLE: "{error}",
    Code.NO_BASELINE: "{folder} has no baseline yet; check --update --baseline {folder} makes one",
    Code.ONLY_ITSELF: "{folder} has no result but this run itself: check it beside earlier runs",
    Code.NO_RUN: "{error}",
    Code.DIRTY_BASELINE: (
        "{folder} is a dirty baseline: it was measured on uncommitted changes, so nobody can go back to it; "
        "make one from a commit with check --update"
    ),
    Code.OTHER_ROUTER: (
        "{folder} is a baseline of {baseline}, and the run is of {run}: compare a run of the same router"
    ),
    Code.ONE_DRAWS: (
        "of the run and {folder} one has the probabilities that its router draws choices with, and the other "
        "has choices alone; make a new baseline with check --update"
    ),
    Code.OTHER_QUESTIONS: (
        "other data ({run} and {baseline}): {difference}; compare a run on the baseline's test questions"
    ),
    Code.NO_ACCURACY: "--margin is about accuracy, which was not compared; leave it out, or compare it",
    Code.OTHER_COMMIT: "{repository}: {baseline} in the baseline, {run} in the run",
    Code.DIRTY_RUN: "the run was made with uncommitted changes",
    Code.OTHER_CODE_NOW: (
        "the newest run is of {run}{run_dirty}, and the code is now {now}{now_dirty}: run again to check it"
    ),
    Code.UNTRAINED: "quality was not compared: the {sides} ran on untrained weights ({weights})",
    Code.CHANGED: "{what}: {key} was {baseline}, is {run}",
    Code.EXPIRED: "{place}: the loss of {metric} was accepted until {expired}; it counts again",
    Code.EXCEEDED: "{place}: {metric} lost more than the {up_to} that are accepted",
    Code.LEFT_OUT: "left out of the baseline: {folder}: {refusal}",
    Code.POOLED: "the baseline is the middle of {results}: quality of {quality}, latency of {speed}",
    Code.NEW_BASELINE: (
        "{metrics} improved: check --update --baseline {folder} makes the run the baseline; otherwise the "
        "gain may be lost again without a failure"
    ),
}
_OUTCOMES = {
    Outcome.REGRESSION: "{significantly}worse by more than the tolerance of {tolerance}",
    Outcome.IMPROVED: "{significantly}better",
    Outcome.PASSED: "within the tolerance of {tolerance}",
}
# Reasons that a margin's test gives.
_OF_MARGIN = (Code.WITHIN_MARGIN, Code.BEYOND_MARGIN, Code.NOT_SHOWN)
_REPOSITORIES = {"git": "commit", "own_git": "commit of your own repository"}


def sentence(remark: Remark) -> str:
    """A reason, refusal or note in words, on one line."""
    return one_line(TEMPLATES[remark.code].format(**_words(remark.details)))


def message(result: GateResult) -> str:
    """Explanation of a result, with its figures; without a change only the reason."""
    if result.required is not None and result.reason is None:
        return f"the run has {value(result, result.run)}"
    if result.reason is None:
        significantly = "" if result.ci_low is None else "significantly "
        text = _OUTCOMES.get(result.outcome, str(result.outcome)).format(
            significantly=significantly, tolerance=tolerance(result)
        )
    else:
        text = sentence(result.reason)
    if result.unscored is not None:
        text += f" ({one_line(result.unscored.sentence)})"
    if result.change is None:
        return text
    n = (
        ""
        if result.n is None
        else f", {counted(result.n, 'process')}"
        if _timed(result)
        else f", n={result.n:,}"
    )
    return f"{text}: {change(result)}{_p(result)}{n}"


def name(result: GateResult) -> str:
    """`accuracy`, with a slice that is not all `accuracy[overlap]`, or a requirement as it was given."""
    if result.required is not None:
        return one_line(result.required)
    metric = one_line(result.metric)
    return metric if result.slice == ALL else f"{metric}[{one_line(result.slice)}]"


def value(result: GateResult, figure: float | None) -> str:
    """A figure of the metric with its unit; a dash where there is none."""
    if figure is None:
        return NOTHING
    scale, unit, digits = shown(one_line(result.unit))
    # `16.1`: that ROUGE is times 100 goes without saying in a sentence.
    return f"{figure_text(scale * figure, digits)} {'' if result.unit == 'F1' else unit}".rstrip()


def change(result: GateResult) -> str:
    """Difference to the baseline with its interval: `−1.0 points [−1.7, −0.4]`; a dash for none."""
    if result.change is None:
        return NOTHING
    text = _difference(result, result.change) + _unit_of(result.kind, result.unit)
    if result.ci_low is None or result.ci_high is None:
        return text
    return f"{text} [{_difference(result, result.ci_low)}, {_difference(result, result.ci_high)}]"


def tolerance(result: GateResult) -> str:
    """Amount of worsening that passes: `0.5 points`, `10 %`; a dash of a requirement."""
    if result.required is not None:
        return NOTHING
    return _amount(result.tolerance, result.kind, result.unit)


def power(check: Check) -> str | None:
    """Smallest loss that the check finds, in a sentence; None where no quality was compared, or a margin was
    tested, whose interval says it."""
    primary = check.primary
    if primary is None or (primary.reason is not None and primary.reason.code in _OF_MARGIN):
        return None
    if primary.detects is None:
        return f"which loss of {name(primary)} this check would find is not known{_questions(primary)}"
    loss = _difference(primary, primary.detects, signed=False) + _unit_of(primary.kind, primary.unit)
    return f"a true loss of {name(primary)} of {loss} is found in 80 of 100 checks{_questions(primary)}"


def changed_line(check: Check) -> str | None:
    """`12 questions newly wrong, 3 newly right`; None where there is no such question."""
    if not check.newly_wrong and not check.newly_right:
        return None
    wrong = counted(len(check.newly_wrong), "question")
    return f"{wrong} newly wrong, {len(check.newly_right):,} newly right"


def _questions(result: GateResult) -> str:
    return "" if result.n is None else f" (n={result.n:,})"


def evidence(result: GateResult) -> str:
    """A result in short: `accuracy −1.0 points [−1.7, −0.4], p=0.002`."""
    if result.change is None:
        return f"{name(result)}: {message(result)}"
    return f"{name(result)} {change(result)}{_p(result)}"


def figures(result: GateResult) -> str:
    """All figures of a result in one line."""
    if result.required is not None:
        return f"run {value(result, result.run)}"
    parts = {
        "baseline": value(result, result.baseline),
        "run": value(result, result.run),
        "change": change(result),
        "tolerance": tolerance(result),
    }
    if result.p is not None:
        parts["p"] = p_text(result.p)
    return ", ".join(f"{title} {text}" for title, text in parts.items())


def verdict(check: Check) -> str:
    """`FINE`, `REGRESSION`, `NOT MET`, `CANNOT TELL` or `UNDECIDED`."""
    if check.exit_code == REGRESSED:
        alone = not check.of(Outcome.REGRESSION)
    else:
        alone = bool(check.of(Outcome.UNDECIDED)) and not (check.refusals or check.of(Outcome.MISSING))
    return VERDICTS[check.exit_code][-1 if alone else 0]


def headline(check: Check, with_code: bool = True) -> str:
    """The verdict in one line: router, verdict, reason, and the exit code where there is one."""
    words = {FINE: _fine, REGRESSED: _regressed, CANNOT_TELL: _cannot_tell}[check.exit_code](check)
    ending = f" (exit code {check.exit_code})" if with_code else ""
    return f"{one_line(check.router)}: {verdict(check)}: {words}{ending}"


def worst_first(check: Check) -> list[GateResult]:
    """Every result but the skipped ones, regressions on top."""
    return [result for outcome in WORST_FIRST for result in check.of(outcome)]


def skipped_lines(check: Check) -> list[str]:
    """Results not compared, a line a reason: `Skipped 2 (another processor): latency_p50, peak_rss`."""
    groups: dict[str, list[str]] = {}
    for result in check.of(Outcome.SKIPPED):
        groups.setdefault(message(result), []).append(name(result))
    return [f"Skipped {len(names)} ({reason}): {', '.join(names)}" for reason, names in groups.items()]


def _fine(check: Check) -> str:
    required = [result for result in check.results if result.required is not None]
    passed = [result for result in check.of(Outcome.IMPROVED, Outcome.PASSED) if result.required is None]
    parts = []
    if passed:
        parts.append(f"no regression in {counted(len(passed), 'metric')}")
    if required:
        parts.append(f"{counted(len(required), 'requirement')} met")
    for outcome in (Outcome.IMPROVED, Outcome.ACCEPTED, Outcome.SKIPPED):
        if found := check.of(outcome):
            parts.append(f"{len(found)} {outcome}")
    if warned := check.of(Outcome.WARNING):
        parts.append(counted(len(warned), "warning"))
    seen = _ruled_out(check) or power(check)
    return f"{', '.join(parts)}; {seen}" if seen else ", ".join(parts)


def _ruled_out(check: Check) -> str | None:
    """Loss that was shown not to be there, in a sentence; None without a margin."""
    primary = check.primary
    if primary is None or primary.reason is None or primary.reason.code != Code.WITHIN_MARGIN:
        return None
    return f"{sentence(primary.reason)}{_questions(primary)}"


def _regressed(check: Check) -> str:
    parts = _named([evidence(result) for result in check.of(Outcome.REGRESSION, Outcome.UNMET)])
    if missing := check.of(Outcome.MISSING):
        parts.append(f"besides, {len(missing)} missing")
    return "; ".join(parts)


def _cannot_tell(check: Check) -> str:
    doubts = [
        f"{name(result)} is {result.outcome}: {message(result)}"
        for result in check.of(Outcome.MISSING, Outcome.UNDECIDED)
    ]
    if not check.refusals and not doubts:
        return f"nothing was compared, {len(check.of(Outcome.SKIPPED))} skipped"
    return "; ".join(_named([*map(sentence, check.refusals), *doubts]))


def _named(words: list[str]) -> list[str]:
    more = len(words) - MOST_NAMED
    return words if more <= 0 else [*words[:MOST_NAMED], f"and {more} more"]


def _words(details: Mapping[str, Any]) -> dict[str, Any]:
    """Details as a template takes them."""
    words = {key: _word(value) for key, value in details.items()}
    if "least" in words:
        words["least"] = f"{100 * details['least']:g} %"
    if "differences" in words:
        words["differences"] = "; ".join(
            f"{one['name']} {_word(one['baseline'])} in the baseline, {_word(one['run'])} in the run"
            for one in details["differences"]
        )
    if "margin" in words:
        words["margin"] = _amount(details["margin"], "quality", "fraction")
    if "up_to" in words:
        words["up_to"] = _amount(details["up_to"], details["kind"], details["unit"])
    if "refusal" in words:
        words["refusal"] = sentence(details["refusal"])
    if "results" in words:
        words["results"] = counted(details["results"], "result")
    for key in ("slices", "metrics"):
        if key in words:
            words[key] = ", ".join(details[key])
    if "sides" in words:
        words["sides"] = " and the ".join(details["sides"])
    if "repository" in words:
        words["repository"] = _REPOSITORIES.get(words["repository"], words["repository"])
    for key in ("run_dirty", "now_dirty"):
        if key in words:
            words[key] = " with uncommitted changes" if words[key] is True else ""
    return words


def _word(value: Any) -> Any:
    return "none" if value is None else value


def _timed(result: GateResult) -> bool:
    return result.kind == "latency"


def _in_hundredths(kind: str, unit: str) -> bool:
    return kind != "quality" or in_points(unit)


def _difference(result: GateResult, figure: float, signed: bool = True) -> str:
    return (
        figure_text(100 * figure, 1, signed=signed)
        if _in_hundredths(result.kind, result.unit)
        else figure_text(figure, signed=signed)
    )


def _amount(figure: float, kind: str, unit: str) -> str:
    """A change that somebody allowed, as it was given: `0.5 points`, `1 point`, `10 %`."""
    figure = round(100 * figure, 2) if _in_hundredths(kind, unit) else figure
    text = f"{figure:g}{_unit_of(kind, unit)}"
    return "1 point" if text == "1 points" else text


def _unit_of(kind: str, unit: str) -> str:
    """Unit of a change, with the space before it."""
    if kind != "quality":
        return " %"
    return " points" if in_points(unit) else f" {one_line(unit)}".rstrip()


def _p(result: GateResult) -> str:
    if result.p is None:
        return ""
    text = p_text(result.p)
    return f", p{text}" if text.startswith("<") else f", p={text}"


def results_table(key: str, title: str, results: Sequence[GateResult]) -> Table:
    """A row a result; columns without a figure are left out. Figures are words: each row has its own unit."""
    cells = [
        {
            "outcome": result.outcome.upper() if result.outcome in FAILING else str(result.outcome),
            "baseline": value(result, result.baseline),
            "run": value(result, result.run),
            "change": change(result),
            "p": NOTHING if result.p is None else p_text(result.p),
            "tolerance": tolerance(result),
        }
        for result in results
    ]
    titles = [title for title in cells[0] if any(words[title] != NOTHING for words in cells)] if cells else []
    rows = [
        Row(name(result), [Cell(words[title]) for title in titles])
        for result, words in zip(results, cells, strict=True)
    ]
    return Table(key, title, [Column(title, title) for title in titles], rows, head="metric")
