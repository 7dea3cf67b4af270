"""The root configuration of each command."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from omegaconf import MISSING

from benchmarks.assets.weights import WeightsSet
from benchmarks.datasets.leakage import Guard
from benchmarks.measure.latency import Measure
from benchmarks.schema import Trainer
from common.checks import (
    ConfigError,
    Constraints,
    Settings,
    at_least,
    between,
    fraction,
    one_of,
    optional,
    positive,
)
from common.settings import Policy, Statistics
from reports.growth.model import Axis


@dataclass
class Verb(Settings):
    """Settings of a command that has experts.

    Attributes:
        seed: for everything random: initialisation, shuffling, sampling, resampling.
    """

    parameter_constraints: ClassVar[Constraints] = {"seed": at_least(0)}

    seed: int = 0
    weights: WeightsSet = MISSING
    dataset: Any = MISSING
    experts: Any = MISSING


@dataclass
class Routing(Verb):
    """A command that fits a router.

    Attributes:
        calibration: method that calibrates the probabilities: `none`, `temperature` or `isotonic`.
        held_out: share of the training questions that calibration and thresholds are fitted on.
        tune: choose the router's settings by cross-validation on the training questions.
    """

    parameter_constraints: ClassVar[Constraints] = {
        **Verb.parameter_constraints,
        "calibration": one_of("none", "temperature", "isotonic"),
        "held_out": fraction,
    }

    router: Any = MISSING
    encoder: Any = MISSING
    index: Any = MISSING
    policy: Policy = field(default_factory=Policy)
    calibration: str = "none"
    held_out: float = 0.2
    tune: bool = False


@dataclass
class Run(Routing):
    """`python -m benchmarks run`.

    Attributes:
        train_per_domain: training questions to learn from in each domain, drawn by the seed; None for all.
        multilabel: also evaluate the set of domains that score at least `label_threshold`, for questions
            that belong to several.
        robustness: also route every question with typos, in other case, with other punctuation, with
            filler words.
        learning_curve: also fit on fewer training questions: `learning_curve_sizes` a domain, each in
            `learning_curve_draws` seeded draws, and all of them.
        baselines: further routers to run, by name.
    """

    parameter_constraints: ClassVar[Constraints] = {
        **Routing.parameter_constraints,
        "label_threshold": fraction,
        "learning_curve_draws": at_least(2),
        "train_per_domain": optional(at_least(1)),
    }

    guard: Guard = field(default_factory=Guard)
    train_per_domain: int | None = None
    multilabel: bool = False
    label_threshold: float = 0.3
    robustness: bool = False
    learning_curve: bool = False
    learning_curve_sizes: list[int] = field(default_factory=lambda: [1, 2, 5, 10, 20, 50])
    learning_curve_draws: int = 5
    measure: Measure = field(default_factory=Measure)
    statistics: Statistics = field(default_factory=Statistics)
    baselines: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(size < 1 for size in self.learning_curve_sizes):
            raise ConfigError(f"learning_curve_sizes={self.learning_curve_sizes}: each must be at least 1")


@dataclass
class Compared:
    """The routers of a comparison: names, each followed by settings of its own, separated by spaces."""

    routers: list[str] = field(default_factory=lambda: ["centroid", "knn", "tinyllama"])

    def __post_init__(self) -> None:
        if not self.routers or not all(entry.split() for entry in self.routers):
            raise ConfigError("compare.routers: name the routers, such as compare.routers=[knn,centroid]")


@dataclass
class Compare(Run):
    """`python -m benchmarks compare`."""

    compare: Compared = field(default_factory=Compared)


@dataclass
class Contestants:
    """Contestants and data sets of a suite.

    Attributes:
        name: of the suite.
        routers: contestants, each with settings of its own, separated by blanks.
        datasets: data sets, likewise.
        estimate: try every contestant out first, to tell how long all takes and who cannot start.
        cell: set for one job: the folder of its result, below that of the suite.
    """

    name: str = "league"
    routers: list[str] = field(
        default_factory=lambda: ["tfidf", "svm_static", "centroid", "knn", "svm", "best", "cascade"]
    )
    datasets: list[str] = field(default_factory=lambda: ["car_sleep"])
    estimate: bool = True
    cell: str | None = None

    def __post_init__(self) -> None:
        for key in ("routers", "datasets"):
            entries = getattr(self, key)
            if not entries or not all(entry.split() for entry in entries):
                raise ConfigError(f"suite.{key}: name one or more, such as suite.{key}=[a,b]")


@dataclass
class Suite(Run):
    """`python -m benchmarks suite`.

    Attributes:
        folder: of the results; what is there already is not done again.
    """

    suite: Contestants = field(default_factory=Contestants)
    folder: str = MISSING


@dataclass
class Report(Settings):
    """`python -m benchmarks report`.

    Attributes:
        runs: result folders, with `*` as in a shell. A run's baselines and a comparison's results come along.
        seed: for the intervals of differences.
    """

    parameter_constraints: ClassVar[Constraints] = {"seed": at_least(0)}

    runs: list[str] = field(default_factory=list)
    seed: int = 0
    statistics: Statistics = field(default_factory=Statistics)


@dataclass
class Train(Verb):
    """`python -m benchmarks train`.

    Attributes:
        domains: domains to train; None for all of the data set.
        threads: threads of the numerical libraries.
    """

    parameter_constraints: ClassVar[Constraints] = {**Verb.parameter_constraints, "threads": at_least(1)}

    trainer: Trainer = field(default_factory=Trainer)
    domains: list[str] | None = None
    threads: int = 1


@dataclass
class Ask(Routing):
    """`python -m benchmarks ask`.

    Attributes:
        input: a file with one question a line, `-` for standard input.
        run: result folder whose router and experts answer, so that nothing is fitted.
        locate: folders by name for weights of the run that are not found on this machine.
        threads: threads of the numerical libraries.
    """

    parameter_constraints: ClassVar[Constraints] = {**Routing.parameter_constraints, "threads": at_least(1)}

    input: str | None = None
    run: str | None = None
    locate: dict[str, str] = field(default_factory=dict)
    threads: int = 1


@dataclass
class Limits(Settings):
    """Bounds of what a server takes on; beyond them a request is refused, or waits no longer.

    Attributes:
        body_bytes: bytes of a request's body.
        question_chars: characters of a question, or of a message of a conversation.
        messages: messages of a conversation.
        batch: texts of one request.
        concurrent: requests of one key at a time.
        queued: questions that wait to be routed.
        answers: answers that are generated at a time; as many again may wait.
        answer_seconds: time for an answer, waiting included.
        body_seconds: time in which a client sends its body.
    """

    prefix: ClassVar[str] = "limits."
    parameter_constraints: ClassVar[Constraints] = {
        **dict.fromkeys(
            ("body_bytes", "question_chars", "messages", "batch", "concurrent", "queued", "answers"),
            at_least(1),
        ),
        **dict.fromkeys(("answer_seconds", "body_seconds"), positive),
    }

    body_bytes: int = 1_000_000
    question_chars: int = 20_000
    messages: int = 64
    batch: int = 256
    concurrent: int = 64
    queued: int = 512
    answers: int = 8
    answer_seconds: float = 60.0
    body_seconds: float = 10.0


@dataclass
class Batching(Settings):
    """Questions that are routed together.

    Attributes:
        max_batch: questions at once.
        wait_ms: time that the first question waits for others. With 0 those go together that arrived while
            the batch before was routed, and nobody waits for company.
    """

    prefix: ClassVar[str] = "batching."
    parameter_constraints: ClassVar[Constraints] = {
        "max_batch": at_least(1),
        "wait_ms": between(0, 100, "[]"),
    }

    max_batch: int = 64
    wait_ms: float = 0.0


@dataclass
class AnswerCache(Settings):
    """Answers that are given again, in the memory of one process.

    Attributes:
        size: answers; 0 keeps none.
        similarity: cosine of two questions from which on the answer to one answers the other; None for equal
            questions alone.
        shared: one caller's answers serve others too.
    """

    prefix: ClassVar[str] = "cache."
    parameter_constraints: ClassVar[Constraints] = {
        "size": at_least(0),
        "similarity": optional(between(0, 1, "(]")),
    }

    size: int = 1000
    similarity: float | None = None
    shared: bool = False


@dataclass
class RequestLog(Settings):
    """Log of requests, a JSON object a line.

    Attributes:
        file: path; None for standard error.
        questions: write questions too, with e-mail addresses and keys masked.
    """

    prefix: ClassVar[str] = "log."

    file: str | None = None
    questions: bool = False


@dataclass
class Serve(Settings):
    """`python -m benchmarks serve`.

    Attributes:
        run: result folder whose router and experts are served; None for the newest in outputs/run.
        routers: several result folders by name, in place of `run`; the first is the one that `auto` means.
        locate: folders by name for weights that are not found on this machine.
        route_only: leave the experts out.
        host: address to listen on. Any but a loopback address wants API keys.
        port: 0 takes a free one.
        workers: processes.
        threads: threads of the numerical libraries in each process.
        keys: file of API keys, a line `NAME SHA256` each, and `admin` behind it for one that may reload.
        feedback: file to which thumbs up and down are added; None keeps none.
        grace_seconds: time that running requests have to end when the server is stopped.
    """

    parameter_constraints: ClassVar[Constraints] = {
        **dict.fromkeys(("workers", "threads"), at_least(1)),
        "port": between(0, 65535, "[]"),
        "grace_seconds": positive,
    }

    run: str | None = None
    routers: dict[str, str] = field(default_factory=dict)
    locate: dict[str, str] = field(default_factory=dict)
    route_only: bool = False
    host: str = "127.0.0.1"
    port: int = 8888
    workers: int = 1
    threads: int = 1
    keys: str | None = None
    limits: Limits = field(default_factory=Limits)
    batching: Batching = field(default_factory=Batching)
    cache: AnswerCache = field(default_factory=AnswerCache)
    log: RequestLog = field(default_factory=RequestLog)
    feedback: str | None = "outputs/serve/feedback.jsonl"
    grace_seconds: float = 30.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.run and self.routers:
            raise ConfigError("give run=FOLDER, or routers.NAME=FOLDER for each, not both")


@dataclass
class Axes(Settings):
    """Axes of growth and their values.

    Attributes:
        axes: names of the axes to measure, in order.
        stored: numbers of stored questions.
        domains: numbers of domains of the stored questions.
        length: lengths of a question, in tokens.
        threads: numbers of threads of the numerical libraries.
        batch: numbers of questions routed at once.
        queries: test questions that each point serves.
        domain_questions: stored questions at every point of the axis `domains`.
        most_texts: largest number of stored questions for a router that learns from text, since text has to
            be made and encoded. No limit for `knn`, which is given vectors.
    """

    prefix: ClassVar[str] = "grow."
    parameter_constraints: ClassVar[Constraints] = {
        **dict.fromkeys(("queries", "most_texts"), at_least(1)),
        "domain_questions": at_least(2),
    }
    # Smallest value that can be measured.
    smallest: ClassVar[dict[Axis, int]] = {
        Axis.STORED: 2,
        Axis.DOMAINS: 2,
        Axis.LENGTH: 1,
        Axis.THREADS: 1,
        Axis.BATCH: 1,
    }

    axes: list[str] = field(default_factory=lambda: [axis.value for axis in Axis])
    stored: list[int] = field(default_factory=lambda: [1_000, 10_000, 100_000, 1_000_000])
    domains: list[int] = field(default_factory=lambda: [2, 10, 50, 200, 1_000])
    length: list[int] = field(default_factory=lambda: [4, 8, 16, 32, 64, 128, 256, 512])
    threads: list[int] = field(default_factory=lambda: [1, 2])
    batch: list[int] = field(default_factory=lambda: [1, 4, 16, 64, 256])
    queries: int = 200
    domain_questions: int = 5_000
    most_texts: int = 10_000

    def __post_init__(self) -> None:
        super().__post_init__()
        known = list(Axis)
        if not self.axes or len(set(self.axes)) < len(self.axes) or not set(self.axes) <= set(known):
            raise ConfigError(f"grow.axes={self.axes}: name each once, of {', '.join(known)}")
        for axis, low in self.smallest.items():
            values = self.values(axis)
            if axis in self.axes and (not values or min(values) < low):
                raise ConfigError(f"grow.{axis}={values}: one value or more, each at least {low}")
        if "domains" in self.axes and max(self.domains) > self.domain_questions:
            raise ConfigError(
                f"grow.domains={self.domains}: more than grow.domain_questions={self.domain_questions}"
            )

    def values(self, axis: Axis) -> list[int]:
        return list(getattr(self, axis))


@dataclass
class Grow(Settings):
    """`python -m benchmarks grow`.

    Attributes:
        folder: result folder; one that has measurements of the same router is completed.
        seed: for the draws of questions, the variations, and the router.
    """

    parameter_constraints: ClassVar[Constraints] = {"seed": at_least(0)}

    seed: int = 0
    weights: WeightsSet = MISSING
    dataset: Any = MISSING
    router: Any = MISSING
    encoder: Any = MISSING
    index: Any = MISSING
    measure: Measure = field(default_factory=Measure)
    statistics: Statistics = field(default_factory=Statistics)
    grow: Axes = field(default_factory=Axes)
    folder: str = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.measure.enabled:
            raise ConfigError("measure.enabled=false: growth is measured, or there is none")
