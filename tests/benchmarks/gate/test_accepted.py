"""Losses that fail nothing: advisory metrics, and those that were accepted until a date."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from benchmarks.errors import BadInput
from benchmarks.gate.accepted import Accepted, check_name, read_accepted
from benchmarks.gate.check import gate
from benchmarks.gate.requirements import parse_requirement
from benchmarks.gate.rules import Rules
from reports.gate.results import CANNOT_TELL, FINE, REGRESSED, Check, Code, Outcome, Remark
from tests.benchmarks.gate_samples import predictions, result

BASELINE = result(predictions(200, wrong=range(20)))
# Worse by accuracy, of all and of both slices, and by what goes with it.
WORSE = result(predictions(200, wrong=range(60)))
QUALITY = ("accuracy", "accuracy[overlap]", "accuracy[standard]", "macro_f1", "brier")
UNTIL = date(2026, 12, 31)
OTHER = "- {metric: cost, up_to: 2, reason: b, expires: 2027-01-01}\n"
ENTRY = "- metric: accuracy\n  up_to: 0.02\n  reason: faster (#12)\n  expires: 2026-12-31\n"


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
    accepted = [
        Accepted(name, 0.25, "faster", UNTIL, f"a.yaml line {row}") for row, name in enumerate(QUALITY)
    ]
    check = checked(accepted=accepted)
    assert (check.exit_code, set(outcomes(check).values())) == (FINE, {Outcome.ACCEPTED})
    details = {"outcome": "regression", "until": "2026-12-31", "why": "faster", "place": "a.yaml line 0"}
    details |= {"up_to": 0.25, "kind": "quality", "unit": "fraction"}
    assert check.results[0].reason == Remark(Code.ACCEPTED, details)
    # The figures stay to be seen.
    assert check.results[0].change == pytest.approx(-0.2)
    late = checked(accepted=accepted[:1], today=date(2027, 1, 1))
    assert late.exit_code == REGRESSED
    expired = {"place": "a.yaml line 0", "metric": "accuracy", "expired": "2026-12-31"}
    assert Remark(Code.EXPIRED, expired) in late.notes


def test_more_than_what_is_accepted_fails() -> None:
    # Of 200 questions 40 more are wrong; a loss of just the size is within it.
    for size, outcome in ((0.2, Outcome.ACCEPTED), (0.199, Outcome.REGRESSION)):
        check = checked(accepted=[Accepted("accuracy", size, "faster", UNTIL, "a.yaml line 1")])
        assert outcomes(check)["accuracy[all]"] == outcome
        details = {"metric": "accuracy", "up_to": size, "kind": "quality", "unit": "fraction"}
        exceeded = [note for note in check.notes if note.code == Code.EXCEEDED]
        beyond = Remark(Code.EXCEEDED, {**details, "place": "a.yaml line 1"})
        assert exceeded == ([] if outcome == Outcome.ACCEPTED else [beyond])


def test_of_what_should_be_low_the_loss_is_what_it_rises_by() -> None:
    entry = Accepted("latency_mean_vs_reference", 0.25, "safer", UNTIL, "a.yaml line 1")
    rules = Rules(accepted=[entry], today=UNTIL)
    for ratios, outcome in (((3.6, 3.62, 3.58), Outcome.ACCEPTED), ((4, 4.02, 3.98), Outcome.REGRESSION)):
        check = gate(result(predictions(200, wrong=range(20)), ratios), BASELINE, rules)
        (found,) = [one for one in check.results if one.metric == entry.metric]
        assert found.outcome == outcome


def test_a_metric_that_is_missing_has_no_loss_to_accept() -> None:
    whole = result(predictions(200, wrong=range(20)))
    metrics = [metric for metric in whole.record.metrics if metric.name != "brier"]
    run = replace(whole, record=replace(whole.record, metrics=metrics))
    entry = Accepted("brier", 0.5, "faster", UNTIL, "a.yaml line 1")
    assert gate(run, BASELINE, Rules(accepted=[entry], today=UNTIL)).exit_code == CANNOT_TELL
    assert gate(run, BASELINE, Rules(advisory=["brier"])).exit_code == FINE


def test_requirements_are_not_excused() -> None:
    rules = Rules(advisory=QUALITY, requirements=[parse_requirement("accuracy>=0.9")])
    check = gate(WORSE, BASELINE, rules)
    assert check.exit_code == REGRESSED
    assert [one.required for one in check.of(Outcome.UNMET)] == ["accuracy>=0.9"]


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / "accepted.yaml"
    path.write_text(f"# Why\n{ENTRY}{OTHER}")
    assert read_accepted(path) == [
        Accepted("accuracy", 0.02, "faster (#12)", UNTIL, f"{path} line 2"),
        Accepted("cost", 2.0, "b", date(2027, 1, 1), f"{path} line 6"),
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
        (ENTRY.replace("0.02", "much"), "line 1: up_to is no number: 'much'"),
        (ENTRY.replace("0.02", "true"), "line 1: up_to is no number: True"),
        (ENTRY.replace("0.02", "-0.02"), "line 1: up_to -0.02: must be a number of at least 0"),
        (ENTRY.replace("0.02", ".nan"), "line 1: up_to nan: must be a number of at least 0"),
        (ENTRY.replace("0.02", "2"), "line 1: up_to 2: would let anything pass; one point is 0.01"),
        (ENTRY + ENTRY, "line 5: accuracy has an entry above"),
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
