"""The settings of policies, guards, calibration and curves: what is refused, and with which key."""

from typing import Any

import pytest
from hydra.errors import ConfigCompositionException

from benchmarks.config import compose_settings
from benchmarks.datasets.leakage import Guard
from benchmarks.explain import explain
from common.checks import ConfigError
from common.settings import Policy


def settings(*overrides: str, root: str = "run") -> Any:
    return compose_settings(root, overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["policy.threshold=1.5"], r"policy\.threshold=1\.5: must be in \[0, 1\]"),
        (["policy.threshold=-0.1"], r"policy\.threshold=-0\.1: must be in \[0, 1\]"),
        (["policy.score=sureness"], r"policy\.score=sureness: not one of confidence, probability"),
        (["policy.coverage=0"], r"policy\.coverage=0\.0: must be between 0 and 1"),
        (["policy.coverage=1"], r"policy\.coverage=1\.0: must be between 0 and 1"),
        (["policy.accuracy=95"], r"policy\.accuracy=95\.0: must be between 0 and 1"),
        (
            ["policy.coverage=0.8", "policy.accuracy=0.9"],
            r"policy\.coverage and policy\.accuracy: give one of them",
        ),
        (
            ["policy.coverage=0.8", "policy.threshold=0.5"],
            r"policy\.coverage and policy\.threshold: give one of them",
        ),
        (
            ["policy.accuracy=0.8", "policy.threshold=0.5"],
            r"policy\.accuracy and policy\.threshold: give one of them",
        ),
        (["calibration=platt"], r"calibration=platt: not one of none, temperature, isotonic"),
        (["held_out=0"], r"held_out=0\.0: must be between 0 and 1"),
        (["held_out=1"], r"held_out=1\.0: must be between 0 and 1"),
    ],
)
@pytest.mark.parametrize("root", ["run", "ask"])
def test_a_bad_value_of_routing_is_named(root: str, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        settings(*overrides, root=root)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("guard.mode=warn", r"guard\.mode=warn: not one of refuse, drop, off"),
        ("guard.near_duplicate=0", r"guard\.near_duplicate=0\.0: must be between 0 and 1"),
        ("guard.near_duplicate=1", r"guard\.near_duplicate=1\.0: must be between 0 and 1"),
        ("learning_curve_draws=1", r"learning_curve_draws=1: must be at least 2"),
        ("learning_curve_sizes=[5,0]", r"learning_curve_sizes=0: must be at least 1"),
        ("label_threshold=0", r"label_threshold=0\.0: must be between 0 and 1"),
    ],
)
def test_a_bad_value_of_a_run_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        settings(override)


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("policy.coverage=most", "policy.coverage"),
        ("tune=perhaps", "tune"),
        ("learning_curve_sizes=[few]", "learning_curve_sizes[0]"),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_line(override: str, key: str) -> None:
    with pytest.raises(ConfigCompositionException) as refusal:
        settings(override)
    message = explain(refusal.value)
    assert key in message
    assert override.rpartition("=")[2].strip("[]") in message
    assert "\n" not in message


def test_the_usual_policy_accepts_everything() -> None:
    for root in ("run", "ask"):
        found = settings(root=root)
        assert found.policy == Policy(0.0, None, None, "confidence", "best_guess")
        assert not found.policy.is_chosen
        assert (found.calibration, found.held_out, found.tune) == ("none", 0.2, False)


@pytest.mark.parametrize("key", ["coverage", "accuracy"])
def test_what_a_policy_should_buy_is_chosen(key: str) -> None:
    policy = settings(f"policy.{key}=0.8", "policy.score=probability").policy
    assert policy.is_chosen
    assert (getattr(policy, key), policy.score, policy.threshold) == (0.8, "probability", 0.0)
    assert not Policy(threshold=0.8).is_chosen


@pytest.mark.parametrize("mode", ["refuse", "drop", "off"])
def test_every_guard_is_the_one_of_its_name(mode: str) -> None:
    assert settings(f"guard={mode}").guard == Guard(mode, 0.95)
    assert settings(f"guard={mode}", "guard.near_duplicate=0.9").guard.near_duplicate == 0.9


def test_a_run_refuses_leaks_and_does_no_more_than_it_must() -> None:
    found = settings()
    assert found.guard.mode == "refuse"
    assert (found.multilabel, found.robustness, found.learning_curve) == (False, False, False)
    assert (found.learning_curve_sizes, found.learning_curve_draws) == ([1, 2, 5, 10, 20, 50], 5)
    assert found.measure.enabled


def test_sizes_of_a_learning_curve_may_be_none() -> None:
    assert settings("learning_curve_sizes=[]").learning_curve_sizes == []
