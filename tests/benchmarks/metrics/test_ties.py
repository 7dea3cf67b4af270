"""Questions that are tied; records without one say nothing of ties."""

import pytest

from benchmarks.metrics.compute import compute_metrics
from benchmarks.metrics.ties import is_tied
from common.settings import Policy, Statistics
from reports.record import Derivation, Prediction

HOW = Derivation(["a", "b", "c"], 0, Statistics(resamples=100), Policy())


def row(*scores: float, label: str | None = "a") -> Prediction:
    by_domain = dict(zip("abc", scores, strict=True))
    best = max(by_domain, key=by_domain.__getitem__)
    return Prediction(f"id {scores} {label}", "?", label, best, 0.5, by_domain, "standard")


@pytest.mark.parametrize(
    ("scores", "tied"),
    [
        ((0.4, 0.4, 0.2), True),
        ((0.4, 0.4 + 9e-7, 0.2), True),
        ((0.4, 0.4 + 2e-6, 0.2), False),
        ((0.5, 0.25, 0.25), False),
        ((1 / 3, 1 / 3, 1 / 3), True),
    ],
)
def test_a_tie_is_between_the_two_best(scores: tuple[float, float, float], tied: bool) -> None:
    assert is_tied(row(*scores)) is tied


def test_one_domain_is_no_tie() -> None:
    assert not is_tied(Prediction("id", "?", "a", "a", 0.5, {"a": 1.0}, "standard"))


def test_the_share_of_tied_questions_counts_those_out_of_scope() -> None:
    rows = [row(0.4, 0.4, 0.2), row(0.6, 0.3, 0.1), row(0.5, 0.3, 0.2), row(0.2, 0.4, 0.4, label=None)]
    (tied,) = [one for one in compute_metrics(rows, HOW).metrics if one.name == "tied"]
    assert (tied.value, tied.n, tied.slice, tied.higher_is_better) == (0.5, 4, "all", False)


def test_without_a_tie_nothing_is_said() -> None:
    computed = compute_metrics([row(0.6, 0.3, 0.1), row(0.5, 0.3, 0.2)], HOW)
    assert "tied" not in {one.name for one in [*computed.metrics, *computed.unscored]}
