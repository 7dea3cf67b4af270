"""Losses that fail nothing: advisory metrics, and those that were accepted until a date."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from benchmarks.errors import BadInput
from benchmarks.gate.accepted import Accepted, check_name, read_accepted
from benchmarks.gate.check import gate
from benchmarks.gate.requirements import parse_requirement
from benchmarks.gate.rules import Rules
from reports.gate.results import FINE, REGRESSED, Check, Code, Outcome, Remark
from tests.benchmarks.gate_samples import predictions, result

BASELINE = result(predictions(200, wrong=range(20)))
# Worse by accuracy, of all and of both slices, and by what goes with it.
WORSE = result(predictions(200, wrong=range(60)))
QUALITY = ("accuracy", "accuracy[overlap]", "accuracy[standard]", "macro_f1", "brier")
UNTIL = date(2026, 12, 31)
ENTRY = "- metric: accuracy\n  reason: faster (#12)\n  expires: 2026-12-31\n"


def checked(advisory: Sequence[str] = (), accepted: Sequence[Accepted] = (), today: date = UNTIL) -> Check:
    return gate(WORSE, BASELINE, Rules(advisory=advisory, accepted=accepted, today=today))


def outcomes(check: Check) -> dict[str, Outcome]:
    return {f"{one.metric}[{one.slice}]": one.outcome for one in check.results if one.kind == "quality"}


def test_an_advisory_metric_warns_and_fails_nothing() -> None:
    assert set(outcomes(checked()).values()) == {Outcome.REGRESSION}
    some = checked(advisory=("accuracy",))
    assert some.exit_code == REGRESSED
    # Without its slice a name means all questions.
    assert outcomes(some)["accuracy[all]"] == Outcome.WARNING
    assert outcomes(some)["accuracy[overlap]"] == Outcome.REGRESSION
    every = checked(advisory=QUALITY)
    assert (every.exit_code, set(outcomes(every).values())) == (FINE, {Outcome.WARNING})
    assert every.results[0].reason == Remark(Code.ADVISORY, {"outcome": "regression"})


def test_what_is_accepted_counts_again_after_its_last_day() -> None:
    accepted = [Accepted(name, "faster", UNTIL, f"a.yaml line {row}") for row, name in enumerate(QUALITY)]
    check = checked(accepted=accepted)
    assert (check.exit_code, set(outcomes(check).values())) == (FINE, {Outcome.ACCEPTED})
    details = {"outcome": "regression", "until": "2026-12-31", "why": "faster", "place": "a.yaml line 0"}
    assert check.results[0].reason == Remark(Code.ACCEPTED, details)
    # The figures stay to be seen.
    assert check.results[0].change == pytest.approx(-0.2)
    late = checked(accepted=accepted[:1], today=date(2027, 1, 1))
    assert late.exit_code == REGRESSED
    expired = {"place": "a.yaml line 0", "metric": "accuracy", "expired": "2026-12-31"}
    assert Remark(Code.EXPIRED, expired) in late.notes


def test_requirements_are_not_excused() -> None:
    rules = Rules(advisory=QUALITY, requirements=[parse_requirement("accuracy>=0.9")])
    check = gate(WORSE, BASELINE, rules)
    assert check.exit_code == REGRESSED
    assert [one.required for one in check.of(Outcome.UNMET)] == ["accuracy>=0.9"]


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / "accepted.yaml"
    path.write_text(f"# Why\n{ENTRY}- {{metric: 'accuracy[overlap]', reason: b, expires: 2027-01-01}}\n")
    assert read_accepted(path) == [
        Accepted("accuracy", "faster (#12)", UNTIL, f"{path} line 2"),
        Accepted("accuracy[overlap]", "b", date(2027, 1, 1), f"{path} line 5"),
    ]
    path.write_text("# none\n")
    assert read_accepted(path) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metric: accuracy\n", "expected a list of entries"),
        ("- accuracy\n", "line 1: expected a list of entries"),
        ("- metric: accuracy\n  reason: a\n", "line 1: expected a list of entries"),
        (ENTRY + "  until: 2027-01-01\n", "line 1: expected a list of entries"),
        (ENTRY + "  reason: again\n", "line 1: expected a list of entries"),
        ("\n" + ENTRY.replace("accuracy", "acuracy"), "line 2: no metric 'acuracy' is checked; did you mean"),
        (ENTRY.replace("2026-12-31", "soon"), "line 1: expires is no date: 'soon'"),
        (ENTRY.replace("2026-12-31", "2026-13-31"), "line 1: .*month"),
        (ENTRY.replace("2026-12-31", "2026-12-31T10:00:00"), "line 1: expires is no date"),
        (ENTRY.replace("faster (#12)", "' '"), "line 1: reason is empty"),
        (ENTRY.replace("accuracy", "7"), "line 1: metric is no name: 7"),
        (ENTRY + ENTRY, "line 4: accuracy has an entry above"),
        ("- [", "is not YAML"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "accepted.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        read_accepted(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        read_accepted(tmp_path / "none.yaml")


def test_only_what_is_tested_can_be_advisory() -> None:
    check_name("accuracy[any slice]", "--warn")
    with pytest.raises(BadInput, match="--warn: no metric 'latency_p50' is checked"):
        check_name("latency_p50", "--warn")
