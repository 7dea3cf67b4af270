"""Answers of `verify` to a record that somebody has changed with care: rows and figures agree again, and
every checksum is new."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.experiment.learning_curve import learning_point
from benchmarks.experiment.robustness import flipped_examples
from benchmarks.experiment.thresholds import obtained, shifts_of
from benchmarks.metrics.answers import experts_of, rouge, rouge_of
from benchmarks.metrics.compute import compute_metrics
from benchmarks.metrics.entry import QualityMetric
from benchmarks.metrics.performance import performance
from benchmarks.metrics.selective import score_of
from benchmarks.metrics.table import entry_of
from benchmarks.records.provenance import ids_sha256
from benchmarks.stats.paired import compare
from benchmarks.verify.configuration import DataPlaces
from benchmarks.verify.verify import Wanted, verify
from benchmarks.workers.in_process import InProcess
from reports.reasons import Reason
from reports.record import ConfusionMatrix, Git, Likeness, Prediction, Unscored, Verdict, Wish
from reports.record_files import RecordError, Result, read_result, write_record
from reports.verification import Exit, Missing
from routers.decision import choose
from tests.benchmarks.helpers import NoWorkers, in_process

pytestmark = pytest.mark.slow

OTHER_SHA256 = "ab" * 32


def consistent(result: Result, rows: Sequence[Prediction]) -> Result:
    """The result with other rows, and every figure that follows from them computed anew."""
    record, how = result.record, result.record.derivation
    computed = compute_metrics(rows, how)
    kept = [one for one in record.metrics if not isinstance(entry_of(one.name), QualityMetric)]
    missing = [one for one in record.unscored if not isinstance(entry_of(one.name), QualityMetric)]
    slices = {
        name: sum(row.slice == name for row in rows) for name in dict.fromkeys(row.slice for row in rows)
    }
    test = replace(
        record.provenance.dataset.test, ids_sha256=ids_sha256(row.id for row in rows), by_slice=slices
    )
    dataset = replace(record.provenance.dataset, test=test)
    thresholds = [
        replace(
            one,
            obtained=obtained(rows, one.wish, one.threshold, how.statistics, how.seed),
            shifts=shifts_of(rows, one) if one.shifts else [],
        )
        for one in record.analyses.thresholds
    ]
    n_test = sum(row.label is not None for row in rows)
    curve = [
        learning_point(one.per_domain, one.n_train, n_test, one.values, n_test)
        for one in record.analyses.learning_curve
    ]
    flipped = flipped_examples(rows, how.seed)
    changed = replace(
        record,
        metrics=[*computed.metrics, *kept],
        unscored=[*computed.unscored, *missing],
        confusion_matrix=computed.confusion_matrix,
        curves=computed.curves,
        provenance=replace(record.provenance, dataset=dataset),
        analyses=replace(record.analyses, thresholds=thresholds, flipped=flipped, learning_curve=curve),
    )
    return replace(result, record=changed, predictions=list(rows))


def compared_anew(result: Result) -> Result:
    """The result with the comparison computed anew where the rows of both allow it."""
    other = read_result(result.folder / "baselines" / "majority").predictions
    how = result.record.derivation
    comparisons = compare(result.predictions, {"majority": other}, how.statistics, how.seed)
    return replace(result, record=replace(result.record, comparisons=comparisons))


def every(result: Result, change: Callable[[Prediction], dict[str, Any]]) -> Result:
    """The result with other fields in every row."""
    return consistent(result, [replace(row, **change(row)) for row in result.predictions])


def first(result: Result, **changes: Any) -> Result:
    """The result with other fields in its first row."""
    return every(result, lambda row: changes if row.id == result.predictions[0].id else {})


def in_record(result: Result, **changes: Any) -> Result:
    return replace(result, record=replace(result.record, **changes))


def in_metrics(result: Result, name: str, **changes: Any) -> Result:
    metrics = [
        replace(one, **changes) if (one.name, one.slice) == (name, "all") else one
        for one in result.record.metrics
    ]
    return in_record(result, metrics=metrics)


def in_analyses(result: Result, **changes: Any) -> Result:
    return in_record(result, analyses=replace(result.record.analyses, **changes))


def in_derivation(result: Result, **changes: Any) -> Result:
    """The result with another derivation, and every figure that follows from it."""
    changed = in_record(result, derivation=replace(result.record.derivation, **changes))
    return compared_anew(consistent(changed, changed.predictions))


def in_dataset(result: Result, **changes: Any) -> Result:
    provenance = result.record.provenance
    dataset = replace(provenance.dataset, **changes)
    return in_record(result, provenance=replace(provenance, dataset=dataset))


def duplicated(result: Result) -> Result:
    right = [row for row in result.predictions if row.predicted == row.label]
    return consistent(result, [*result.predictions, *right[:3]])


def swapped(result: Result) -> Result:
    one, other, *rows = result.predictions
    return consistent(result, [replace(one, id=other.id), replace(other, id=one.id), *rows])


def sharpened(result: Result) -> Result:
    """Every decision right and sure, and answered as the policy then has it."""
    policy = result.record.derivation.policy

    def change(row: Prediction) -> dict[str, Any]:
        if row.label is None:
            return {}
        scores = {name: 0.97 if name == row.label else 0.03 for name in row.scores}
        sure = replace(row, predicted=row.label, confidence=0.97, scores=scores)
        expert = choose(sure.predicted, score_of(sure, policy), policy.threshold, policy.fallback)
        text = (row.answers or {}).get(str(expert))
        scored = rouge(str(row.reference), text) if text is not None else {}
        return {**vars(sure), "expert": expert, "answer": text, **scored}

    return compared_anew(every(result, change))


def flips(row: Prediction) -> dict[str, Any]:
    """Every change flips the decision."""
    if not row.changed:
        return {}
    other = next(name for name in row.scores if name != row.predicted)
    return {"changed": dict.fromkeys(row.changed, other)}


def wrong_left_out(result: Result) -> Result:
    return consistent(result, [row for row in result.predictions if row.label in (None, row.predicted)])


def drawn(result: Result) -> Result:
    """Every decision as one of a router that would have drawn the right one by nine in ten."""
    policy = result.record.derivation.policy

    def change(row: Prediction) -> dict[str, Any]:
        chances = {name: 0.9 if name == (row.label or row.predicted) else 0.1 for name in row.scores}
        if not row.answers:
            return {"chances": chances}
        asked = experts_of(replace(row, chances=chances), policy)
        return {"chances": chances, **rouge_of(str(row.reference), asked, row.answers)}

    changed = compared_anew(every(result, change))
    return in_record(changed, draws=True)


def hidden(result: Result) -> Result:
    """A metric gone, with a reason."""
    metrics = [one for one in result.record.metrics if one.name != "ece"]
    unscored = [*result.record.unscored, Unscored("ece", Reason.NO_ROWS)]
    return in_record(result, metrics=metrics, unscored=unscored)


def other_answer(result: Result) -> Result:
    def change(row: Prediction) -> dict[str, Any]:
        if row.answer is None or not row.reference:
            return {}
        return {"answer": row.reference, **rouge(row.reference, row.reference)}

    return every(result, change)


def other_expert(result: Result) -> Result:
    def change(row: Prediction) -> dict[str, Any]:
        if not row.answers or row.label is None:
            return {}
        text = row.answers[row.label]
        return {"expert": row.label, "answer": text, **rouge(str(row.reference), str(text))}

    rows = [replace(row, **(change(row) if row.expert != row.label else {})) for row in result.predictions]
    return consistent(result, rows)


def faster(result: Result) -> Result:
    """Raw timings divided by two, and the figures that follow."""
    record, served = result.record, result.record.timings.served
    assert served
    assert record.timings.trained
    rounds = [replace(one, latency_seconds=[v / 2 for v in one.latency_seconds]) for one in served.rounds]
    quick = replace(served, rounds=rounds)
    speed, _ = performance(
        quick, record.timings.trained, record.derivation.statistics, record.derivation.seed
    )
    by_key = {(one.name, one.slice): one for one in speed}
    metrics = [by_key.get((one.name, one.slice), one) for one in record.metrics]
    return in_record(result, metrics=metrics, timings=replace(record.timings, served=quick))


def flipped_verdict(result: Result) -> Result:
    comparisons = [
        replace(one, verdict=Verdict.WORSE if one.verdict == Verdict.BETTER else Verdict.BETTER)
        if one.metric == "accuracy"
        else one
        for one in result.record.comparisons
    ]
    return in_record(result, comparisons=comparisons)


def without_run(result: Result) -> Result:
    shutil.rmtree(result.folder / "baselines" / "majority")
    return flipped_verdict(result)


def other_run(result: Result) -> Result:
    place = result.folder / "baselines" / "majority"
    other = read_result(place)
    write_record(place, other.record, [replace(row, weight=3.0) for row in other.predictions])
    return flipped_verdict(result)


def invented_threshold(result: Result) -> Result:
    """A threshold that accepts right decisions alone, with what it does on the test."""
    how = result.record.derivation
    wanted, *others = result.record.analyses.thresholds
    better = replace(wanted, threshold=min(wanted.threshold + 0.1, 1.0))
    changed = in_analyses(result, thresholds=[better, *others])
    return in_derivation(changed, policy=replace(how.policy, threshold=better.threshold))


def in_threshold(**changes: Any) -> Callable[[Result], Result]:
    """The policy's own threshold with other fields."""

    def tamper(result: Result) -> Result:
        wanted, *others = result.record.analyses.thresholds
        return in_analyses(result, thresholds=[replace(wanted, **changes), *others])

    return tamper


def milder_shifts(result: Result) -> Result:
    shifts = result.record.analyses.thresholds[0].shifts
    return in_threshold(shifts=[replace(one, p_adjusted=0.9, test=one.chosen_on) for one in shifts])(result)


def better_held_out(result: Result) -> Result:
    counts = result.record.analyses.thresholds[0].held_out
    assert counts
    return in_threshold(held_out=replace(counts, right=counts.right - 1))(result)


def one_threshold_less(result: Result) -> Result:
    return in_analyses(result, thresholds=result.record.analyses.thresholds[:-1])


def invented_reason(result: Result) -> Result:
    return in_record(result, unscored=[*result.record.unscored, Unscored("quality", Reason.NO_OUTCOMES)])


def another_reason(result: Result) -> Result:
    (one, *others) = result.record.unscored
    return in_record(result, unscored=[replace(one, reason=Reason.NO_ROWS), *others])


def better_obtained(result: Result) -> Result:
    wanted, *others = result.record.analyses.thresholds
    better = {name: replace(one, value=0.99) for name, one in wanted.obtained.items()}
    return in_analyses(result, thresholds=[replace(wanted, obtained=better), *others])


def curve(
    change: Callable[[list[float], int], list[float]], derived: bool = True
) -> Callable[[Result], Result]:
    """A learning curve with other values in its first point, and the mean that follows if it is `derived`."""

    def tamper(result: Result) -> Result:
        one, *others = result.record.analyses.learning_curve
        values = change(one.values, one.n_test)
        new = learning_point(one.per_domain, one.n_train, one.n_test, values, one.n_test)
        return in_analyses(result, learning_curve=[new if derived else replace(one, accuracy=0.99), *others])

    return tamper


def leakage(**changes: Any) -> Callable[[Result], Result]:
    def tamper(result: Result) -> Result:
        found = result.record.analyses.leakage
        assert found
        return in_analyses(result, leakage=replace(found, **changes))

    return tamper


def of_other_kinds(result: Result) -> Result:
    """Equal questions passed off as near in meaning."""
    found = result.record.analyses.leakage
    assert found
    return leakage(kinds={Likeness.MEANING.value: found.pairs})(result)


def other_train(result: Result) -> Result:
    train = result.record.provenance.dataset.train
    assert train
    return in_dataset(result, train=replace(train, by_label=dict.fromkeys(train.by_label, 900)))


def provenance(**changes: Any) -> Callable[[Result], Result]:
    return lambda result: in_record(result, provenance=replace(result.record.provenance, **changes))


def answers_counted(result: Result) -> Result:
    timings = result.record.timings
    assert timings.experts
    return in_record(
        result, timings=replace(timings, experts=replace(timings.experts, unanswered=0, asked=10))
    )


def cut_everywhere(result: Result) -> Result:
    return in_analyses(every(result, lambda row: {"cut": True}), cut_questions=len(result.predictions))


def other_learned(result: Result) -> Result:
    return in_analyses(result, learned={**result.record.analyses.learned, "temperature": 0.5})


def other_file(result: Result) -> Result:
    files = dict.fromkeys(result.record.provenance.dataset.files, OTHER_SHA256)
    return in_dataset(result, files=files)


def twice(result: Result) -> Result:
    best = next(one for one in result.record.metrics if (one.name, one.slice) == ("accuracy", "all"))
    return in_record(result, metrics=[replace(best, value=1.0), *result.record.metrics])


@dataclass(frozen=True)
class Case:
    """A tampering, the name of a value that betrays it, and where it is found.

    Attributes:
        where: `folder`; `again` by fitting again alone; `incomplete`, where what it is compared with is gone;
            `refused`, where the user names the data.
    """

    name: str
    tamper: Callable[[Result], Result]
    betrayed: str
    where: str = "folder"


CASES = [
    Case("duplicated rows", duplicated, "id"),
    Case("a replaced id", lambda it: first(it, id="car-0123456789ab"), "id"),
    Case("swapped ids", swapped, "id"),
    Case("an id of another form", lambda it: first(it, id="x"), "id"),
    Case("another question", lambda it: first(it, query="Why?"), "id"),
    Case(
        "scores that sum to 1.6",
        lambda it: every(it, lambda row: {"scores": dict.fromkeys(row.scores, 0.8)}),
        "sum of scores",
    ),
    Case(
        "a score below 0", lambda it: first(it, scores={"car": 1.2, "sleep": -0.2}, predicted="car"), "scores"
    ),
    Case("a confidence of 1.3", lambda it: first(it, confidence=1.3), "confidence"),
    Case("a confidence below 0", lambda it: first(it, confidence=-0.1), "confidence"),
    Case(
        "another decision than the best score",
        lambda it: every(it, lambda row: {"predicted": row.label or row.predicted}),
        "predicted",
    ),
    Case(
        "labels as predicted",
        lambda it: every(it, lambda row: {"label": row.predicted if row.label else None}),
        "label",
    ),
    Case(
        "a question in another slice",
        lambda it: every(it, lambda row: {"slice": "standard"} if row.label else {}),
        "slice",
    ),
    Case(
        "weights of 5 for right decisions",
        lambda it: every(it, lambda row: {"weight": 5.0 if row.predicted == row.label else 1.0}),
        "weight",
    ),
    Case(
        "small weights for wrong decisions",
        lambda it: every(it, lambda row: {"weight": 0.01 if row.label not in (None, row.predicted) else 1.0}),
        "weight",
    ),
    Case("wrong decisions left out", wrong_left_out, "rows"),
    Case("an expert other than the policy's", other_expert, "expert"),
    Case("answers that nobody gave", other_answer, "answer"),
    Case(
        "references as answered",
        lambda it: every(
            it, lambda row: {"reference": row.answer, **rouge(row.answer, row.answer)} if row.answer else {}
        ),
        "reference",
    ),
    Case(
        "another ROUGE",
        lambda it: every(it, lambda row: {"rougeL": 0.9} if row.rougeL is not None else {}),
        "rougeL",
    ),
    Case("invented scores", sharpened, "scores", "again"),
    Case(
        "chances that sum to 1.8",
        lambda it: every(it, lambda row: {"chances": dict.fromkeys(row.scores, 0.9)}),
        "sum of chances",
    ),
    Case(
        "chances without what was drawn",
        lambda it: every(
            it, lambda row: {"chances": {name: float(name == row.label) for name in row.scores}}
        ),
        "predicted",
    ),
    Case("chances of one question", lambda it: first(it, chances={"car": 0.5, "sleep": 0.5}), "chances"),
    Case("a router that is said to draw", lambda it: in_record(it, draws=True), "draws"),
    Case("invented chances", drawn, "chances", "again"),
    Case("invented flips", lambda it: every(it, flips), "changed", "again"),
    Case("another metric", lambda it: in_metrics(it, "accuracy", value=0.99), "accuracy"),
    Case("a narrower interval", lambda it: in_metrics(it, "accuracy", ci_low=0.9), "accuracy"),
    Case("another latency", lambda it: in_metrics(it, "latency_p50", value=0.001), "latency_p50"),
    Case("a metric that stands twice", twice, "accuracy"),
    Case("a metric hidden behind a reason", hidden, "ece"),
    Case(
        "another confusion matrix",
        lambda it: in_record(it, confusion_matrix=ConfusionMatrix()),
        "confusion_matrix",
    ),
    Case(
        "another curve",
        lambda it: in_record(it, curves=replace(it.record.curves, reliability=[])),
        "reliability",
    ),
    Case("a flipped verdict", flipped_verdict, "accuracy"),
    Case("a comparison left out", lambda it: in_record(it, comparisons=[]), "accuracy"),
    Case("a compared run that is missing", without_run, "compared_run", "incomplete"),
    Case("a compared run on other weights", other_run, "compared_run", "incomplete"),
    Case("another reason for a missing metric", another_reason, "tokenise_p50"),
    Case("a reason for a metric that does not apply", invented_reason, "quality"),
    Case("other held-out questions of a threshold", better_held_out, "analyses.thresholds[0].held_out"),
    Case("milder shifts of a threshold", milder_shifts, "analyses.thresholds[0].shifts"),
    Case("shifts left out", in_threshold(shifts=[]), "analyses.thresholds[0].shifts"),
    Case("a threshold for another wish", in_threshold(wish=Wish("probability", 0.8)), "analyses.thresholds"),
    Case("a threshold left out", one_threshold_less, "analyses.thresholds"),
    Case("a threshold denied", lambda it: in_derivation(it, refuses=False), "derivation.refuses"),
    Case("better figures of a threshold", better_obtained, "analyses.thresholds[0].obtained"),
    Case("an invented threshold", invented_threshold, "analyses.thresholds[0].threshold"),
    Case(
        "a policy without its threshold",
        lambda it: in_derivation(it, policy=replace(it.record.derivation.policy, threshold=0.0)),
        "derivation.policy.threshold",
    ),
    Case(
        "a learning curve that its values do not give",
        curve(lambda values, _: values, derived=False),
        "analyses.learning_curve[0]",
    ),
    Case(
        "a learning curve that no questions give",
        curve(lambda values, _: [0.987 for _ in values]),
        "analyses.learning_curve[0].values",
    ),
    Case("a learning curve of fewer draws", curve(lambda values, _: values[:1]), "analyses.learning_curve"),
    Case(
        "an invented learning curve",
        curve(lambda values, n: [1 / n for _ in values]),
        "analyses.learning_curve",
        "again",
    ),
    Case("guard pairs set to 0", leakage(pairs=0, kinds={}), "analyses.leakage.pairs"),
    Case(
        "a guard that found nothing",
        leakage(pairs=0, kinds={}, dropped=0, dropped_ids=[]),
        "provenance.dataset.train",
    ),
    Case("leaks of other kinds", of_other_kinds, "analyses.leakage.kinds"),
    Case("leaks of no kind", leakage(kinds={}), "analyses.leakage.pairs"),
    Case("more questions repeated than tested", leakage(repeated=999), "analyses.leakage.repeated"),
    Case("repeated questions not counted", leakage(repeated=None), "analyses.leakage.repeated"),
    Case("a guard that is not mentioned", lambda it: in_analyses(it, leakage=None), "analyses.leakage"),
    Case(
        "cut questions not counted", lambda it: in_analyses(it, cut_questions=None), "analyses.cut_questions"
    ),
    Case("no threshold", lambda it: in_analyses(it, thresholds=[]), "analyses.thresholds"),
    Case("a guard of another mode", leakage(mode="refuse"), "analyses.leakage.mode"),
    Case("another seed", provenance(seed=7), "provenance.seed"),
    Case("a commit that is none", provenance(git=Git("unknown", dirty=False)), "provenance.git.commit"),
    Case(
        "other ids of the split",
        lambda it: in_dataset(it, test=replace(it.record.provenance.dataset.test, ids_sha256=OTHER_SHA256)),
        "provenance.dataset.test.ids_sha256",
    ),
    Case("more training questions", other_train, "provenance.dataset.train"),
    Case("other data files", other_file, "is not its data", "refused"),
    Case("another name of the data", lambda it: in_dataset(it, name="clinc150"), "provenance.dataset.name"),
    Case("another name of the router", lambda it: in_record(it, router="knn"), "router"),
    Case(
        "another confidence level",
        lambda it: in_derivation(it, statistics=replace(it.record.derivation.statistics, confidence=0.5)),
        "derivation.statistics",
    ),
    Case("other facts of the fit", other_learned, "analyses.learned"),
    Case("questions cut", lambda result: in_analyses(result, cut_questions=5), "analyses.cut_questions"),
    Case("every question cut", cut_everywhere, "cut", "again"),
    Case("other numbers of answers", answers_counted, "timings.experts.asked"),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_tampering_is_answered(case: Case, folder: Path, honest_run: Path) -> None:
    result = case.tamper(read_result(folder))
    write_record(folder, result.record, result.predictions)
    home = honest_run.parents[2]
    places = DataPlaces(str(home / "train"), str(home / "test"))
    if case.where == "refused":
        with pytest.raises(RecordError, match=case.betrayed):
            verify(read_result(folder), Wanted(places))
        return
    found = verify(read_result(folder))
    betrayed = {one.metric for one in found.differences}
    if case.where == "folder":
        assert found.exit_code == Exit.DIFFERENT
        assert case.betrayed in betrayed
    else:
        assert betrayed == set()
        assert found.exit_code == Exit.NOT_DERIVED
    if case.where == "incomplete":
        assert case.betrayed in {one.code for one in found.not_derived}
    if case.where == "again":
        again = verify(read_result(folder), Wanted(again=True), InProcess())
        assert again.exit_code == Exit.DIFFERENT
        assert case.betrayed in {one.metric for one in again.differences}


def test_an_honest_run_is_derived_but_for_its_learning_curve(honest_run: Path) -> None:
    found = verify(read_result(honest_run))
    assert found.differences == []
    assert {one.code for one in found.not_derived if one.is_claim} == {Missing.LEARNING_CURVE}
    assert found.exit_code == Exit.NOT_DERIVED


def test_a_record_of_an_older_schema_is_not_made_again(honest_run: Path) -> None:
    result = read_result(honest_run)
    older = replace(result, record=replace(result.record, schema_version=4))
    found = verify(older, Wanted(again=True), NoWorkers())
    assert Missing.NOT_REPEATED in {one.code for one in found.not_derived}
    assert not found.repeated


def test_made_again_it_is_the_same(honest_run: Path) -> None:
    found = verify(read_result(honest_run), Wanted(again=True), InProcess())
    assert found.differences == []
    assert found.repeated
    assert found.exit_code == Exit.FOLLOWS


def test_a_record_without_paths_needs_the_data_named(folder: Path, honest_run: Path) -> None:
    shutil.rmtree(folder / ".hydra")
    result = read_result(folder)
    assert Missing.DATA in {one.code for one in verify(result).not_derived}
    home = honest_run.parents[2]
    found = verify(
        result, Wanted(DataPlaces(str(home / "train"), str(home / "test")), again=True), InProcess()
    )
    assert found.differences == []
    assert Missing.DATA not in {one.code for one in found.not_derived}
    assert found.repeated


def test_the_command_says_so(folder: Path, honest_run: Path) -> None:
    home = honest_run.parents[2]
    places = ("--data", str(home / "train"), "--test-data", str(home / "test"))
    shutil.rmtree(folder / ".hydra")
    done = in_process("verify", str(folder), "--again", *places, cwd=home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "INCOMPLETE" not in done.stdout
    other = in_process("verify", str(folder), "--data", str(home / "test"), cwd=home)
    assert other.returncode == 2
    assert "--data is not its data" in other.stderr


def test_timings_that_nobody_took_are_named_as_not_derived(folder: Path) -> None:
    result = faster(read_result(folder))
    write_record(folder, result.record, result.predictions)
    found = verify(read_result(folder))
    assert found.differences == []
    assert Missing.SURROUNDINGS in {one.code for one in found.not_derived}
