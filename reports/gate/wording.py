"""A check in words and figures as people read them; everything that is shown of one says it this way."""

import re

from reports.comparison.cells import written as significant
from reports.gate.check import CANNOT_TELL, FINE, REGRESSED, Check, Finding, Outcome
from reports.terminal.console import LEAST_P

VERDICTS = {FINE: "FINE", REGRESSED: "REGRESSION", CANNOT_TELL: "CANNOT TELL"}
# A first line that names more cannot be read at a glance; the table has them all.
MOST_NAMED = 3
# What is shown times 100, and changes by points.
IN_HUNDREDTHS = {"fraction": " %", "F1": ""}
# Shown with three significant digits: next to nothing is not nothing.
MEASURED = {"ms", "s", "MB", "×", "queries/s", "tokens/s"}
WORST_FIRST = (Outcome.REGRESSION, Outcome.MISSING, Outcome.IMPROVED, Outcome.PASSED)

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# No file in UTF-8 and no XML can hold them.
_UNWRITABLE = re.compile(r"[\ud800-\udfff\ufffe\uffff]")


def one_line(text: str) -> str:
    """The text without line breaks, control characters and what cannot be written."""
    return _BREAKS.sub(" ", _UNWRITABLE.sub("", text)).strip()


def name(finding: Finding) -> str:
    """`accuracy`, or with a slice that is not all `accuracy[overlap]`."""
    metric = one_line(finding.metric)
    return metric if finding.slice == "all" else f"{metric}[{one_line(finding.slice)}]"


def value(finding: Finding, figure: float | None) -> str:
    """A figure of the metric with its unit; a dash where there is none."""
    if figure is None:
        return "–"
    if finding.unit in IN_HUNDREDTHS:
        return f"{_signed(100 * figure, 'z.1f')}{IN_HUNDREDTHS[finding.unit]}"
    text = significant(figure).replace("-", "−") if finding.unit in MEASURED else _signed(figure, "z.4g")
    return f"{text} {one_line(finding.unit)}".rstrip()


def change(finding: Finding, with_unit: bool = True) -> str:
    """How the run differs, with the interval: `−1.0 points [−1.7, −0.4]`; a dash where nobody knows."""
    if finding.change is None:
        return "–"
    text = _difference(finding, finding.change) + (_unit_of_change(finding) if with_unit else "")
    if finding.ci_low is None or finding.ci_high is None:
        return text
    return f"{text} [{_difference(finding, finding.ci_low)}, {_difference(finding, finding.ci_high)}]"


def tolerance(finding: Finding, with_unit: bool = True) -> str:
    """How much worse is let pass: `0.5 points`, `10 %`."""
    hundredfold = _in_hundredths(finding)
    figure = round(100 * finding.tolerance, 2) if hundredfold else finding.tolerance
    return f"{figure:g}{_unit_of_change(finding) if with_unit else ''}"


def chance(finding: Finding) -> str:
    """The p that chance alone does this; a dash where nothing was tested."""
    if finding.p is None:
        return "–"
    return f"{finding.p:.2g}" if finding.p >= LEAST_P else f"<{LEAST_P}"


def evidence(finding: Finding) -> str:
    """What was found of a metric, short: `accuracy −1.0 points [−1.7, −0.4], p=0.002`."""
    if finding.change is None:
        return f"{name(finding)}: {one_line(finding.reason)}"
    text = f"{name(finding)} {change(finding)}"
    if finding.p is None:
        return text
    return f"{text}, p{'=' if finding.p >= LEAST_P else ''}{chance(finding)}"


def figures(finding: Finding) -> str:
    """All figures of a finding in one line."""
    parts = [
        f"baseline {value(finding, finding.baseline)}",
        f"run {value(finding, finding.run)}",
        f"change {change(finding)}",
        f"tolerance {tolerance(finding)}",
    ]
    if finding.p is not None:
        parts.append(f"p {chance(finding)}")
    return ", ".join(parts)


def verdict(check: Check) -> str:
    """`FINE`, `REGRESSION` or `CANNOT TELL`."""
    return VERDICTS[check.exit_code]


def headline(check: Check, with_code: bool = True) -> str:
    """The verdict in one line: who, what, why, and the exit code where there is one."""
    words = {FINE: _fine, REGRESSED: _regressed, CANNOT_TELL: _cannot_tell}[check.exit_code](check)
    ending = f" (exit code {check.exit_code})" if with_code else ""
    return f"{one_line(check.router)}: {verdict(check)}: {words}{ending}"


def worst_first(check: Check) -> list[Finding]:
    """Every finding but the skipped ones, regressions on top."""
    return [finding for outcome in WORST_FIRST for finding in check.of(outcome)]


def skipped_lines(check: Check) -> list[str]:
    """What was not compared, a line a reason: `Skipped 2 (another processor): latency_p50, peak_rss`."""
    groups: dict[str, list[str]] = {}
    for finding in check.of(Outcome.SKIPPED):
        groups.setdefault(one_line(finding.reason), []).append(name(finding))
    return [f"Skipped {len(names)} ({reason}): {', '.join(names)}" for reason, names in groups.items()]


def counted(number: int, noun: str) -> str:
    """`1 metric`, `2 metrics`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _fine(check: Check) -> str:
    improved, skipped = len(check.of(Outcome.IMPROVED)), len(check.of(Outcome.SKIPPED))
    compared = improved + len(check.of(Outcome.PASSED))
    parts = [f"no regression in {counted(compared, 'metric')}"]
    if improved:
        parts.append(f"{improved} improved")
    if skipped:
        parts.append(f"{skipped} skipped")
    return ", ".join(parts)


def _regressed(check: Check) -> str:
    parts = _named([evidence(finding) for finding in check.of(Outcome.REGRESSION)])
    if missing := check.of(Outcome.MISSING):
        parts.append(f"besides, {len(missing)} missing")
    return "; ".join(parts)


def _cannot_tell(check: Check) -> str:
    missing = [
        f"{name(finding)} is missing: {one_line(finding.reason)}" for finding in check.of(Outcome.MISSING)
    ]
    if not check.refusals and not missing:
        return f"nothing was compared, {len(check.of(Outcome.SKIPPED))} skipped"
    return "; ".join(_named([*(one_line(refusal) for refusal in check.refusals), *missing]))


def _named(words: list[str]) -> list[str]:
    more = len(words) - MOST_NAMED
    return words if more <= 0 else [*words[:MOST_NAMED], f"and {more} more"]


def _in_hundredths(finding: Finding) -> bool:
    return finding.kind != "quality" or finding.unit in IN_HUNDREDTHS


def _difference(finding: Finding, figure: float) -> str:
    return _signed(100 * figure, "+z.1f") if _in_hundredths(finding) else _signed(figure, "+z.4g")


def _unit_of_change(finding: Finding) -> str:
    if finding.kind != "quality":
        return " %"
    return " points" if finding.unit in IN_HUNDREDTHS else f" {one_line(finding.unit)}".rstrip()


def _signed(figure: float, form: str) -> str:
    return format(figure, form).replace("-", "−")
