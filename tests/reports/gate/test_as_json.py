"""A check for other programs."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given

from reports.gate.as_json import check_json
from reports.gate.results import Check
from reports.gate.wording import message, sentence
from tests.reports.gate.samples import ACCURACY, checks, sample_check
from tests.reports.golden_files import same_as_golden


def test_golden() -> None:
    same_as_golden("check.json", check_json(sample_check()))


@given(checks)
def test_codes_and_figures_are_in_it_with_their_sentences(check: Check) -> None:
    text = check_json(check)
    text.encode("ascii")
    content = json.loads(text)
    expected = json.loads(json.dumps(asdict(check)))
    for result, whole in zip(expected["results"], check.results, strict=True):
        result["message"] = message(whole)
    for name in ("refusals", "notes"):
        for remark, whole in zip(expected[name], getattr(check, name), strict=True):
            remark["message"] = sentence(whole)
    assert {key: content[key] for key in expected} == expected


def test_figures_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        check_json(sample_check(results=[replace(ACCURACY, change=float("inf"))]))
