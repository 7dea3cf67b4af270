"""A check as JUnit XML."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hypothesis import given

from reports.gate.check import Check, Outcome
from reports.gate.junit import to_junit
from reports.gate.wording import one_line
from tests.reports.gate.samples import (
    ACCURACY,
    MISSING,
    OTHER_MACHINE,
    checks,
    refused_check,
    sample_check,
)
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


def test_a_case_a_finding_in_order() -> None:
    suite = suite_of(sample_check())
    assert suite.attrib["name"] == "router-derby.car_sleep.knn"
    assert counts(suite) == {"tests": 7, "failures": 2, "errors": 1, "skipped": 2}
    assert {case.attrib["classname"] for case in suite} == {"router-derby.car_sleep.knn"}
    assert [(case.attrib["name"], [child.tag for child in case]) for case in suite] == [
        ("macro_f1[all]", ["system-out"]),
        ("accuracy[all]", ["failure"]),
        ("latency_p95[all]", ["skipped"]),
        ("peak_rss[all]", ["skipped"]),
        ("rougeL[overlap]", ["system-out"]),
        ("out_of_scope_auroc[out_of_scope]", ["error"]),
        ("latency_p50_vs_reference[all]", ["failure"]),
    ]


def test_each_says_why() -> None:
    suite = suite_of(sample_check())
    failure, error, skipped = (suite.find(f".//{tag}") for tag in ("failure", "error", "skipped"))
    assert failure is not None
    assert failure.attrib == {"message": ACCURACY.reason, "type": "regression"}
    assert (failure.text or "").startswith("baseline 83.3 %, run 82.3 %")
    assert error is not None
    assert error.attrib == {"message": MISSING.reason, "type": "missing"}
    assert skipped is not None
    assert skipped.attrib == {"message": OTHER_MACHINE}


def test_a_refusal_is_an_error() -> None:
    suite = suite_of(refused_check("the test questions differ", "the seeds differ"))
    assert counts(suite) == {"tests": 2, "failures": 0, "errors": 2, "skipped": 0}
    assert [case.attrib["name"] for case in suite] == ["comparable[1]", "comparable[2]"]
    assert [child.attrib["message"] for case in suite for child in case] == [
        "the test questions differ",
        "the seeds differ",
    ]


def test_nothing_in_it_depends_on_the_time() -> None:
    assert "time" not in suite_of(sample_check()).attrib
    assert "timestamp" not in to_junit(sample_check())


@given(checks)
def test_any_text_gives_well_formed_xml_with_right_counts(check: Check) -> None:
    suite = suite_of(check)
    cases = list(suite)
    assert counts(suite) == {
        "tests": len(check.findings) + len(check.refusals),
        "failures": len(check.of(Outcome.REGRESSION)),
        "errors": len(check.of(Outcome.MISSING)) + len(check.refusals),
        "skipped": len(check.of(Outcome.SKIPPED)),
    }
    for case, finding in zip(cases[len(check.refusals) :], check.findings, strict=True):
        assert case.attrib["name"] == f"{one_line(finding.metric)}[{one_line(finding.slice)}]"
        said = [child.attrib["message"] for child in case if child.tag in ("failure", "error", "skipped")]
        wanted = finding.outcome in (Outcome.REGRESSION, Outcome.MISSING, Outcome.SKIPPED)
        assert said == [one_line(finding.reason)] * wanted
