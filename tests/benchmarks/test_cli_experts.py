"""The command line with experts: trained, asked, evaluated, on a model that trains in seconds."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rouge_score.rouge_scorer import RougeScorer
from safetensors import safe_open

from benchmarks.answers.cache import AnswerCache
from tests.benchmarks.helpers import (
    MEASURED_ONCE,
    NoWorkers,
    in_process,
    json_file,
    json_lines,
    leftovers,
    results,
    started,
    without,
)
from tests.conftest import ANSWERS
from tests.experts.servers import closed_port, misbehaving

Done = subprocess.CompletedProcess[str]
# What trains, generates and answers takes long, also where no process is started.
pytestmark = pytest.mark.process

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
    """A result folder and its content."""

    folder: Path
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
    return Judged(folder, json_file(folder / "record.json"), json_lines(folder / "predictions.jsonl"))


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
    done = in_process("train", "experts=local", *chosen, *LEARN, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return Trained(cwd, chosen, done)


@pytest.fixture
def copied(trained: Trained, tmp_path: Path) -> Path:
    """The trained adapters, the test's own to change."""
    cwd = tmp_path / "copied"
    shutil.copytree(trained.cwd / "adapters", cwd / "adapters")
    return cwd


# Training, versions --------------------------------------------------------------------------


def test_training_says_what_it_took_and_reached(trained: Trained) -> None:
    assert "\x1b" not in trained.done.stdout
    assert "Traceback" not in trained.done.stderr
    for domain in DOMAINS:
        assert re.search(rf"^ *{domain} +v1 +14 ", trained.done.stdout, flags=re.MULTILINE), (
            trained.done.stdout
        )
        assert f"{domain}: v1 is current, in adapters/local/{domain}/v1\n" in trained.done.stdout
        figures = json_file(trained.cwd / "adapters" / "local" / domain / "v1" / "card.json")["trained"]
        assert figures["validation_loss_after"] < figures["validation_loss_before"]


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
        assert card["base"]["source"] == Path(tiny_chat_llama).name
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
    lines = [line.split()[:2] for line in listed.stdout.splitlines()]
    assert ["local/auto/v2", "yes"] in lines
    assert ["local/night/v1", "yes"] in lines
    assert [line[0] for line in lines if line[:1] == ["local/auto/v1"]]
    assert ["local/auto/v1", "yes"] not in lines
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
        (["show", "boats"], ["'boats'", "experts list", "train"]),
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
    "domain": (["domains=[nope]"], ["'nope'", "auto, night"]),
}


@pytest.mark.parametrize(("arguments", "expected"), UNTRAINABLE.values(), ids=UNTRAINABLE)
def test_what_cannot_be_trained_is_one_line(
    tmp_path: Path, answered_qna: Path, arguments: Sequence[str], expected: Sequence[str]
) -> None:
    done = in_process("train", *on(answered_qna), *arguments, cwd=tmp_path, workers=NoWorkers())
    assert_one_line(done, *expected)
    assert list(tmp_path.iterdir()) == []


# Runs that are judged ------------------------------------------------------------------------


class Swept(NamedTuple):
    """A sweep over two routers whose experts answer."""

    done: Done
    by_router: dict[str, Judged]


@pytest.fixture(scope="module")
def swept(trained: Trained, cache_of_answers: Path) -> Swept:
    jobs = ["-m", "router=majority,random", *trained.chosen, *MEASURED_ONCE, *ANSWERING, NO_ENCODER]
    arguments = [*jobs, *without("majority", "random", "tfidf")]
    done = in_process("run", *arguments, cwd=trained.cwd, ROUTER_DERBY_CACHE=str(cache_of_answers))
    assert done.returncode == 0, done.stderr
    found = [judged(path) for path in results(trained.cwd)]
    return Swept(done, {each.record["router"]: each for each in found})


def test_no_answer_is_generated_twice(swept: Swept, cache_of_answers: Path) -> None:
    counts = AnswerCache(cache_of_answers / "answers.sqlite").generated()
    assert len(counts) == ASKED
    assert set(counts.values()) == {1}
    first, second = (swept.by_router[name].record["timings"]["experts"] for name in ("majority", "random"))
    assert (first["asked"], first["from_cache"], first["unanswered"]) == (ASKED, 0, 0)
    assert first["session"]["generated"] == ASKED
    assert second == {"asked": ASKED, "from_cache": ASKED, "unanswered": 0}
    reasons = {entry["name"]: entry["reason"] for entry in swept.by_router["random"].record["unscored"]}
    assert reasons["experts_peak_rss"] == "answers_cached"


def f1(row: dict[str, Any], expert: str, measure: str) -> float:
    scorer = RougeScorer([measure], use_stemmer=True)
    return float(scorer.score(row["reference"], row["answers"][expert])[measure].fmeasure)


def policy_scores(rows: list[dict[str, Any]], measure: str) -> dict[str, list[float]]:
    """By hand, from the rows of predictions.jsonl and rouge-score alone."""
    by_expert = {name: [f1(row, name, measure) for row in rows] for name in (*DOMAINS, "base")}
    oracle = [by_expert[row["label"]][index] for index, row in enumerate(rows)]
    # The router draws: each expert counts as often as it would be asked.
    routed = [
        sum(chance * by_expert[name][index] for name, chance in row["chances"].items())
        for index, row in enumerate(rows)
    ]
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


@pytest.mark.parametrize("measure", MEASURES)
def test_rouge_follows_from_the_predictions_alone(swept: Swept, measure: str) -> None:
    _, record, rows = swept.by_router["random"]
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
        assert row[measure] == pytest.approx(policy_scores([row], measure)[""][0], abs=1e-12)


def test_the_right_expert_is_worth_something_here(swept: Swept) -> None:
    # Otherwise the test above would compare zeros.
    _, record, rows = swept.by_router["majority"]
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


def test_provenance_names_the_adapters(swept: Swept, trained: Trained, tiny_chat_llama: str) -> None:
    found = swept.by_router["random"].record["provenance"]["experts"]
    for domain in DOMAINS:
        card = json_file(trained.cwd / "adapters" / "local" / domain / "v1" / "card.json")
        assert found[domain] == {
            "base": {Path(tiny_chat_llama).name: card["base"]["sha256"]},
            "adapter": {f"local/{domain}/v1": card["adapter_sha256"]},
        }


def run_again(trained: Trained, cache: Path, cwd: Path, *changes: str) -> Judged:
    """A run whose answers are all in the cache."""
    if not (cwd / "adapters").exists():
        (cwd / "adapters").symlink_to(trained.cwd / "adapters")
    quick = [
        *MEASURED_ONCE,
        "measure.enabled=false",
        *ANSWERING,
        NO_ENCODER,
        *without("majority", "random", "tfidf"),
    ]
    arguments = [*trained.chosen, *quick]
    done = in_process("run", *arguments, *changes, cwd=cwd, ROUTER_DERBY_CACHE=str(cache))
    assert done.returncode == 0, done.stderr
    (result,) = results(cwd)
    found = judged(result)
    assert "session" not in found.record["timings"].get("experts", {})
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
def test_the_policy_decides_who_answers(
    tmp_path: Path, trained: Trained, swept: Swept, cache_of_answers: Path
) -> None:
    rows = [row for row in swept.by_router["random"].rows if row["label"]]
    threshold = sorted(row["confidence"] for row in rows)[TESTED // 2]
    chosen = ["router=random", f"policy.threshold={threshold}", "policy.fallback=abstain"]
    found = run_again(trained, cache_of_answers, tmp_path, *chosen)
    unsure = [row for row in found.rows if row["label"] and row["confidence"] < threshold]
    assert 0 < len(unsure) < TESTED
    for row in found.rows:
        if row["label"]:
            assert row["expert"] == (None if row in unsure else row["predicted"])
    answered = TESTED - len(unsure)
    metrics = {metric["name"]: metric for metric in found.record["metrics"] if metric["slice"] == "all"}
    for name in ("rougeL", "rougeL_regret", "rougeL_oracle"):
        assert metrics[name]["n"] == TESTED
    assert metrics["answered"]["value"] == pytest.approx(answered / TESTED)
    # A question that nobody answered counts as 0.
    shown = [0.0 if row in unsure else row["rougeL"] for row in found.rows if row["label"]]
    assert metrics["rougeL"]["value"] == pytest.approx(mean(shown))


# Runs that are refused -----------------------------------------------------------------------


def test_a_changed_adapter_is_refused(trained: Trained, copied: Path) -> None:
    weights = copied / "adapters" / "local" / "night" / "v1" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    arguments = ("router=majority", *trained.chosen)
    done = in_process("run", *arguments, cwd=copied, workers=NoWorkers())
    assert_one_line(done, "local/night/v1", "train it again")
    assert leftovers(copied) == []


# An endpoint ---------------------------------------------------------------------------------

KEY = "sk-this-must-stay-secret-0123456789"


def through(cwd: Path, data: Path, url: str, *models: str, **changes: str) -> Done:
    """A run on an endpoint, `models` being those of the two domains and base."""
    named = [
        f"{'' if name == 'base' else '+'}experts.models.{name}={model}"
        for name, model in zip((*DOMAINS, "base"), models, strict=True)
    ]
    quick = ["experts=openai", f"experts.base_url={url}", "experts.max_retries=0", "experts.timeout=5"]
    others = [*on(data), *MEASURED_ONCE, NO_ENCODER, "measure.enabled=false", "router=tfidf", "~baselines"]
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
    _, record, rows = judged(result)
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
    unscored = {entry["name"]: entry["reason"] for entry in record["unscored"] if entry["slice"] == "all"}
    assert unscored["rougeL_base"] == "no_answer"
    assert holders(KEY, tmp_path) == []
    assert KEY not in done.stdout + done.stderr


def test_an_endpoint_that_is_down_stops_no_run(tmp_path: Path, answered_qna: Path) -> None:
    cache = {"ROUTER_DERBY_CACHE": str(tmp_path / "cache")}
    url = f"http://127.0.0.1:{closed_port()}/v1"
    done = through(tmp_path, answered_qna, url, *DOMAINS, "base", **cache)
    assert done.returncode == 0, done.stderr
    assert f"{ASKED} of {ASKED} answers are missing, the first because: cannot connect" in done.stderr
    (result,) = results(tmp_path)
    _, record, rows = judged(result)
    assert all("cannot connect" in row["notes"][row["expert"]] for row in rows if row["label"])
    assert {metric["name"] for metric in record["metrics"]} >= {"accuracy", "answered"}
    unscored = {entry["name"]: entry["details"] for entry in record["unscored"] if entry["slice"] == "all"}
    assert all("cannot connect" in unscored[measure]["error"] for measure in MEASURES)
    # A failure is not remembered.
    assert AnswerCache(tmp_path / "cache" / "answers.sqlite").generated() == {}


def test_an_address_with_a_password_is_refused_and_not_repeated(tmp_path: Path, answered_qna: Path) -> None:
    done = through(tmp_path, answered_qna, "http://me:hunter2@127.0.0.1:1/v1", *DOMAINS, "base")
    assert_one_line(done, "experts.base_url", "OPENAI_API_KEY")
    assert "hunter2" not in done.stderr
    assert leftovers(tmp_path) == []


# Asking --------------------------------------------------------------------------------------

AUTO_DOMAIN = "domain: auto   confidence: 0.50"


@pytest.fixture(scope="module")
def ask(trained: Trained, swept: Swept, cache_of_answers: Path) -> Callable[..., Done]:
    """Ask the router and the experts that a run kept: nothing is fitted."""
    kept = f"run={swept.by_router['majority'].folder}"

    def asked(*arguments: str, stdin: str = "") -> Done:
        # It knows where the weights of the base model lie.
        own = {"ROUTER_DERBY_CACHE": str(cache_of_answers)}
        return in_process("ask", kept, *arguments, cwd=trained.cwd, stdin=stdin, workers=NoWorkers(), **own)

    return asked


def replies(done: Done) -> list[dict[str, Any]]:
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_typed_questions_are_answered_one_after_the_other(ask: Callable[..., Done]) -> None:
    done = ask("How do I change my car's oil?", "Is 1+1=2, or a = b?")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{AUTO_DOMAIN}\n{ANSWERED['auto']}\n" * 2


def test_a_router_that_is_fitted_chooses_who_answers_or_abstains(
    trained: Trained, swept: Swept, cache_of_answers: Path
) -> None:
    chosen = ["router=tfidf", *trained.chosen, *ANSWERING, "policy.threshold=0.6", "policy.fallback=abstain"]
    questions = ("Why does my engine shake?", "How many hours of sleep do I need?", "Peru?")
    # Where the run has left its graph of the model.
    own = {"ROUTER_DERBY_CACHE": str(cache_of_answers)}
    done = in_process("ask", *chosen, *questions, cwd=trained.cwd, **own)
    assert (done.returncode, done.stderr) == (0, "")
    auto, wrench, night, sheep, nobody = done.stdout.splitlines()
    assert (wrench, sheep) == (ANSWERED["auto"], ANSWERED["night"])
    for line, domain in ((auto, "auto"), (night, "night")):
        found = re.fullmatch(rf"domain: {domain}   confidence: (0\.\d\d|1\.00)", line)
        assert found, line
        assert float(found[1]) > 0.6
    assert re.fullmatch(r"domain: none \(abstained\)   confidence: 0\.\d\d   best guess: \w+", nobody)


def test_a_file_a_dash_and_a_pipe_give_one_json_object_a_line(
    ask: Callable[..., Done], tmp_path: Path
) -> None:
    text = "Is my tyre flat?\n\n  Why does the engine cough?  \r\nÖl?\n"
    file = tmp_path / "questions.txt"
    file.write_text(text, encoding="utf-8")
    found = ask(f"input={file}")
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


NO_QUESTION = {
    "empty": ([""], "", ["the question is empty"]),
    "both": (["One?", "input=x"], "", ["not both"]),
    "absent": (["input=absent"], "", ["input=absent cannot be read"]),
    "empty-input": (["-"], " \n\n", ["no question", "one a line"]),
}


@pytest.mark.parametrize(("arguments", "stdin", "expected"), NO_QUESTION.values(), ids=NO_QUESTION)
def test_what_is_no_question_is_one_line(
    ask: Callable[..., Done], arguments: Sequence[str], stdin: str, expected: Sequence[str]
) -> None:
    assert_one_line(ask(*arguments, stdin=stdin), *expected)


def test_no_adapter_is_one_line_before_the_router_is_fitted(trained: Trained, tmp_path: Path) -> None:
    arguments = ("One?", "router=majority", *trained.chosen)
    done = in_process("ask", *arguments, cwd=tmp_path, workers=NoWorkers())
    assert_one_line(done, "'auto'", "python -m benchmarks train")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.signals
def test_an_interrupt_while_answering_is_one_word(
    tiny_chat_llama: str, answered_qna: Path, cache_of_answers: Path, tmp_path: Path
) -> None:
    settings = [*tiny(tiny_chat_llama), *on(answered_qna)]
    # What they say is nothing to this test, which runs alone.
    assert in_process("train", *settings, *LEARN, "trainer.steps=1", cwd=tmp_path).returncode == 0
    questions = [f"Is part {number} of my car worn out?" for number in range(200)]
    chosen = ["router=majority", *settings, "experts.max_new_tokens=32"]
    own = {"ROUTER_DERBY_CACHE": str(cache_of_answers)}
    # The first question of all writes the model's graph, and says so.
    assert in_process("ask", *chosen, questions[0], cwd=tmp_path, **own).returncode == 0
    with started("ask", *chosen, *questions, cwd=tmp_path, **own) as process:
        assert process.stdout is not None
        try:
            # While the third is written.
            for _ in range(5):
                last = process.stdout.readline()
            assert last == f"{AUTO_DOMAIN}\n"
            os.killpg(process.pid, signal.SIGINT)
            _, errors = process.communicate()
        finally:
            process.kill()
    assert (process.returncode, errors) == (-signal.SIGINT, "interrupted\n")


def test_a_reader_that_leaves_is_no_error(answered_qna: Path, tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text("Is it the brakes?\n" * 5000, encoding="utf-8")
    chosen = ["router=majority", *on(answered_qna), "experts=none", "input=many.txt"]
    with started("ask", *chosen, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["domain"] == "auto"
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors
