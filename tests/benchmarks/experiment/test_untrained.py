"""`weights=untrained` as a user runs it, at tiny sizes: speed and memory, and no word on quality."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.verify.verify import verify
from reports.reasons import Reason
from reports.record import Record
from reports.record_files import read_record, read_result
from routers.encoder import SentenceEncoder
from tests.benchmarks.helpers import FAST, MEASURED_ONCE, in_process, json_file, json_lines, results

pytestmark = pytest.mark.slow

ENCODER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
CLASSIFIER = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 900,
}
# Whatever says how often a router was right.
QUALITY = ("accuracy", "macro_f1", "ece", "brier", "aurc", "precision", "recall", "out_of_scope_auroc")


@pytest.fixture(scope="module")
def sizes(tiny_llama: str) -> list[str]:
    """Overrides that make every model tiny."""
    return [
        "weights=untrained",
        "encoder=bge_base_untrained",
        *(f"encoder.model.untrained.config.{name}={value}" for name, value in ENCODER.items()),
        *(f"weights.classifier.untrained.config.{name}={value}" for name, value in CLASSIFIER.items()),
        f"weights.classifier.untrained.tokenizer={{path:{tiny_llama}}}",
    ]


@pytest.fixture(scope="module")
def data(shared_qna: Path) -> list[str]:
    return ["dataset=files", f"dataset.path={shared_qna}"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sizes: list[str], data: list[str]) -> Path:
    """Where a run and a comparison of untrained routers were made."""
    folder = tmp_path_factory.mktemp("untrained")
    ran = in_process("run", "router=knn", *sizes, *FAST, *data, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    (folder / "run.txt").write_text(ran.stdout, encoding="utf-8")
    (folder / "run_errors.txt").write_text(ran.stderr, encoding="utf-8")
    routers = "compare.routers=[knn,tinyllama]"
    compared = in_process("compare", routers, *sizes, *FAST, *data, cwd=folder)
    assert compared.returncode == 0, compared.stderr
    (folder / "compare.txt").write_text(compared.stdout, encoding="utf-8")
    return folder


def record_of(home: Path) -> Record:
    return read_record(results(home)[0])


def report_of(home: Path, verb: str = "compare") -> Path:
    return max((home / "outputs" / verb).glob("*/report.json")).parent


def test_every_quality_metric_is_unscored_with_its_reason(home: Path) -> None:
    record = record_of(home)
    names = {metric.name for metric in record.metrics}
    assert not any(name.startswith(QUALITY) for name in names)
    assert {"latency_p50", "peak_rss", "weights_size", "index_size", "throughput", "train_time"} <= names
    reasons = {one.name: one for one in record.unscored}
    for name in QUALITY:
        assert reasons[name].reason == Reason.UNTRAINED_WEIGHTS
        assert "BAAI/bge-base-en-v1.5 (untrained) has random values" in reasons[name].sentence
    assert record.derivation.untrained == ["BAAI/bge-base-en-v1.5 (untrained)"]
    assert not record.is_scored
    assert record.comparisons == []
    assert record.confusion_matrix.rows_true_columns_predicted == []
    assert (record.curves.reliability, record.curves.risk_coverage) == ([], {})


def test_baselines_read_no_weights_and_are_scored(home: Path) -> None:
    assert read_record(results(home)[0] / "baselines" / "tfidf").metric("accuracy") is not None
    record = read_record(report_of(home) / "results" / "tfidf")
    assert record.is_scored
    assert {one.other for one in record.comparisons} == {"majority", "random"}


def test_a_record_of_trained_weights_says_nothing_of_it(home: Path) -> None:
    content = json_file(results(home)[0] / "baselines" / "tfidf" / "record.json")
    assert "untrained" not in content["derivation"]
    assert "training_skipped" not in content["timings"]["trained"]


def test_weights_and_their_checksum_are_recorded(home: Path) -> None:
    record = record_of(home)
    assert set(record.provenance.weights.configured) == {"BAAI/bge-base-en-v1.5 (untrained)"}
    (sha256,) = record.provenance.weights.configured.values()
    assert record.provenance.weights.loaded == {"encoder": sha256}


def test_the_output_has_no_figure_of_quality_for_it(home: Path) -> None:
    said = (home / "run.txt").read_text(encoding="utf-8")
    assert "Quality is not scored: BAAI/bge-base-en-v1.5 (untrained) has random values" in said
    (headline,) = [line for line in said.splitlines() if line.startswith("knn on ")]
    assert re.fullmatch(r"knn on files: latency [\d.,]+ ms, peak memory [\d.,]+ MB", headline)
    assert "against the others" not in said
    assert "where it sent the questions" not in said
    # Nobody should serve it.
    assert "Put it to work" not in said
    (row,) = [line.split() for line in said.splitlines() if line.startswith("knn ")][:1]
    assert row[1] == "–"


def test_verify_accepts_the_records(home: Path) -> None:
    done = in_process("verify", "outputs/run/*", "outputs/compare/*", cwd=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(" follow from the predictions") == 4 + 5


def test_verify_names_a_quality_that_was_written_into_it(home: Path) -> None:
    from dataclasses import replace

    from reports.record import Metric

    whole = read_result(results(home)[0])
    claimed = Metric("accuracy", 0.9, "fraction", True, "all", 8, 0.8, 0.95)
    record = replace(whole.record, metrics=[*whole.record.metrics, claimed])
    (found,) = verify(replace(whole, record=record)).differences
    assert (found.metric, found.recorded, found.derived) == ("accuracy", 0.9, None)


@pytest.mark.parametrize("name", ["report.md", "report.json", "report.html"])
def test_a_report_recommends_nobody(home: Path, name: str) -> None:
    text = (report_of(home) / name).read_text(encoding="utf-8")
    assert "No router is recommended: knn and tinyllama ran on untrained weights" in text
    assert "Take " not in text


def test_a_report_has_speed_and_memory_and_no_quality(home: Path) -> None:
    content = json_file(report_of(home) / "report.json")
    assert content["recommendation"]["router"] is None
    assert [one["code"] for one in content["notices"]].count("untrained") == 1
    rows = {row["name"]: row["cells"] for row in content["comparison"]["rows"]}
    for router in ("knn", "tinyllama"):
        assert "value" not in rows[router]["accuracy"]
        assert rows[router]["latency_p50"]["value"] > 0
        assert rows[router]["peak_rss"]["value"] > 0
    named = {name for pair in content["pairs"] for name in (pair["first"], pair["second"])}
    assert named == {"majority", "random", "tfidf"}
    assert (content["questions"], content["n_questions"]) == ([], 0)
    families = next(table for table in content["tables"] if table["key"] == "families")
    assert {row["name"] for row in families["rows"]} == {"knn", "tinyllama"}


def test_beside_trained_weights_only_those_are_ranked(home: Path, data: list[str]) -> None:
    ran = in_process("run", "router=centroid", *FAST, *data, cwd=home)
    assert ran.returncode == 0, ran.stderr
    runs = sorted((home / "outputs" / "run").glob("*"))
    done = in_process("report", f"runs=[{runs[0]},{runs[-1]}]", cwd=home)
    assert done.returncode == 0, done.stderr
    content = json_file(report_of(home, "report") / "report.json")
    # On so few questions nobody is better than a constant beyond chance.
    headline, (closest,) = (content["recommendation"][part] for part in ("headline", "reasons"))
    assert (headline["code"], closest["details"]["router"]) == ("none_above_constant", "centroid")
    names = {name for pair in content["pairs"] for name in (pair["first"], pair["second"])}
    assert "knn" not in names
    assert all(
        {choice["router"] for choice in one["choices"]} == {"centroid"} for one in content["questions"]
    )
    diffed = in_process("diff", str(runs[0]), str(runs[-1]), cwd=home)
    assert diffed.returncode == 2
    assert "ran on untrained weights (BAAI/bge-base-en-v1.5 (untrained))" in diffed.stderr


@pytest.mark.parametrize("backend", ["onnx_int8", "torch"])
def test_a_classifier_is_served_without_being_trained(
    backend: str, sizes: list[str], data: list[str], tmp_path: Path
) -> None:
    done = in_process(
        "run",
        "router=tinyllama",
        f"router.backend={backend}",
        "~baselines",
        *sizes,
        *FAST,
        *data,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    record = record_of(tmp_path)
    reasons = {one.name: one.reason for one in record.unscored}
    assert reasons["train_time"] == reasons["train_peak_rss"] == Reason.TRAINING_SKIPPED
    assert record.timings.trained is not None
    assert record.timings.trained.training_skipped
    assert record.metric("latency_p50") is not None
    rows = json_lines(results(tmp_path)[0] / "predictions.jsonl")
    assert all(sum(row["scores"].values()) == pytest.approx(1) for row in rows)
    assert verify(read_result(results(tmp_path)[0])).differences == []


@pytest.mark.parametrize(
    "asked",
    ["tune=true", "calibration=temperature", "policy.coverage=0.9", "robustness=true", "learning_curve=true"],
)
def test_what_asks_for_quality_is_refused(
    asked: str, sizes: list[str], data: list[str], tmp_path: Path
) -> None:
    done = in_process("run", "router=centroid", asked, *sizes, "guard=off", *FAST, *data, cwd=tmp_path)
    assert done.returncode == 2
    assert "runs on untrained weights" in done.stderr
    assert asked.split(".")[0].split("=")[0] in done.stderr
    assert not results(tmp_path)


def test_an_encoder_is_not_fine_tuned(sizes: list[str], data: list[str], tmp_path: Path) -> None:
    tuned = "encoder.finetune=batch_all_triplet"
    done = in_process("run", "router=centroid", tuned, *sizes, "guard=off", *FAST, *data, cwd=tmp_path)
    assert done.returncode == 2
    assert "untrained weights learn nothing; set encoder.finetune=none" in done.stderr


def test_experts_are_not_asked_and_not_trained(sizes: list[str], qna_folder: Path, tmp_path: Path) -> None:
    data = ["dataset=files", f"dataset.path={qna_folder}"]
    done = in_process("run", "router=centroid", "~baselines", *sizes, *MEASURED_ONCE, *data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the experts are not asked" in done.stderr
    assert record_of(tmp_path).timings.experts is None
    refused = in_process("train", "weights=untrained", *data, cwd=tmp_path)
    assert refused.returncode == 2
    assert "untrained weights learn nothing" in refused.stderr


def test_what_was_learned_is_left_out_where_it_could_be_an_accuracy(
    sizes: list[str], data: list[str], tiny_encoder: SentenceEncoder, tmp_path: Path
) -> None:
    # The packaged encoder would be distilled into the static one, for half a minute.
    small = f"router.candidates.probes.members.static.encoder.model={tiny_encoder.model}"
    done = in_process("run", "router=best", "~baselines", small, *sizes, *FAST, *data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads((results(tmp_path)[0] / "record.json").read_text(encoding="utf-8"))
    assert content["analyses"]["learned"] == content["timings"]["trained"]["learned"] == {}
