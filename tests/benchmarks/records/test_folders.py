"""Folders that the user names: found, told apart, and kept from what they cannot be compared with."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import BadInput
from benchmarks.records.folders import comparable, dataset_of, expanded, named, read_results
from reports.comparison.model import state
from reports.comparison.sentences import Code
from reports.record import Provenance
from reports.record_files import Result
from tests.benchmarks.gate_samples import written
from tests.reports.comparison.samples import sample_provenance, sample_result


def result(router: str = "knn") -> Result:
    made = sample_result("knn")
    return replace(made, record=replace(made.record, router=router))


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs with a baseline each, and a comparison."""
    monkeypatch.chdir(tmp_path)
    for name in ("1_knn", "2_svm"):
        written(tmp_path / "run" / name, result(name[2:]))
        written(tmp_path / "run" / name / "baselines" / "tfidf", result("tfidf"))
    written(tmp_path / "compare" / "3" / "results" / "knn", result())
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["run/1_knn"], ["run/1_knn", "run/1_knn/baselines/tfidf"]),
        (["run/1_knn/baselines/tfidf"], ["run/1_knn/baselines/tfidf"]),
        (["run/*"], ["run/1_knn", "run/1_knn/baselines/tfidf", "run/2_svm", "run/2_svm/baselines/tfidf"]),
        (["run"], ["run/1_knn", "run/1_knn/baselines/tfidf", "run/2_svm", "run/2_svm/baselines/tfidf"]),
        (["compare/3"], ["compare/3/results/knn"]),
        (["run/2_svm", "run/2_*"], ["run/2_svm", "run/2_svm/baselines/tfidf"]),
    ],
)
def test_what_a_name_stands_for(outputs: Path, patterns: list[str], expected: list[str]) -> None:
    assert expanded(patterns) == [Path(name) for name in expected]
    absolute = [str(outputs / pattern) for pattern in patterns]
    assert expanded(absolute) == [outputs / name for name in expected]


@pytest.mark.parametrize("pattern", ["nowhere", "run/*_cascade", "compare", "a**b"])
def test_nothing_there(outputs: Path, pattern: str) -> None:
    with pytest.raises(BadInput, match="no result there; name result folders"):
        expanded([pattern])


def test_a_folder_whose_record_is_gone_is_not_passed_over(outputs: Path) -> None:
    (outputs / "run" / "1_knn" / "record.json").unlink()
    with pytest.raises(BadInput, match=r"1_knn/record\.json cannot be read: No such file"):
        read_results(expanded(["run/*"]))


def test_a_name_that_looks_like_a_pattern(outputs: Path) -> None:
    written(outputs / "run" / "3_[x]", result())
    assert expanded(["run/3_[x]"]) == [Path("run/3_[x]")]


def test_a_damaged_folder_is_named(outputs: Path) -> None:
    path = outputs / "run" / "1_knn" / "predictions.jsonl"
    path.write_text(path.read_text().replace("standard", "overlap", 1))
    with pytest.raises(
        BadInput, match=r"1_knn/predictions\.jsonl is not the file that record\.json was written"
    ):
        read_results(expanded(["run/*"]))


def in_(folder: str, router: str = "knn") -> Result:
    return replace(result(router), folder=Path(folder))


def test_names_are_as_short_as_they_can_be() -> None:
    assert list(named([in_("a/1", "knn"), in_("a/2", "svm")])) == ["knn", "svm"]
    assert list(named([in_("a/1"), in_("a/2"), in_("a/3", "svm")])) == ["1", "2", "svm"]
    assert list(named([in_("a/x"), in_("b/x")])) == ["a/x", "b/x"]
    # In a comparison, in a run, and where the folder is called as a router is.
    runs = [in_("c/results/knn"), in_("r1"), in_("r2/baselines/knn")]
    assert list(named(runs)) == ["c/knn", "r1", "r2/knn"]
    assert list(named([in_("c/results/knn"), in_("r1")])) == ["c/knn", "r1"]
    # In one comparison.
    assert list(named([in_("c/results/knn"), in_("c/results/knn_k=5")])) == ["knn", "knn_k=5"]
    two = [in_("p/a"), in_("p/b"), in_("q/a", "svm"), in_("q/b", "svm")]
    assert list(named(two)) == ["p/a", "p/b", "q/a", "q/b"]
    same = [in_("c/results/knn"), in_("c/baselines/knn")]
    assert list(named(same)) == [str(one.folder) for one in same]


def test_a_folder_named_twice() -> None:
    with pytest.raises(BadInput, match="is named twice; a run does not differ from itself"):
        named([in_("a/1"), in_("a/../a/1")])


def test_other_questions_and_another_split_are_left_out_with_a_reason() -> None:
    first = in_("a/1")
    other_data = replace(in_("a/2"), predictions=first.predictions[1:])
    provenance = sample_provenance("knn", dataset={"name": "car_sleep", "train": {"ids_sha256": "9"}})
    other_split = in_("a/3")
    other_split = replace(other_split, record=replace(other_split.record, provenance=provenance))
    kept, skipped = comparable([first, other_data, other_split, in_("a/4", "svm")])
    assert [one.folder.name for one in kept] == ["1", "4"]
    assert [(one.folder.name, one.reason.code) for one in skipped] == [
        ("2", Code.OTHER_QUESTIONS),
        ("3", Code.OTHER_TRAINING),
    ]
    assert skipped[0].reason.details["first"] == "a/1"


def test_a_baseline_that_every_run_brings_is_taken_once() -> None:
    def baseline(folder: str) -> Result:
        made = in_(folder, "tfidf")
        return replace(made, record=replace(made.record, family="baseline"))

    rows = in_("d").predictions
    other = replace(baseline("d/tfidf"), predictions=[replace(rows[0], predicted="sleep"), *rows[1:]])
    kept, skipped = comparable([in_("a"), baseline("b/tfidf"), baseline("c/tfidf"), other])
    assert [str(one.folder) for one in kept] == ["a", "b/tfidf", "d/tfidf"]
    assert [(str(one.folder), one.reason) for one in skipped] == [
        ("c/tfidf", state(Code.SAME_RESULT, first="b/tfidf"))
    ]
    # A router of the user's own is never taken for another.
    assert len(comparable([in_("a"), in_("b")])[0]) == 2


def test_the_data_set_of_a_record() -> None:
    assert dataset_of(in_("a").record) == "car_sleep"
    assert dataset_of(replace(in_("a").record, provenance=Provenance())) == "unknown"
