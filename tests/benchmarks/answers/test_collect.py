"""From configured experts to answers: what is found and refused, and that nothing is paid for twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from benchmarks.answers.cache import AnswerCache
from benchmarks.answers.collect import ANSWERS, Answered, Panel, assemble, build_experts, collect
from benchmarks.assets.weights import Weights, locate
from benchmarks.errors import BadInput, WorkerError
from benchmarks.schema.experts import LocalExperts, NoExperts, OpenAIExperts
from experts.base import Answer, ExpertError, Request
from experts.lora import LoraExperts
from experts.openai import OpenAIExperts as Endpoint
from tests.benchmarks.fakes import Diary
from tests.benchmarks.helpers import add_adapter, base_model, environment, local_experts

ROOT = Path(__file__).resolve().parents[3]
DOMAINS = ["car", "sleep"]


@pytest.fixture
def adapters(tmp_path: Path, packaged: Path) -> Path:
    return tmp_path / "adapters"


@pytest.fixture
def base(tmp_path: Path) -> Weights:
    return base_model(tmp_path / "base")


def local_panel(config: LocalExperts, domains: list[str] = DOMAINS) -> Panel:
    panel = assemble(config, domains)
    assert panel is not None
    return panel


def test_no_experts_are_no_panel() -> None:
    assert assemble(NoExperts(), DOMAINS) is None


def test_local_experts_are_their_base_and_current_adapters(base: Weights, adapters: Path) -> None:
    sha256 = locate(base).sha256
    add_adapter(adapters, "car", sha256, ("car-1", "car-2"))
    car = add_adapter(adapters, "car", sha256, ("car-3",))
    sleep = add_adapter(adapters, "sleep", sha256)
    panel = local_panel(local_experts(base, adapters, max_new_tokens=7, use_cache=False))
    assert (panel.name, panel.use_cache) == ("local", False)
    assert panel.spec["models"] == {
        domain: {
            "folder": base.path,
            "sha256": sha256,
            "adapter": str(version.folder),
            "adapter_sha256": version.sha256,
        }
        for domain, version in (("car", car), ("sleep", sleep))
    }
    assert panel.weights == {
        "car": {"base": {base.path: sha256}, "adapter": {"local/car/v2": car.sha256}},
        "sleep": {"base": {base.path: sha256}, "adapter": {"local/sleep/v1": sleep.sha256}},
    }
    assert panel.train_ids == {"car": {"car-3"}, "sleep": set()}
    experts = build_experts(panel.spec)
    assert isinstance(experts, LoraExperts)
    assert experts.max_new_tokens == 7
    assert experts.identity("car")["adapter"] == car.sha256


def test_every_setting_of_the_experts_reaches_them(base: Weights, adapters: Path) -> None:
    add_adapter(adapters, "car", locate(base).sha256)
    changed: dict[str, Any] = {
        "system_prompt": "Be {domain}.",
        "max_new_tokens": 7,
        "max_question_tokens": 99,
        "batch_size": 3,
        "dtype": "bfloat16",
        "quantization": "nf4",
    }
    ours = {"name", "_target_", "adapters", "use_cache", "models"}
    assert {item.name for item in fields(LocalExperts)} == ours | set(changed)
    experts = build_experts(local_panel(local_experts(base, adapters, **changed), ["car"]).spec)
    assert {name: getattr(experts, name) for name in changed} == changed


def test_going_back_to_a_version_changes_the_panel(base: Weights, adapters: Path) -> None:
    from benchmarks.assets.adapters import Adapters

    config = local_experts(base, adapters)
    first = add_adapter(adapters, "car", locate(base).sha256)
    add_adapter(adapters, "car", locate(base).sha256)
    newest = local_panel(config, ["car"])
    Adapters(adapters).use("local", "car", "v1")
    assert local_panel(config, ["car"]).spec["models"]["car"]["adapter_sha256"] == first.sha256
    assert newest.spec != local_panel(config, ["car"]).spec


def test_each_domain_may_have_a_base_model_of_its_own(tmp_path: Path, base: Weights, adapters: Path) -> None:
    other = base_model(tmp_path / "other", b"other weights")
    add_adapter(adapters, "car", locate(other).sha256)
    add_adapter(adapters, "sleep", locate(base).sha256)
    config = local_experts(base, adapters, models={"default": base, "car": other})
    models = local_panel(config).spec["models"]
    assert (models["car"]["folder"], models["sleep"]["folder"]) == (other.path, base.path)


def test_a_missing_adapter_names_the_domain_and_the_command(base: Weights, adapters: Path) -> None:
    add_adapter(adapters, "car", locate(base).sha256)
    with pytest.raises(BadInput) as caught:
        assemble(local_experts(base, adapters), DOMAINS)
    said = str(caught.value)
    assert "experts=local has no adapter for domain 'sleep'" in said
    assert "`python -m benchmarks train experts=local`" in said
    assert "experts=none" in said
    # An adapter of another configuration is none of this one's.
    with pytest.raises(BadInput, match="experts=llama_phi has no adapter for domain 'car'"):
        assemble(local_experts(base, adapters, name="llama_phi"), DOMAINS)


def test_an_adapter_of_other_base_weights_is_refused(tmp_path: Path, base: Weights, adapters: Path) -> None:
    trained_on = "ab" * 32
    add_adapter(adapters, "car", trained_on)
    with pytest.raises(BadInput) as caught:
        assemble(local_experts(base, adapters), ["car"])
    said = str(caught.value)
    for part in ("adapter local/car/v1", trained_on[:12], base.path, locate(base).sha256[:12]):
        assert part in said
    # The same folder with other weights in it, too.
    add_adapter(adapters, "car", locate(base).sha256)
    assert assemble(local_experts(base, adapters), ["car"])
    base_model(Path(base.path), b"retrained")
    with pytest.raises(BadInput, match="adapter local/car/v2 was trained on"):
        assemble(local_experts(base, adapters), ["car"])


def test_a_domain_without_a_base_model_is_named(base: Weights, adapters: Path) -> None:
    config = local_experts(base, adapters, models={"car": base})
    for domain in DOMAINS:
        add_adapter(adapters, domain, locate(base).sha256)
    with pytest.raises(BadInput, match=r"no base model for domain 'sleep' \(there is: car\)"):
        assemble(config, DOMAINS)


def test_an_endpoint_gets_its_settings_and_no_more() -> None:
    models: dict[str, str | None] = {"car": "c", "sleep": "s"}
    config = OpenAIExperts(base_url="http://localhost/v1", models=models, timeout=3.0, use_cache=False)
    panel = assemble(config, DOMAINS)
    assert panel is not None
    assert (panel.name, panel.use_cache, panel.train_ids) == ("openai", False, {})
    experts = build_experts(panel.spec)
    assert isinstance(experts, Endpoint)
    assert (experts.base_url, experts.models, experts.timeout) == (config.base_url, models, 3.0)


def test_experts_of_ones_own_are_named_by_their_class(tmp_path: Path) -> None:
    config = {"name": "mine", "_target_": "tests.benchmarks.fakes.Diary", "log": "log", "version": 3}
    panel = assemble(config, DOMAINS)
    assert panel is not None
    assert (panel.name, panel.use_cache) == ("mine", True)
    experts = build_experts(panel.spec)
    assert isinstance(experts, Diary)
    assert (experts.log, experts.version) == ("log", 3)
    assert assemble({**config, "use_cache": False}, DOMAINS).use_cache is False  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"_target_": "tests.benchmarks.fakes.Absent"}, "cannot import tests.benchmarks.fakes.Absent"),
        ({"_target_": "no.such.module.Thing"}, "cannot import no.such.module.Thing"),
        ({"_target_": "Diary"}, "cannot import Diary"),
        ({"_target_": "tests.benchmarks.fakes.Even"}, "is not an experts.base.Experts class"),
        ({"_target_": "tests.benchmarks.fakes.REFUSAL"}, "is not an experts.base.Experts class"),
        ({"_target_": "tests.benchmarks.fakes.Diary"}, "missing 1 required positional argument: 'log'"),
        ({"_target_": "tests.benchmarks.fakes.Diary", "log": "", "k": 1}, "unexpected keyword argument 'k'"),
        ({"_target_": "experts.base.Experts"}, "abstract"),
    ],
)
def test_what_is_no_expert_is_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ExpertError, match=said.replace(".", r"\.")):
        build_experts(spec)


Asker = Callable[..., Answered]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def ask(own_cache: Path, log: Path) -> Asker:
    """Ask the diary, by default about cars, and get what it answered."""

    def answers(*questions: str | Request, version: int = 1, use_cache: bool = True) -> Answered:
        spec = {"_target_": "tests.benchmarks.fakes.Diary", "log": str(log), "version": version}
        requests = [Request("car", text) if isinstance(text, str) else text for text in questions]
        return collect(Panel("diary", spec, use_cache), requests, threads=1)

    return answers


def written(log: Path) -> list[str]:
    """What was generated since the last time, sorted."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return sorted(lines)


def texts(found: Answered) -> list[str | None]:
    return [answer.text for answer in found.answers]


def test_what_was_generated_is_not_generated_again(ask: Asker, log: Path, own_cache: Path) -> None:
    first = ask("one", "two")
    assert texts(first) == ["car says one", "car says two"]
    assert written(log) == ["car: one", "car: two"]
    assert (first.from_cache, first.session and first.session["generated"]) == (0, 2)
    assert first.session
    assert first.session["tokens"] == 8
    assert first.session["peak_rss_bytes"] > 10_000_000
    assert first.session["load_seconds"] >= 0

    again = ask("two", "one")
    assert texts(again) == ["car says two", "car says one"]
    assert (again.from_cache, again.session) == (2, None)
    # What an answer took is what it took then.
    assert again.answers[::-1] == first.answers
    assert again.answers[0] == Answer("car says two", tokens=4, seconds=0.5)

    more = ask("one", "three", "two")
    assert texts(more) == ["car says one", "car says three", "car says two"]
    assert written(log) == ["car: three"]
    assert (more.from_cache, more.session and more.session["generated"]) == (2, 1)

    other = ask("one", "two", version=2)
    assert other.from_cache == 0
    assert written(log) == ["car: one", "car: two"]
    assert set(AnswerCache(own_cache / ANSWERS).generated().values()) == {1}


def test_the_same_question_for_others_is_another(ask: Asker, log: Path) -> None:
    asked = [Request("car", "one"), Request("sleep", "one"), Request("car", "one", adapted=False)]
    assert texts(ask(*asked)) == ["car says one", "sleep says one", "car/base says one"]
    assert written(log) == ["car/base: one", "car: one", "sleep: one"]


def test_a_question_that_stands_twice_is_generated_once(ask: Asker, log: Path, own_cache: Path) -> None:
    found = ask("one", "two", "one")
    assert texts(found) == ["car says one", "car says two", "car says one"]
    assert written(log) == ["car: one", "car: two"]
    assert set(AnswerCache(own_cache / ANSWERS).generated().values()) == {1}


def test_any_text_may_be_asked(ask: Asker) -> None:
    odd = ['"quoted"', "a\u2028b", "\x00", "half \ud83d", "half \ud83e", ""]
    said = [f"car says {question}" for question in (*odd[:3], "half ?", "half ?", "")]
    assert texts(ask(*odd)) == said
    again = ask(*odd)
    # What a tokenizer makes the same is still two questions.
    assert (texts(again), again.from_cache) == (said, 6)


def test_a_failure_comes_back_with_its_reason_and_is_tried_again(
    ask: Asker, log: Path, own_cache: Path
) -> None:
    for _ in range(2):
        found = ask("this fails", "this does not")
        assert found.answers[0] == Answer(None, error="the expert is ill", note="it tried")
        assert texts(found) == [None, "car says this does not"]
        assert "car: this fails" in written(log)
    assert found.from_cache == 1
    assert found.session
    assert found.session["generated"] == 0
    assert len(AnswerCache(own_cache / ANSWERS).generated()) == 1


def test_a_domain_without_an_expert_fails_alone(ask: Asker, log: Path) -> None:
    found = ask(Request("unknown", "one"), "one", Request("unknown", "two"))
    assert texts(found) == [None, "car says one", None]
    assert [answer.error for answer in found.answers[::2]] == ["nobody knows that domain"] * 2
    assert written(log) == ["car: one"]
    assert ask(Request("unknown", "one")).session is None


def test_nothing_to_ask_starts_nothing(ask: Asker) -> None:
    assert ask() == Answered([], 0, None)


def test_without_the_cache_everything_is_generated_and_nothing_stays(
    ask: Asker, log: Path, own_cache: Path
) -> None:
    ask("one")
    before = (own_cache / ANSWERS).read_bytes()
    written(log)
    for _ in range(2):
        found = ask("one", "two", use_cache=False)
        assert (texts(found), found.from_cache) == (["car says one", "car says two"], 0)
        assert written(log) == ["car: one", "car: two"]
    assert (own_cache / ANSWERS).read_bytes() == before
    assert [path.name for path in own_cache.iterdir()] == [ANSWERS]


def test_a_cache_that_cannot_be_read_is_rebuilt_or_named(ask: Asker, own_cache: Path) -> None:
    own_cache.mkdir()
    (own_cache / ANSWERS).write_bytes(b"no database" * 100)
    try:
        assert texts(ask("one")) == ["car says one"]
    except BadInput as refused:
        assert ANSWERS in str(refused)  # noqa: PT017 - either will do


def test_what_was_answered_before_a_kill_is_kept(ask: Asker, log: Path, own_cache: Path) -> None:
    # The diary answers the last question first.
    with pytest.raises(WorkerError, match="'answer' was killed by signal 9"):
        ask("zero", "it dies here", "one", "two")
    assert written(log) == ["car: one", "car: two"]
    assert ask("zero", "one", "two").from_cache == 2
    assert written(log) == ["car: zero"]
    assert set(AnswerCache(own_cache / ANSWERS).generated().values()) == {1}


PARENT = """
import sys
from benchmarks.answers.collect import Panel, collect
from experts.base import Request
spec = {"_target_": "tests.benchmarks.fakes.Asleep", "log": sys.argv[1]}
collect(Panel("asleep", spec, use_cache=False), [Request("car", "one")], threads=1)
"""


def runs(pid: int) -> bool:
    """Whether a process does anything; one that has ended may wait for init to take note."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    try:
        return not status.parent.parent.is_dir() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return met


def test_the_worker_ends_when_its_parent_is_killed(tmp_path: Path, log: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(log)]
    worker = None
    with subprocess.Popen(command, cwd=ROOT, env=environment(TMPDIR=str(tmp_path))) as parent:
        try:
            assert wait_until(lambda: log.exists() and bool(log.read_text()), 60), "the worker never began"
            worker = int(log.read_text())
            assert runs(worker)
        finally:
            parent.kill()
    try:
        assert wait_until(lambda: not runs(worker), 2), "the worker outlives its parent"
    finally:
        if runs(worker):
            os.kill(worker, signal.SIGKILL)
