"""The real command line with experts: trained, asked, judged, killed, on a model that trains in seconds."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from rouge_score.rouge_scorer import RougeScorer
from safetensors import safe_open

from benchmarks.answers.cache import AnswerCache
from benchmarks.assets.adapters import Adapters
from tests.benchmarks.helpers import (
    MEASURED_ONCE,
    as_in_a_shell,
    command,
    derby,
    environment,
    in_process,
    json_file,
    json_lines,
    leftovers,
    results,
    without,
)
from tests.conftest import ANSWERS
from tests.experts.servers import closed_port, misbehaving

Done = subprocess.CompletedProcess[str]

DOMAINS = ("auto", "night")
ANSWERED = {"auto": ANSWERS["car"], "night": ANSWERS["sleep"]}
# Enough to learn one answer by heart.
LEARN = (
    *("trainer.steps=60", "trainer.batch_size=8", "trainer.learning_rate=0.02", "trainer.lora_r=8"),
    *("trainer.lora_alpha=32", "trainer.max_tokens=256", "trainer.validation_fraction=0.1"),
    *("trainer.lora_dropout=0", "trainer.target_modules=all-linear", "threads=1"),
)
# The base model never ends its turn, the adapters do.
ANSWERING = ("experts.max_new_tokens=48", "experts.batch_size=1")
# The search for near duplicates would export one into every cache that a test has of its own.
NO_ENCODER = "guard=off"
# Four test questions a domain of twenty, four that overlap; each for two experts and the base model.
TESTED = 12
ASKED = TESTED * 3
POLICIES = ("", "_oracle", "_random", "_always:auto", "_always:night", "_base", "_regret")
MEASURES = ("rouge1", "rouge2", "rougeL")


class Trained(NamedTuple):
    """A folder with one trained adapter a domain, what chooses them, and what training them printed."""

    cwd: Path
    chosen: list[str]
    done: Done


class Judged(NamedTuple):
    """A result folder's content."""

    record: dict[str, Any]
    rows: list[dict[str, Any]]


def on(folder: Path) -> list[str]:
    return ["dataset=files", f"dataset.path={folder}"]


def tiny(model: str) -> list[str]:
    """Overrides that put a small model in the place of the experts' base models."""
    return [
        "weights=hub",
        "~weights.experts.car",
        "~weights.experts.sleep",
        f"+weights.experts.default.path={model}",
    ]


def judged(folder: Path) -> Judged:
    return Judged(json_file(folder / "record.json"), json_lines(folder / "predictions.jsonl"))


def assert_one_line(done: Done, *expected: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    for text in expected:
        assert text in done.stderr


@pytest.fixture(scope="module")
def cache_of_answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(scope="module")
def trained(tiny_chat_llama: str, answered_qna: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    cwd = tmp_path_factory.mktemp("trained")
    chosen = [*tiny(tiny_chat_llama), *on(answered_qna)]
    done = derby("train", "experts=local", *chosen, *LEARN, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return Trained(cwd, chosen, done)


@pytest.fixture
def copied(trained: Trained, tmp_path: Path) -> Path:
    """The trained adapters, the test's own to change."""
    cwd = tmp_path / "copied"
    shutil.copytree(trained.cwd / "adapters", cwd / "adapters")
    return cwd


@pytest.fixture
def no_process() -> Iterator[None]:
    """What is refused is refused before anything is fitted, measured or loaded."""
    with patch("subprocess.Popen", side_effect=AssertionError("a process was started")):
        yield


# Training, versions --------------------------------------------------------------------------


def test_training_says_what_it_took_and_reached(trained: Trained) -> None:
    assert "before → after" in trained.done.stdout
    assert "\x1b" not in trained.done.stdout
    for domain in DOMAINS:
        row = rf"^ +{domain} +v1 +14 +10\.\d+ % of 0 M +(\d\.\d+) → (\d\.\d+) +\d+\.\d +(\d+) *$"
        found = re.search(row, trained.done.stdout, flags=re.MULTILINE)
        assert found, trained.done.stdout
        before, after, megabytes = map(float, found.groups())
        assert after < before
        assert 100 < megabytes < 10_000
        assert f"{domain}: v1 is current, in adapters/local/{domain}/v1\n" in trained.done.stdout
    assert "Traceback" not in trained.done.stderr


def test_training_leaves_whole_versions_and_nothing_else(trained: Trained, tiny_chat_llama: str) -> None:
    assert [path.name for path in trained.cwd.iterdir()] == ["adapters"]
    for domain in DOMAINS:
        folder = trained.cwd / "adapters" / "local" / domain
        assert [path.name for path in folder.iterdir()] == ["v1"]
        files = {path.name for path in (folder / "v1").iterdir()}
        assert files >= {"adapter_config.json", "adapter_model.safetensors", "card.json"}
        with safe_open(folder / "v1" / "adapter_model.safetensors", "pt") as tensors:
            kinds = {str(tensors.get_tensor(name).dtype) for name in tensors.keys()}  # noqa: SIM118
        assert kinds == {"torch.bfloat16"}
        card = json_file(folder / "v1" / "card.json")
        assert card["base"]["source"] == tiny_chat_llama
        assert card["data"]["questions"] == len(card["data"]["train_ids"]) == 16
        assert card["recipe"]["steps"] == len(card["trained"]["losses"]) == 60
        assert {"git", "packages", "fingerprint"} <= set(card)


def test_a_second_training_is_the_next_version_and_the_first_can_be_had_back(
    trained: Trained, copied: Path
) -> None:
    quick = ["domains=[auto]", "trainer.steps=1", "trainer.batch_size=2", "threads=1"]
    done = in_process("train", *trained.chosen, *quick, cwd=copied)
    assert done.returncode == 0, done.stderr
    assert "auto: v2 is current, in adapters/local/auto/v2\n" in done.stdout
    assert "night" not in done.stdout

    listed = in_process("experts", "list", cwd=copied)
    assert (listed.returncode, listed.stderr) == (0, "")
    lines = [line.split()[:4] for line in listed.stdout.splitlines() if line.startswith(" ")]
    assert ["local", "auto", "v2", "*"] in lines
    assert ["local", "night", "v1", "*"] in lines
    assert [line[:3] for line in lines if "*" not in line and line[:2] == ["local", "auto"]] == [
        ["local", "auto", "v1"]
    ]
    current = in_process("experts", "show", "auto", cwd=copied)
    assert json.loads(current.stdout)["version"] == "v2"

    used = in_process("experts", "use", "auto", "v1", cwd=copied)
    assert (used.returncode, used.stdout) == (0, "auto: v1 is current, in adapters/local/auto/v1\n")
    current = in_process("experts", "show", "auto", cwd=copied)
    assert (current.returncode, current.stderr) == (0, "")
    assert json.loads(current.stdout) == {
        "folder": "adapters/local/auto/v1",
        **json_file(copied / "adapters" / "local" / "auto" / "v1" / "card.json"),
    }
    named = in_process("experts", "show", "auto", "v2", cwd=copied)
    assert json.loads(named.stdout)["version"] == "v2"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["use", "auto", "v7"], ["'auto'", "v7", "there is: v1"]),
        (["show", "auto", "v7"], ["'auto'", "v7", "there is: v1"]),
        (["use", "boats", "v1"], ["'boats'", "there is: none"]),
        (["show", "boats"], ["'boats'", "experts list", "train"]),
        (["show", "auto", "--experts", "others"], ["experts=others", "'auto'"]),
    ],
)
def test_an_unknown_version_is_one_line(
    trained: Trained, arguments: Sequence[str], expected: Sequence[str]
) -> None:
    assert_one_line(in_process("experts", *arguments, cwd=trained.cwd), *expected)
    assert {path.name for path in (trained.cwd / "adapters" / "local").iterdir()} == set(DOMAINS)


@pytest.mark.usefixtures("packaged")
def test_a_list_of_nothing_names_the_command(tmp_path: Path) -> None:
    done = in_process("experts", "list", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "no adapters yet: python -m benchmarks train experts=local\n"


UNTRAINABLE = {
    "none": (["experts=none"], ["experts=none", "experts=local"]),
    "openai": (["experts=openai", "experts.base_url=http://127.0.0.1:1/v1"], ["experts=openai"]),
    "domain": (["domains=[nope]"], ["'nope'", "auto, night"]),
    "llama-phi": (["experts=llama_phi", "weights=packaged"], ["weights.experts.car"]),
    "steps": (["trainer.steps=0"], ["trainer.steps=0: must be at least 1"]),
}


@pytest.mark.usefixtures("no_process")
@pytest.mark.parametrize(("arguments", "expected"), UNTRAINABLE.values(), ids=UNTRAINABLE)
def test_what_cannot_be_trained_is_one_line(
    tmp_path: Path, answered_qna: Path, arguments: Sequence[str], expected: Sequence[str]
) -> None:
    assert_one_line(in_process("train", *on(answered_qna), *arguments, cwd=tmp_path), *expected)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_process")
def test_questions_without_answers_train_nothing(tmp_path: Path, shared_qna: Path, trained: Trained) -> None:
    done = in_process("train", *trained.chosen, *on(shared_qna), cwd=tmp_path)
    assert_one_line(done, "'car'", "0 training question(s) with an answer")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    shutil.which("nvidia-smi") is not None, reason="where there is a GPU, Unsloth may be there too"
)
@pytest.mark.usefixtures("no_process")
def test_unsloth_says_what_is_missing(tmp_path: Path, trained: Trained) -> None:
    done = in_process("train", "trainer=unsloth", *trained.chosen, cwd=tmp_path)
    assert_one_line(done, "pip install unsloth", "a CUDA GPU", "trainer=trl")
    assert list(tmp_path.iterdir()) == []


# Runs that are killed, started again, and judged ---------------------------------------------


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    # Nobody may be there to collect the orphans of a container.
    return state != "Z"


def wait_until(happened: Callable[[], object], seconds: float = 60) -> None:
    deadline = monotonic() + seconds
    while not happened():
        assert monotonic() < deadline
        sleep(0.003)


def kill_while_answering(process: subprocess.Popen[str], cache: Path, answered: int) -> None:
    """SIGKILL to `process` alone, once `answered` answers are there; its worker must end by itself."""

    def enough() -> bool:
        assert process.poll() is None, "it was over too soon to be killed"
        return len(AnswerCache(cache / "answers.sqlite").generated()) >= answered

    workers: set[int] = set()
    try:
        wait_until(enough)
        workers = children(process.pid)
    finally:
        process.kill()
        process.wait()
    assert workers
    wait_until(lambda: not any(map(alive, workers)), seconds=10)


class Swept(NamedTuple):
    """A sweep over two routers, after one that was killed while its experts answered."""

    done: Done
    by_router: dict[str, Judged]
    answered_before: int


@pytest.fixture(scope="module")
def swept(trained: Trained, cache_of_answers: Path) -> Swept:
    own = {"ROUTER_DERBY_CACHE": str(cache_of_answers)}
    jobs = ["-m", "router=majority,random", *trained.chosen, *MEASURED_ONCE, *ANSWERING, NO_ENCODER]
    arguments = ["run", *jobs, *without("majority", "random", "tfidf")]
    process = subprocess.Popen(
        command(*arguments),
        cwd=trained.cwd,
        env=environment(**own),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    kill_while_answering(process, cache_of_answers, 16)
    assert results(trained.cwd) == []
    answered_before = len(AnswerCache(cache_of_answers / "answers.sqlite").generated())
    done = derby(*arguments, cwd=trained.cwd, **own)
    assert done.returncode == 0, done.stderr
    found = [judged(path) for path in results(trained.cwd)]
    return Swept(done, {each.record["router"]: each for each in found}, answered_before)


def test_no_answer_is_generated_twice_and_none_is_lost(swept: Swept, cache_of_answers: Path) -> None:
    counts = AnswerCache(cache_of_answers / "answers.sqlite").generated()
    assert len(counts) == ASKED
    assert set(counts.values()) == {1}
    timings = swept.by_router["majority"].record["timings"]["experts"]
    assert swept.answered_before >= 16
    assert timings["from_cache"] == swept.answered_before
    assert timings["session"]["generated"] == ASKED - swept.answered_before
    assert (timings["asked"], timings["unanswered"]) == (ASKED, 0)


def test_a_sweep_pays_once(swept: Swept) -> None:
    timings = swept.by_router["random"].record["timings"]["experts"]
    assert timings == {"asked": ASKED, "from_cache": ASKED, "unanswered": 0, "session": None}
    unscored = {entry["name"]: entry["reason"] for entry in swept.by_router["random"].record["unscored"]}
    assert "cache" in unscored["experts_peak_rss"]


def f1(row: dict[str, Any], expert: str, measure: str) -> float:
    scorer = RougeScorer([measure], use_stemmer=True)
    return float(scorer.score(row["reference"], row["answers"][expert])[measure].fmeasure)


def policy_scores(rows: list[dict[str, Any]], measure: str) -> dict[str, list[float]]:
    """By hand, from the rows of predictions.jsonl and rouge-score alone."""
    by_expert = {name: [f1(row, name, measure) for row in rows] for name in (*DOMAINS, "base")}
    routed, oracle = (
        [by_expert[row[key]][index] for index, row in enumerate(rows)] for key in ("expert", "label")
    )
    return {
        "": routed,
        "_oracle": oracle,
        "_random": [sum(pair) / 2 for pair in zip(*(by_expert[name] for name in DOMAINS), strict=True)],
        "_always:auto": by_expert["auto"],
        "_always:night": by_expert["night"],
        "_base": by_expert["base"],
        "_regret": [right - chosen for right, chosen in zip(oracle, routed, strict=True)],
    }


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("router", ["majority", "random"])
@pytest.mark.parametrize("measure", MEASURES)
def test_rouge_follows_from_the_predictions_alone(swept: Swept, router: str, measure: str) -> None:
    record, rows = swept.by_router[router]
    asked = [row for row in rows if row["label"] is not None]
    parts = {
        "all": asked,
        **{name: [row for row in asked if row["slice"] == name] for name in ("standard", "overlap")},
        **{name: [row for row in asked if row["label"] == name] for name in DOMAINS},
    }
    assert [len(part) for part in parts.values()] == [TESTED, 8, 4, 6, 6]
    found = {(metric["name"], metric["slice"]): metric for metric in record["metrics"]}
    for slice_, part in parts.items():
        for policy, values in policy_scores(part, measure).items():
            metric = found[measure + policy, slice_]
            assert metric["value"] == pytest.approx(mean(values), abs=1e-12), (slice_, policy)
            assert metric["n"] == len(part)
            assert metric["ci_low"] <= metric["value"] + 1e-12
            assert metric["value"] <= metric["ci_high"] + 1e-12
            assert metric["higher_is_better"] == (policy != "_regret")
    for row in asked:
        assert row["expert"] == row["predicted"]
        assert row["answer"] == row["answers"][row["expert"]]
        assert row[measure] == pytest.approx(f1(row, row["expert"], measure), abs=1e-12)


def test_the_right_expert_is_worth_something_here(swept: Swept) -> None:
    # Otherwise the test above would compare zeros.
    record, rows = swept.by_router["majority"]
    found = {metric["name"]: metric["value"] for metric in record["metrics"] if metric["slice"] == "all"}
    assert found["rougeL_oracle"] > 0.6
    assert found["rougeL_regret"] == pytest.approx(found["rougeL_oracle"] - found["rougeL"])
    assert found["rougeL_regret"] > 0.1
    assert found["rougeL_base"] < 0.1
    assert {row["answers"][name] for row in rows if row["label"] for name in DOMAINS} == set(
        ANSWERED.values()
    )
    assert found["answered"] == 1


def test_questions_out_of_scope_are_not_asked(swept: Swept) -> None:
    foreign = [row for row in swept.by_router["random"].rows if row["label"] is None]
    assert len(foreign) == 4
    assert all(row.get("answer") is None and not row.get("answers") for row in foreign)


def test_run_prints_what_the_answers_were_worth(swept: Swept) -> None:
    text = swept.done.stdout
    first = text.partition("Result:")[0]
    for name in ("oracle", "majority", "chance", "always:auto", "always:night", "base"):
        assert re.search(rf"^ +{name}\b.*(\d+\.\d +){{2}}\d+\.\d \[", first, flags=re.MULTILINE), name
    assert "ROUGE-1   ROUGE-2" in first
    assert re.search(
        r"^majority, an answer: \d+\.\d\d s in a batch, \d+ tokens/s; routing ", first, re.MULTILINE
    )
    # The table across routers, at the end.
    last = text.rpartition("Result:")[2]
    for name in ("oracle", "majority", "random"):
        assert re.search(rf"^ +{name}\b.*\[", last, flags=re.MULTILINE), name
    assert "Traceback" not in swept.done.stderr


def test_provenance_names_the_adapters(swept: Swept, trained: Trained, tiny_chat_llama: str) -> None:
    found = swept.by_router["random"].record["provenance"]["experts"]
    for domain in DOMAINS:
        card = json_file(trained.cwd / "adapters" / "local" / domain / "v1" / "card.json")
        assert found[domain] == {
            "base": {tiny_chat_llama: card["base"]["sha256"]},
            "adapter": {f"local/{domain}/v1": card["adapter_sha256"]},
        }


def run_again(trained: Trained, cache: Path, cwd: Path, *changes: str) -> Judged:
    """A run whose answers are all in the cache."""
    if not (cwd / "adapters").exists():
        (cwd / "adapters").symlink_to(trained.cwd / "adapters")
    answering = () if "experts=none" in changes else ANSWERING
    quick = [*MEASURED_ONCE, *answering, NO_ENCODER, *without("majority", "random", "tfidf")]
    arguments = [*trained.chosen, *quick]
    done = in_process("run", *arguments, *changes, cwd=cwd, ROUTER_DERBY_CACHE=str(cache))
    assert done.returncode == 0, done.stderr
    (result,) = results(cwd)
    found = judged(result)
    assert found.record["timings"].get("experts", {"session": None})["session"] is None
    return found


@pytest.mark.usefixtures("swept")
def test_a_second_run_generates_nothing_and_finds_the_same(
    tmp_path: Path, trained: Trained, swept: Swept, cache_of_answers: Path
) -> None:
    again = run_again(trained, cache_of_answers, tmp_path, "router=random")
    first = swept.by_router["random"]
    assert again.rows == first.rows
    by_name = [
        {
            (metric["name"], metric["slice"]): metric
            for metric in each.record["metrics"]
            if metric["name"].startswith(("rouge", "answered", "accuracy", "generation"))
        }
        for each in (first, again)
    ]
    assert len(by_name[0]) > 3 * len(POLICIES)
    assert by_name[0] == by_name[1]


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("fallback", ["abstain", "night"])
def test_the_policy_decides_who_answers(
    tmp_path: Path, trained: Trained, swept: Swept, cache_of_answers: Path, fallback: str
) -> None:
    rows = [row for row in swept.by_router["random"].rows if row["label"]]
    threshold = sorted(row["confidence"] for row in rows)[TESTED // 2]
    chosen = ["router=random", f"policy.threshold={threshold}", f"policy.fallback={fallback}"]
    found = run_again(trained, cache_of_answers, tmp_path, *chosen)
    unsure = [row for row in found.rows if row["label"] and row["confidence"] < threshold]
    assert 0 < len(unsure) < TESTED
    for row in found.rows:
        if row["label"]:
            expected = row["predicted"] if row not in unsure else None if fallback == "abstain" else fallback
            assert row["expert"] == expected
    answered = TESTED - len(unsure) if fallback == "abstain" else TESTED
    metrics = {metric["name"]: metric for metric in found.record["metrics"] if metric["slice"] == "all"}
    assert metrics["rougeL"]["n"] == metrics["rougeL_regret"]["n"] == answered
    assert metrics["answered"]["value"] == pytest.approx(answered / TESTED)
    assert metrics["rougeL_oracle"]["n"] == TESTED
    shown = [row["rougeL"] for row in found.rows if row.get("rougeL") is not None]
    assert metrics["rougeL"]["value"] == pytest.approx(mean(shown))


def test_without_experts_nothing_is_answered(
    tmp_path: Path, trained: Trained, cache_of_answers: Path
) -> None:
    found = run_again(trained, cache_of_answers, tmp_path, "router=majority", "experts=none")
    names = {metric["name"] for metric in found.record["metrics"]}
    assert "accuracy" in names
    assert not [name for name in names if name.startswith(("rouge", "generation", "answered", "experts"))]
    assert "experts" not in found.record["timings"]
    assert not any(row.get("answer") or row.get("answers") for row in found.rows)


# Runs that are refused -----------------------------------------------------------------------


def refused(cwd: Path, *arguments: str) -> Done:
    done = in_process("run", "router=majority", *MEASURED_ONCE, *arguments, cwd=cwd)
    assert leftovers(cwd) == []
    return done


@pytest.mark.usefixtures("no_process")
def test_without_an_adapter_the_domain_and_the_command_are_named(tmp_path: Path, trained: Trained) -> None:
    done = refused(tmp_path, *trained.chosen)
    assert_one_line(done, "'auto'", "`python -m benchmarks train experts=local`", "experts=none")


@pytest.mark.usefixtures("no_process")
def test_foreign_base_weights_are_refused(
    tmp_path: Path, trained: Trained, copied: Path, tiny_chat_llama: str
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_chat_llama, other)
    with (other / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    done = refused(copied, *trained.chosen, f"++weights.experts.default.path={other}")
    assert_one_line(done, "local/auto/v1", tiny_chat_llama, str(other), "experts use")


@pytest.mark.usefixtures("no_process")
def test_an_adapter_that_saw_a_test_question_is_refused(trained: Trained, copied: Path) -> None:
    done = refused(copied, *trained.chosen, "dataset.test_fraction=0.5")
    assert_one_line(done, "'auto'", "test questions", "python -m benchmarks train")


@pytest.mark.usefixtures("no_process")
def test_a_changed_adapter_is_refused(trained: Trained, copied: Path) -> None:
    weights = copied / "adapters" / "local" / "night" / "v1" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert_one_line(refused(copied, *trained.chosen), "local/night/v1", "train it again")


@pytest.mark.usefixtures("no_process")
def test_a_fallback_is_a_rule_or_a_domain(trained: Trained, tmp_path: Path) -> None:
    done = refused(tmp_path, *trained.chosen, "policy.fallback=boats")
    assert_one_line(done, "policy.fallback=boats", "best_guess, abstain, auto, night")


# Ten kills -----------------------------------------------------------------------------------

SLOW = """
import os, time
from pathlib import Path
from experts.base import Answer, Experts

class Slow(Experts):
    def load(self): return self
    def stream(self, request, remark=None): yield ""
    def identity(self, domain, adapted=True): return {"domain": domain}
    def generate(self, requests):
        for row, request in enumerate(requests):
            with open("generated", "a") as file:
                print(request.question, file=file)
            time.sleep(0.02)
            yield [(row, Answer(f"to {request.question}", tokens=1))]
"""
COLLECT = """
from benchmarks.answers.collect import Panel, collect
from experts.base import Request

questions = [f"question {number}" for number in range(COUNT)]
panel = Panel("slow", {"_target_": "slow.Slow"}, True)
found = collect(panel, [Request("car", text) for text in questions], 1)
assert [answer.text for answer in found.answers] == [f"to {text}" for text in questions]
print(found.from_cache)
"""


def test_ten_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    count, kills = 66, 10
    cache = tmp_path / "cache"
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    own = environment(ROUTER_DERBY_CACHE=str(cache), PYTHONPATH=str(tmp_path))
    start = [sys.executable, "-c", COLLECT.replace("COUNT", str(count))]
    stored = []
    for kill in range(kills):
        process = subprocess.Popen(start, cwd=tmp_path, env=own, stderr=subprocess.DEVNULL, text=True)
        # Spread over the answers, and over what happens to each: 0 to 18 of its 20 ms.
        kill_while_answering(process, cache, 6 * kill + 1)
        stored.append(len(AnswerCache(cache / "answers.sqlite").generated()))
        sleep(0.002 * kill)
    assert stored == sorted(set(stored))
    assert stored[-1] < count
    done = subprocess.run(start, cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{stored[-1]}\n"), done.stderr
    counts = AnswerCache(cache / "answers.sqlite").generated()
    assert len(counts) == count
    assert set(counts.values()) == {1}
    # What was not written yet when the kill came is the only work that is done again.
    generated = (tmp_path / "generated").read_text().splitlines()
    assert len(set(generated)) == count
    assert len(generated) <= count + kills


# An endpoint ---------------------------------------------------------------------------------

KEY = "sk-this-must-stay-secret-0123456789"


def through(cwd: Path, data: Path, url: str, *models: str, **changes: str) -> Done:
    """A run on an endpoint, `models` being those of the two domains and base."""
    named = [
        f"{'' if name == 'base' else '+'}experts.models.{name}={model}"
        for name, model in zip((*DOMAINS, "base"), models, strict=True)
    ]
    quick = ["experts=openai", f"experts.base_url={url}", "experts.max_retries=0", "experts.timeout=5"]
    others = [*on(data), *MEASURED_ONCE, NO_ENCODER, "router=random", *without("majority", "random", "tfidf")]
    return in_process("run", *quick, *named, *others, cwd=cwd, OPENAI_API_KEY=KEY, **changes)


def holders(secret: str, *folders: Path) -> list[Path]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if secret.encode() in path.read_bytes()]


def test_an_endpoint_answers_and_hears_the_key_alone(tmp_path: Path, answered_qna: Path) -> None:
    cache = {"ROUTER_DERBY_CACHE": str(tmp_path / "cache")}
    with misbehaving() as server:
        done = through(tmp_path, answered_qna, server.url, "wise", "echo key", "echo key 200", **cache)
    assert done.returncode == 0, done.stderr
    assert {heard["authorization"] for heard in server.headers} == {f"Bearer {KEY}"}
    (result,) = results(tmp_path)
    record, rows = judged(result)
    asked = [row for row in rows if row["label"]]
    for row in asked:
        assert row["answers"] == {"auto": f"wise: {row['query']}", "night": None, "base": None}
        assert "HTTP 401" in row["notes"]["night"]
        assert "not JSON" in row["notes"]["base"]
        assert (row["rougeL"] is None) == (row["expert"] == "night")
    assert record["timings"]["experts"]["unanswered"] == 2 * TESTED
    metrics = {metric["name"]: metric for metric in record["metrics"] if metric["slice"] == "all"}
    to_auto = [row for row in asked if row["expert"] == "auto"]
    assert 0 < len(to_auto) < TESTED
    assert metrics["rougeL"]["n"] == len(to_auto)
    assert metrics["answered"]["value"] == pytest.approx(len(to_auto) / TESTED)
    assert f"random: {TESTED - len(to_auto)} of {TESTED} answers are missing" in done.stdout
    unscored = {entry["name"]: entry["reason"] for entry in record["unscored"] if entry["slice"] == "all"}
    assert "no answer" in unscored["rougeL_base"]
    assert holders(KEY, tmp_path) == []
    assert KEY not in done.stdout + done.stderr


def test_an_endpoint_that_is_down_stops_no_run(tmp_path: Path, answered_qna: Path) -> None:
    cache = {"ROUTER_DERBY_CACHE": str(tmp_path / "cache")}
    url = f"http://127.0.0.1:{closed_port()}/v1"
    done = through(tmp_path, answered_qna, url, *DOMAINS, "base", **cache)
    assert done.returncode == 0, done.stderr
    assert f"{ASKED} of {ASKED} answers are missing, the first because: cannot connect" in done.stderr
    assert f"{TESTED} of {TESTED} answers are missing" in done.stdout
    (result,) = results(tmp_path)
    record, rows = judged(result)
    assert all("cannot connect" in row["notes"][row["expert"]] for row in rows if row["label"])
    assert {metric["name"] for metric in record["metrics"]} >= {"accuracy", "answered"}
    unscored = {entry["name"]: entry["reason"] for entry in record["unscored"] if entry["slice"] == "all"}
    assert all("cannot connect" in unscored[measure] for measure in MEASURES)
    # A failure is not remembered.
    assert AnswerCache(tmp_path / "cache" / "answers.sqlite").generated() == {}


@pytest.mark.usefixtures("no_process")
def test_an_address_with_a_password_is_refused_and_not_repeated(tmp_path: Path, answered_qna: Path) -> None:
    done = through(tmp_path, answered_qna, "http://me:hunter2@127.0.0.1:1/v1", *DOMAINS, "base")
    assert_one_line(done, "experts.base_url", "OPENAI_API_KEY")
    assert "hunter2" not in done.stderr
    assert leftovers(tmp_path) == []


# Asking --------------------------------------------------------------------------------------

AUTO_DOMAIN = "domain: auto   confidence: 0.50"


@pytest.fixture(scope="module")
def ask(trained: Trained, cache_of_answers: Path) -> Callable[..., Done]:
    def asked(
        *arguments: str, stdin: str = "", experts: Sequence[str] = ("experts.max_new_tokens=32",)
    ) -> Done:
        chosen = ["router=majority", *trained.chosen, *experts]
        own = {"ROUTER_DERBY_CACHE": str(cache_of_answers)}
        return in_process("ask", *chosen, *arguments, cwd=trained.cwd, stdin=stdin, **own)

    return asked


def replies(done: Done) -> list[dict[str, Any]]:
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_typed_questions_are_answered_one_after_the_other(ask: Callable[..., Done]) -> None:
    done = ask("How do I change my car's oil?", "Is 1+1=2, or a = b?")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{AUTO_DOMAIN}\n{ANSWERED['auto']}\n" * 2


def test_the_router_chooses_who_answers(ask: Callable[..., Done]) -> None:
    done = ask("Why does my engine shake?", "How many hours of sleep do I need?", "router=tfidf")
    lines = done.stdout.splitlines()
    assert lines[1::2] == [ANSWERED["auto"], ANSWERED["night"]]
    for line, domain in zip(lines[::2], DOMAINS, strict=True):
        found = re.fullmatch(rf"domain: {domain}   confidence: (0\.\d\d|1\.00)", line)
        assert found, line
        assert float(found[1]) > 0.5


def test_a_file_a_dash_and_a_pipe_give_one_json_object_a_line(
    ask: Callable[..., Done], tmp_path: Path
) -> None:
    text = "Is my tyre flat?\n\n  Why does the engine cough?  \r\nÖl?\n"
    file = tmp_path / "questions.txt"
    file.write_text(text, encoding="utf-8")
    found = ask(f"input={file}", "router=majority")
    assert replies(found) == [
        {
            **{"query": query, "domain": "auto", "confidence": 0.5},
            **{"answer": ANSWERED["auto"], "error": None, "note": None},
        }
        for query in ("Is my tyre flat?", "Why does the engine cough?", "Öl?")
    ]
    assert ask("-", stdin=text).stdout == ask(stdin=text).stdout == found.stdout


def test_a_very_long_question_is_cut_and_said_so(ask: Callable[..., Done]) -> None:
    question = "why does my car shake " * 4546
    assert len(question) > 100_000
    typed, piped = ask(question), ask(stdin=question)
    assert typed.returncode == 0
    note = re.fullmatch(r"note: (question cut from \d{5,} to \d+ tokens)\n", typed.stderr)
    assert note, typed.stderr
    assert typed.stdout.startswith(f"{AUTO_DOMAIN}\n")
    assert typed.stdout.count("\n") == 2
    (reply,) = replies(piped)
    assert (reply["note"], reply["query"]) == (note[1], question.strip())
    assert reply["answer"]


@pytest.mark.parametrize(
    ("fallback", "shown", "reply"),
    [
        (
            "abstain",
            "domain: none (abstained)   confidence: 0.50   best guess: auto\n",
            {"domain": None, "answer": None},
        ),
        (
            "night",
            f"domain: night   confidence: 0.50   best guess: auto\n{ANSWERED['night']}\n",
            {"domain": "night", "answer": ANSWERED["night"]},
        ),
        (
            "best_guess",
            f"{AUTO_DOMAIN}\n{ANSWERED['auto']}\n",
            {"domain": "auto", "answer": ANSWERED["auto"]},
        ),
    ],
)
def test_an_unsure_router_follows_the_policy(
    ask: Callable[..., Done], fallback: str, shown: str, reply: dict[str, Any]
) -> None:
    policy = ["policy.threshold=0.6", f"policy.fallback={fallback}"]
    done = ask("Is it the brakes?", *policy)
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")
    (found,) = replies(ask(*policy, stdin="Is it the brakes?"))
    expected = {"query": "Is it the brakes?", "confidence": 0.5, "error": None, "note": None, **reply}
    assert found == expected


def test_without_experts_the_question_is_only_routed(ask: Callable[..., Done]) -> None:
    none = ["experts=none"]
    done = ask("Is it the brakes?", experts=none)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{AUTO_DOMAIN}\n", "")
    (found,) = replies(ask(stdin="Is it the brakes?", experts=none))
    assert (found["domain"], found["answer"], found["error"]) == ("auto", None, None)


def test_a_question_that_fails_stops_no_other(answered_qna: Path, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/v1"
    chosen = ["experts=openai", f"experts.base_url={url}", "experts.max_retries=0"]
    chosen += ["+experts.models.auto=a", "+experts.models.night=n"]
    arguments = ["ask", "router=majority", *on(answered_qna), *chosen]
    found = replies(in_process(*arguments, cwd=tmp_path, stdin="One?\nTwo?"))
    assert [reply["answer"] for reply in found] == [None, None]
    assert all(reply["error"].startswith("cannot connect") for reply in found)
    typed = in_process(*arguments, "One?", cwd=tmp_path)
    assert (typed.returncode, typed.stdout) == (2, f"{AUTO_DOMAIN}\n")
    assert typed.stderr.startswith("error: cannot connect")
    assert typed.stderr.count("\n") == 1


NO_QUESTION = {
    "empty": ([""], "", ["the question is empty"]),
    "blank-among-others": (["One?", " \t"], "", ["the question is empty"]),
    "both": (["One?", "input=x"], "", ["not both"]),
    "absent": (["input=absent"], "", ["input=absent cannot be read"]),
    "folder": (["input=."], "", ["input=. cannot be read"]),
    "empty-input": (["-"], " \n\n", ["no question", "one a line"]),
    "fallback": (["One?", "policy.fallback=boats"], "", ["policy.fallback=boats", "best_guess"]),
    "threshold": (["One?", "policy.threshold=2"], "", ["policy.threshold=2", "[0, 1]"]),
    "key": (["One?", "router.kk=2"], "", ["router.kk"]),
}


@pytest.mark.usefixtures("no_process")
@pytest.mark.parametrize(("arguments", "stdin", "expected"), NO_QUESTION.values(), ids=NO_QUESTION)
def test_what_is_no_question_is_one_line(
    ask: Callable[..., Done], arguments: Sequence[str], stdin: str, expected: Sequence[str]
) -> None:
    assert_one_line(ask(*arguments, stdin=stdin), *expected)


@pytest.mark.usefixtures("no_process")
@pytest.mark.parametrize(("content", "expected"), [(b"", "no question"), (b"a\xffb\n", "cannot be read")])
def test_an_unusable_file_is_one_line(
    ask: Callable[..., Done], tmp_path: Path, content: bytes, expected: str
) -> None:
    file = tmp_path / "questions.txt"
    file.write_bytes(content)
    assert_one_line(ask(f"input={file}"), f"input={file}", expected)


@pytest.mark.usefixtures("no_process")
def test_no_adapter_is_one_line_before_the_router_is_fitted(trained: Trained, tmp_path: Path) -> None:
    done = in_process("ask", "One?", "router=majority", *trained.chosen, cwd=tmp_path)
    assert_one_line(done, "'auto'", "python -m benchmarks train")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_answering_is_one_word(trained: Trained, cache_of_answers: Path) -> None:
    questions = [f"Is part {number} of my car worn out?" for number in range(200)]
    chosen = ["router=majority", *trained.chosen, "experts.max_new_tokens=32"]
    with subprocess.Popen(
        command("ask", *chosen, *questions),
        cwd=trained.cwd,
        env=environment(ROUTER_DERBY_CACHE=str(cache_of_answers)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=as_in_a_shell,
    ) as process:
        assert process.stdout is not None
        try:
            # While the third is written.
            for _ in range(5):
                last = process.stdout.readline()
            assert last == f"{AUTO_DOMAIN}\n"
            os.killpg(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, errors) == (-signal.SIGINT, "interrupted\n")


def test_a_reader_that_leaves_is_no_error(answered_qna: Path, tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text("Is it the brakes?\n" * 5000, encoding="utf-8")
    chosen = ["router=majority", *on(answered_qna), "experts=none", "input=many.txt"]
    with subprocess.Popen(
        command("ask", *chosen), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["domain"] == "auto"
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


def test_the_versions_that_were_used_are_still_the_first(trained: Trained) -> None:
    # Nothing above may have changed what every test shares.
    adapters = Adapters(trained.cwd / "adapters")
    assert [len(adapters.versions("local", domain)) for domain in DOMAINS] == [1, 1]
