"""A check as JUnit XML: what GitHub's actions, GitLab and Jenkins show as a list of tests."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from reports.gate.results import Check, GateResult, Outcome
from reports.gate.wording import figures, message, name, sentence
from reports.text.unicode import one_line

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def to_junit(check: Check) -> str:
    """One suite, a test a result or refusal; nothing in it depends on when it is written.

    The optional `time` is left out, because nothing here was timed. Write it as UTF-8.
    """
    suite = _suite(check)
    root = Element("testsuites", _counts(suite))
    root.append(suite)
    ElementTree.indent(root)
    return DECLARATION + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(check: Check) -> Element:
    place = f"router-derby.{one_line(check.dataset)}.{one_line(check.router)}"
    suite = Element("testsuite", {"name": place})
    for number, refusal in enumerate(check.refusals, start=1):
        # GitLab keeps one test of several with the same name.
        test = SubElement(suite, "testcase", {"classname": place, "name": f"comparable[{number}]"})
        SubElement(test, "error", {"message": sentence(refusal), "type": "refusal"})
    for result in check.results:
        # Everywhere with its slice, as the names of tests have been.
        title = f"{one_line(result.metric)}[{one_line(result.slice)}]"
        if result.required is not None:
            title = name(result)
        test = SubElement(suite, "testcase", {"classname": place, "name": title})
        _add_outcome(test, result)
    suite.attrib |= _counts(suite)
    return suite


def _add_outcome(test: Element, result: GateResult) -> None:
    reason = {"message": message(result)}
    match result.outcome:
        case Outcome.REGRESSION | Outcome.UNMET:
            SubElement(test, "failure", {**reason, "type": str(result.outcome)}).text = figures(result)
        case Outcome.MISSING | Outcome.UNDECIDED:
            SubElement(test, "error", {**reason, "type": str(result.outcome)}).text = figures(result)
        case Outcome.SKIPPED:
            SubElement(test, "skipped", reason)
        case Outcome.WARNING | Outcome.ACCEPTED:
            SubElement(test, "system-out").text = f"{message(result)}: {figures(result)}"
        case Outcome.PASSED | Outcome.IMPROVED:
            SubElement(test, "system-out").text = f"{result.outcome}: {figures(result)}"


def _counts(element: Element) -> dict[str, str]:
    """Counts of each kind below an element."""
    tags = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    return {name: str(sum(1 for _ in element.iter(tag))) for name, tag in tags.items()}
