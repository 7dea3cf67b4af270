"""`points` through the real command line: a pair of files out, the server's answer from it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from routers.encoder import SentenceEncoder
from tests.benchmarks.helpers import in_process, json_lines


@pytest.fixture(scope="module")
def exported(shared_qna: Path, encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair written by the command, which is silent as the encoder was exported before."""
    cwd = tmp_path_factory.mktemp("exported")
    done = in_process("points", "export", "pair", "dataset=files", f"dataset.path={shared_qna}", cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "pair: 32 points in 2 categories, scores of 2 targets\n"
    assert [path.name for path in cwd.iterdir()] == ["pair"]
    return cwd / "pair"


def test_the_pair_is_of_the_training_questions(exported: Path) -> None:
    points, scores = json_lines(exported / "points.jsonl"), json_lines(exported / "targets.jsonl")
    assert len(points) == len(scores) == 32
    assert {point["category"] for point in points} == {"car", "sleep"}
    assert all(len(point["embedding"]) == 384 and point["utterance"] for point in points)
    assert scores == [
        {"point_uid": point["point_uid"], "target": point["category"], "score": 1.0} for point in points
    ]


def test_an_approximate_index_gives_the_same_points(shared_qna: Path, exported: Path, tmp_path: Path) -> None:
    done = in_process(
        *("points", "export", "pair", "dataset=files", f"dataset.path={shared_qna}", "index=hnsw"),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("points.jsonl", "targets.jsonl"):
        assert (tmp_path / "pair" / name).read_bytes() == (exported / name).read_bytes()
    exact, found = (
        in_process("points", "ask", str(exported), "What is insomnia?", "router.k=4", *index, cwd=tmp_path)
        for index in ([], ["index=hnsw"])
    )
    wanted, got = json.loads(exact.stdout), json.loads(found.stdout)
    assert got["scores"] == wanted["scores"]
    assert [hit["id"] for hit in got["hits"]] == [hit["id"] for hit in wanted["hits"]]


def test_it_answers_as_the_server_does(exported: Path, tmp_path: Path) -> None:
    asked = ["My car does not start", "What is insomnia?"]
    done = in_process("points", "ask", str(exported), *asked, "router.k=4", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    car, sleep = (json.loads(line) for line in done.stdout.splitlines())
    assert car["scores"][0]["target"] == "car"
    assert sleep["scores"][0]["target"] == "sleep"
    for answer in (car, sleep):
        assert [set(hit) for hit in answer["hits"]] == [{"id", "category", "similarity"}] * 4
        assert sum(entry["score"] for entry in answer["scores"]) == pytest.approx(1, abs=0.011)
    assert list(tmp_path.iterdir()) == []


def test_outcomes_that_a_data_set_knows_are_the_scores(exported: Path, tmp_path: Path) -> None:
    points = json_lines(exported / "points.jsonl")
    (tmp_path / "pair").mkdir()
    (tmp_path / "pair" / "points.jsonl").write_bytes((exported / "points.jsonl").read_bytes())
    known = {"car": {"large": 0.75, "small": 0.3}, "sleep": {"small": 0.6}}
    scores = [
        {"point_uid": point["point_uid"], "target": target, "score": score}
        for point in points
        for target, score in known[point["category"]].items()
    ]
    text = "".join(json.dumps(score) + "\n" for score in scores)
    (tmp_path / "pair" / "targets.jsonl").write_text(text, encoding="utf-8")
    done = in_process("points", "export", "again", "dataset=points", "dataset.path=pair", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    again = json_lines(tmp_path / "again" / "points.jsonl")
    domain = {point["utterance"]: point["category"] for point in points}
    assert {point["category"] for point in again} == {"large", "small"}
    assert json_lines(tmp_path / "again" / "targets.jsonl") == [
        {"point_uid": point["point_uid"], "target": target, "score": score}
        for point in again
        for target, score in known[domain[point["utterance"]]].items()
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "points --help"),
        (["export"], "'DIR'"),
        (["ask", "x"], "what is the question?"),
        (["ask", "x", "q", "input=-"], "points takes no input=; "),
        (["ask", "x", "q"], "x/points.jsonl: cannot be read (No such file or directory)"),
        (["ask", "PAIR", "q", "router=centroid"], "points are of router=knn; a CentroidRouter has none"),
        (["ask", "PAIR", "q", "encoder.finetune=batch_all_triplet"], "points come with their vectors, not"),
    ],
)
def test_a_mistake_is_one_line(
    exported: Path, tmp_path: Path, arguments: Sequence[str], message: str
) -> None:
    words = [str(exported) if word == "PAIR" else word for word in arguments]
    done = in_process("points", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_else_in_it_stays(shared_qna: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    arguments = ["dataset=files", f"dataset.path={shared_qna}"]
    done = in_process("points", "export", str(tmp_path), *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "notes.txt is in the way; choose a new folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
