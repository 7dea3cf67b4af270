"""Phases are timed only inside a collecting block, and each in the innermost one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from routers import stages
from routers.stages import collect_stages, spend, stage


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is ten nanoseconds after the last, plus one more each time."""
    ticks: Iterator[int] = iter([10, 21, 33, 46, 60, 75, 91, 108])
    monkeypatch.setattr(stages, "perf_counter_ns", lambda: next(ticks))


@pytest.mark.usefixtures("clock")
def test_times_of_one_name_add_up() -> None:
    with collect_stages() as times:
        with stage("encode"):
            pass
        with stage("search"):
            pass
        with stage("encode"):
            pass
    assert times == {"encode": 11 + 15, "search": 13}


@pytest.mark.usefixtures("clock")
def test_stages_may_hold_stages() -> None:
    with collect_stages() as times, stage("encode"), stage("tokenise"):
        pass
    assert times == {"tokenise": 12, "encode": 36}


def test_an_inner_block_collects_for_itself() -> None:
    with collect_stages() as outer:
        with collect_stages() as inner, stage("search"):
            pass
        with stage("encode"):
            pass
    assert set(inner) == {"search"}
    assert set(outer) == {"encode"}


def test_an_error_ends_the_collecting_and_is_timed() -> None:
    with pytest.raises(KeyError), collect_stages() as times, stage("encode"):
        raise KeyError
    with stage("search"):
        pass
    assert set(times) == {"encode"}


def test_each_thread_collects_its_own() -> None:
    together = Barrier(2)

    def collect(name: str) -> dict[str, int]:
        with collect_stages() as times:
            together.wait()
            with stage(name):
                # Both are collecting, and both are in a stage.
                together.wait()
            together.wait()
        return times

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(collect, ["encode", "search"])
    assert set(first) == {"encode"}
    assert set(second) == {"search"}


def test_a_thread_that_does_not_collect_disturbs_nobody() -> None:
    def work() -> None:
        with stage("encode"):
            pass

    with collect_stages() as times, ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    assert times == {}


def test_time_that_somebody_else_has_taken_is_added() -> None:
    spend("server", 5)
    with collect_stages() as times:
        spend("server", 10)
        spend("server", 20)
        spend("network", 1)
    assert times == {"server": 30, "network": 1}
