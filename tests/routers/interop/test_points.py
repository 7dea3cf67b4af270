"""Points and targets: what is written is what is read, and every bad line is named."""

import json
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from routers.base import RouterError
from routers.interop.points import Points, decimals, read_points, server_uid, shortest, write_points

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "knn_router"

POINT: dict[str, Any] = {"point_uid": "a", "category": "car", "embedding": [1.0, 0.0]}
SCORE: dict[str, Any] = {"point_uid": "a", "target": "x", "score": 0.5}

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip)
finite = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def tables(draw: st.DrawFn) -> Points:
    uids = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    n = len(uids)
    shape = (n, draw(st.integers(1, 4)))
    numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
    return Points(
        uids,
        draw(st.lists(words, min_size=n, max_size=n)),
        draw(arrays.arrays(np.float32, shape, elements=numbers)),
        draw(st.lists(st.none() | words, min_size=n, max_size=n)),
        draw(st.lists(st.dictionaries(words, finite, max_size=3), min_size=n, max_size=n)),
    )


@settings(max_examples=60)
@given(tables())
def test_what_is_written_is_what_is_read(points: Points) -> None:
    with tempfile.TemporaryDirectory() as name:
        write_points(points, Path(name, "points"))
        again = read_points(Path(name, "points"))
    assert again == points
    assert again.vectors.dtype == np.float32
    assert again.vectors.tobytes() == points.vectors.tobytes()


def test_decimals_by_hand() -> None:
    assert decimals(np.array([0.1, -0.0, 1e-20], dtype=np.float32)) == (
        "1.00000001e-01,-0.00000000e+00,9.99999968e-21"
    )


def lines(*rows: Any) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def save(folder: Path, points: str | bytes | None, targets: str | bytes | None) -> Path:
    for name, content in (("points.jsonl", points), ("targets.jsonl", targets)):
        if content is not None:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def test_a_pair_by_hand(tmp_path: Path) -> None:
    second = {**POINT, "point_uid": "b", "utterance": "why\u2028now", "embedding": [0.1, -2], "extra": 1}
    targets = lines(
        {**SCORE, "score": 1}, {"point_uid": "b", "target": "y", "score": 0.1}, SCORE | {"target": "z"}
    )
    points = read_points(save(tmp_path, lines(POINT, "", second), targets))
    assert points == Points(
        ["a", "b"],
        ["car", "car"],
        np.array([[1, 0], [0.1, -2]], dtype=np.float32),
        [None, "why\u2028now"],
        [{"x": 1.0, "z": 0.5}, {"y": 0.1}],
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "point_uid is missing, empty or not text"),
        (POINT, "point_uid 'a' stands twice"),
        ({"point_uid": "b", "category": " "}, "category is missing, empty or not text"),
        ({"point_uid": "b", "category": 5}, "category is missing, empty or not text"),
        (POINT | {"point_uid": "b\ud83d"}, "point_uid is missing, empty or not text"),
        (POINT | {"point_uid": "b", "utterance": 5}, "utterance is missing, empty or not text"),
        (POINT | {"point_uid": "b", "embedding": None}, "embedding is missing, empty or not a list of n"),
        (POINT | {"point_uid": "b", "embedding": []}, "embedding is missing, empty or not a list of n"),
        (POINT | {"point_uid": "b", "embedding": [1, True]}, "embedding is missing, empty or not a list"),
        (POINT | {"point_uid": "b", "embedding": [1, "2"]}, "embedding is missing, empty or not a list"),
        (POINT | {"point_uid": "b", "embedding": [[1], [2]]}, "embedding is missing, empty or not a l"),
        (POINT | {"point_uid": "b", "embedding": [1]}, "an embedding of 1 numbers, the first has 2"),
        (POINT | {"point_uid": "b", "embedding": [1, float("nan")]}, "embedding has a number that is n"),
        (POINT | {"point_uid": "b", "embedding": [1, float("inf")]}, "embedding has a number that is n"),
        (POINT | {"point_uid": "b", "embedding": [1, 1e39]}, "embedding has a number that is not fini"),
        (POINT | {"point_uid": "b", "embedding": [1, 10**400]}, "embedding has a number that is not f"),
        ("[1]", "expected one JSON object a line"),
        ("{", "2: not valid JSON: Expecting property name"),
        ("[" * 100_000, "not valid JSON: "),
        ('{"point_uid": ' + "9" * 5000 + "}", "not valid JSON: "),
    ],
)
def test_a_bad_point_is_named_with_its_line(tmp_path: Path, row: Any, message: str) -> None:
    assert complaint(save(tmp_path, lines(POINT, row), "")).startswith(
        f"{tmp_path}/points.jsonl:2:{'' if message[0].isdigit() else ' '}{message}"
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (SCORE | {"point_uid": "c"}, "no point has point_uid 'c'; see "),
        (SCORE, "a second score of 'x' for point_uid 'a'"),
        (SCORE | {"target": ""}, "target is missing, empty or not text"),
        (SCORE | {"target": "y", "score": None}, "score is missing or not a finite number"),
        (SCORE | {"target": "y", "score": True}, "score is missing or not a finite number"),
        (SCORE | {"target": "y", "score": "1"}, "score is missing or not a finite number"),
        (SCORE | {"target": "y", "score": float("nan")}, "score is missing or not a finite number"),
        (SCORE | {"target": "y", "score": 10**400}, "score is missing or not a finite number"),
    ],
)
def test_a_bad_score_is_named_with_its_line(tmp_path: Path, row: Any, message: str) -> None:
    found = complaint(save(tmp_path, lines(POINT), lines(SCORE, row)))
    assert found.startswith(f"{tmp_path}/targets.jsonl:2: {message}")


def complaint(folder: Path) -> str:
    with pytest.raises(RouterError) as caught:
        read_points(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    advice = (
        "cannot be read (No such file or directory); a folder of points has points.jsonl and targets.jsonl"
    )
    assert complaint(tmp_path / "x") == f"{tmp_path}/x/points.jsonl: {advice}"
    assert complaint(save(tmp_path, lines(POINT), None)) == f"{tmp_path}/targets.jsonl: {advice}"
    assert complaint(save(tmp_path, "\n", "")) == f"{tmp_path}/points.jsonl: no point in it"
    assert "points.jsonl:1: not UTF-8 text at byte 2" in complaint(save(tmp_path, b'{"\xff', ""))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_no_bytes_raise_anything_but_router_error(points: bytes, targets: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        for first in (points, json.dumps(POINT).encode()):
            try:
                assert read_points(save(Path(name), first, targets)).uids
            except RouterError:
                continue


ONE = Points(["a"], ["car"], np.ones((1, 2), dtype=np.float32), [None], [{}])


def test_a_pair_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    folder = tmp_path / "points"
    write_points(Points(["b"], ["c"], np.ones((1, 3), dtype=np.float32), ["?"], [{"x": 1.0}]), folder)
    write_points(ONE, folder)
    assert read_points(folder) == ONE
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(RouterError, match=r"notes\.txt is in the way; choose a new folder"):
        write_points(ONE, folder)
    with pytest.raises(RouterError, match="is in the way"):
        write_points(ONE, folder / "notes.txt")
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "points.jsonl", "targets.jsonl"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"uids": ["a", "b"]}, "points of lengths"),
        ({"vectors": np.ones(2, dtype=np.float32)}, "points of lengths"),
        ({"vectors": np.full((1, 2), np.nan, dtype=np.float32)}, "not a finite number"),
        ({"scores": [{"x": float("inf")}]}, "not a finite number"),
    ],
)
def test_parts_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RouterError, match=message):
        Points(**{**vars(ONE), **changes})


def test_uids_for_the_server() -> None:
    uid = "485d0e5b-599f-4844-99ab-d86f376c3214"
    assert server_uid(uid) == uid
    # Spelt in any other way it would not be found again.
    for other in (uid.upper(), uid.replace("-", ""), "car-0123456789ab", "7"):
        assert str(UUID(server_uid(other))) == server_uid(other) != other
    assert server_uid("7") == server_uid("7") != server_uid("8")


def test_the_shortest_decimals() -> None:
    assert shortest(np.float32(0.7)) == 0.7
    assert shortest(np.float32(1 / 3)) == 0.33333334


@pytest.mark.skipif(not REAL.is_dir(), reason="the public data is not beside this checkout")
def test_the_real_files_come_back(tmp_path: Path) -> None:
    points = read_points(REAL)
    assert points.vectors.shape == (10, 384)
    assert points.targets == ["chitchat-agent", "politics-agent"]
    assert sorted(set(points.categories)) == ["chitchat", "politics"]
    write_points(points, tmp_path / "again")
    assert read_points(tmp_path / "again") == points
