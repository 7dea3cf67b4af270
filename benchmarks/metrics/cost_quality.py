"""Cost of a router's choice among models and quality of their answers.

The cost of a question is the price of the model asked, in US dollars for a million tokens: every call counts
as the same number of tokens, because the data sets say how good an answer was, not how long.

Intervals of quality and cost are those of means within bounds: 0 and 1, the lowest and the highest price.
Those of all other figures are bootstrapped over the rows: the thresholds, prices and choices stay those of
all rows, and their shares, means and hull are computed anew from each resample.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics.entry import (
    WITH_OUTCOMES,
    Draws,
    Floats,
    Gate,
    Missing,
    QualityMetric,
    Questions,
    Redefined,
    mean_of,
)
from benchmarks.metrics.llmrouterbench import gain, gap, saved
from benchmarks.metrics.routellm import Deferral, apgr, auc, calls_for, optimal, selections, thresholds
from benchmarks.metrics.routerarena import arena_score
from benchmarks.metrics.routerbench import aiq, hull, sweep
from benchmarks.stats.bootstrap import Interval
from reports.metric_info import Group
from reports.reasons import Reason
from reports.record import CostCurves, ModelPoint

GAPS = (20, 50, 80)
COST_UNIT = "USD/M tokens"


class Outcomes(NamedTuple):
    """The rows as arrays; models in ascending order of price, then of name.

    Attributes:
        price: of each model (n_models,); NaN where it is not known.
        quality: of each model's answer (n_rows, n_models).
        expected: the same as the router predicts it; its probabilities where it predicts no quality, those of
            its choice where it draws.
        chosen: how probably the router chose each model, 1 or 0 unless it draws (n_rows, n_models).
        weights: how many questions a row stands for (n_rows,).
    """

    models: list[str]
    price: Floats
    quality: Floats
    expected: Floats
    chosen: Floats
    weights: Floats

    def mean(self, values: Floats) -> Floats:
        """Mean over the rows, by weight: (n_rows, …) -> (…)."""
        averaged: Floats = self.weights @ values / self.weights.sum()
        return averaged

    @property
    def two(self) -> tuple[int, int]:
        """Columns of the weak and the strong model: of more than two the cheapest, and the one with the best
        mean quality; equal where one is both."""
        if len(self.models) == 2:
            return 0, 1
        return 0, self.best_single

    @property
    def best_single(self) -> int:
        """Column of the model with the best mean quality; of equally good ones the cheapest."""
        return int(self.mean(self.quality).argmax())

    @property
    def cheapest_best(self) -> NDArray[np.int64]:
        """Column by row of the cheapest model among those with the best answer."""
        # The first of several maxima, and models ascend by price.
        return np.asarray(self.quality.argmax(axis=1))


def outcomes(questions: Questions) -> Outcomes:
    """The rows as arrays."""
    rows, prices = questions.rows, questions.how.prices
    models = sorted(rows[0].outcomes or {}, key=lambda model: (prices.get(model, 0.0), model))
    with_expected = all(row.expected is not None for row in rows)
    expected = [(row.expected or {}) if with_expected else row.chances or row.scores for row in rows]
    return Outcomes(
        models,
        np.array([prices.get(model, np.nan) for model in models]),
        np.array([[(row.outcomes or {})[model] for model in models] for row in rows], dtype=float),
        np.array([[known.get(model, 0.0) for model in models] for known in expected], dtype=float),
        np.array([[row.choices.get(model, 0.0) for model in models] for row in rows]),
        questions.weights,
    )


def obstacles(questions: Questions) -> dict[str, Missing]:
    """Reasons why figures cannot be computed: the `quality` or `cost` of the answers, those between `two`
    models, as a share of the `gap` between these, of the `trade_off` over all models."""
    if missing := _incomplete(questions):
        return dict.fromkeys(("quality", "cost", "two", "gap", "trade_off"), missing)
    table = questions.of(outcomes)
    for model in table.models:
        if model not in questions.how.prices:
            no_price = Missing(Reason.NO_PRICE, {"model": model})
            return dict.fromkeys(("cost", "two", "gap", "trade_off"), no_price)
    found = {"trade_off": Missing(Reason.ONE_PRICE)} if table.price[0] == table.price[-1] else {}
    weak, strong = table.two
    low, high = table.mean(table.quality)[[weak, strong]]
    names = {"weak": table.models[weak], "strong": table.models[strong]}
    if weak == strong:
        found |= dict.fromkeys(("two", "gap"), Missing(Reason.NOTHING_TO_DEFER_TO, {"model": names["weak"]}))
    elif high <= low:
        found["gap"] = Missing(Reason.NO_GAP, names)
    return found


def _incomplete(questions: Questions) -> Missing | None:
    known = set(questions.rows[0].outcomes or {})
    for row in questions.rows:
        missing = sorted(known ^ set(row.outcomes or {}))
        if missing:
            return Missing(Reason.OUTCOME_MISSING, {"id": row.id, "model": missing[0]})
        if unknown := [model for model, chance in row.choices.items() if chance and model not in known]:
            return Missing(Reason.NOT_AMONG_OUTCOMES, {"model": unknown[0]})
    return None


def _metric(needs: str, policy: str, **more: Any) -> QualityMetric:
    """A metric of this group; `needs` is a key of `obstacles`, and the router's own policy is empty."""
    return QualityMetric(
        group=Group.COST,
        scope=WITH_OUTCOMES,
        applies=lambda questions: any(row.outcomes for row in questions.rows),
        missing=lambda inside: inside.of(obstacles).get(needs),
        listed=not policy,
        **more,
    )


def _models(questions: Questions) -> list[str]:
    return questions.of(outcomes).models


def _values(questions: Questions, of_cost: bool, policy: str) -> Floats:
    """Quality or cost of each row's answer under a policy: (n_rows, n_variants)."""
    table = questions.of(outcomes)
    values = np.broadcast_to(table.price, table.quality.shape) if of_cost else table.quality
    match policy:
        case "_always:*":
            return values
        case "_random":
            return np.asarray(values.mean(axis=1, keepdims=True))
        case "_oracle":
            return np.asarray(np.take_along_axis(values, table.cheapest_best[:, None], axis=1))
    # Added up for the chosen ones alone: a price that is not known is NaN.
    return np.asarray(np.where(table.chosen > 0, table.chosen * values, 0).sum(axis=1, keepdims=True))


# Title and description.
_CHOICES = {
    "": ("", "the model that the router chose"),
    "_oracle": (" (oracle)", "the cheapest of the models with the best answer"),
    "_random": (" (random)", "a model drawn at random, as the mean over models"),
    "_always:*": (" (always *)", "the model *, whatever the question"),
}


def _choice(name: str, policy: str) -> QualityMetric:
    title, words = _CHOICES[policy]
    of_cost = name == "cost"
    what = "Mean price" if of_cost else "Mean quality of the answer"
    return _metric(
        name,
        policy,
        **mean_of(partial(_values, of_cost=of_cost, policy=policy), Interval(0, math.inf if of_cost else 1)),
        name=f"{name}{policy}",
        title=f"{name.capitalize()}{title}",
        description=f"{what} of {words}",
        unit=COST_UNIT if of_cost else "fraction",
        higher_is_better=not of_cost,
        variants=_models if "*" in policy else None,
        placeholder="model",
        interval=not policy,
        gate=None if policy else Gate(share=0.10 if of_cost else None),
    )


CHOICES = [_choice(name, policy) for name in ("quality", "cost") for policy in _CHOICES]


def between_two(questions: Questions) -> Floats:
    """Columns: for each threshold whether the row is deferred, for each the quality of the answer, then the
    quality of the weak and the strong model and 1: (n_rows, 2 * n_points + 3); shares and qualities in
    per cent."""
    table = questions.of(outcomes)
    weak, strong = table.two
    selected = selections(table.expected[:, strong] - table.expected[:, weak])
    low, high = table.quality[:, [weak]], table.quality[:, [strong]]
    ones = np.ones((len(low), 1))
    return np.concatenate(
        [100 * np.concatenate([selected, np.where(selected, high, low), low, high], axis=1), ones], axis=1
    )


def _deferred(sums: Floats) -> tuple[Deferral, Floats, Floats]:
    """Curve of the router, and mean quality of the weak and the strong model."""
    means = sums[:, :-1] / sums[:, -1:]
    points = (means.shape[1] - 2) // 2
    return Deferral(means[:, :points], means[:, points:-2]), means[:, -2], means[:, -1]


def _pair(questions: Questions) -> Floats:
    """Quality of the weak and the strong model: (n_rows, 2)."""
    table = questions.of(outcomes)
    return table.quality[:, list(table.two)]


def _straight(low: Floats, high: Floats) -> Deferral:
    return Deferral(np.tile([0.0, 100.0], (len(low), 1)), np.stack([low, high], axis=1))


def _has_tied_top(questions: Questions) -> bool:
    """True of a router that ties a tenth of the rows at the top, whose point the curve lacked until schema
    4."""
    _, inside = questions.of(WITH_OUTCOMES)
    if not inside.rows or "two" in inside.of(obstacles):
        return False
    table = inside.of(outcomes)
    weak, strong = table.two
    *_, last, highest = thresholds(table.expected[:, strong] - table.expected[:, weak])
    return bool(last == highest)


# A figure of a curve (n_resamples, n_points) between two models of these mean qualities (n_resamples,).
Height = Callable[[Deferral, Floats, Floats], Floats]
_POLICIES = {
    "": "",
    "_oracle": "; of a router that knows every answer's quality",
    "_random": "; of a random choice between the two models",
}


def _titled(title: str, policy: str) -> str:
    return f"{title} ({policy[1:]})" if policy else title


def _of_curve(name: str, title: str, description: str, height: Height, **more: Any) -> list[QualityMetric]:
    """A figure of the deferral curves of the router, of the oracle and of chance."""

    def statistic(rows: Floats, draws: Draws, policy: str) -> Floats:
        if policy == "_oracle":
            # Without an interval, so that there is one resample.
            (weights,) = draws.weights
            low, high = (100 * (weights @ rows / weights.sum()))[:, None]
            best = optimal(rows[:, 0], rows[:, 1], weights)
            return height(Deferral(best.share[None], best.quality[None]), low, high)
        curve, low, high = _deferred(draws.sums(rows))
        return height(_straight(low, high) if policy else curve, low, high)

    return [
        _metric(
            "two" if name == "auc_deferral" else "gap",
            policy,
            name=f"{name}{policy}",
            title=_titled(title, policy),
            description=f"{description} (RouteLLM, Ong et al., 2024){words}",
            features=_pair if policy == "_oracle" else between_two,
            statistic=partial(statistic, policy=policy),
            interval=name != "auc_deferral" and not policy,
            redefined=None if policy else Redefined(5, _has_tied_top),
            **more,
        )
        for policy, words in _POLICIES.items()
    ]


def _calls_for(gap: int) -> Height:
    def share(curve: Deferral, low: Floats, high: Floats) -> Floats:
        curves = zip(curve.share, curve.quality, low.tolist(), high.tolist(), strict=True)
        found = [
            calls_for(gap / 100, Deferral(*points), weak, strong) / 100 if strong > weak else np.nan
            for *points, weak, strong in curves
        ]
        return np.array(found)

    return share


DEFERRAL = [
    *_of_curve(
        "apgr",
        "APGR",
        "Average performance gap recovered between the two models",
        apgr,
        own_bounds=Interval(-math.inf, math.inf),
    ),
    *_of_curve(
        "auc_deferral",
        "Deferral AUC",
        "Area under quality by share of calls to the strong model",
        lambda curve, low, high: auc(curve) / 100,
    ),
]
for _gap in GAPS:
    DEFERRAL += _of_curve(
        f"calls_for_{_gap}",
        f"Calls for {_gap} %",
        f"Share of calls to the strong model that recovers {_gap} % of the gap",
        _calls_for(_gap),
        higher_is_better=False,
    )


def trade_off(questions: Questions, policy: str) -> Floats:
    """Cost and quality of each row under every setting of a policy's trade-off, the lowest and the highest
    price, and 1: (n_rows, 2 * n_settings + 3)."""
    table = questions.of(outcomes)
    if policy in ("_random", "_zero"):
        # Of single models: the two, or all.
        columns = list(table.two) if policy == "_random" else range(len(table.models))
        chosen = np.tile(np.array(columns), (len(table.quality), 1))
    else:
        chosen = sweep(table.quality if policy else table.expected, table.price)
    quality = np.take_along_axis(table.quality, chosen, axis=1)
    ends = np.tile([table.price[0], table.price[-1], 1.0], (len(quality), 1))
    return np.concatenate([table.price[chosen], quality, ends], axis=1)


def _improvement(rows: Floats, draws: Draws) -> Floats:
    sums = draws.sums(rows)
    means = sums / sums[:, -1:]
    points = (means.shape[1] - 3) // 2
    # Prices are the same in every resample.
    lowest, highest = means[0, -3:-1].tolist()
    return aiq(means[:, :points], means[:, points:-3], lowest, highest)


_TRADE_OFFS = {policy: partial(trade_off, policy=policy) for policy in ("", "_oracle", "_random", "_zero")}
IMPROVEMENT = [
    _metric(
        "trade_off",
        policy,
        name=f"aiq{policy}",
        title=_titled("AIQ", policy),
        description="Average quality below the non-decreasing convex hull of cost and quality "
        f"(RouterBench, Hu et al., 2024){words}",
        features=_TRADE_OFFS[policy],
        statistic=_improvement,
        interval=not policy,
    )
    for policy, words in (
        *_POLICIES.items(),
        ("_zero", "; of single models mixed without seeing the question"),
    )
]


def _single_and_best(questions: Questions) -> Floats:
    """Quality of each row's answer by the chosen model, by the best single model and by the best of all for
    the row: (n_rows, 3)."""
    table = questions.of(outcomes)
    chosen = _values(questions, of_cost=False, policy="")
    return np.concatenate(
        [chosen, table.quality[:, [table.best_single]], table.quality.max(axis=1, keepdims=True)], axis=1
    )


def _trade_off_and_single(questions: Questions) -> Floats:
    """Cost of each row under every setting of the router's trade-off and by its own choice, the quality of
    each, and cost and quality by the best single model: (n_rows, 2 * n_settings + 2)."""
    table = questions.of(outcomes)
    swept = sweep(table.expected, table.price)
    quality = np.take_along_axis(table.quality, swept, axis=1)
    own_cost, own_quality = (_values(questions, of_cost, "") for of_cost in (True, False))
    single = table.best_single
    price = np.full((len(quality), 1), table.price[single])
    parts = [table.price[swept], own_cost, quality, own_quality, price, table.quality[:, [single]]]
    return np.concatenate(parts, axis=1)


def _saved(rows: Floats, draws: Draws) -> Floats:
    means = draws.sums(rows) / draws.weights.sum(axis=1, keepdims=True)
    cost, quality = np.split(means[:, :-2], 2, axis=1)
    return saved(cost, quality, means[:, -2], means[:, -1])


def _why_nothing_saved(part: Questions, variant: str) -> Missing:
    table = part.of(outcomes)
    single = table.best_single
    if not table.price[single]:
        return Missing(Reason.DIVISION_BY_ZERO)
    return Missing(Reason.NEVER_AS_GOOD, {"model": table.models[single]})


def _choice_and_price(questions: Questions) -> Floats:
    """Quality and price of each row's answer by the chosen model: (n_rows, 2)."""
    return np.concatenate([_values(questions, of_cost, "") for of_cost in (False, True)], axis=1)


def _arena(rows: Floats, draws: Draws) -> Floats:
    quality, cost = (draws.sums(rows) / draws.weights.sum(axis=1, keepdims=True)).T
    # A million tokens are 1,000 questions of 1,000 tokens.
    return arena_score(cost, quality)


def _why_no_arena_score(part: Questions, variant: str) -> Missing:
    return Missing(Reason.NO_COST if not _choice_and_price(part)[:, 1].any() else Reason.DIVISION_BY_ZERO)


# Schema version of a record that first had them.
_SINCE = 4
OF_OTHER_BENCHMARKS = [
    _metric(
        "quality",
        "",
        name="gain_over_best",
        title="Gain over the best model",
        description="Quality of the answers over that of the best single model, chosen on the test, less one "
        "(LLMRouterBench, Li et al., 2026)",
        features=_single_and_best,
        statistic=lambda rows, draws: gain(*draws.sums(rows)[:, :2].T),
        own_bounds=Interval(-1, math.inf),
        since=_SINCE,
    ),
    _metric(
        "quality",
        "",
        name="gap_to_oracle",
        title="Gap to the oracle",
        description="One less the quality of the answers over that of the best answer to each question "
        "(LLMRouterBench, Li et al., 2026)",
        features=_single_and_best,
        statistic=lambda rows, draws: gap(*draws.sums(rows)[:, ::2].T),
        higher_is_better=False,
        since=_SINCE,
    ),
    _metric(
        "trade_off",
        "",
        name="cost_saved",
        title="Cost saved",
        description="Share of the best single model's cost that the cheapest setting saves whose answers are "
        "as good: a setting of the trade-off of quality and cost, or the router's own choice "
        "(LLMRouterBench, Li et al., 2026)",
        features=_trade_off_and_single,
        statistic=_saved,
        own_bounds=Interval(-math.inf, 1),
        why=_why_nothing_saved,
        # Resamples that reach that quality at no setting would be left out of it.
        interval=False,
        since=_SINCE,
    ),
    _metric(
        "cost",
        "",
        name="arena_score",
        title="Arena score",
        description="Harmonic mean of the quality of the answers, which counts ten times as much, and of "
        "cheapness, which falls from 1 at 0.0044 to 0 at 200 dollars for 1,000 questions of 1,000 tokens "
        "(RouterArena, Lu et al., 2025)",
        features=_choice_and_price,
        statistic=_arena,
        why=_why_no_arena_score,
        since=_SINCE,
    ),
]


def cost_curves(questions: Questions) -> CostCurves | None:
    """Points of every curve, and which models are the weak and the strong one; None without outcomes."""
    _, inside = questions.of(WITH_OUTCOMES)
    if not any(row.outcomes for row in inside.rows):
        return None
    missing = inside.of(obstacles)
    if "cost" in missing:
        return CostCurves()
    table = inside.of(outcomes)
    figures = zip(table.models, table.price, table.mean(table.quality), strict=True)
    return CostCurves(
        models={model: ModelPoint(float(price), float(quality)) for model, price, quality in figures},
        **({} if "two" in missing else _deferral_curves(inside)),
        **({} if "trade_off" in missing else _hulls(inside)),
    )


Points = list[tuple[float, float]]


def _points(x: Floats, y: Floats) -> Points:
    return [(float(one), float(other)) for one, other in zip(x, y, strict=True)]


def _deferral_curves(inside: Questions) -> dict[str, Any]:
    table = inside.of(outcomes)
    weak, strong = table.two
    curve, low, high = _deferred(table.weights[None] @ inside.of(between_two))
    # As many corners as there are gains, which may be as many as rows.
    steps = np.linspace(0, 100, 101)
    best = optimal(table.quality[:, weak], table.quality[:, strong], table.weights)
    return {
        "weak": table.models[weak],
        "strong": table.models[strong],
        "deferral": _points(curve.share[0], curve.quality[0]),
        "deferral_random": _points(*(part[0] for part in _straight(low, high))),
        "deferral_oracle": _points(steps, np.interp(steps, *best)),
    }


def _hulls(inside: Questions) -> dict[str, Any]:
    found: dict[str, Points] = {}
    for policy, features in _TRADE_OFFS.items():
        means = inside.of(outcomes).mean(inside.of(features))
        points = (len(means) - 3) // 2
        cost, quality = means[:points], means[points:-3]
        found[f"hull{policy}"] = hull(cost, quality)
        if not policy:
            found["cost_quality"] = _points(cost, quality)
    return found
