"""Every expert answers every test question, so that any router's choices can be judged afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.answers.collect import Panel, assemble, collect
from benchmarks.datasets.base import Dataset
from benchmarks.errors import BadInput
from benchmarks.metrics.answers import Answers
from benchmarks.schema.experts import NoExperts
from common.progress import say
from common.settings import Policy
from experts.base import BASE, Answer, Request
from reports.record import Metric, Prediction, Unscored
from routers.decision import ABSTAIN, BEST_GUESS

MB = 1e6


@dataclass(frozen=True)
class AllAnswered:
    """Answers by (expert, question id), whose they are, and what generating them took."""

    panel: Panel
    answers: Answers
    timings: dict[str, Any]


def check_policy(policy: Policy, domains: Sequence[str]) -> None:
    """Raises BadInput for a fallback that is neither a rule nor a domain."""
    options = (BEST_GUESS, ABSTAIN, *domains)
    if policy.fallback not in options:
        raise BadInput(f"policy.fallback={policy.fallback}: not one of {', '.join(options)}")


def panel_for(config: Any, dataset: Dataset) -> Panel | None:
    """The experts to examine; None without any, or where there is no reference to compare with.

    Raises:
        BadInput: also when an adapter was trained on a test question.
    """
    if isinstance(config, NoExperts):
        return None
    if not any(example.reference for example in dataset.test if example.label is not None):
        say(f"data set {dataset.name} has no reference answers: the experts are not asked")
        return None
    panel = assemble(config, dataset.classes)
    tested = {_question(example.id): example.query for example in dataset.test}
    for domain, ids in panel.train_ids.items() if panel else ():
        leaked = sorted({_question(identity) for identity in ids} & set(tested))
        if leaked:
            raise BadInput(
                f"the adapter for domain {domain!r} was trained on {len(leaked)} of these test questions, "
                f"as {tested[leaked[0]]!r}; train one on this split with `python -m benchmarks train`, or "
                "leave the experts out with experts=none"
            )
    return panel


def _question(identity: str) -> str:
    """Of an id, what the question alone decides: the same question may have another domain elsewhere."""
    return identity.rpartition("-")[2].partition("#")[0]


def ask_all(panel: Panel, dataset: Dataset, threads: int) -> AllAnswered:
    """Each domain's expert on every question that has a reference, and the right domain's base model."""
    names: list[tuple[str, str]] = []
    requests: list[Request] = []
    for example in dataset.test:
        if example.label is None or not example.reference:
            continue
        for domain in dataset.classes:
            names.append((domain, example.id))
            requests.append(Request(domain, example.query))
        names.append((BASE, example.id))
        requests.append(Request(example.label, example.query, adapted=False))
    answered = collect(panel, requests, threads)
    failed = [answer.error for answer in answered.answers if answer.text is None]
    if failed:
        say(f"{len(failed)} of {len(requests)} answers are missing, the first because: {failed[0]}")
    timings = {
        "asked": len(requests),
        "from_cache": answered.from_cache,
        "unanswered": len(failed),
        "session": answered.session,
    }
    return AllAnswered(panel, dict(zip(names, answered.answers, strict=True)), timings)


def answering_performance(
    rows: Sequence[Prediction], answered: AllAnswered
) -> tuple[list[Metric], list[Unscored]]:
    """What the routed answers took when they were generated, in whichever run; routing not included."""
    used = [
        answered.answers[row.expert, row.id]
        for row in rows
        if row.expert is not None and row.answer is not None
    ]
    metrics = [*_time(used), *_rate(used)]
    session = answered.timings["session"]
    if session is None:
        reason = "every answer came from the cache, no model was loaded"
        return metrics, [Unscored(name, reason) for name in ("experts_load_time", "experts_peak_rss")]
    metrics.append(Metric("experts_load_time", session["load_seconds"], "s", False))
    metrics.append(Metric("experts_peak_rss", session["peak_rss_bytes"] / MB, "MB", False))
    if session["cuda_peak_bytes"] is not None:
        metrics.append(Metric("experts_cuda_peak", session["cuda_peak_bytes"] / MB, "MB", False))
    return metrics, []


def _time(answers: Sequence[Answer]) -> list[Metric]:
    if not answers:
        return []
    seconds = sum(answer.seconds for answer in answers) / len(answers)
    return [Metric("generation_time", seconds, "s", False, "all", len(answers))]


def _rate(answers: Sequence[Answer]) -> list[Metric]:
    """Of the answers whose tokens are known: an endpoint need not say."""
    counted = [(answer.tokens, answer.seconds) for answer in answers if answer.tokens is not None]
    seconds = sum(spent for _, spent in counted)
    if not seconds:
        return []
    rate = sum(tokens for tokens, _ in counted) / seconds
    return [Metric("generation_throughput", rate, "tokens/s", True, "all", len(counted))]
