"""Sections of a record besides its figures: those that follow from its rows, its configuration and each
other."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple, replace
from typing import Any

from benchmarks.datasets.leakage import repeated_by_words
from benchmarks.datasets.perturb import PERTURBATIONS
from benchmarks.experiment.cascade_check import share_sent_on, shifts_of_sent_on
from benchmarks.experiment.learning_curve import independent_questions, learning_point
from benchmarks.experiment.robustness import flipped_examples
from benchmarks.experiment.router_folder import ROUTER
from benchmarks.experiment.shift import Count
from benchmarks.experiment.thresholds import (
    Chosen,
    ThresholdJob,
    choose,
    try_thresholds,
    wishes,
)
from benchmarks.records.provenance import ids_sha256
from benchmarks.stats.paired import are_independent, draws
from benchmarks.verify.configuration import section
from benchmarks.verify.figures import has_same_intervals
from benchmarks.verify.rows import OURS, Finding, loader
from benchmarks.verify.same import same
from common.settings import Policy
from common.typed_json import from_json, to_json
from reports.reasons import Reason
from reports.record import (
    ALL,
    CascadeResult,
    Derivation,
    HeldOutCounts,
    Leakage,
    Likeness,
    Provenance,
    Record,
    ThresholdResult,
    Tuning,
)
from reports.record_files import Result
from reports.verification import Checked, Difference, Kind, Missing, NotDerived
from routers.errors import RouterError

_SHA256 = re.compile("[0-9a-f]{64}")
_COMMIT = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")
HEX = "a SHA-256"
# Schema version since which a record has the kinds of its leaks, and the repeated questions of the test.
KINDS_OF_LEAKS = 5
# Schema version since which every record has these sections.
ALWAYS_THERE = 5
OF_THRESHOLD = ("threshold", "obtained", "held_out", "shifts")


def check_sections(result: Result) -> Checked:
    """Provenance, derivation, timings and analyses against the rows, the configuration and each other; and
    thresholds against the router that the run kept, where it is there."""
    record = result.record
    thresholds, missing = _thresholds(result)
    found = [
        *_provenance(result),
        *_derivation(record.derivation, record),
        *_counts(result),
        *_analyses(result),
        *thresholds,
    ]
    differences = [
        Difference(Kind.SECTION, name, ALL, "value", recorded, derived)
        for name, recorded, derived in found
        if not same(recorded, derived)
    ]
    return Checked(differences, [*_not_derived(record), *missing])


def _provenance(result: Result) -> Iterator[Finding]:
    """Kind of choices, seed, names, splits and weights; and that checksums are checksums."""
    record, used = result.record, result.record.provenance
    yield "draws", record.draws, draws(result.predictions)
    yield "router", record.router, record.setting("router.name", record.router)
    yield "provenance.seed", used.seed, record.setting("seed", used.seed)
    data = used.dataset
    if loader(record).startswith(OURS):
        yield "provenance.dataset.name", data.name, record.setting("dataset.name", data.name)
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
    yield "derivation.seed", how.seed, record.setting("seed", how.seed)
    yield "derivation.classes", how.classes, sorted(set(how.classes))
    statistics = asdict(how.statistics)
    yield "derivation.statistics", *_shared(statistics, record.setting("statistics", statistics))
    policy, wanted = asdict(how.policy), record.setting("policy", asdict(how.policy))
    if _policy(record).is_chosen:
        # What was chosen takes the place of what it was chosen for.
        chosen = {"threshold": policy["threshold"], "coverage": None, "accuracy": None}
        wanted = {**wanted, **chosen}
        if record.analyses.thresholds and how.refuses:
            yield "derivation.policy.threshold", how.policy.threshold, record.analyses.thresholds[0].threshold
    else:
        yield "derivation.refuses", how.refuses, bool(how.policy.threshold)
    yield "derivation.policy", *_shared(policy, wanted)
    if record.setting("multilabel") is not None:
        asked = record.setting("multilabel", False)
        threshold = record.setting("label_threshold") if asked else None
        yield "derivation.label_threshold", how.label_threshold, threshold


def _policy(record: Record) -> Policy:
    """The policy as configured; that of the derivation where the configuration has none."""
    return from_json(record.setting("policy", asdict(record.derivation.policy)), Policy)


def _shared(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Any, Any]:
    """Both without keys that one of them lacks: a configuration of an older version has fewer."""
    keys = recorded.keys() & wanted.keys()
    return {key: recorded[key] for key in sorted(keys)}, {key: wanted[key] for key in sorted(keys)}


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
        yield from _leakage(found.leakage, result)
    elif record.schema_version >= ALWAYS_THERE:
        yield "analyses.leakage", None, "what the check found"
    if found.tuning is not None:
        yield from _tuning(found.tuning)
    if found.cascade is not None and has_same_intervals(record):
        yield from _cascade(found.cascade, result)
    if found.flipped or any(row.changed for row in rows):
        changes = sorted({tuple(sorted(row.changed)) for row in rows if row.changed is not None})
        every = [tuple(sorted(PERTURBATIONS))]
        yield "changed", changes, every
        if changes == every:
            flipped = flipped_examples(rows, how.seed)
            yield "analyses.flipped", to_json(found.flipped), to_json(flipped)
    yield from _learning_curve(result)
    if found.cut_questions is not None or record.schema_version >= ALWAYS_THERE:
        yield "analyses.cut_questions", found.cut_questions, sum(row.cut is True for row in rows)
    if record.timings.trained is not None:
        yield "analyses.learned", found.learned, record.timings.trained.learned


def _cascade(found: CascadeResult, result: Result) -> Iterator[Finding]:
    """Share or loss that the threshold was chosen for, and figures on the test. Counts of the questions that
    it was chosen on are taken from the record."""
    record = result.record
    tuned = record.analyses.tuning.chosen if record.analyses.tuning else {}
    settings = {**section(record, "router"), **tuned}
    is_given, share = settings.get("threshold") is not None, settings.get("share", found.share)
    yield "analyses.cascade.share", found.share, None if is_given else share
    loss = settings.get("loss", found.loss)
    yield "analyses.cascade.loss", found.loss, None if is_given or share is not None else loss
    sent_on = share_sent_on(result.predictions, record.derivation.statistics)
    yield "analyses.cascade.sent_on", to_json(found.sent_on), to_json(sent_on)
    labelled = [row for row in result.predictions if row.label is not None]
    yield "analyses.cascade.shifts", bool(found.shifts), not is_given and are_independent(labelled)
    for one in found.shifts:
        is_share = 0 <= one.chosen_on <= 1 and one.n_chosen_on > 0
        chosen_on = Count(round(one.chosen_on * one.n_chosen_on), one.n_chosen_on) if is_share else None
        derived = shifts_of_sent_on(labelled, chosen_on)
        yield "analyses.cascade.shifts", to_json(found.shifts), to_json(derived)


def _leakage(found: Leakage, result: Result) -> Iterator[Finding]:
    """The check as it was configured, and counts that a check in that mode, of these questions, can have."""
    record, rows = result.record, result.predictions
    yield "analyses.leakage.mode", found.mode, record.setting("guard.mode", found.mode)
    if found.mode == "off":
        yield "analyses.leakage.pairs", found.pairs, 0
    else:
        cosine = record.setting("guard.near_duplicate", found.near_duplicate)
        yield "analyses.leakage.near_duplicate", found.near_duplicate, cosine
    if found.mode != "drop":
        # A run with a pair would have been refused.
        yield "analyses.leakage.pairs", found.pairs, 0
        yield "analyses.leakage.dropped", found.dropped, 0
    if record.schema_version >= KINDS_OF_LEAKS:
        kinds = {kind: max(number, 1) for kind, number in found.kinds.items() if kind in set(Likeness)}
        yield "analyses.leakage.kinds", found.kinds, kinds
        yield "analyses.leakage.pairs", found.pairs, sum(found.kinds.values())
        repeated = None
        if found.mode != "off":
            least = repeated_by_words([row.query for row in rows])
            repeated = min(max(found.repeated or 0, least), max(len(rows) - 1, 0))
        yield "analyses.leakage.repeated", found.repeated, repeated
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
    points = record.analyses.learning_curve
    if not labelled:
        yield "analyses.learning_curve", len(points), 0
        return
    weighted = any(row.weight != 1 for row in labelled)
    independent = independent_questions(labelled)
    yield "analyses.learning_curve", *_sizes(record)
    for number, point in enumerate(points):
        name = f"analyses.learning_curve[{number}]"
        if not point.values or not all(0 <= value <= 1 for value in point.values):
            yield f"{name}.values", point.values, "shares"
            continue
        size = point.per_domain
        n_train = point.n_train if train is None else sum(min(size, n) for n in train.by_label.values())
        derived = learning_point(size, n_train, len(labelled), point.values, independent)
        if not has_same_intervals(record):
            derived = replace(derived, ci_low=point.ci_low, ci_high=point.ci_high)
        yield name, to_json(point), to_json(derived)
        if not (weighted or record.draws):
            # Shares of the questions.
            shares = [round(value * len(labelled)) / len(labelled) for value in point.values]
            yield f"{name}.values", point.values, shares


def _sizes(record: Record) -> tuple[Any, Any]:
    """Sizes of the learning curve with their numbers of draws, as recorded and as configured: the whole
    training split comes last, once."""
    recorded = [[point.per_domain, len(point.values)] for point in record.analyses.learning_curve]
    train = record.provenance.dataset.train
    sizes = record.setting("learning_curve_sizes")
    if not (recorded and train and train.by_label and sizes is not None):
        return recorded, recorded
    largest, draws = max(train.by_label.values()), record.setting("learning_curve_draws")
    return recorded, [*([size, draws] for size in sorted(set(sizes)) if size < largest), [largest, 1]]


def _thresholds(result: Result) -> tuple[list[Finding], list[NotDerived]]:
    """Thresholds as the router that the run kept chooses them on the questions that it held out, and what
    they do on the test; without that router those of the record are taken for chosen."""
    record, how = result.record, result.record.derivation
    recorded = record.analyses.thresholds
    if not has_same_intervals(record):
        older = NotDerived(Missing.THRESHOLDS, Reason.OLDER_SCHEMA, {"version": record.schema_version})
        return [], [older] if recorded else []
    policy = _policy(record)
    try:
        chosen = choose(ThresholdJob(str(result.folder / ROUTER), wishes(policy)))
    except RouterError as error:
        refused = NotDerived(Missing.THRESHOLDS, Reason.REFUSED, {"error": str(error)})
        return [*_as_recorded(result, policy)], [refused] if recorded else []
    derived = try_thresholds(chosen, result.predictions, policy, how.statistics, how.seed)
    reasons = [to_json(one) for one in record.unscored if one.reason == Reason.ACCURACY_NOT_SHOWN]
    return [
        *_of_thresholds(recorded, derived.results),
        ("unscored", reasons, to_json(derived.unscored)),
        ("derivation.refuses", how.refuses, derived.has_threshold),
    ], []


def _as_recorded(result: Result, policy: Policy) -> Iterator[Finding]:
    """Wishes of recorded thresholds, and what these do on the test."""
    how, recorded = result.record.derivation, result.record.analyses.thresholds
    if not recorded and not policy.is_chosen and result.record.setting("calibration", "none") == "none":
        return
    if not how.refuses:
        # None could be shown to do what the policy wants.
        policy = replace(policy, coverage=None, accuracy=None)
    if len(recorded) != len(wishes(policy)):
        yield "analyses.thresholds", len(recorded), len(wishes(policy))
        return
    chosen = [Chosen(one.threshold, one.held_out or HeldOutCounts(0, 0, 0)) for one in recorded]
    for number, one in enumerate(chosen):
        n, accepted, right = astuple(one.held_out)
        if not 0 <= right <= accepted <= n:
            yield f"analyses.thresholds[{number}].held_out", [n, accepted, right], "counts"
            return
    derived = try_thresholds(chosen, result.predictions, policy, how.statistics, how.seed)
    yield from _of_thresholds(recorded, derived.results)


def _of_thresholds(recorded: list[ThresholdResult], derived: list[ThresholdResult]) -> Iterator[Finding]:
    wished, wanted = ([to_json(one.wish) for one in side] for side in (recorded, derived))
    yield "analyses.thresholds", wished, wanted
    for number, pair in enumerate(zip(recorded, derived, strict=False)):
        for name in OF_THRESHOLD:
            one, other = (to_json(getattr(side, name)) for side in pair)
            yield f"analyses.thresholds[{number}].{name}", one, other


def _not_derived(record: Record) -> Iterator[NotDerived]:
    """Parts of the analyses that only fitting again can derive."""
    found = record.analyses
    if found.learning_curve:
        yield NotDerived(Missing.LEARNING_CURVE)
    if found.tuning is not None:
        yield NotDerived(Missing.TUNING)
    if found.cascade is not None:
        yield NotDerived(Missing.CASCADE)
    if found.leakage is not None and found.leakage.mode != "off":
        has_kinds = record.schema_version >= KINDS_OF_LEAKS
        pairs = NotDerived(Missing.MEASURED, details={"what": "pairs of leaks"})
        yield NotDerived(Missing.NEAR_IN_MEANING) if has_kinds else pairs
