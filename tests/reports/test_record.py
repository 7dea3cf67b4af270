"""The result contract: what is written is read, and nothing else passes for a result."""

import json
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.record import (
    SCHEMA_VERSION,
    Metric,
    Prediction,
    RecordError,
    _seal,
    read_predictions,
    read_record,
    read_result,
    write_record,
)
from tests.reports.samples import sample_answered, sample_predictions, sample_record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a whole result."""
    write_record(tmp_path, sample_record(), sample_predictions())
    return tmp_path


def rewrite(folder: Path, **changes: Any) -> None:
    """Edit the record as somebody would who also makes the seal anew."""
    path = folder / "record.json"
    content = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    content.pop("record_sha256")
    path.write_text(json.dumps({**content, "record_sha256": _seal(content)}), encoding="utf-8")


def test_round_trip(folder: Path) -> None:
    assert read_record(folder) == sample_record()
    assert read_predictions(folder) == sample_predictions()
    assert {path.name for path in folder.iterdir()} == {"record.json", "predictions.jsonl"}


def test_names_that_other_tools_read(folder: Path) -> None:
    content = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert content["schema_version"] == SCHEMA_VERSION == 2
    assert set(content) >= {"config", "provenance", "metrics", "unscored", "timings"}
    fields = {"name", "value", "unit", "higher_is_better", "slice", "n", "ci_low", "ci_high"}
    assert {frozenset(metric) for metric in content["metrics"]} == {frozenset(fields)}
    assert {frozenset(entry) for entry in content["unscored"]} == {frozenset({"name", "reason", "slice"})}
    first = json.loads((folder / "predictions.jsonl").read_text(encoding="utf-8").split("\n")[0])
    assert set(first) >= {"id", "query", "label", "predicted", "confidence", "scores", "slice"}


ROUTING = {"id", "query", "label", "predicted", "confidence", "scores", "slice"}
ANSWERING = {"reference", "expert", "answer", "rouge1", "rouge2", "rougeL", "answers", "notes"}


def test_rows_without_experts_say_nothing_of_answers(folder: Path) -> None:
    rows = (folder / "predictions.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert [set(json.loads(row)) for row in rows] == [ROUTING, ROUTING]


def test_rows_with_experts_carry_everything_that_rouge_needs(tmp_path: Path) -> None:
    answered, foreign = sample_answered()
    write_record(tmp_path, sample_record(), [answered, foreign])
    rows = [json.loads(row) for row in (tmp_path / "predictions.jsonl").read_text().split("\n")[:-1]]
    assert [set(row) for row in rows] == [ROUTING | ANSWERING] * 2
    assert rows[0]["answers"] == {"car": "Top it up.", "sleep": None, "base": ""}
    assert rows[0]["notes"] == {"sleep": "the endpoint is down"}
    assert (rows[1]["expert"], rows[1]["answer"], rows[1]["answers"]) == ("sleep", None, {})
    assert read_predictions(tmp_path) == [answered, foreign]


def test_text_is_readable_in_the_files(folder: Path) -> None:
    text = (folder / "predictions.jsonl").read_bytes().decode("utf-8")
    assert "Öl zu niedrig? 🚗" in text
    assert text.count("\n") == 2
    assert text.endswith("\n")


@given(
    st.lists(
        st.builds(
            Prediction,
            id=st.text(max_size=5),
            query=st.text(max_size=20),
            label=st.none() | st.text(max_size=5),
            predicted=st.text(max_size=5),
            confidence=st.floats(0, 1),
            scores=st.dictionaries(st.text(max_size=5), st.floats(0, 1), max_size=3),
            slice=st.sampled_from(["standard", "overlap"]),
            answers=st.none()
            | st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=9), max_size=2),
        ),
        max_size=4,
    )
)
def test_any_prediction_survives(predictions: list[Prediction]) -> None:
    with tempfile.TemporaryDirectory() as name:
        write_record(Path(name), sample_record(), predictions)
        assert read_predictions(Path(name)) == predictions


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0c", "\x1e", "\r"])
def test_a_question_may_hold_any_kind_of_line_end(tmp_path: Path, character: str) -> None:
    odd = [replace(row, query=f"one{character}two") for row in sample_predictions()]
    write_record(tmp_path, sample_record(), odd)
    assert read_predictions(tmp_path) == odd


@pytest.mark.parametrize(
    ("version", "advice"),
    [
        (1, "an older Router Derby wrote it: run again, or read it with that version"),
        (3, "a newer Router Derby wrote it: update this one"),
        (None, "a newer Router Derby wrote it: update this one"),
    ],
)
def test_another_schema_version_is_named(folder: Path, version: Any, advice: str) -> None:
    rewrite(folder, schema_version=version)
    with pytest.raises(RecordError) as caught:
        read_record(folder)
    assert str(caught.value) == f"{folder}/record.json has schema version {version}, this reads 2; {advice}"


def test_a_record_of_the_first_schema_version_is_named_though_it_has_no_seal(folder: Path) -> None:
    path = folder / "record.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    old = {key: value for key, value in content.items() if not key.endswith("sha256")}
    path.write_text(json.dumps({**old, "schema_version": 1}), encoding="utf-8")
    with pytest.raises(RecordError, match="schema version 1, this reads 2; an older Router Derby wrote it"):
        read_record(folder)


def test_a_result_is_both_files(folder: Path) -> None:
    found = read_result(folder)
    assert (found.folder, found.record) == (folder, sample_record())
    assert found.predictions == sample_predictions()


def test_keys_that_are_not_text_are_sealed_as_they_will_be_read(tmp_path: Path) -> None:
    write_record(tmp_path, sample_record(analyses={"points": {10: 1.0, 9: (0.1, 1e-30)}}), [])
    assert read_result(tmp_path).record.analyses == {"points": {"10": 1.0, "9": [0.1, 1e-30]}}


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


def test_a_record_may_be_indented_otherwise(folder: Path) -> None:
    path = folder / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    assert read_result(folder).record == sample_record()


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


def test_reasons_are_found_by_name_and_slice() -> None:
    record = sample_record()
    assert record.reason("out_of_scope_auroc", "out_of_scope") == "no out-of-scope test question"
    assert record.reason("out_of_scope_auroc") is None


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
    "content", [[], {}, 5, "text", None, True, {"schema_version": 2}, {"schema_version": 2, "metrics": 5}]
)
def test_foreign_json(tmp_path: Path, content: Any) -> None:
    (tmp_path / "record.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RecordError, match=r"record\.json is not a result record"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": [{"name": "accuracy"}]},
        {"metrics": ["accuracy"]},
        {"unscored": [5]},
        {"comparisons": None},
        {"unknown": 1},
    ],
)
def test_almost_a_record(folder: Path, changes: dict[str, Any]) -> None:
    rewrite(folder, **changes)
    with pytest.raises(RecordError, match=r"record\.json is not a result record"):
        read_record(folder)


@pytest.mark.parametrize("reader", [read_record, read_predictions])
def test_binary_files(tmp_path: Path, reader: Any) -> None:
    for name in ("record.json", "predictions.jsonl"):
        (tmp_path / name).write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(RecordError, match="is not a"):
        reader(tmp_path)


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_truncated_predictions(folder: Path, cut: int) -> None:
    path = folder / "predictions.jsonl"
    text = path.read_text(encoding="utf-8").rstrip()
    path.write_text(text[:-cut], encoding="utf-8")
    with pytest.raises(RecordError, match=r"predictions\.jsonl is not a predictions file"):
        read_predictions(folder)


@pytest.mark.parametrize("line", ["5", "[]", '"text"', "{}", '{"id": "1"}', "null"])
def test_foreign_predictions(folder: Path, line: str) -> None:
    with (folder / "predictions.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(RecordError, match=r"predictions\.jsonl is not a predictions file"):
        read_predictions(folder)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record(tmp_path, sample_record(metrics=[Metric("accuracy", value, "fraction", True)]), [])
    odd = [replace(row, confidence=value) for row in sample_predictions()]
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record(tmp_path, sample_record(), odd)
    assert not (tmp_path / "record.json").exists()


def test_metrics_are_found_by_name_and_slice() -> None:
    record = sample_record()
    found = (record.metric("accuracy"), record.metric("accuracy", "overlap"))
    assert [metric.value for metric in found if metric] == [0.875, 0.625]
    assert record.metric("out_of_scope_auroc", "out_of_scope") is None
    assert record.metric("accuracy", "nowhere") is None
