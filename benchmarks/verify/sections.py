"""Sections of a record besides its figures: those that follow from its rows, its configuration and each
other."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from benchmarks.datasets.perturb import PERTURBATIONS
from benchmarks.experiment.cascade_check import share_sent_on
from benchmarks.experiment.learning_curve import independent_questions, learning_point
from benchmarks.experiment.robustness import flipped_examples
from benchmarks.experiment.router_folder import ROUTER
from benchmarks.experiment.thresholds import ThresholdJob, choose, obtained
from benchmarks.records.provenance import ids_sha256
from benchmarks.verify.figures import has_same_intervals
from benchmarks.verify.rows import OURS, Finding, loader
from benchmarks.verify.same import same
from common.typed_json import to_json
from reports.record import Analyses, Derivation, Leakage, Provenance, Record, Tuning
from reports.record_files import Result
from reports.verification import Checked, Difference, Kind, Missing, NotDerived
from routers.errors import RouterError

_SHA256 = re.compile("[0-9a-f]{64}")
_COMMIT = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")
HEX = "a SHA-256"


def check_sections(result: Result) -> Checked:
    """Provenance, derivation, timings and analyses against the rows, the configuration and each other; and
    thresholds against the router that the run kept, where it is there."""
    record = result.record
    found = [
        *_provenance(result),
        *_derivation(record.derivation, record),
        *_counts(result),
        *_analyses(result),
    ]
    thresholds = _kept_thresholds(result)
    not_derived = [*_not_derived(record.analyses), *thresholds.not_derived]
    return Checked([*map(_difference, _differing(found)), *thresholds.differences], not_derived)


def _difference(finding: Finding) -> Difference:
    name, recorded, derived = finding
    return Difference(Kind.SECTION, name, "all", "value", recorded, derived)


def _differing(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if not same(one[1], one[2])]


def _provenance(result: Result) -> Iterator[Finding]:
    """Seed, names, splits and weights; and that checksums are checksums."""
    record, used = result.record, result.record.provenance
    yield "router", record.router, _configured(record, "router.name", record.router)
    yield "provenance.seed", used.seed, _configured(record, "seed", used.seed)
    data = used.dataset
    if loader(record).startswith(OURS):
        yield "provenance.dataset.name", data.name, _configured(record, "dataset.name", data.name)
    if data.test is not None:
        ids = ids_sha256(row.id for row in result.predictions)
        yield "provenance.dataset.test.ids_sha256", data.test.ids_sha256, ids
        slices = dict(Counter(row.slice for row in result.predictions))
        yield "provenance.dataset.test.by_slice", data.test.by_slice, slices
    if data.train is not None:
        classes = record.derivation.classes
        yield "provenance.dataset.train.by_label", sorted(data.train.by_label), classes
        least = min(data.train.by_label.values(), default=1)
        yield "provenance.dataset.train.by_label", least, max(least, 1)
    if record.timings.trained is not None:
        loaded = record.timings.trained.weights_sha256
        yield "provenance.weights.loaded", used.weights.loaded, loaded
    answered = any(row.answers is not None for row in result.predictions)
    yield "provenance.experts", used.experts is not None, answered
    for name, value in _checksums(used):
        if not _SHA256.fullmatch(value):
            yield name, value, HEX
    for name, git in used.repositories.items():
        if git.commit is not None and not _COMMIT.fullmatch(git.commit):
            yield f"provenance.{name}.commit", git.commit, "a commit"


def _checksums(used: Provenance) -> Iterator[tuple[str, str]]:
    data = used.dataset
    for name, value in data.files.items():
        yield f"provenance.dataset.files.{name}", value
    for name, split in {"train": data.train, "test": data.test, "validation": data.validation}.items():
        if split is not None:
            yield f"provenance.dataset.{name}.ids_sha256", split.ids_sha256
    for name, value in {**used.weights.configured, **used.weights.loaded}.items():
        yield f"provenance.weights.{name}", value
    for domain, parts in (used.experts or {}).items():
        for part in parts.values():
            for name, value in part.items():
                yield f"provenance.experts.{domain}.{name}", value


def _derivation(how: Derivation, record: Record) -> Iterator[Finding]:
    yield "derivation.seed", how.seed, _configured(record, "seed", how.seed)
    yield "derivation.classes", how.classes, sorted(set(how.classes))
    statistics = asdict(how.statistics)
    yield "derivation.statistics", *_shared(statistics, _configured(record, "statistics", statistics))
    policy, wanted = asdict(how.policy), _configured(record, "policy", asdict(how.policy))
    if _is_chosen(record):
        # What was chosen takes the place of what it was chosen for.
        chosen = {"threshold": policy["threshold"], "coverage": None, "accuracy": None}
        wanted = {**wanted, **chosen}
        if record.analyses.thresholds and how.refuses:
            yield "derivation.policy.threshold", how.policy.threshold, record.analyses.thresholds[0].threshold
    else:
        yield "derivation.refuses", how.refuses, bool(how.policy.threshold)
    yield "derivation.policy", *_shared(policy, wanted)
    if _configured(record, "multilabel", None) is not None:
        asked = _configured(record, "multilabel", False)
        threshold = _configured(record, "label_threshold", None) if asked else None
        yield "derivation.label_threshold", how.label_threshold, threshold


def _is_chosen(record: Record) -> bool:
    """True where the policy's threshold was chosen on held-out questions."""
    policy = record.config.get("policy", {})
    return policy.get("coverage") is not None or policy.get("accuracy") is not None


def _shared(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Any, Any]:
    """Both without keys that one of them lacks: a configuration of an older version has fewer."""
    keys = recorded.keys() & wanted.keys()
    return {key: recorded[key] for key in sorted(keys)}, {key: wanted[key] for key in sorted(keys)}


def _configured(record: Record, name: str, otherwise: Any) -> Any:
    """Value in the configuration by its dotted name; `otherwise` where it has none."""
    found: Any = record.config
    for key in name.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return otherwise
        found = found[key]
    return found


def _counts(result: Result) -> Iterator[Finding]:
    """Numbers of answers."""
    answering = result.record.timings.experts
    if answering is None:
        return
    texts = [text for row in result.predictions for text in (row.answers or {}).values()]
    yield "timings.experts.asked", answering.asked, len(texts)
    yield "timings.experts.unanswered", answering.unanswered, texts.count(None)
    generated = answering.session.generated if answering.session else 0
    # One that is asked twice is generated once.
    yield (
        "timings.experts.from_cache",
        answering.from_cache,
        min(answering.from_cache, len(texts) - generated),
    )
    if answering.sample:
        answered = sum(bool(row.answers) for row in result.predictions)
        yield "timings.experts.sample.questions", answering.sample.questions, answered


def _analyses(result: Result) -> Iterator[Finding]:
    record, rows = result.record, result.predictions
    found, how = record.analyses, record.derivation
    if found.leakage is not None:
        yield from _leakage(found.leakage, record)
    if found.tuning is not None:
        yield from _tuning(found.tuning)
    if has_same_intervals(record):
        yield from _estimates(result)
    if found.flipped or any(row.changed for row in rows):
        flipped = flipped_examples(rows, how.seed)
        yield "analyses.flipped", to_json(found.flipped), to_json(flipped)
        changes = {frozenset(row.changed) for row in rows if row.changed is not None}
        yield "changed", sorted(map(sorted, changes)), [sorted(PERTURBATIONS)]
    yield from _learning_curve(result)
    if found.cut_questions is not None:
        yield "analyses.cut_questions", found.cut_questions, sum(row.cut is True for row in rows)
    if record.timings.trained is not None:
        yield "analyses.learned", found.learned, record.timings.trained.learned


def _estimates(result: Result) -> Iterator[Finding]:
    """Figures of thresholds and of a cascade on the test, as recorded and as derived."""
    found, how = result.record.analyses, result.record.derivation
    for number, one in enumerate(found.thresholds):
        derived = obtained(result.predictions, one.wish, one.threshold, how.statistics, how.seed)
        yield f"analyses.thresholds[{number}].obtained", to_json(one.obtained), to_json(derived)
    if found.cascade is not None:
        sent_on = share_sent_on(result.predictions, how.statistics)
        yield "analyses.cascade.sent_on", to_json(found.cascade.sent_on), to_json(sent_on)


def _leakage(found: Leakage, record: Record) -> Iterator[Finding]:
    """The check as it was configured, and counts that a check in that mode can have."""
    yield "analyses.leakage.mode", found.mode, _configured(record, "guard.mode", found.mode)
    if found.mode == "off":
        yield "analyses.leakage.pairs", found.pairs, 0
    else:
        cosine = _configured(record, "guard.near_duplicate", found.near_duplicate)
        yield "analyses.leakage.near_duplicate", found.near_duplicate, cosine
    if found.mode != "drop":
        # A run with a pair would have been refused.
        yield "analyses.leakage.pairs", found.pairs, 0
        yield "analyses.leakage.dropped", found.dropped, 0
    ids = sorted(set(found.dropped_ids))
    yield "analyses.leakage.dropped_ids", found.dropped_ids, ids
    # Copies of a question have one id, and a question is in one pair at least.
    yield "analyses.leakage.dropped", found.dropped, max(found.dropped, len(ids)) if ids else 0
    yield "analyses.leakage.pairs", found.pairs, max(found.pairs, len(ids)) if ids else 0


def _tuning(found: Tuning) -> Iterator[Finding]:
    best = max(found.tried, key=lambda one: (one.score, one.log_likelihood), default=None)
    yield "analyses.tuning.chosen", found.chosen, best.settings if best else None


def _learning_curve(result: Result) -> Iterator[Finding]:
    """Points from their values, sizes from the training split, and values that so many questions can give."""
    record, rows = result.record, result.predictions
    labelled = [row for row in rows if row.label is not None]
    train = record.provenance.dataset.train
    weighted = any(row.weight != 1 for row in labelled)
    independent = independent_questions(labelled)
    for number, point in enumerate(record.analyses.learning_curve):
        name = f"analyses.learning_curve[{number}]"
        size = point.per_domain
        n_train = point.n_train if train is None else sum(min(size, n) for n in train.by_label.values())
        derived = learning_point(size, n_train, len(labelled), point.values, independent)
        if not has_same_intervals(record):
            derived = replace(derived, ci_low=point.ci_low, ci_high=point.ci_high)
        yield name, to_json(point), to_json(derived)
        if not weighted:
            # Shares of the questions.
            shares = [round(value * len(labelled)) / len(labelled) for value in point.values]
            yield f"{name}.values", point.values, shares


def _kept_thresholds(result: Result) -> Checked:
    """Thresholds as the router that the run kept chooses them on the questions that it held out."""
    recorded = result.record.analyses.thresholds
    if not recorded:
        return Checked([], [])
    if not has_same_intervals(result.record):
        why = "before schema 5 thresholds were chosen without a bound"
        return Checked([], [NotDerived(Missing.THRESHOLDS, {"error": why})])
    folder = result.folder / ROUTER
    try:
        chosen = choose(ThresholdJob(str(folder), [one.wish for one in recorded]))
    except RouterError as error:
        return Checked([], [NotDerived(Missing.THRESHOLDS, {"error": str(error)})])
    findings: list[Finding] = [
        (f"analyses.thresholds[{number}].threshold", one.threshold, derived.threshold)
        for number, (one, derived) in enumerate(zip(recorded, chosen, strict=True))
    ]
    return Checked([*map(_difference, _differing(findings))], [])


def _not_derived(found: Analyses) -> Iterator[NotDerived]:
    """Parts of the analyses that only fitting again can derive."""
    if found.learning_curve:
        yield NotDerived(Missing.LEARNING_CURVE)
    if found.tuning is not None:
        yield NotDerived(Missing.TUNING)
    if found.cascade is not None:
        yield NotDerived(Missing.CASCADE)
