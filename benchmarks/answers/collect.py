"""Answers of every expert to every test question, so that any router's choices can be evaluated afterwards.

Answers in the cache are not paid for again; a process generates the rest.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.answers.cache import AnswerCache, answer_key, writable
from benchmarks.answers.experts import ExpertSet, build_experts
from benchmarks.answers.sample import Asked
from benchmarks.datasets.base import Dataset
from benchmarks.measure.memory import cuda_peak, peak_rss
from benchmarks.metrics.answers import experts_of, rouge_of
from benchmarks.metrics.selective import score_of
from benchmarks.workers.launch import Workers
from common.files import cache_dir
from common.progress import progress, say
from common.settings import Policy
from experts.base import BASE, Answer, ExpertError, Request
from reports.record import Answering, AnswerSession, Prediction
from routers.decision import choose

ANSWERS = "answers.sqlite"

# By expert (a domain, or `base`) and question id.
Answers = Mapping[tuple[str, str], Answer]


@dataclass(frozen=True)
class Answered:
    """Answers to the test questions, the experts that gave them, and what generating them took."""

    experts: ExpertSet
    answers: Answers
    timings: Answering


@dataclass(frozen=True)
class Generated:
    """Answers in the order requested, how many came from the cache, and what generating the others took."""

    answers: list[Answer]
    from_cache: int
    session: AnswerSession | None


@dataclass(frozen=True)
class Wanted:
    """An answer to generate, and under which key and identity of its expert it is cached."""

    key: str
    identity: dict[str, Any]
    request: Request


@dataclass(frozen=True)
class AnswerJob:
    """Answers to generate by the experts of `experts`, into the cache file `cache`."""

    experts: dict[str, Any]
    cache: str
    wanted: list[Wanted]


@dataclass(frozen=True)
class AnswerOutput:
    """Time and memory of generating, and the answers that failed, by key."""

    session: AnswerSession
    failed: dict[str, Answer]


def collect_answers(
    experts: ExpertSet,
    asked: Asked,
    domains: Sequence[str],
    workers: Workers,
    generating: Callable[[int], None] | None = None,
) -> Answered:
    """Each domain's expert on every question that is asked, and the right domain's base model.

    `generating` is called with the number of answers that are not in the cache, before they are generated, if
    there are any.
    """
    names: list[tuple[str, str]] = []
    requests: list[Request] = []
    for example in asked.examples:
        for domain in domains:
            names.append((domain, example.id))
            requests.append(Request(domain, example.query))
        names.append((BASE, example.id))
        requests.append(Request(str(example.label), example.query, adapted=False))
    found = generate(experts, requests, workers, generating)
    failed = [answer.error for answer in found.answers if answer.text is None]
    if failed:
        say(f"{len(failed)} of {len(requests)} answers are missing, the first because: {failed[0]}")
    timings = Answering(len(requests), found.from_cache, len(failed), found.session, asked.sample)
    return Answered(experts, dict(zip(names, found.answers, strict=True)), timings)


def attach(
    predictions: Sequence[Prediction], dataset: Dataset, answers: Answers, policy: Policy
) -> list[Prediction]:
    """The rows with the reference, the expert that the policy chooses, and the answer of every expert.

    A row with a domain that nobody was asked has no reference: there is nothing to compare with it.
    """
    references = {example.id: example.reference for example in dataset.test}
    classes = dataset.classes
    return [_attach(row, references[row.id], answers, policy, classes) for row in predictions]


def generate(
    experts: ExpertSet,
    requests: Sequence[Request],
    workers: Workers,
    generating: Callable[[int], None] | None = None,
) -> Generated:
    """One answer a request; those that had to be generated are in the cache as soon as they are there.

    An answer that failed is not cached: the next run tries again. `generating`: see `collect_answers`.
    """
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        path = (cache_dir() if experts.use_cache else Path(scratch)) / ANSWERS
        built, cache = build_experts(experts.spec), AnswerCache(path)
        keys: list[str] = []
        wanted: dict[str, Wanted] = {}
        failed: dict[str, Answer] = {}
        for request in requests:
            try:
                identity = built.identity(request.domain, request.adapted)
            except ExpertError as error:
                keys.append(f"no expert: {request.domain}, {request.adapted}")
                failed[keys[-1]] = Answer(None, error=str(error))
            else:
                keys.append(answer_key(identity, request.question, request.history, request.max_tokens))
                wanted[keys[-1]] = Wanted(keys[-1], identity, request)
        cached = cache.read(list(wanted))
        missing = [one for key, one in wanted.items() if key not in cached]
        session = None
        if missing:
            if generating:
                generating(len(missing))
            say(f"experts={experts.name}: {len(missing)} answers to generate, {len(cached)} in the cache")
            output = workers.run(answer, AnswerJob(experts.spec, str(path), missing), "experts: answering")
            session = output.session
            failed |= output.failed
        answers = {**cache.read(list(wanted)), **failed}
    return Generated([answers[key] for key in keys], len(cached), session)


def answer(job: AnswerJob) -> AnswerOutput:
    """Answer questions in this process, writing each group to the cache as soon as it is there."""
    cache, wanted = AnswerCache(Path(job.cache)), job.wanted
    experts = build_experts(job.experts)
    progress("loading", 0, len(wanted))
    start = perf_counter()
    experts.load()
    loaded = perf_counter()
    failed: dict[str, Answer] = {}
    tokens = done = 0
    for group in experts.generate([one.request for one in wanted]):
        cache.write(
            (wanted[row].key, wanted[row].identity, wanted[row].request.question, found)
            for row, found in group
            if found.text is not None
        )
        failed |= {
            wanted[row].key: found._replace(error=writable(str(found.error)))
            for row, found in group
            if found.text is None
        }
        done, tokens = done + len(group), tokens + sum(found.tokens or 0 for _, found in group)
        progress(f"{tokens / (perf_counter() - loaded):.0f} tokens/s", done, len(wanted))
    spent = perf_counter() - loaded
    session = AnswerSession(loaded - start, spent, done - len(failed), tokens, peak_rss(), cuda_peak())
    return AnswerOutput(session, failed)


def _attach(
    row: Prediction, reference: str | None, answers: Answers, policy: Policy, classes: Sequence[str]
) -> Prediction:
    expert = choose(row.predicted, score_of(row, policy), policy.threshold, policy.fallback)
    own = {name: answers[name, row.id] for name in (*classes, BASE) if (name, row.id) in answers}
    if row.label is None or not own:
        shown = reference if row.label is None else None
        return replace(row, reference=shown, expert=expert, answers={})
    chosen = own[expert] if expert is not None else Answer(None)
    texts = {name: found.text for name, found in own.items()}
    scores = rouge_of(str(reference), experts_of(row, policy), texts)
    remarks = {name: found.error or found.note for name, found in own.items()}
    return replace(
        row,
        reference=reference,
        expert=expert,
        answer=chosen.text,
        rouge1=scores.get("rouge1"),
        rouge2=scores.get("rouge2"),
        rougeL=scores.get("rougeL"),
        answers=texts,
        notes={name: remark for name, remark in remarks.items() if remark},
        answer_seconds=None if chosen.text is None else chosen.seconds,
        answer_tokens=None if chosen.text is None else chosen.tokens,
    )
