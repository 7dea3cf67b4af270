"""The result contract: what is written is read, and nothing else passes for a result."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.reasons import Reason, sentence
from reports.record import SCHEMA_VERSION, Metric
from reports.record_files import (
    DamagedResult,
    RecordError,
    read_predictions,
    read_record,
    read_result,
    write_record,
)
from tests.reports.samples import sample_answered, sample_predictions, sample_record, write_sealed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a whole result."""
    write_record(tmp_path, sample_record(), sample_predictions())
    return tmp_path


def rewrite(folder: Path, **changes: Any) -> None:
    """Edit the record as somebody would who also makes the seal anew."""
    content = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    write_sealed(folder, {**content, **changes}, lines(folder))


def lines(folder: Path) -> list[str]:
    return (folder / "predictions.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")


def test_round_trip(folder: Path) -> None:
    assert read_record(folder) == sample_record()
    assert read_predictions(folder) == sample_predictions()
    assert {path.name for path in folder.iterdir()} == {"record.json", "predictions.jsonl"}


def test_names_that_other_tools_read(folder: Path) -> None:
    content = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert content["schema_version"] == SCHEMA_VERSION == 5
    assert set(content) >= {"config", "provenance", "metrics", "unscored", "timings"}
    fields = {"name", "value", "unit", "higher_is_better", "slice", "n", "ci_low", "ci_high"}
    intervals = {"ci_low", "ci_high"}
    assert {frozenset(metric) for metric in content["metrics"]} == {
        frozenset(fields),
        frozenset(fields - intervals),
    }
    (missing,) = content["unscored"]
    assert set(missing) == {"name", "reason", "slice", "details"}
    assert missing["reason"] == "no_out_of_scope_row"
    first = json.loads((folder / "predictions.jsonl").read_text(encoding="utf-8").split("\n")[0])
    assert set(first) >= {"id", "query", "label", "predicted", "confidence", "scores", "slice"}


ROUTING = {"id", "query", "label", "predicted", "confidence", "scores", "slice"}
ANSWERING = {
    *("reference", "expert", "answer", "rouge1", "rouge2", "rougeL", "answers", "notes"),
    *("answer_seconds", "answer_tokens"),
}


def test_rows_with_experts_carry_everything_that_rouge_needs(tmp_path: Path) -> None:
    answered, foreign = sample_answered()
    write_record(tmp_path, sample_record(), [answered, foreign])
    rows = [json.loads(row) for row in (tmp_path / "predictions.jsonl").read_text().split("\n")[:-1]]
    assert [set(row) for row in rows] == [ROUTING | ANSWERING] * 2
    assert rows[0]["answers"] == {"car": "Top it up.", "sleep": None, "base": ""}
    assert rows[0]["notes"] == {"sleep": "the endpoint is down"}
    assert (rows[1]["expert"], rows[1]["answer"], rows[1]["answers"]) == ("sleep", None, {})
    assert read_predictions(tmp_path) == [answered, foreign]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0c", "\x1e", "\r"])
def test_a_question_may_hold_any_kind_of_line_end(tmp_path: Path, character: str) -> None:
    odd = [replace(row, query=f"one{character}two") for row in sample_predictions()]
    write_record(tmp_path, sample_record(), odd)
    assert read_predictions(tmp_path) == odd


@pytest.mark.parametrize(
    ("version", "advice"), [(1, "an older"), (SCHEMA_VERSION + 1, "a newer"), (None, "a newer")]
)
def test_another_schema_version_is_named(folder: Path, version: Any, advice: str) -> None:
    rewrite(folder, schema_version=version)
    with pytest.raises(RecordError, match=f"has schema version {version}, .*; {advice} Router Derby"):
        read_record(folder)


@pytest.mark.parametrize(
    ("before", "after"), [('"accuracy"', '"acuracy"'), ("0.875", "0.975"), ('"seed": 0', '"seed": 1')]
)
def test_an_edited_record_is_refused(folder: Path, before: str, after: str) -> None:
    path = folder / "record.json"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    for reader in (read_record, read_result):
        with pytest.raises(RecordError, match=r"record\.json was edited after it was written"):
            reader(folder)


@pytest.mark.parametrize("edit", ["truncate at a line", "change a figure", "swap two lines", "add a line"])
def test_edited_predictions_are_refused(folder: Path, edit: str) -> None:
    path = folder / "predictions.jsonl"
    first, second = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    edited = {
        "truncate at a line": f"{first}\n",
        "change a figure": f"{first.replace('0.75', '0.85')}\n{second}\n",
        "swap two lines": f"{second}\n{first}\n",
        "add a line": f"{first}\n{second}\n{second}\n",
    }
    path.write_text(edited[edit], encoding="utf-8")
    assert read_predictions(folder)
    with pytest.raises(
        RecordError, match=r"predictions\.jsonl is not the file that record\.json was written"
    ):
        read_result(folder)


def test_a_result_without_predictions_is_refused(folder: Path) -> None:
    (folder / "predictions.jsonl").unlink()
    with pytest.raises(RecordError, match=r"predictions\.jsonl cannot be read: No such file"):
        read_result(folder)


def test_metrics_and_reasons_are_found_by_name_and_slice() -> None:
    record = sample_record()
    found = (record.metric("accuracy"), record.metric("accuracy", "overlap"))
    assert [metric.value for metric in found if metric] == [0.875, 0.625]
    assert record.metric("accuracy", "nowhere") is None
    missing = record.missing("out_of_scope_auroc", "out_of_scope")
    assert missing is not None
    assert missing.reason == Reason.NO_OUT_OF_SCOPE_ROW
    assert record.missing("out_of_scope_auroc") is None


def test_every_reason_has_a_sentence_and_a_foreign_one_stays_a_code() -> None:
    details: dict[str, str | int | float] = {
        "score": "confidence",
        "accuracy": 0.95,
        "confidence_level": 0.9,
        **{"accepted": 30, "right": 28, "fewest": 45, "version": 4},
        "n": 40,
        "most": 10_000,
        "cores": 2,
        "best": 0.9,
        "threshold": 0.5,
        **dict.fromkeys(("id", "model", "strong", "weak", "error", "text", "weights", "datasets"), "x"),
        **dict.fromkeys(("folder", "difference", "file", "found", "recorded", "side"), "x"),
    }
    sentences = {reason: sentence(reason, details) for reason in Reason}
    assert [reason for reason, text in sentences.items() if text in ("", reason)] == []
    assert sentence("of_another_version", {}) == "of_another_version"


@pytest.mark.parametrize("reader", [read_record, read_predictions])
def test_a_missing_file(tmp_path: Path, reader: Any) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(RecordError, match="cannot be read: No such file"):
            reader(folder)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_truncated_record(folder: Path, share: float) -> None:
    path = folder / "record.json"
    text = path.read_text(encoding="utf-8").rstrip()
    path.write_text(text[: int(share * len(text))], encoding="utf-8")
    with pytest.raises(RecordError, match=r"record\.json is not a result record"):
        read_record(folder)


@pytest.mark.parametrize(
    "content", [[], {}, 5, "text", None, True, {"schema_version": 3}, {"schema_version": 2, "metrics": 5}]
)
def test_foreign_json(tmp_path: Path, content: Any) -> None:
    (tmp_path / "record.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RecordError, match=r"record\.json is not a result record"):
        read_record(tmp_path)


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_truncated_predictions(folder: Path, cut: int) -> None:
    path = folder / "predictions.jsonl"
    text = path.read_text(encoding="utf-8").rstrip()
    path.write_text(text[:-cut], encoding="utf-8")
    with pytest.raises(RecordError, match=r"predictions\.jsonl:2 is not a prediction"):
        read_predictions(folder)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record(tmp_path, sample_record(metrics=[Metric("accuracy", value, "fraction", True)]), [])
    odd = [replace(row, confidence=value) for row in sample_predictions()]
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record(tmp_path, sample_record(), odd)
    assert not (tmp_path / "record.json").exists()


def edit_second_row(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit a row as somebody would who also makes both checksums anew."""
    first, second = lines(folder)
    row = json.loads(second)
    edit(row)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    write_sealed(folder, record, [first, json.dumps(row)])


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"confidence": None}, r"\$\.confidence"),
        ({"confidence": "0.5"}, r"\$\.confidence"),
        ({"confidence": math.nan}, "malformed"),
        ({"scores": [0.5, 0.5]}, r"\$\.scores"),
        ({"scores": {"car": None}}, r"\$\.scores"),
        ({"label": [["car"]]}, r"\$\.label"),
        ({"weihgt": 2.0}, r"Unknown key - at `\$\.weihgt`"),
    ],
)
def test_rows_are_read_by_their_types(folder: Path, changes: dict[str, Any], place: str) -> None:
    edit_second_row(folder, lambda row: row.update(changes))
    with pytest.raises(
        DamagedResult, match=rf"predictions\.jsonl:2 is not a prediction: .*{place}.*; restore"
    ):
        read_result(folder)


def test_a_number_beyond_floats_and_a_missing_key_are_refused(folder: Path) -> None:
    edit_second_row(folder, lambda row: row.pop("scores"))
    with pytest.raises(DamagedResult, match=r"predictions\.jsonl:2 .*required field `scores`"):
        read_result(folder)
    path = folder / "predictions.jsonl"
    path.write_bytes(path.read_bytes().replace(b"0.75", b"1e400", 1))
    with pytest.raises(DamagedResult, match=r"predictions\.jsonl:1 is not a prediction: .*; restore"):
        read_predictions(folder)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"metrics": [{"name": "accuracy"}]}, r"required field `value` - at `\$\.metrics"),
        ({"analyses": {"learning_curves": []}}, r"Unknown key - at `\$\.analyses\.learning_curves`"),
        ({"curves": {"reliability": [[1, 2]]}}, r"\$\.curves\.reliability"),
        ({"timings": {"trained": {"train_seconds": "1"}}}, r"\$\.timings\.trained"),
        ({"metric": []}, r"Unknown key - at `\$\.metric`"),
    ],
)
def test_records_are_read_by_their_types(folder: Path, changes: dict[str, Any], place: str) -> None:
    rewrite(folder, **changes)
    for reader in (read_record, read_result):
        with pytest.raises(DamagedResult, match=rf"record\.json is not a result record: .*{place}"):
            reader(folder)


def test_nesting_without_end_is_refused(folder: Path) -> None:
    deep = "[" * 100_000
    (folder / "predictions.jsonl").write_text(f'{{"id": {deep}\n', encoding="utf-8")
    (folder / "record.json").write_text(deep, encoding="utf-8")
    for reader in (read_record, read_predictions):
        with pytest.raises(DamagedResult, match="restore it"):
            reader(folder)
