"""Ready-made contestants: their table, their pins, and each of them run where its environment is there."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

import conf
from benchmarks.assets.environments import make
from benchmarks.assets.packages import check_extras, option
from benchmarks.assets.weights import router_spec
from benchmarks.config import compose_settings
from benchmarks.experiment.router_folder import ROUTER, keep_router
from benchmarks.pipeline import load_run
from common.checks import ConfigError, check_arguments
from common.settings import Policy
from routers.base import Router, RouterError, build
from routers.ready_made import CONTESTANTS, ENTRIES, ReadyMadeRouter

ROOT = Path(__file__).resolve().parents[2]
CAN_RUN = [name for name, entry in ENTRIES.items() if entry.cannot_run is None]
# Fine-tuning for two steps is as good a test as for all.
QUICKER = {"setfit": ["router.options.max_steps=2"]}
Questions = tuple[list[str], list[str]]


def configured(name: str) -> ReadyMadeRouter:
    """The router that `router=name` makes."""
    settings = compose_settings("run", [f"router={name}", *QUICKER.get(name, ())])
    router = build(router_spec(settings.router, {}))
    assert isinstance(router, ReadyMadeRouter)
    return router


def needs_environment(name: str) -> None:
    """Skip the test where the environment is not there, unless it is to be made."""
    wanted = os.environ.get("ROUTER_DERBY_TEST_INSTALL", "").split(",")
    environment = ENTRIES[name].environment
    if name in wanted or "all" in wanted:
        make(environment)
    if not environment.is_made:
        pytest.skip(
            f"no environment: ROUTER_DERBY_CACHE={os.environ['ROUTER_DERBY_CACHE']} python -m benchmarks "
            f"install {name}, or ROUTER_DERBY_TEST_INSTALL={name}"
        )


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("name", CAN_RUN)
def test_each_learns_and_another_process_routes(
    name: str, questions: Questions, held_out: Questions, tmp_path: Path
) -> None:
    needs_environment(name)
    router = configured(name).fit(*questions)
    said = router.infer(held_out[0])
    right = [found == wanted for found, wanted in zip(router.predict(held_out[0]), held_out[1], strict=True)]
    # By chance it is half of ten; eight or more are right once in eighteen times.
    assert sum(right) >= 8
    encodes = name not in ("sklearn", "fasttext")
    wanted = {"encoder": option("encoder/minilm", "model.sha256")} if encodes else {}
    assert router.weights_sha256() == wanted
    assert len(router.asset_paths()) == (encodes and name != "setfit")
    router.save(tmp_path / "saved")
    moved = (tmp_path / "saved").rename(tmp_path / "moved")
    loaded = Router.load(moved)
    assert loaded.infer(held_out[0]).proba == pytest.approx(said.proba, abs=1e-5)
    assert loaded.predict(["", "\n", "a" * 5000]) == router.predict(["", "\n", "a" * 5000])
    for path in moved.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            # Neither a pickle nor a place on this machine.
            assert not (content[:1] == b"\x80" and content[1] in range(2, 6)), path
            assert str(tmp_path.parent.parent).encode() not in content, path
            assert os.environ["ROUTER_DERBY_CACHE"].encode() not in content, path


def test_every_entry_is_an_option_of_its_own_name() -> None:
    options = {
        path.stem: re.findall(r"^entry: (\S+)$", text, flags=re.MULTILINE)
        for path in Path(conf.__path__[0], "router").glob("*.yaml")
        if "routers.ready_made.ReadyMadeRouter" in (text := path.read_text(encoding="utf-8"))
    }
    assert options == {name: [name] for name in ENTRIES}


@pytest.mark.parametrize("home", sorted({str(ENTRIES[name].home) for name in CAN_RUN}))
def test_pins_are_exact_and_agree(home: str) -> None:
    lines = (CONTESTANTS / home / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", line) for line in lines)
    assert lines == sorted(set(lines))
    (entry, *_) = [ENTRIES[name] for name in CAN_RUN if ENTRIES[name].home == home]
    assert entry.version
    # The weights are those of our own encoder.
    weights = re.findall(
        r"^(gt-\S+) ", (ROOT / "weights.txt").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    has_torch = any(line.startswith("torch==") for line in lines)
    assert (weights[0] in lines) == has_torch


def test_an_entry_that_cannot_run_says_why() -> None:
    for name in set(ENTRIES) - set(CAN_RUN):
        with pytest.raises(ConfigError, match=f"router.entry={name}: cannot run: its weights .*hub"):
            check_arguments(ReadyMadeRouter, {"entry": name}, "router.")
    for unknown in ("nope", None, []):
        with pytest.raises(ConfigError, match="not one of semantic_router, setfit"):
            check_arguments(ReadyMadeRouter, {"entry": unknown}, "router.")


def test_a_missing_environment_is_named_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, questions: Questions
) -> None:
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path))
    wanted = "router=setfit is not installed: python -m benchmarks install setfit"
    settings = compose_settings("run", ["router=setfit"])
    calls: tuple[Any, ...] = (
        lambda: check_extras(settings.router),
        lambda: check_extras({"members": {"one": settings.router}}),
        lambda: configured("setfit").fit(*questions),
    )
    for call in calls:
        with pytest.raises(RouterError, match=wanted):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.process
def test_one_is_kept_and_routes_again(tiny_contestant: str, questions: Questions, tmp_path: Path) -> None:
    router = ReadyMadeRouter(tiny_contestant, {"smoothing": 0.5}).fit(*questions)
    router.save(tmp_path / "saved")
    asked = {str(row): query for row, query in enumerate(questions[0])}
    keep_router(tmp_path / "saved", tmp_path / "run" / ROUTER, Policy(), None, [], asked)
    # It names no neighbours, so no question is kept.
    assert {path.name for path in (tmp_path / "run" / ROUTER).iterdir()} == {
        "decision.json",
        "program",
        "router.json",
        "state.safetensors",
    }
    found = load_run(tmp_path / "run").route(["my brakes squeal", "insomnia"])
    assert [decision.label for decision in found] == ["car", "sleep"]


@pytest.mark.process
def test_a_tiny_one(tiny_contestant: str, questions: Questions) -> None:
    router = ReadyMadeRouter(tiny_contestant, {"smoothing": 0.5}, seed=7).fit(*questions)
    said = router.infer(["My brakes squeal", "insomnia"])
    assert router.predict(["My brakes squeal", "insomnia"]) == ["car", "sleep"]
    assert said.proba.sum(axis=1) == pytest.approx([1, 1])
    facts = router.facts()
    assert (facts["package"].strip(), set(facts["files"])) == ("tiny", {"program.py", "requirements.txt"})
    with pytest.raises(RouterError, match=r"fit\(\) got an unexpected keyword argument 'typo'.*entry=tiny"):
        ReadyMadeRouter(tiny_contestant, {"smoothing": 1.0, "typo": 1}).fit(*questions)
    # What its program prints is not taken for an answer, and its own errors are named.
    with pytest.raises(RouterError, match=r"asked to route: TypeError.*router.entry=tiny"):
        ReadyMadeRouter(tiny_contestant, {"smoothing": "much"}).fit(*questions).infer(["a"])
