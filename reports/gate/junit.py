"""A check as JUnit XML: what GitHub's actions, GitLab and Jenkins show as a list of tests."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from reports.gate.check import Check, Finding, Outcome
from reports.gate.wording import figures, one_line

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def to_junit(check: Check) -> str:
    """One suite, a test a finding or refusal; nothing in it depends on when it is written.

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
        SubElement(test, "error", {"message": one_line(refusal), "type": "refusal"})
    for finding in check.findings:
        title = f"{one_line(finding.metric)}[{one_line(finding.slice)}]"
        test = SubElement(suite, "testcase", {"classname": place, "name": title})
        _say(test, finding)
    suite.attrib |= _counts(suite)
    return suite


def _say(test: Element, finding: Finding) -> None:
    reason = {"message": one_line(finding.reason)}
    match finding.outcome:
        case Outcome.REGRESSION:
            SubElement(test, "failure", {**reason, "type": "regression"}).text = figures(finding)
        case Outcome.MISSING:
            SubElement(test, "error", {**reason, "type": "missing"}).text = figures(finding)
        case Outcome.SKIPPED:
            SubElement(test, "skipped", reason)
        case Outcome.PASSED | Outcome.IMPROVED:
            SubElement(test, "system-out").text = f"{finding.outcome}: {figures(finding)}"


def _counts(element: Element) -> dict[str, str]:
    """How many of each there are below an element."""
    tags = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    return {name: str(sum(1 for _ in element.iter(tag))) for name, tag in tags.items()}
