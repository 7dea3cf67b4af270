"""A question in, a reply out: routed, decided, answered, in the order asked."""

import gc
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from time import sleep
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_module
from numpy.typing import NDArray

from benchmarks import pipeline as module
from benchmarks.config import compose_settings
from benchmarks.errors import BadInput
from benchmarks.pipeline import Pipeline, Reply, open_pipeline, process_queries, process_query
from benchmarks.settings import Ask
from common.settings import Policy
from experts.base import ExpertError, Request
from routers.base import Inference, Router, RouterError
from routers.command import CommandRouter
from tests.benchmarks.fakes import Diary


class Told(Router):
    """Routes to the domain that the query names; as sure as the number in it says, in percent."""

    def __init__(self) -> None:
        self.classes_ = ["car", "sleep"]

    def infer(self, queries: Sequence[str]) -> Inference:
        sleepy = np.array(["sleep" in query for query in queries], dtype=np.float32)
        confidence = [int(re.search(r"\d+", query)[0]) / 100 for query in queries]  # type: ignore[index]
        proba = np.stack([1 - sleepy, sleepy], axis=1)
        return Inference(proba.astype(np.float32), np.array(confidence, dtype=np.float32))

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        raise NotImplementedError

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        raise NotImplementedError

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        raise NotImplementedError


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(str(tmp_path / "log"))


def written(diary: Diary) -> list[str]:
    path = Path(diary.log)
    return sorted(path.read_text(encoding="utf-8").splitlines()) if path.exists() else []


MIXED = ["sleep 75", "car 50", "sleep 25", "car 100"]


def test_replies_are_in_the_order_asked(diary: Diary) -> None:
    assert Pipeline(Told(), diary).answer(MIXED) == [
        Reply("sleep 75", "sleep", 0.75, "sleep says sleep 75"),
        Reply("car 50", "car", 0.5, "car says car 50"),
        Reply("sleep 25", "sleep", 0.25, "sleep says sleep 25"),
        Reply("car 100", "car", 1.0, "car says car 100"),
    ]


def test_a_router_that_breaks_its_promise_asks_nobody(diary: Diary) -> None:
    with pytest.raises(RouterError, match=r"Told\.infer: confidence has 1\.5 for 'sleep 150', not a number"):
        Pipeline(Told(), diary).answer(["sleep 150"])
    assert written(diary) == []


def test_an_unsure_router_asks_nobody_when_it_abstains(diary: Diary) -> None:
    replies = Pipeline(Told(), diary, Policy(threshold=0.5, fallback="abstain")).answer(MIXED)
    assert [reply.domain for reply in replies] == ["sleep", "car", None, "car"]
    # No error: abstaining is what was asked for.
    assert replies[2] == Reply("sleep 25", None, 0.25)
    assert replies[3].answer == "car says car 100"
    assert written(diary) == ["car: car 100", "car: car 50", "sleep: sleep 75"]


def test_a_named_expert_answers_what_the_router_is_unsure_of(diary: Diary) -> None:
    replies = Pipeline(Told(), diary, Policy(threshold=0.8, fallback="car")).answer(MIXED)
    assert [reply.domain for reply in replies] == ["car"] * 4
    assert replies[0] == Reply("sleep 75", "car", 0.75, "car says sleep 75")


def test_by_default_the_best_guess_is_asked(diary: Diary) -> None:
    assert Pipeline(Told(), diary).answer(["car 1"])[0].domain == "car"
    unsure = Pipeline(Told(), diary, Policy(threshold=1.0, fallback="best_guess"))
    assert [reply.domain for reply in unsure.answer(MIXED)] == ["sleep", "car", "sleep", "car"]


def test_a_failure_stops_no_other(diary: Diary) -> None:
    replies = Pipeline(Told(), diary).answer(["car 50", "this fails 50", "sleep 50"])
    assert replies[1] == Reply("this fails 50", "car", 0.5, None, "the expert is ill", "it tried")
    assert [reply.answer for reply in replies] == ["car says car 50", None, "sleep says sleep 50"]


class OneAtATime(Told):
    """Fails where two threads are in it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = Lock()

    def infer(self, queries: Sequence[str]) -> Inference:
        assert self.inside.acquire(blocking=False), "a second thread is in the router"
        try:
            # Gives every other thread its turn.
            sleep(0.02)
            return super().infer(queries)
        finally:
            self.inside.release()


def test_several_threads_are_in_the_router_one_after_the_other() -> None:
    pipeline = Pipeline(OneAtATime(), None)
    with ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(pipeline.answer, [MIXED] * 8))
    assert replies == [pipeline.answer(MIXED)] * 8


def test_without_experts_it_routes() -> None:
    pipeline = Pipeline(Told(), None, Policy(threshold=0.5, fallback="abstain"))
    assert pipeline.answer(["sleep 75", "car 25"]) == [
        Reply("sleep 75", "sleep", 0.75),
        Reply("car 25", None, 0.25),
    ]
    assert list(pipeline.stream(Request("car", "car 50"), print)) == []


def test_an_answer_is_streamed_with_its_remark_first(diary: Diary) -> None:
    heard: list[str] = []
    pieces = Pipeline(Told(), diary).stream(Request("sleep", "one two"), heard.append)
    assert next(pieces) == "sleep"
    assert heard == ["a remark"]
    assert list(pieces) == ["says", "one", "two"]


def test_answer_gives_texts_or_the_reason_for_none(diary: Diary) -> None:
    assert diary.answer("car", ["one", "two"]) == ["car says one", "car says two"]
    with pytest.raises(ExpertError, match="the expert is ill"):
        diary.answer("car", ["one", "this fails"])


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Ask]]:
    """The settings of every pipeline that is built; none of them has experts."""
    settings: list[Ask] = []

    def build(asked: Ask, workers: object = None) -> Pipeline:
        settings.append(asked)
        return Pipeline(Told(), None, asked.policy)

    monkeypatch.setattr(module, "build_pipeline", build)
    module._pipeline.cache_clear()
    yield settings
    module._pipeline.cache_clear()


def test_a_pipeline_is_built_once_and_kept(built: list[Ask]) -> None:
    assert process_query("sleep 75") == Reply("sleep 75", "sleep", 0.75)
    assert [reply.query for reply in process_queries(MIXED)] == MIXED
    assert len(built) == 1
    assert (built[0].router.name, built[0].experts.name, built[0].policy) == ("knn", "local", Policy())


def test_other_overrides_are_another_pipeline(built: list[Ask]) -> None:
    process_query("car 50")
    overrides = ("router=tfidf", "experts=none", "policy.threshold=0.6", "policy.fallback=abstain")
    assert process_query("car 50", *overrides) == Reply("car 50", None, 0.5)
    assert [settings.router.name for settings in built] == ["knn", "tfidf"]


def test_it_answers_inside_another_hydra_application(built: list[Ask]) -> None:
    with initialize_config_module("conf", version_base="1.3"):
        assert process_query("car 50").domain == "car"
        # The application's own configuration is still there.
        assert compose("ask").router.name == "knn"


def test_an_unknown_setting_is_refused(built: list[Ask]) -> None:
    with pytest.raises(BadInput, match="routr"):
        process_query("car 50", "+routr=tfidf")
    assert built == []


@pytest.mark.process
def test_the_configured_router_is_fitted_and_answers(qna_folder: Path) -> None:
    module._pipeline.cache_clear()
    overrides = ("router=tfidf", "dataset=files", f"dataset.path={qna_folder}", "experts=none", "threads=1")
    replies = process_queries(["Does my engine need oil?", "Why do I snore at night?"], *overrides)
    assert [reply.domain for reply in replies] == ["car", "sleep"]
    with pytest.raises(BadInput, match=r"policy\.fallback=legal: not one of best_guess, abstain, car, sleep"):
        process_query("?", *overrides, "policy.fallback=legal")
    module._pipeline.cache_clear()


@pytest.mark.process
def test_a_program_finds_its_folder_as_long_as_its_router_is_there(shared_qna: Path, tmp_path: Path) -> None:
    program = """
import json, sys, pathlib
for line in sys.stdin:
    message = json.loads(line)
    folder = pathlib.Path(message.get("folder") or message.get("load") or folder)
    if "fit" in message:
        (folder / "domain").write_text("sleep")
    if message.get("route") == ["die"]:
        sys.exit(1)
    answer = [(folder / "domain").read_text()] if "route" in message else {"ok": True}
    print(json.dumps(answer), flush=True)
"""
    (tmp_path / "program.py").write_text(program)
    command = f'router.command="{sys.executable} {tmp_path / "program.py"}"'
    chosen = ["router=command", command, "dataset=files", f"dataset.path={shared_qna}", "experts=none"]
    pipeline = open_pipeline(compose_settings("ask", chosen))
    with pytest.raises(RouterError, match="ended with status 1"):
        pipeline.answer(["die"])
    # It is started anew.
    assert pipeline.answer(["why"])[0].domain == "sleep"
    router = pipeline.router
    assert isinstance(router, CommandRouter)
    folder = router.folder_
    assert folder.is_dir()
    del router, pipeline
    gc.collect()
    assert not folder.exists()
