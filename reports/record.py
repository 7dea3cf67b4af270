"""The record of a run, and its prediction rows: `reports.record_files` writes and reads them.

Other tools read these names; a change that they would notice raises `SCHEMA_VERSION`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from common.settings import Policy, Statistics
from reports.reasons import sentence

SCHEMA_VERSION = 5

# Slices of every data set: all rows with a label, and rows without one.
ALL, OUT_OF_SCOPE = "all", "out_of_scope"


class Verdict(StrEnum):
    """One router beside another on the same questions."""

    BETTER = "better"
    WORSE = "worse"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        name: stable; `accuracy`, `latency_p50`, …
        value: in `unit`.
        unit: `fraction`, `F1`, `ms`, `s`, `MB` (10^6 bytes), `queries/s`, `tokens/s`, `×`,
            `USD/M tokens` (US dollars for a million tokens), `USD/1k questions`, `tokens`, `p` (a p-value).
        higher_is_better: which way is good.
        slice: `all` is every row with a label; else a subset of the rows or a domain.
        n: how many observations the value comes from.
        ci_low, ci_high: interval of `statistics.confidence` where one was computed.
    """

    name: str
    value: float
    unit: str
    higher_is_better: bool
    slice: str = ALL
    n: int = 1
    ci_low: float | None = None
    ci_high: float | None = None


@dataclass(frozen=True)
class Unscored:
    """A metric that could not be computed.

    Attributes:
        reason: a code of `reports.reasons.Reason`.
        details: what the code's sentence needs: names and figures.
    """

    name: str
    reason: str
    slice: str = ALL
    details: dict[str, str | int | float] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The reason in words."""
        return sentence(self.reason, self.details)


@dataclass(frozen=True)
class Comparison:
    """A metric of this router minus that of another on the same rows, tested together with the differences
    to all others that the record names; see `PairedDifference`.

    Attributes:
        p_adjusted: after Holm's correction over these; None of ROUGE-L before schema 5.
        verdict: on that; None where there is no test.
    """

    other: str
    metric: str
    difference: float
    ci_low: float
    ci_high: float
    n: int
    p_adjusted: float | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Disagreement:
    """A question that two routers sent to different domains.

    Attributes:
        first, second: the domain that each chose.
        right: the name of the router that was right; None when both were wrong.
    """

    id: str
    query: str
    label: str
    first: str
    second: str
    right: str | None


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval."""

    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class PairedDifference:
    """A figure of one router minus that of another on the same questions, compared together with other pairs.

    Attributes:
        n: questions that both have the figure of.
        difference: each question as its weight says.
        ci_low, ci_high: corrected interval: at Bonferroni's level, at which those of all pairs hold
            together with the confidence of one, or at that of the step at which Holm's test decides. It
            excludes 0 exactly where the verdict is significant.
        p_value: of McNemar's exact test, two-sided; where questions have weights or are of one conversation,
            where a router draws its choices, and for ROUGE-L, of a permutation test.
        p_adjusted: the same after Holm's correction for all pairs that were compared together.
        verdict: of the first against the second.
    """

    n: int
    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    p_adjusted: float
    verdict: Verdict


@dataclass(frozen=True)
class Pair(PairedDifference):
    """Two routers on the same questions: the difference of their accuracies, and more.

    Attributes:
        first, second: their names.
        weighted: whether questions have weights, or several are of one conversation.
        drawn: whether one of the two draws its choices, so that accuracy is tested by permutation.
        only_first, only_second: questions that one alone got right, whatever their weight; their expected
            number where one draws.
        disagreements: in the order of the questions.
        rows_needed: questions with a domain with which the test of all pairs would tell these two apart with
            80 % power, if what was observed is the truth; None where no difference was observed or they are
            `weighted` or `drawn`.
        rouge: ROUGE-L of their answers; None where it was not compared.
    """

    first: str
    second: str
    weighted: bool
    only_first: float
    only_second: float
    disagreements: list[Disagreement]
    rows_needed: int | None = None
    rouge: PairedDifference | None = None
    drawn: bool = False


@dataclass(frozen=True)
class Constant:
    """The best constant choice: always the domain that most test questions are of.

    Attributes:
        domain: the one that is always chosen.
        accuracy: of that.
        gains: accuracy of each router minus that, by its name; tested together.
    """

    domain: str
    accuracy: float
    gains: dict[str, PairedDifference]


@dataclass(frozen=True)
class Prediction:
    """One served query: everything needed to re-derive every quality metric.

    Attributes:
        label: the right domain; None for an out-of-scope query.
        predicted: the most probable domain.
        confidence: in [0, 1]; ranks in-scope before out-of-scope.
        scores: probability by domain.
        slice: `standard`, `overlap`, `out_of_scope`, or the data set's own.
        labels: every right domain, where there are several.
        weight: how many queries this one stands for.
        outcomes: quality of each model's answer, by model, where the data set has it.
        expected: the same as the router predicted it, of a router that does.
        sent_on: whether a cascade asked its expensive router.
        cut: True where the router read only the beginning of the query.
        chances: probability of each domain to be chosen, of a router that draws its choice; `predicted`,
            `scores`, `changed` and `answer` are then of one draw. None of any other router.
        changed: by kind of change to the question, the domain that was then the most probable.
        history: messages of the user before the query in its conversation, the oldest first.
        dialogue: name of that conversation; resamples draw its queries together.
        reference: the answer to compare with, where the experts answered the question; this and what
            follows only with experts on.
        expert: who was asked, by the policy; None when it abstained.
        answer: what the expert said; None when there is none.
        rouge1, rouge2, rougeL: F1 of `answer` against `reference`; 0 where the policy abstained; the mean
            over the choices of a router that draws.
        answer_seconds, answer_tokens: time of generating `answer`, in whichever run that was (in a batch its
            equal share), and its length; None where that is not known.
        answers: of every expert by domain, and of the base model as `base`.
        notes: by expert, why there is no answer, or what happened to the question.
    """

    id: str
    query: str
    label: str | None
    predicted: str
    confidence: float
    scores: dict[str, float]
    slice: str
    labels: list[str] | None = None
    weight: float = 1.0
    outcomes: dict[str, float] | None = None
    expected: dict[str, float] | None = None
    sent_on: bool | None = None
    cut: bool | None = None
    chances: dict[str, float] | None = None
    changed: dict[str, str] | None = None
    history: list[str] | None = None
    dialogue: str | None = None
    reference: str | None = None
    expert: str | None = None
    answer: str | None = None
    rouge1: float | None = None
    rouge2: float | None = None
    rougeL: float | None = None  # noqa: N815 - the measure's name
    answers: dict[str, str | None] | None = None
    notes: dict[str, str] | None = None
    answer_seconds: float | None = None
    answer_tokens: int | None = None

    @property
    def choices(self) -> dict[str, float]:
        """Probability by domain that the router chooses it: 1 for one of them, unless it draws."""
        return {self.predicted: 1.0} if self.chances is None else self.chances

    @property
    def right(self) -> float:
        """Probability that the router chooses the right domain: 1 or 0, unless it draws."""
        return 0.0 if self.label is None else self.choices.get(self.label, 0.0)

    @property
    def messages(self) -> list[str]:
        """The conversation up to the query, which is the last."""
        return [*(self.history or ()), self.query]

    @property
    def shown(self) -> str:
        """The conversation on one line, for a reader."""
        return " › ".join(self.messages)

    def as_row(self) -> dict[str, Any]:
        """Line of `predictions.jsonl`: nothing about what the data or the router has not."""
        absent = {key for key, default in _WHERE_KNOWN.items() if getattr(self, key) == default}
        if self.answers is None:
            absent |= _ANSWER_KEYS
        return {key: value for key, value in asdict(self).items() if key not in absent}


_WHERE_KNOWN = {
    "labels": None,
    "weight": 1.0,
    "outcomes": None,
    "expected": None,
    "sent_on": None,
    "cut": None,
    "chances": None,
    "changed": None,
    "history": None,
    "dialogue": None,
}
_ANSWER_KEYS = {
    *("reference", "expert", "answer", "rouge1", "rouge2", "rougeL", "answers", "notes"),
    *("answer_seconds", "answer_tokens"),
}


@dataclass(frozen=True)
class Git:
    """State of a repository; None where nobody knows."""

    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True)
class Machine:
    """Machine that a record was made on; `memory_gb` is in 10^9 bytes, `gpu` the names of its GPUs."""

    system: str = ""
    cpu: str = ""
    cpu_version: str | None = None
    cores: int | None = None
    memory_gb: float | None = None
    gpu: list[str] | None = None


@dataclass(frozen=True)
class Split:
    """A part of a data set: SHA-256 of its sorted ids, and how many questions by label or by slice."""

    ids_sha256: str
    by_label: dict[str, int] = field(default_factory=dict)
    by_slice: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetUsed:
    """The data set; `files` has the SHA-256 of each file by its name."""

    name: str = "unknown"
    files: dict[str, str] = field(default_factory=dict)
    train: Split | None = None
    test: Split | None = None
    validation: Split | None = None


@dataclass(frozen=True)
class WeightsUsed:
    """SHA-256 of pretrained weights: by the name that was configured, and by the role in the router."""

    configured: dict[str, str] = field(default_factory=dict)
    loaded: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Provenance:
    """Everything that could explain a different figure.

    Attributes:
        git: the checkout that Router Derby runs from.
        own_git: the repository in which the command was given, where that is another.
        packages: version by name.
        reference_workload: its version.
        experts: by domain, what its expert is made of: by kind (`base`, `adapter`) the SHA-256 by name.
    """

    git: Git = field(default_factory=Git)
    own_git: Git | None = None
    python: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    machine: Machine = field(default_factory=Machine)
    threads: int | None = None
    seed: int | None = None
    reference_workload: int | None = None
    dataset: DatasetUsed = field(default_factory=DatasetUsed)
    weights: WeightsUsed = field(default_factory=WeightsUsed)
    experts: dict[str, dict[str, dict[str, str]]] | None = None

    @property
    def repositories(self) -> dict[str, Git]:
        """The repositories that are known, by the name of their field."""
        return {"git": self.git} | ({"own_git": self.own_git} if self.own_git else {})


@dataclass(frozen=True)
class Derivation:
    """Inputs of the quality metrics besides the prediction rows.

    Attributes:
        classes: every domain, sorted.
        seed: of the bootstrap.
        policy: with its threshold, also where that was chosen on held-out questions.
        refuses: whether the policy has a threshold at all, which may be 0.
        label_threshold: of a question's set of domains; None when sets are not evaluated.
        prices: of each model, in US dollars for a million tokens, where the data set has them.
        untrained: names of the weights with random values that the router ran on: no quality is computed
            then. None where all were trained.
    """

    classes: list[str]
    seed: int
    statistics: Statistics = field(default_factory=Statistics)
    policy: Policy = field(default_factory=Policy)
    refuses: bool = False
    label_threshold: float | None = None
    prices: dict[str, float] = field(default_factory=dict)
    untrained: list[str] | None = None

    @property
    def why_unscored(self) -> dict[str, str | int | float]:
        """Details of the reason `UNTRAINED_WEIGHTS`, by which no quality is computed; empty where it is."""
        return {"weights": ", ".join(self.untrained)} if self.untrained else {}


@dataclass(frozen=True)
class ConfusionMatrix:
    """Rows by true and predicted class, or the sum of their weights; their expected numbers, of a router that
    draws its choices."""

    labels: list[str] = field(default_factory=list)
    rows_true_columns_predicted: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class Fitting:
    """Cost of fitting a router, in a process of its own.

    Attributes:
        weights_sha256: SHA-256 of the pretrained weights by role.
        learned: what a reader should know of the fit, such as a chosen threshold (`Router.facts`).
        from_cache: whether it was fitted by an earlier run; time and memory are then those of that run.
        training_skipped: True where pretrained weights have random values, so that nothing was trained; time
            and memory then say nothing. None otherwise.
        untimed: True where sentence vectors came from the cache, or other work ran beside it; time and memory
            are then 0 and say nothing. None otherwise.
        cut_questions: training questions that are longer than the router reads; None in older records.
    """

    train_seconds: float
    train_peak_rss_bytes: int
    weights_sha256: dict[str, str] = field(default_factory=dict)
    learned: dict[str, Any] = field(default_factory=dict)
    from_cache: bool = False
    training_skipped: bool | None = None
    untimed: bool | None = None
    cut_questions: int | None = None


@dataclass(frozen=True)
class Round:
    """Raw timings of one process, in seconds: loading, the first query, then single queries by turns with
    the reference workload; `stage_seconds` by stage."""

    load_seconds: float
    first_query_seconds: float
    latency_seconds: list[float]
    stage_seconds: dict[str, list[float]]
    reference_seconds: list[float]


@dataclass(frozen=True)
class Serving:
    """Cost of serving the test questions: raw values, in seconds and bytes.

    Attributes:
        batch_seconds: of each full batch of `batch_size` queries.
        peak_rss_bytes: of the first process after every query was served in batches.
        index_bytes: of the saved router.
        weights_bytes: of the pretrained files that serving reads.
        rounds: one a process.
        reference_rss_bytes: peak memory of a process that runs the reference workload alone.
        neighbour_recall: of an approximate index, the share of the nearest training questions that it finds,
            by test question, of the first of the timed ones; None without one.
        events: how often something happened in the first process that the answers do not show, of a router
            that asks a server (`Router.events`).
    """

    batch_seconds: list[float]
    batch_size: int
    peak_rss_bytes: int
    index_bytes: int
    weights_bytes: int
    rounds: list[Round]
    reference_rss_bytes: int
    cuda_peak_bytes: int | None = None
    neighbour_recall: list[float] | None = None
    events: dict[str, float] | None = None


@dataclass(frozen=True)
class AnswerSession:
    """Cost of generating the answers that were not in the cache."""

    load_seconds: float
    generate_seconds: float
    generated: int
    tokens: int
    peak_rss_bytes: int
    cuda_peak_bytes: int | None = None


@dataclass(frozen=True)
class AnswerSample:
    """Sample of the questions with a domain and a reference: those that the experts answered.

    Attributes:
        questions: how many they answered; every other row has `reference: null` and no answers.
        of: how many there are.
        seed: of the draw.
        strata: fields of a row by which the sample has the proportions of the whole.
    """

    questions: int
    of: int
    seed: int
    strata: tuple[str, ...]


@dataclass(frozen=True)
class Answering:
    """Numbers of answers asked for, found in the cache, and missing in the end.

    Attributes:
        session: None where none had to be generated.
        sample: None where every question with a reference was answered.
    """

    asked: int
    from_cache: int
    unanswered: int
    session: AnswerSession | None = None
    sample: AnswerSample | None = None


@dataclass(frozen=True)
class Timings:
    """Raw measurements; None where that phase did not run or was not measured."""

    trained: Fitting | None = None
    served: Serving | None = None
    experts: Answering | None = None


class Likeness(StrEnum):
    """Kind of likeness of two questions, the strictest first."""

    SAME = "same"
    SAME_WORDS = "same_words"
    CONTAINED = "contained"
    SPELLED = "spelled_alike"
    MEANING = "near_in_meaning"


@dataclass(frozen=True)
class Leakage:
    """Training questions that also stand in the test, word for word or nearly.

    Attributes:
        mode: `refuse`, `drop` or `off`.
        near_duplicate: the cosine from which on two questions count as the same.
        pairs: of a question to learn from and one to be tested on.
        dropped, dropped_ids: questions that were left out of training.
        kinds: number of pairs by `Likeness`; empty in records before schema 5.
        repeated: test questions that nearly repeat an earlier one of the test, while intervals and tests
            take them as independent; None in records before schema 5, and where the guard is off.
    """

    mode: str
    near_duplicate: float | None = None
    pairs: int = 0
    dropped: int = 0
    dropped_ids: list[str] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    repeated: int | None = None


@dataclass(frozen=True)
class Candidate:
    """Settings that were tried, and how they did in cross-validation."""

    settings: dict[str, Any]
    score: float
    log_likelihood: float


@dataclass(frozen=True)
class Tuning:
    """Settings chosen by cross-validation on the training questions."""

    folds: int
    chosen: dict[str, Any]
    tried: list[Candidate]


@dataclass(frozen=True)
class Wish:
    """Aim of a threshold: a `coverage` or an `accuracy`, by `confidence` or `probability`.

    Attributes:
        coverage: to be reached on average.
        accuracy: to be reached on new questions with a probability of at least `confidence_level`; records
            before schema 5 promise no probability.
    """

    score: str
    coverage: float | None = None
    accuracy: float | None = None
    confidence_level: float | None = None


@dataclass(frozen=True)
class HeldOutCounts:
    """Held-out questions: all, those that a threshold accepts, and of these the right ones."""

    n: int
    accepted: int
    right: int


@dataclass(frozen=True)
class Shift:
    """A share on the questions that a threshold was chosen on, and on the test.

    Attributes:
        figure: `coverage`, `selective_accuracy` (of a policy), or `sent_on` (of a cascade).
        chosen_on, n_chosen_on: the share there, and of how many questions.
        test, n_test: the same of the test.
        p_adjusted: of Fisher's exact test, two-sided, after Holm's correction over the threshold's figures.
    """

    figure: str
    chosen_on: float
    n_chosen_on: int
    test: float
    n_test: int
    p_adjusted: float


@dataclass(frozen=True)
class ThresholdResult:
    """A threshold chosen on held-out questions, and by metric what it does on the test.

    Attributes:
        held_out: what it does on the held-out questions; None in a record before schema 5.
        shifts: of the policy's own threshold, how the test differs from them; empty where the test has
            conversations, whose questions are not independent.
    """

    wish: Wish
    threshold: float
    obtained: dict[str, Estimate]
    held_out: HeldOutCounts | None = None
    shifts: list[Shift] = field(default_factory=list)


@dataclass(frozen=True)
class CascadeResult:
    """A cascade on the test, against its expensive router alone.

    Attributes:
        threshold: under which the cheap router's top probability sends a question on.
        share, loss: what the threshold was chosen for: a share to send on, or a loss of accuracy; None for
            both where the threshold was given.
        sent_on: share of the test questions with a domain.
        lost: the expensive router's accuracy on them, less the cascade's.
        shifts: how `sent_on` differs from the training questions that the threshold was chosen on, each asked
            about where it was not learned from; empty where the threshold was given, or as in
            `ThresholdResult`.
    """

    threshold: float
    share: float | None
    loss: float | None
    sent_on: Estimate
    lost: Estimate
    shifts: list[Shift] = field(default_factory=list)


@dataclass(frozen=True)
class Flip:
    """A question whose decision changed when its text was changed."""

    query: str
    changed: str
    predicted: str
    flipped_to: str


@dataclass(frozen=True)
class LearningPoint:
    """Mean accuracy with so many training questions a domain; the interval is over the draws of these and
    over the test questions."""

    per_domain: int
    n_train: int
    n_test: int
    accuracy: float
    values: list[float]
    ci_low: float | None = None
    ci_high: float | None = None


class ReliabilityBin(NamedTuple):
    """Rows of similar probability: mean probability, accuracy, number of rows."""

    probability: float
    accuracy: float
    n: int


class RiskPoint(NamedTuple):
    """Error rate among the rows that a threshold accepts, and their share."""

    threshold: float
    coverage: float
    risk: float


@dataclass(frozen=True)
class ModelPoint:
    """A model that could answer: its price in US dollars for a million tokens, and its mean quality."""

    price: float
    quality: float


Curve = list[tuple[float, float]]


@dataclass(frozen=True)
class CostCurves:
    """Curves of cost and quality; those of deferral are between `weak` and `strong`, in percent."""

    models: dict[str, ModelPoint] = field(default_factory=dict)
    weak: str | None = None
    strong: str | None = None
    deferral: Curve = field(default_factory=list)
    deferral_random: Curve = field(default_factory=list)
    deferral_oracle: Curve = field(default_factory=list)
    cost_quality: Curve = field(default_factory=list)
    hull: Curve = field(default_factory=list)
    hull_random: Curve = field(default_factory=list)
    hull_zero: Curve = field(default_factory=list)
    hull_oracle: Curve = field(default_factory=list)


@dataclass(frozen=True)
class Curves:
    """Curves that are computed from the prediction rows, as the metrics are."""

    reliability: list[ReliabilityBin] = field(default_factory=list)
    risk_coverage: dict[str, list[RiskPoint]] = field(default_factory=dict)
    cost_quality: CostCurves | None = None


@dataclass(frozen=True)
class Analyses:
    """Findings besides single figures; empty or None where it was not.

    Attributes:
        learned: facts of the fit (`Router.facts`), such as a temperature or how an encoder changed.
        cut_questions: test questions that the router read only the beginning of; None in older records.
    """

    leakage: Leakage | None = None
    tuning: Tuning | None = None
    thresholds: list[ThresholdResult] = field(default_factory=list)
    cascade: CascadeResult | None = None
    flipped: dict[str, list[Flip]] = field(default_factory=dict)
    learning_curve: list[LearningPoint] = field(default_factory=list)
    learned: dict[str, Any] = field(default_factory=dict)
    cut_questions: int | None = None


@dataclass(frozen=True)
class Record:
    """Findings of one run about one router.

    Attributes:
        family: what kind of router: `embedding`, `classifier`, `composite`, `baseline` or `other`.
        config: as composed, with every value; no path of the machine.
        derivation: what the quality metrics were computed with, besides the rows.
        draws: whether the router draws its choices, so that quality is the mean over draws.
        schema_version: of the file that was read; a record that is written has the newest.
    """

    router: str
    family: str
    config: dict[str, Any]
    provenance: Provenance
    derivation: Derivation
    metrics: list[Metric]
    unscored: list[Unscored] = field(default_factory=list)
    confusion_matrix: ConfusionMatrix = field(default_factory=ConfusionMatrix)
    timings: Timings = field(default_factory=Timings)
    comparisons: list[Comparison] = field(default_factory=list)
    curves: Curves = field(default_factory=Curves)
    analyses: Analyses = field(default_factory=Analyses)
    draws: bool = False
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def is_dirty(self) -> bool:
        """True if it was measured on uncommitted changes, of this code or of the user's own repository."""
        return any(git.dirty for git in self.provenance.repositories.values())

    @property
    def is_scored(self) -> bool:
        """False for a router on untrained weights: it has speed, memory and disk, and no quality."""
        return not self.derivation.untrained

    @property
    def sample(self) -> AnswerSample | None:
        """Questions that the experts answered, where these are not all that have a reference."""
        return self.timings.experts.sample if self.timings.experts else None

    def setting(self, name: str, otherwise: Any = None) -> Any:
        """Value in the configuration by its dotted name; `otherwise` where it has none."""
        found: Any = self.config
        for key in name.split("."):
            if not isinstance(found, Mapping) or key not in found:
                return otherwise
            found = found[key]
        return found

    def metric(self, name: str, slice_: str = ALL) -> Metric | None:
        """The metric of that name and slice, if it was computed."""
        return next((one for one in self.metrics if (one.name, one.slice) == (name, slice_)), None)

    def missing(self, name: str, slice_: str = ALL) -> Unscored | None:
        """Reason why that metric was not computed, if the record says so."""
        return next((one for one in self.unscored if (one.name, one.slice) == (name, slice_)), None)
