"""What a router's choice among models costs and what its answers are worth, from prediction rows alone.

The cost of a question is the price of the model asked, in US dollars for a million tokens: every call counts
as the same number of tokens, because the data sets say how good an answer was, not how long.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics.routellm import Deferral, apgr, auc, calls_for, optimal, selections
from benchmarks.metrics.routerbench import aiq, hull, sweep
from benchmarks.stats.bootstrap import Interval, drawn_counts, percentile_interval
from common.settings import Statistics
from reports.record import Metric, Prediction, Unscored

GAPS = (20, 50, 80)
OF_TWO = ("apgr", "auc_deferral", *(f"calls_for_{gap}" for gap in GAPS))
COST_UNIT = "USD/M tokens"

Floats = NDArray[Any]


class CostQuality(NamedTuple):
    """What `cost_quality` returns.

    Attributes:
        curves: points of every curve, and which models stand for the weak and the strong one.
    """

    metrics: list[Metric]
    unscored: list[Unscored]
    curves: dict[str, Any]


class _Outcomes(NamedTuple):
    """The rows as arrays; models in ascending order of price, then of name.

    Attributes:
        quality: of each model's answer (n_rows, n_models).
        expected: the same as the router sees it; its probabilities where it predicts no quality.
        chosen: column of the model that the router chose (n_rows,).
        weights: how many questions a row stands for (n_rows,).
    """

    models: list[str]
    quality: Floats
    expected: Floats
    chosen: NDArray[np.int64]
    weights: Floats

    def mean(self, values: Floats) -> Floats:
        """Over the rows, by weight: (n_rows, …) -> (…)."""
        averaged: Floats = self.weights @ values / self.weights.sum()
        return averaged


class _Measured(NamedTuple):
    """Values of a row (n_rows, n_columns), and the statistic of their means (…, n_columns) -> (…,)."""

    name: str
    columns: Floats
    statistic: Callable[[Floats], Floats]


def cost_quality(
    rows: Sequence[Prediction], prices: Mapping[str, float], statistics: Statistics, seed: int
) -> CostQuality:
    """Quality and cost of the router's choice and of its whole trade-off, beside reference policies.

    `quality` and `cost` are those of the predicted model. `apgr`, `auc_deferral` and `calls_for_20`, `_50`,
    `_80` are RouteLLM's (see `benchmarks.metrics.routellm`) between two models, and `aiq` is RouterBench's
    (see `benchmarks.metrics.routerbench`) over all. Of more than two models, the two are the cheapest and
    the one with the best mean quality; `curves` names them. A name may end in a policy: `_oracle` chooses
    the cheapest of the best answers, or, of a curve, knows every answer's quality; `_random` draws among the
    models, or, of a curve, between the two; `_always:<model>`; and `aiq_zero` mixes single models without
    seeing the question, which
    is RouterBench's zero router. Rows without `outcomes` are left out. Means are by `weight`.

    Intervals are bootstrapped over the rows: the thresholds, prices and choices stay those of all rows, and
    their shares, means and hull are taken anew from each resample.
    """
    judged = [row for row in rows if row.outcomes is not None]
    if not judged:
        reason = "the test questions have no outcomes of models"
        return CostQuality([], [Unscored(name, reason) for name in ("quality", "cost", "aiq", *OF_TWO)], {})
    gap = _gap(judged)
    if gap:
        return CostQuality([], [Unscored(name, gap) for name in ("quality", "cost", "aiq", *OF_TWO)], {})
    table = _outcomes(judged, prices)
    unpriced = [model for model in table.models if model not in prices]
    taken = [_chosen_quality(table)]
    metrics = _references("quality", table.mean(table.quality), _best(table), table)
    unscored: list[Unscored] = []
    curves: dict[str, Any] = {}
    if unpriced:
        reason = f"the data set has no price of {unpriced[0]}"
        unscored += [Unscored(name, reason) for name in ("cost", "aiq", *OF_TWO)]
    else:
        price = np.array([prices[model] for model in table.models])
        curves["models"] = {
            model: {"price": cost, "quality": quality}
            for model, cost, quality in zip(
                table.models, price.tolist(), table.mean(table.quality).tolist(), strict=True
            )
        }
        metrics += [
            _metric("cost", table.mean(price[table.chosen]), table),
            *_references("cost", price, table.mean(price[_cheapest_best(table)]), table),
        ]
        for part in (_between_two(table, price), _over_all(table, price)):
            metrics += part.metrics
            unscored += part.unscored
            curves |= part.curves
            taken += part.measured
    intervals = _intervals(taken, table.weights, statistics, seed)
    return CostQuality([*_with_intervals(taken, intervals, table), *metrics], unscored, curves)


class _Part(NamedTuple):
    """Some of the result; `measured` are the metrics that get an interval."""

    measured: list[_Measured]
    metrics: list[Metric]
    unscored: list[Unscored]
    curves: dict[str, Any]


def _outcomes(rows: Sequence[Prediction], prices: Mapping[str, float]) -> _Outcomes:
    known = rows[0].outcomes or {}
    models = sorted(known, key=lambda model: (prices.get(model, 0.0), model))
    with_expected = all(row.expected is not None for row in rows)
    return _Outcomes(
        models,
        np.array([[(row.outcomes or {})[model] for model in models] for row in rows], dtype=float),
        np.array(
            [
                [((row.expected or {}) if with_expected else row.scores).get(model, 0.0) for model in models]
                for row in rows
            ],
            dtype=float,
        ),
        np.array([models.index(row.predicted) for row in rows]),
        np.array([row.weight for row in rows], dtype=float),
    )


def _gap(rows: Sequence[Prediction]) -> str | None:
    """Why the outcomes are not enough to judge by; None when they are."""
    known = set(rows[0].outcomes or {})
    for row in rows:
        missing = sorted(known ^ set(row.outcomes or {}))
        if missing:
            return f"the outcome of {missing[0]} is known for some test questions only"
        if row.predicted not in known:
            return f"the router chose {row.predicted}, whose outcome is not known"
    return None


def _chosen_quality(table: _Outcomes) -> _Measured:
    values = table.quality[np.arange(len(table.chosen)), table.chosen]
    return _Measured("quality", values[:, None], lambda means: means[..., 0])


def _best(table: _Outcomes) -> Floats:
    return table.mean(table.quality.max(axis=1))


def _cheapest_best(table: _Outcomes) -> NDArray[np.int64]:
    """Column by row of the cheapest model among those with the best answer."""
    # The first of several maxima, and models ascend by price.
    columns: NDArray[np.int64] = table.quality.argmax(axis=1)
    return columns


def _between_two(table: _Outcomes, price: Floats) -> _Part:
    """RouteLLM's measures of the router as one that defers from the weak model to the strong one."""
    weak, strong = _two(table)
    if weak == strong:
        reason = f"the cheapest model, {table.models[weak]}, is also the best: there is nothing to defer to"
        return _Part([], [], [Unscored(name, reason) for name in OF_TWO], {})
    named = {"weak": table.models[weak], "strong": table.models[strong]}
    weak_quality, strong_quality = table.quality[:, weak], table.quality[:, strong]
    selected = selections(table.expected[:, strong] - table.expected[:, weak])
    deferred = np.where(selected, strong_quality[:, None], weak_quality[:, None])
    curve = Deferral(100 * table.mean(selected), 100 * table.mean(deferred))
    best = optimal(weak_quality, strong_quality, table.weights)
    low, high = 100 * float(table.mean(weak_quality)), 100 * float(table.mean(strong_quality))
    straight = Deferral(np.array([0.0, 100.0]), np.array([low, high]))
    by_policy = {"": curve, "_oracle": best, "_random": straight}
    metrics = [
        _metric(f"auc_deferral{policy}", auc(drawn) / 100, table) for policy, drawn in by_policy.items()
    ]
    curves = named | {
        f"deferral{policy}": np.stack(drawn, axis=1).tolist()
        for policy, drawn in by_policy.items()
        if policy != "_oracle"
    }
    # As many corners as there are gains, which may be as many as rows.
    steps = np.linspace(0, 100, 101)
    curves["deferral_oracle"] = np.stack([steps, np.interp(steps, *best)], axis=1).tolist()
    if high <= low:
        reason = f"{named['strong']} is not better than {named['weak']}: there is no gap to recover"
        names = [name for name in OF_TWO if name != "auc_deferral"]
        return _Part([], metrics, [Unscored(name, reason) for name in names], curves)
    for policy, drawn in by_policy.items():
        if policy:
            metrics.append(_metric(f"apgr{policy}", apgr(drawn, low, high), table))
        metrics += [
            _metric(f"calls_for_{gap}{policy}", calls_for(gap / 100, drawn, low, high) / 100, table)
            for gap in GAPS
        ]
    points = selected.shape[1]

    def recovered(means: Floats) -> Floats:
        percent = 100 * means
        drawn = Deferral(percent[..., :points], percent[..., points : 2 * points])
        return apgr(drawn, percent[..., -2], percent[..., -1])

    columns = np.concatenate([selected, deferred, weak_quality[:, None], strong_quality[:, None]], axis=1)
    return _Part([_Measured("apgr", columns, recovered)], metrics, [], curves)


def _two(table: _Outcomes) -> tuple[int, int]:
    """Columns of the weak and the strong model; equal where one is both."""
    if len(table.models) == 2:
        return 0, 1
    # Of equally good ones the cheapest.
    return 0, int(table.mean(table.quality).argmax())


def _over_all(table: _Outcomes, price: Floats) -> _Part:
    """RouterBench's measure over every model, and the curves it is taken from."""
    lowest, highest = float(price[0]), float(price[-1])
    if lowest == highest:
        return _Part([], [], [Unscored("aiq", "all models have the same price")], {})
    cost, quality = _swept(table, price, table.expected)
    means = table.mean(table.quality)
    line = list(_two(table))
    oracle = [table.mean(values) for values in _swept(table, price, table.quality)]
    references = {"_oracle": oracle, "_random": [price[line], means[line]], "_zero": [price, means]}
    points = [table.mean(cost), table.mean(quality)]
    curves = {
        "cost_quality": np.stack(points, axis=1).tolist(),
        "hull": [list(corner) for corner in hull(*points)],
    }
    metrics = []
    for policy, (costs, qualities) in references.items():
        value = aiq(costs[None], qualities[None], lowest, highest)[0]
        metrics.append(_metric(f"aiq{policy}", value, table))
        curves[f"hull{policy}"] = [list(corner) for corner in hull(costs, qualities)]
    n_points = cost.shape[1]

    def improved(means: Floats) -> Floats:
        flat = means.reshape(-1, means.shape[-1])
        return aiq(flat[:, :n_points], flat[:, n_points:], lowest, highest).reshape(means.shape[:-1])

    measured = _Measured("aiq", np.concatenate([cost, quality], axis=1), improved)
    return _Part([measured], metrics, [], curves)


def _swept(table: _Outcomes, price: Floats, expected: Floats) -> tuple[Floats, Floats]:
    """Cost and quality (n_rows, n_settings) of each row under every setting of the trade-off."""
    columns = sweep(expected, price)
    return price[columns], np.take_along_axis(table.quality, columns, axis=1)


def _references(name: str, values: Floats, oracle: Any, table: _Outcomes) -> list[Metric]:
    """`values` (n_models,) of always asking one model, their mean for a random choice, and the oracle's."""
    always = dict(zip(table.models, values, strict=True))
    return [
        _metric(f"{name}_oracle", oracle, table),
        _metric(f"{name}_random", values.mean(), table),
        *(_metric(f"{name}_always:{model}", value, table) for model, value in always.items()),
    ]


def _metric(name: str, value: Any, table: _Outcomes) -> Metric:
    is_cost = name == "cost" or name.startswith("cost_")
    higher_is_better = not is_cost and not name.startswith("calls_for_")
    unit = COST_UNIT if is_cost else "fraction"
    return Metric(name, float(value), unit, higher_is_better, "all", len(table.chosen))


def _with_intervals(
    measured: Sequence[_Measured], intervals: Sequence[Interval], table: _Outcomes
) -> list[Metric]:
    metrics = [_metric(entry.name, entry.statistic(table.mean(entry.columns)), table) for entry in measured]
    return [
        replace(metric, ci_low=interval.low, ci_high=interval.high)
        for metric, interval in zip(metrics, intervals, strict=True)
    ]


def _intervals(
    measured: Sequence[_Measured], weights: Floats, statistics: Statistics, seed: int
) -> list[Interval]:
    """Percentile intervals over the same resamples for every statistic.

    A resample is how often it has each row, so that the means of every column are one matrix product.
    """
    # Single precision is far finer than the interval and twice as fast.
    columns = np.concatenate([weights[:, None], *(m.columns * weights[:, None] for m in measured)], axis=1)
    columns = columns.astype(np.float32)
    ends = np.cumsum([1, *(entry.columns.shape[1] for entry in measured)])
    values: list[list[Floats]] = [[] for _ in measured]
    for counts in drawn_counts(len(weights), statistics.resamples, seed):
        sums = (counts.astype(np.float32) @ columns).astype(float)
        for entry, begin, end, found in zip(measured, ends[:-1], ends[1:], values, strict=True):
            found.append(entry.statistic(sums[:, begin:end] / sums[:, :1]))
    return [percentile_interval(np.concatenate(found), statistics.confidence) for found in values]
