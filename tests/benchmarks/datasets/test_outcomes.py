"""Labels from scores and prices, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.base import question_id
from benchmarks.datasets.outcomes import Scored, by_price, check_models, labelled
from benchmarks.errors import BadInput

PRICES = {"big": 2.0, "mid": 1.0, "alt": 1.0, "low": 0.5}


def rows(*scores: tuple[float, float, float, float]) -> list[Scored]:
    """Of big, mid, alt, low."""
    return [Scored(f"q{n}", dict(zip(PRICES, row, strict=True))) for n, row in enumerate(scores)]


TRAIN = rows((1, 1, 0, 0), (1, 0.5, 1, 0))


def test_models_by_price_then_by_mean_score_then_by_name() -> None:
    # Mean in training: mid 0.75, alt 0.5.
    assert by_price(TRAIN, PRICES) == ["low", "mid", "alt", "big"]
    assert by_price(rows((1, 0, 1, 0)), PRICES) == ["low", "alt", "mid", "big"]
    assert by_price(rows((1, 1, 1, 0)), PRICES) == ["low", "alt", "mid", "big"]
    assert by_price(TRAIN, {**PRICES, "big": 0.0}) == ["big", "low", "mid", "alt"]


@pytest.mark.parametrize(
    ("scores", "right", "expected"),
    [
        ((1, 1, 1, 1), 0.5, "low"),
        ((1, 0, 1, 0), 0.5, "alt"),
        ((1, 1, 1, 0), 0.5, "mid"),
        ((1, 0, 0, 0), 0.5, "big"),
        ((0, 0, 0, 0), 0.5, "low"),
        ((0, 0.5, 0, 0.49), 0.5, "mid"),
        ((1, 0.5, 0.5, 0.5), 0.6, "big"),
        ((0.5, 0.5, 0.5, 0.5), 1.0, "low"),
    ],
)
def test_the_cheapest_that_is_right(
    scores: tuple[float, float, float, float], right: float, expected: str
) -> None:
    (example,) = labelled("name", rows(scores), TRAIN, PRICES, right)
    assert example.label == expected
    assert example.outcomes == dict(zip(PRICES, scores, strict=True))
    assert (example.id, example.slice, example.weight) == (question_id("q0", "name"), "standard", 1.0)


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=5), st.floats(0.01, 1))
def test_no_cheaper_model_is_right(scores: list[tuple[float, float, float, float]], right: float) -> None:
    for example in labelled("name", rows(*scores), rows(*scores), PRICES, right):
        assert example.outcomes is not None
        assert example.label is not None
        good = [PRICES[model] for model, value in example.outcomes.items() if value >= right]
        assert PRICES[example.label] == min(good or PRICES.values())


def test_every_row_has_the_models_of_the_first() -> None:
    first, short, long = (Scored("q", dict.fromkeys(models, 1.0)) for models in ("ab", "a", "abc"))
    check_models([("f:1", first), ("f:2", first)])
    with pytest.raises(BadInput, match=r"^f:2: b has no score$"):
        check_models([("f:1", first), ("f:2", short)])
    with pytest.raises(BadInput, match=r"^f:2: c has a score that other rows have not$"):
        check_models([("f:1", first), ("f:2", long)])
