"""A check for other programs."""

import json
from dataclasses import replace

import pytest
from hypothesis import given

from reports.gate.as_json import check_json
from reports.gate.check import Check, Finding
from tests.reports.gate.samples import ACCURACY, PASSED, checks, refused_check, sample_check
from tests.reports.golden_files import same_as_golden


def test_golden() -> None:
    same_as_golden("check.json", check_json(sample_check()))


@pytest.mark.parametrize(
    ("check", "code", "verdict"),
    [
        (sample_check(), 1, "regression"),
        (refused_check("no"), 2, "cannot tell"),
        (sample_check(findings=[PASSED]), 0, "fine"),
    ],
)
def test_how_it_ended(check: Check, code: int, verdict: str) -> None:
    content = json.loads(check_json(check))
    assert (content["schema_version"], content["exit_code"], content["verdict"]) == (1, code, verdict)


@given(checks)
def test_everything_is_in_it(check: Check) -> None:
    text = check_json(check)
    text.encode("ascii")
    content = json.loads(text)
    assert [Finding(**finding) for finding in content["findings"]] == check.findings
    for name in ("router", "dataset", "run", "baseline", "refusals", "notes"):
        assert content[name] == getattr(check, name)


def test_what_json_has_no_word_for() -> None:
    with pytest.raises(ValueError, match="JSON"):
        check_json(sample_check(findings=[replace(ACCURACY, change=float("inf"))]))
