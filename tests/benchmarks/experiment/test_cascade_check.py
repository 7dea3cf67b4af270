"""Loss of a cascade on the test against its expensive router, by hand."""

from pathlib import Path

import pytest

from benchmarks.experiment.cascade_check import check_cascade
from benchmarks.stats.differences import share_difference
from benchmarks.workers.in_process import InProcess
from common.settings import Context, Statistics
from reports.record import Prediction
from routers.base import Router
from routers.baselines import MajorityRouter, TfidfRouter
from routers.calibrated import CalibratedRouter
from routers.cascade import CascadeRouter

CAR, SLEEP = "tyre brake engine", "nap dream pillow"
QUERIES, LABELS = [CAR, SLEEP] * 6, ["car", "sleep"] * 6
STATISTICS = Statistics(resamples=200)
CONTEXT = Context("last")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "cache"))


def row(number: int, query: str, label: str | None, sent_on: bool) -> Prediction:
    # The cheap router, the majority, always says car.
    return Prediction(str(number), query, label, "car", 0.5, {"car": 1.0}, "standard", sent_on=sent_on)


@pytest.mark.parametrize("calibrated", [False, True])
def test_the_expensive_router_is_asked_about_every_question_with_a_label(
    tmp_path: Path, calibrated: bool
) -> None:
    router: Router = CascadeRouter(MajorityRouter(), TfidfRouter(), loss=0.5)
    if calibrated:
        router = CalibratedRouter(router, "none")
    router.fit(QUERIES, LABELS).save(tmp_path / "saved")
    rows = [
        row(0, CAR, "car", False),
        row(1, SLEEP, "sleep", False),
        row(2, SLEEP, "sleep", True),
        # It picks sleep here, and the cascade was right.
        row(3, SLEEP, "car", False),
        row(4, CAR, None, True),
    ]
    found = check_cascade("cascade", tmp_path / "saved", rows, CONTEXT, STATISTICS, 0, InProcess())
    assert found is not None
    assert (found.share, found.loss) == (None, 0.5)
    assert found.sent_on.value == 1 / 4
    assert found.lost.value == pytest.approx((0 + 1 + 1 - 1) / 4)
    assert (found.lost.ci_low, found.lost.ci_high) == share_difference(2, 1, 4, 0.05)
    assert check_cascade("cascade", tmp_path / "saved", rows[4:], CONTEXT, STATISTICS, 0, InProcess()) is None


@pytest.mark.parametrize(
    ("settings", "share", "loss"),
    [({"threshold": 0.3, "share": 0.5}, None, None), ({"share": 0.5}, 0.5, None), ({}, None, 0.002)],
)
def test_what_the_threshold_was_chosen_for(
    tmp_path: Path, settings: dict[str, float], share: float | None, loss: float | None
) -> None:
    CascadeRouter(MajorityRouter(), TfidfRouter(), **settings).fit(QUERIES, LABELS).save(tmp_path / "saved")
    found = check_cascade(
        "cascade", tmp_path / "saved", [row(0, CAR, "car", True)], CONTEXT, STATISTICS, 0, InProcess()
    )
    assert found is not None
    assert (found.share, found.loss) == (share, loss)
    # The majority is half of all training questions, each of which has the top probability 0.5.
    assert [shift.figure for shift in found.shifts] == ([] if "threshold" in settings else ["sent_on"])
    for shift in found.shifts:
        assert (shift.n_chosen_on, shift.test, shift.n_test) == (12, 1.0, 1)
