"""A check as JUnit XML."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hypothesis import given

from reports.gate.junit import to_junit
from reports.gate.results import FAILING, Check, Outcome
from reports.gate.wording import message
from reports.text.unicode import one_line
from tests.reports.gate.samples import checks, sample_check
from tests.reports.golden_files import same_as_golden


def suite_of(check: Check) -> Element:
    root = ElementTree.fromstring(to_junit(check).encode("utf-8"))
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    return suite


def counts(element: Element) -> dict[str, int]:
    return {name: int(element.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}


def test_golden() -> None:
    same_as_golden("check.xml", to_junit(sample_check()))


@given(checks)
def test_any_text_gives_well_formed_xml_with_right_counts(check: Check) -> None:
    suite = suite_of(check)
    assert counts(suite) == {
        "tests": len(check.results) + len(check.refusals),
        "failures": len(check.of(Outcome.REGRESSION, Outcome.UNMET)),
        "errors": len(check.of(Outcome.MISSING, Outcome.UNDECIDED)) + len(check.refusals),
        "skipped": len(check.of(Outcome.SKIPPED)),
    }
    for case, result in zip(list(suite)[len(check.refusals) :], check.results, strict=True):
        title = f"{one_line(result.metric)}[{one_line(result.slice)}]"
        assert case.attrib["name"] == (title if result.required is None else one_line(result.required))
        messages = [child.attrib["message"] for child in case if child.tag != "system-out"]
        wanted = result.outcome in (*FAILING, Outcome.SKIPPED)
        assert messages == [one_line(message(result))] * wanted
