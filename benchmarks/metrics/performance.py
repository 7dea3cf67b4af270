"""Speed and memory: of serving and fitting a router, and of generating answers, from raw values."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure.ratios import over_rounds, total, typical
from benchmarks.metrics.entry import Entry, Figure, Gate, Missing
from benchmarks.stats.bootstrap import Interval, bootstrap_rounds
from benchmarks.stats.shares import share_estimate
from common.settings import Statistics
from reports.metric_info import Group
from reports.reasons import Reason
from reports.record import (
    ALL,
    Answering,
    AnswerSession,
    Derivation,
    Fitting,
    Metric,
    Prediction,
    Serving,
    Timings,
    Unscored,
)

MB = 1e6
MS = 1e3
# How much worse than the baseline the gate lets pass.
SHARE = 0.10


@dataclass(frozen=True)
class Measured:
    """Raw values of one router, and how intervals are computed from them."""

    served: Serving
    trained: Fitting
    statistics: Statistics
    seed: int


@dataclass(frozen=True)
class Generated:
    """Rows with an answer whose time is known, and the process that generated answers in this run, if one
    did."""

    answered: Sequence[Prediction]
    session: AnswerSession | None


@dataclass(frozen=True, kw_only=True)
class PerformanceMetric(Entry):
    """Metric of serving or fitting a router; None where there is nothing to say."""

    figure: Callable[[Measured], Figure | Missing | None]


@dataclass(frozen=True, kw_only=True)
class AnsweringMetric(Entry):
    """Metric of generating answers; None where there is nothing to say."""

    figure: Callable[[Generated], Figure | Missing | None]


def timing_metrics(
    timings: Timings, rows: Sequence[Prediction], how: Derivation
) -> tuple[list[Metric], list[Unscored]]:
    """Metrics of all raw timings of a router and its answers, and those that could not be taken."""
    metrics, unscored = list[Metric](), [Unscored("latency_p50", Reason.NOT_MEASURED)]
    if timings.served is not None and timings.trained is not None:
        metrics, unscored = performance(timings.served, timings.trained, how.statistics, how.seed)
    if timings.experts is not None:
        speed, missing = answering_performance(rows, timings.experts)
        metrics, unscored = [*metrics, *speed], [*unscored, *missing]
    return metrics, unscored


def performance(
    served: Serving, trained: Fitting, statistics: Statistics, seed: int
) -> tuple[list[Metric], list[Unscored]]:
    """Metrics of one served router, and those that could not be taken."""
    raw = Measured(served, trained, statistics, seed)
    return _collected([(entry, entry.figure(raw)) for entry in SERVING])


def answering_performance(
    rows: Sequence[Prediction], answering: Answering
) -> tuple[list[Metric], list[Unscored]]:
    """Cost of the chosen answers when they were generated, in whichever run, without routing."""
    raw = Generated([row for row in rows if row.answer_seconds is not None], answering.session)
    return _collected([(entry, entry.figure(raw)) for entry in ANSWERING])


def _collected(
    figures: Sequence[tuple[Entry, Figure | Missing | None]],
) -> tuple[list[Metric], list[Unscored]]:
    metrics, unscored = [], []
    for entry, figure in figures:
        if isinstance(figure, Missing):
            unscored.append(Unscored(entry.name, figure.reason, details=dict(figure.details)))
        elif figure is not None:
            low, high = figure.interval or (None, None)
            known = (entry.name, float(figure.value), entry.unit, entry.higher_is_better, ALL)
            metrics.append(Metric(*known, figure.n, low, high))
    return metrics, unscored


def _quantile(
    raw: Measured, columns: Sequence[Sequence[float]], share: float = 0.5, scale: float = MS
) -> Figure:
    """Quantile of the values of all rounds together; `columns` has them by round."""
    low, high = bootstrap_rounds(
        lambda resample: np.quantile(resample, share, axis=1),
        [np.array(column) for column in columns],
        resamples=raw.statistics.resamples,
        confidence=raw.statistics.confidence,
        seed=raw.seed,
    )
    values = np.concatenate(columns)
    return Figure(float(np.quantile(values, share)) * scale, len(values), Interval(low * scale, high * scale))


def _latency(raw: Measured, share: float) -> Figure:
    return _quantile(raw, [one.latency_seconds for one in raw.served.rounds], share)


def _stage(raw: Measured, stage: str) -> Figure | Missing:
    rounds = [one.stage_seconds[stage] for one in raw.served.rounds if stage in one.stage_seconds]
    return _quantile(raw, rounds) if rounds else Missing(Reason.NO_SUCH_STAGE)


def _stage_if_any(raw: Measured, stage: str) -> Figure | None:
    found = _stage(raw, stage)
    return found if isinstance(found, Figure) else None


def _share_of_events(event: str, among: str, scale: float = 1) -> Callable[[Measured], Figure | None]:
    """How often an event happened, as a share of how often it could have."""

    def figure(raw: Measured) -> Figure | None:
        events = raw.served.events or {}
        n = int(events.get(among, 0))
        return Figure(scale * events[event] / n, n) if n and event in events else None

    return figure


def _over_rounds(raw: Measured, logs: NDArray[np.float64]) -> Figure:
    """Geometric mean of one value a round, with Student's t interval on the logarithms."""
    found = over_rounds(logs, raw.statistics.confidence)
    if found.low is None or found.high is None:
        return Figure(found.value, len(logs))
    return Figure(found.value, len(logs), Interval(found.low, found.high))


def _first_query(raw: Measured) -> Figure:
    return _over_rounds(raw, np.log([one.first_query_seconds * MS for one in raw.served.rounds]))


def _load_time(raw: Measured) -> Figure:
    return _over_rounds(raw, np.log([one.load_seconds for one in raw.served.rounds]))


def _throughput(raw: Measured) -> Figure:
    return _quantile(raw, [[raw.served.batch_size / each for each in raw.served.batch_seconds]], scale=1)


def _recall(raw: Measured) -> Figure | None:
    values = raw.served.neighbour_recall
    if not values:
        return None
    if set(values) <= {0.0, 1.0}:
        # No resample has a neighbour missed where none was.
        of_each = np.array(values), np.ones(len(values)), raw.statistics.confidence, np.arange(len(values))
        found = share_estimate(*of_each)
        return Figure(found.value, len(values), Interval(found.ci_low, found.ci_high))
    interval = bootstrap_rounds(
        lambda resample: resample.mean(axis=1),
        [np.array(values)],
        resamples=raw.statistics.resamples,
        confidence=raw.statistics.confidence,
        seed=raw.seed,
    )
    return Figure(float(np.mean(values)), len(values), interval)


def _megabytes(size: int | None) -> Figure | Missing:
    return Missing(Reason.NO_CUDA_DEVICE) if size is None else Figure(size / MB)


def _of_training(raw: Measured, value: float) -> Figure | Missing:
    if raw.trained.training_skipped:
        return Missing(Reason.TRAINING_SKIPPED)
    return Missing(Reason.FITTED_UNTIMED) if raw.trained.untimed else Figure(value)


def _generation_time(raw: Generated) -> Figure | None:
    seconds = [row.answer_seconds or 0.0 for row in raw.answered]
    return Figure(sum(seconds) / len(seconds), len(seconds)) if seconds else None


def _generation_throughput(raw: Generated) -> Figure | None:
    # An endpoint need not say how many tokens an answer has.
    counted = [row for row in raw.answered if row.answer_tokens is not None]
    seconds = sum(row.answer_seconds or 0.0 for row in counted)
    tokens = sum(row.answer_tokens or 0 for row in counted)
    return Figure(tokens / seconds, len(counted)) if seconds else None


def _session(value: Callable[[AnswerSession], float]) -> Callable[[Generated], Figure | Missing]:
    return lambda raw: Figure(value(raw.session)) if raw.session else Missing(Reason.ANSWERS_CACHED)


def _session_cuda_peak(raw: Generated) -> Figure | None:
    peak = raw.session.cuda_peak_bytes if raw.session else None
    return None if peak is None else Figure(peak / MB)


_ANY_MACHINE = Gate(share=SHARE, any_machine=True)


# fmt: off
def _speed(
    name: str, title: str, unit: str, figure: Callable[[Measured], Figure | Missing | None], description: str,
    **more: Any,
) -> PerformanceMetric:
    named = {"name": name, "title": title, "unit": unit, "description": description, "figure": figure}
    defaults = {"higher_is_better": False, "group": Group.LATENCY}
    return PerformanceMetric(**{**defaults, **named, **more})


_outside = partial(_speed, group=Group.OUTSIDE)
_memory = partial(_speed, group=Group.MEMORY)

# Name, title, unit, figure, description.
SERVING = [
    _speed("latency_p50", "Latency", "ms", lambda raw: _latency(raw, 0.5),
           "Median time of one question from text to decision: 20 to warm up, then at least 200 timed, "
           "nothing cached, over at least three rounds, each a process of its own", first=True),
    _speed("latency_p95", "Latency, 95th percentile", "ms", lambda raw: _latency(raw, 0.95),
           "95th percentile of the same times"),
    _speed("latency_p99", "Latency, 99th percentile", "ms", lambda raw: _latency(raw, 0.99),
           "99th percentile of the same times"),
    _speed("tokenise_p50", "Tokenise", "ms", lambda raw: _stage(raw, "tokenise"),
           "Median time that a single question spends on being tokenised"),
    _speed("encode_p50", "Encode", "ms", lambda raw: _stage(raw, "encode"),
           "Median time that a single question spends in the encoder"),
    _speed("search_p50", "Search", "ms", lambda raw: _stage(raw, "search"),
           "Median time that a single question spends in the index"),
    _speed("recall_at_k", "Recall of neighbours", "fraction", _recall,
           "Share of the k nearest training questions that an approximate index finds; mean over at most 200 "
           "test questions, each also compared with every training question", higher_is_better=True),
    _speed("server_p50", "Server", "ms", lambda raw: _stage_if_any(raw, "server"),
           "Median time that a server says it took for a single question"),
    _speed("network_p50", "Network", "ms", lambda raw: _stage_if_any(raw, "network"),
           "Median time of a request for a single question, without the time that the server says it took"),
    _speed("decide_p50", "Decide", "ms", lambda raw: _stage(raw, "decide"),
           "Median time from the scores of a single question to the decision"),
    _speed("reference_p50", "Reference workload", "ms",
           lambda raw: _quantile(raw, [one.reference_seconds for one in raw.served.rounds]),
           "Median time of a fixed workload that is timed in between, ten by ten"),
    _speed("latency_p50_vs_reference", "Latency / reference", "×",
           lambda raw: _over_rounds(raw, typical(raw.served.rounds)),
           "Latency as a multiple of the reference workload: in each round the median over blocks of the "
           "quotients of their medians, then the geometric mean over rounds with Student's t interval"),
    _speed("latency_mean_vs_reference", "Total latency / reference", "×",
           lambda raw: _over_rounds(raw, total(raw.served.rounds)),
           "All time spent on questions over all time spent on the reference workload, in each round; then "
           "as above. The gate tests this one: a neighbour on the core takes from both in proportion",
           gate=Gate(share=SHARE)),
    _speed("first_query", "First query", "ms", _first_query,
           "Time of the first question after loading; geometric mean over rounds"),
    _speed("load_time", "Load time", "s", _load_time,
           "Time from nothing imported to ready, without starting Python; geometric mean over rounds"),
    _speed("throughput", "Throughput", "queries/s", _throughput,
           "Median over full batches of 32 questions, unsorted", higher_is_better=True),
    _speed("train_time", "Fit time", "s", lambda raw: _of_training(raw, raw.trained.train_seconds),
           "Time of fitting in a process of its own, without the one-time export of an encoder"),
    _memory("peak_rss", "Peak memory", "MB", lambda raw: _megabytes(raw.served.peak_rss_bytes),
            "Largest resident memory of a fresh process that loads the router and serves the test questions, "
            "and of programs that it runs; MB are 10⁶ bytes", first=True),
    _memory("peak_rss_vs_reference", "Peak memory / reference", "×",
            lambda raw: Figure(raw.served.peak_rss_bytes / raw.served.reference_rss_bytes),
            "Peak memory as a multiple of that of a process that runs the reference workload alone",
            gate=Gate(share=SHARE)),
    _memory("weights_size", "Weights", "MB", lambda raw: _megabytes(raw.served.weights_bytes),
            "Size on disk of the pretrained files that serving reads", gate=_ANY_MACHINE),
    _memory("index_size", "Saved router", "MB", lambda raw: _megabytes(raw.served.index_bytes),
            "Size on disk of the saved router", gate=_ANY_MACHINE),
    _memory("train_peak_rss", "Peak memory of fitting", "MB",
            lambda raw: _of_training(raw, raw.trained.train_peak_rss_bytes / MB),
            "Largest resident memory of the process that fitted the router, and of programs that it runs"),
    _memory("cuda_peak", "Peak CUDA memory", "MB", lambda raw: _megabytes(raw.served.cuda_peak_bytes),
            "Largest CUDA allocation of serving, where there is a GPU", gate=Gate(share=SHARE)),
    _outside("retries", "Sent again", "fraction", _share_of_events("retries", "requests"),
             "Requests that were sent again, as a share of the requests", own_bounds=Interval(0, math.inf)),
    _outside("changed_answers", "Changed", "fraction", _share_of_events("changed", "repeated"),
             "Questions asked again that got other scores, as a share of those asked again"),
    _outside("routing_tokens", "Tokens", "tokens", _share_of_events("tokens", "counted"),
             "Tokens that a language model read and wrote for a question; mean"),
    _outside("routing_cost", "Price", "USD/1k questions",
             _share_of_events("usd", "counted", 1000),
             "Price of a thousand questions at the prices of the configuration"),
    _outside("unnamed_answers", "No domain", "fraction", _share_of_events("unnamed", "questions"),
             "Answers that name no domain, so that all are equally probable, as a share of all"),
]


def _answers(
    name: str, title: str, unit: str, figure: Callable[[Generated], Figure | Missing | None],
    description: str, higher_is_better: bool = False,
) -> AnsweringMetric:
    return AnsweringMetric(name=name, title=title, unit=unit, figure=figure, description=description,
                           higher_is_better=higher_is_better, group=Group.ANSWERS)


ANSWERING = [
    _answers("generation_time", "Generation time", "s", _generation_time,
             "Mean time that a chosen answer took when it was generated (in a batch, its equal share), also "
             "where it came from the cache; without routing"),
    _answers("generation_throughput", "Generation speed", "tokens/s", _generation_throughput,
             "Tokens a second of the chosen answers, as they were generated", higher_is_better=True),
    _answers("experts_load_time", "Load time of the experts", "s", _session(lambda one: one.load_seconds),
             "Time to load the experts in the process that generated answers in this run"),
    _answers("experts_peak_rss", "Peak memory of the experts", "MB",
             _session(lambda one: one.peak_rss_bytes / MB),
             "Largest resident memory of the process that generated answers in this run"),
    _answers("experts_cuda_peak", "Peak CUDA memory of the experts", "MB", _session_cuda_peak,
             "Largest CUDA allocation of the process that generated answers in this run"),
]
# fmt: on
