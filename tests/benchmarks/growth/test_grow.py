"""The road of a growth: points one by one, each written, resumed, and none of them fatal."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest

from benchmarks.config import compose_config
from benchmarks.errors import BadInput, WorkerError
from benchmarks.growth.grow import AxisDone, grow
from benchmarks.workers.launch import Job, Result, Workers
from common.files import read_json, replace_json
from common.typed_json import unsealed
from reports.growth.files import GROWTH, GrowthError, read_growth
from reports.growth.model import Axis, Growth, Point
from reports.reasons import Reason
from reports.record import Unscored
from tests.benchmarks.fakes import REFUSAL
from tests.benchmarks.helpers import NoWorkers
from tests.benchmarks.stand_ins import Recording

QUICK = (
    "measure.threads=1",
    "measure.warmup=1",
    "measure.min_queries=10",
    "measure.min_batches=2",
    "measure.batch_size=4",
    "statistics.resamples=100",
    "grow.queries=6",
    "grow.domain_questions=30",
)
# A router that costs nothing.
EVEN = ("router=majority", "router._target_=tests.benchmarks.fakes.Even")
SMALL = ("grow.axes=[stored,batch]", "grow.stored=[10,50]", "grow.batch=[1,3]")


@dataclass(frozen=True)
class Dying(Recording):
    """Workers of which those whose title begins so are killed."""

    titles: tuple[str, ...] = field(default_factory=tuple)

    def run(self, function: Callable[[Job], Result], job: Job, title: str) -> Result:
        if title.startswith(self.titles):
            raise WorkerError(f"{title}: the process was killed by signal 9 (out of memory?)")
        return super().run(function, job, title)


def grown(
    folder: Path,
    data: Path,
    *overrides: str,
    workers: Workers | None = None,
    axis_done: AxisDone | None = None,
) -> Growth:
    source = ("dataset=files", f"dataset.path={data}", f"folder={folder}")
    router = () if any(word.startswith("router=") for word in overrides) else EVEN
    config = compose_config("grow", [*source, *QUICK, *router, *overrides])
    return grow(config, workers or Recording(), axis_done)


def values(growth: Growth) -> list[tuple[str, int]]:
    return [(point.axis.value, point.value) for point in growth.points if point.missing is None]


def only(growth: Growth, axis: Axis, value: int) -> Point:
    (found,) = [point for point in growth.points if (point.axis, point.value) == (axis, value)]
    return found


ONE = ("grow.axes=[batch]", "grow.batch=[1]")
ALL = [("stored", 10), ("stored", 50), ("batch", 1), ("batch", 3)]


def test_every_point_is_fitted_and_served_and_its_raw_values_are_kept(
    tmp_path: Path, shared_qna: Path
) -> None:
    workers = Recording()
    growth = grown(tmp_path / "a", shared_qna, *SMALL, workers=workers)
    assert values(growth) == ALL
    # The reference workload's memory is measured once.
    assert workers.names == ["reference_memory", *["fit_grown", "serve"] * 4]
    # Nothing else stays.
    assert [path.name for path in tmp_path.rglob("*")] == ["a", GROWTH]
    assert read_growth(tmp_path / "a") == growth
    for point in growth.points:
        assert point.serving is not None
        assert point.fitting is not None
        (one,) = point.serving.rounds
        assert len(one.latency_seconds) == len(one.reference_seconds) == 10
        assert point.figure("latency_p50") == pytest.approx(1e3 * median(one.latency_seconds))
        assert point.figure("train_time") == point.fitting.train_seconds
    batches = {point.value: point.serving.batch_size for point in growth.on(Axis.BATCH) if point.serving}
    assert batches == {1: 1, 3: 3}
    assert {one.figure for one in growth.exponents} >= {"latency_p50", "throughput", "peak_rss"}
    assert [growth.exponent(axis, "latency_p50").n for axis in growth.axes] == [2, 2]


def test_a_second_start_does_only_what_is_missing(tmp_path: Path, shared_qna: Path) -> None:
    first = grown(tmp_path, shared_qna, *SMALL)
    again = grown(tmp_path, shared_qna, *SMALL, workers=NoWorkers())
    assert again == first
    workers = Recording()
    more = grown(
        tmp_path, shared_qna, "grow.axes=[length,batch]", "grow.length=[5]", "grow.batch=[2]", workers=workers
    )
    assert workers.names == ["reference_memory", *["fit_grown", "serve"] * 2]
    assert sorted(values(more)) == sorted([*ALL, ("length", 5), ("batch", 2)])
    assert more.axes == [Axis.STORED, Axis.BATCH, Axis.LENGTH]
    assert [point for point in more.points if point in first.points] == first.points
    assert more.exponent(Axis.BATCH, "latency_p50").n == 3


def test_axes_that_do_not_apply_keep_their_reason_when_others_are_added(
    tmp_path: Path, shared_qna: Path
) -> None:
    majority = ("router=majority", "grow.batch=[1]")
    first = grown(tmp_path, shared_qna, *majority, "grow.axes=[length,batch]")
    more = grown(tmp_path, shared_qna, *majority, "grow.axes=[stored,batch]")
    assert [one.name for one in first.not_measured] == [Axis.LENGTH]
    assert more.not_measured == [
        Unscored(axis, Reason.READS_NO_QUESTION) for axis in (Axis.LENGTH, Axis.STORED)
    ]


def test_a_lower_limit_of_texts_keeps_what_was_measured(tmp_path: Path, shared_qna: Path) -> None:
    stored = ("grow.axes=[stored]", "grow.stored=[10,50,60]")
    first = grown(tmp_path, shared_qna, *stored, "grow.most_texts=50")
    assert values(first) == [("stored", 10), ("stored", 50)]
    lower = grown(tmp_path, shared_qna, *stored, "grow.most_texts=20", workers=NoWorkers())
    assert lower.on(Axis.STORED)[:2] == first.on(Axis.STORED)[:2]
    assert only(lower, Axis.STORED, 60).missing == Unscored(
        Axis.STORED, Reason.TOO_FEW_TEXTS, "60", {"most": 20}
    )
    whole = grown(tmp_path, shared_qna, *stored, "grow.most_texts=60")
    assert values(whole) == [("stored", 10), ("stored", 50), ("stored", 60)]


def test_domains_of_another_number_of_texts_do_not_compare(tmp_path: Path, shared_qna: Path) -> None:
    domains = ("grow.axes=[domains]", "grow.domains=[2]")
    grown(tmp_path, shared_qna, *domains, "grow.most_texts=20")
    with pytest.raises(BadInput, match=r"grow\.most_texts"):
        grown(tmp_path, shared_qna, *domains, workers=NoWorkers())


def test_settings_that_change_no_point_may_differ(begun: Path, shared_qna: Path, tmp_path: Path) -> None:
    shutil.copy(begun / GROWTH, tmp_path)
    others = ("measure.precision=0.5", "measure.budget=1", "measure.baseline_rounds=7")
    assert values(grown(tmp_path, shared_qna, *ONE, *others, workers=NoWorkers())) == [("batch", 1)]


def test_a_process_that_dies_loses_its_point_alone(tmp_path: Path, shared_qna: Path) -> None:
    dying = Dying(titles=("stored=50", "batch=1 (3 of 4): serving"))
    growth = grown(tmp_path, shared_qna, *SMALL, workers=dying)
    assert values(growth) == [("stored", 10), ("batch", 3)]
    missing = only(growth, Axis.STORED, 50).missing
    assert missing is not None
    assert missing.reason == Reason.PROCESS_ENDED
    assert str(missing.details["error"]).startswith("stored=50 (2 of 4): fitting")
    assert read_growth(tmp_path) == growth
    # The next start tries again, and has every point once.
    workers = Recording()
    whole = grown(tmp_path, shared_qna, *SMALL, workers=workers)
    assert workers.names == ["reference_memory", *["fit_grown", "serve"] * 2]
    assert sorted(values(whole)) == sorted(ALL)
    assert len(whole.points) == 4


def test_a_start_that_is_stopped_keeps_what_it_measured(tmp_path: Path, shared_qna: Path) -> None:
    def stop(growth: Growth, axis: Axis) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grown(tmp_path, shared_qna, *SMALL, axis_done=stop)
    found = read_growth(tmp_path)
    assert found is not None
    assert values(found) == ALL[:2]


def test_an_axis_is_told_when_its_last_point_was_tried(tmp_path: Path, shared_qna: Path) -> None:
    told = []

    def tell(growth: Growth, axis: Axis) -> None:
        told.append((axis, len(growth.points)))

    grown(tmp_path, shared_qna, *SMALL, workers=Dying(titles=("stored=50",)), axis_done=tell)
    assert told == [(Axis.STORED, 2), (Axis.BATCH, 4)]


def test_knn_is_given_vectors_and_its_index_is_that_of_the_settings(tmp_path: Path, shared_qna: Path) -> None:
    pytest.importorskip("faiss", reason='needs pip install -e ".[hnsw]"')
    sizes = ("grow.axes=[stored,domains]", "grow.stored=[300,600]", "grow.domains=[2,20]")
    growth = grown(tmp_path, shared_qna, *sizes, "router=knn", "index=hnsw")
    assert growth.made.noise is not None
    assert len(growth.measured(Axis.STORED, "recall_at_k")) == 2
    assert all(0.9 < recall <= 1 for _, recall in growth.measured(Axis.STORED, "recall_at_k"))
    (_, first), (_, second) = growth.measured(Axis.STORED, "index_size")
    # At least 384 numbers of four bytes a question.
    assert second - first > 300 * 1536e-6
    assert growth.exponent(Axis.STORED, "search_p50") is not None


def test_rounds_are_processes_of_their_own(tmp_path: Path, shared_qna: Path) -> None:
    workers = Recording()
    growth = grown(
        tmp_path, shared_qna, "grow.axes=[batch]", "grow.batch=[1]", "measure.rounds=3", workers=workers
    )
    assert workers.names == ["reference_memory", "fit_grown", "serve", "time_again", "time_again"]
    serving = growth.points[0].serving
    assert serving is not None
    assert len(serving.rounds) == 3


def test_an_expensive_router_is_fitted_once_and_kept(
    tmp_path: Path, shared_qna: Path, own_cache: Path
) -> None:
    fake = ("router._target_=tests.benchmarks.fakes.Laborious",)
    workers = Recording()
    growth = grown(tmp_path / "a", shared_qna, *SMALL, "router=majority", *fake, workers=workers)
    assert workers.names == ["reference_memory", "fit_and_save", "serve", "serve"]
    assert [(one.name, one.reason) for one in growth.not_measured] == [("stored", Reason.TRAINED_TOO_LONG)]
    assert values(growth) == ALL[2:]


def test_a_router_that_refuses_its_data_is_quoted(tmp_path: Path, shared_qna: Path) -> None:
    with pytest.raises(BadInput, match=f"stored: {REFUSAL}"):
        grown(tmp_path, shared_qna, *SMALL, "router._target_=tests.benchmarks.fakes.Refusing")


def test_nothing_to_measure_is_said_before_anything_is_done(tmp_path: Path, shared_qna: Path) -> None:
    reason = Unscored(Axis.STORED, Reason.READS_NO_QUESTION).sentence
    with pytest.raises(BadInput, match=f"stored: {reason}"):
        grown(tmp_path / "a", shared_qna, "grow.axes=[stored]", "router=majority", workers=NoWorkers())
    assert not (tmp_path / "a").exists()


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, shared_qna: Path) -> Path:
    """A folder with one point: read only."""
    folder = tmp_path_factory.mktemp("begun")
    grown(folder, shared_qna, *ONE)
    return folder


@pytest.mark.parametrize(
    ("changed", "differing"),
    [
        (("router._target_=tests.benchmarks.fakes.Counting",), "router._target_"),
        (("seed=5",), "seed"),
        (("measure.warmup=2",), "measure.warmup"),
        (("grow.queries=5",), "grow.queries"),
    ],
)
def test_a_folder_of_something_else_is_refused(
    begun: Path, shared_qna: Path, changed: tuple[str, ...], differing: str
) -> None:
    before = (begun / GROWTH).read_bytes()
    with pytest.raises(BadInput, match=rf"another {re.escape(differing)},"):
        grown(begun, shared_qna, *SMALL, *changed, workers=NoWorkers())
    assert (begun / GROWTH).read_bytes() == before


def test_other_data_and_another_machine_are_refused(begun: Path, shared_qna: Path, tmp_path: Path) -> None:
    content = unsealed(read_json(begun / GROWTH))
    for name, other in (("machine", {"cpu": "another"}), ("dataset", {"name": "another"})):
        replace_json(tmp_path / GROWTH, {**content, "provenance": {**content["provenance"], name: other}})
        with pytest.raises(BadInput, match=f"another {name}"):
            grown(tmp_path, shared_qna, *SMALL, workers=NoWorkers())


def test_a_growth_with_another_figure_is_refused(begun: Path, tmp_path: Path) -> None:
    text = (begun / GROWTH).read_text(encoding="utf-8")
    (tmp_path / GROWTH).write_text(text.replace('"value": 1', '"value": 2', 1), encoding="utf-8")
    with pytest.raises(GrowthError, match="SHA-256 differs"):
        read_growth(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 0}', '{"version": 1, "router": 3}'])
def test_a_file_that_is_no_growth_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / GROWTH).write_text(text, encoding="utf-8")
    with pytest.raises(GrowthError, match=GROWTH):
        read_growth(tmp_path)


@pytest.mark.process
def test_a_killed_process_loses_its_point_alone(tmp_path: Path, shared_qna: Path) -> None:
    growth = grown(
        tmp_path,
        shared_qna,
        "grow.axes=[domains]",
        "grow.domains=[2,3]",
        "router._target_=tests.benchmarks.fakes.Dying",
        workers=Workers(1),
    )
    assert values(growth) == [("domains", 2)]
    missing = only(growth, Axis.DOMAINS, 3).missing
    assert missing is not None
    assert missing.reason == Reason.PROCESS_ENDED
