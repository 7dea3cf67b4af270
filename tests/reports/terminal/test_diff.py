"""The verdict on every pair, and the questions that routers disagree on."""

from typing import Any

import pytest

from reports.terminal.diff import print_pairs


def disagreement(identity: str, label: str, first: str, second: str) -> dict[str, Any]:
    query = f"what\nis {identity}?"
    return {"id": identity, "query": query, "label": label, "first": first, "second": second, "right": None}


def pair(**changes: Any) -> dict[str, Any]:
    whole = {
        "first": "knn",
        "second": "tfidf",
        "n": 240,
        "weighted": False,
        "difference": 0.1208,
        "ci_low": 0.0625,
        "ci_high": 0.1792,
        "only_first": 42,
        "only_second": 13,
        "p_value": 0.0001,
        "p_adjusted": 0.0312,
        "verdict": "better",
        "rows_needed": 1210,
        "disagreements": [disagreement("q1", "car", "car", "sleep")],
    }
    return {**whole, **changes}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def shown(capsys: pytest.CaptureFixture[str], pairs: list[dict[str, Any]], rows: int = 10) -> list[str]:
    print_pairs(pairs, confidence=0.95, power=0.8, rows=rows)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_line_a_pair(capsys: pytest.CaptureFixture[str]) -> None:
    unclear = pair(
        second="centroid", verdict="cannot tell at n=240", rows_needed=None, p_adjusted=0.0004, ci_low=-0.01
    )
    lines = shown(capsys, [pair(), unclear])
    assert lines[1] == "Accuracy on the same 240 test questions with a domain"
    assert "knn – tfidf better +12.1 [+6.2, +17.9] 42 – 13 0.031 1,210" in lines
    assert "knn – centroid cannot tell at n=240 +12.1 [-1.0, +17.9] 42 – 13 <0.001 –" in lines
    (method,) = [line for line in lines if line.startswith("The verdict")]
    assert method.endswith("at 0.05, corrected for 2 comparisons (Holm).")


def test_rows_that_are_there_are_not_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    enough = pair(second="centroid", verdict="cannot tell at n=240", rows_needed=240, p_adjusted=0.06)
    lines = shown(capsys, [pair(rows_needed=121), enough])
    assert "knn – tfidf better +12.1 [+6.2, +17.9] 42 – 13 0.031 121" in lines
    assert "knn – centroid cannot tell at n=240 +12.1 [+6.2, +17.9] 42 – 13 0.060 –" in lines
    assert any("which leaves out the correction and is rough" in line for line in lines)


def test_a_single_pair_needs_no_correction(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Holm" not in "".join(shown(capsys, [pair()]))


def test_questions_with_every_answer(capsys: pytest.CaptureFixture[str]) -> None:
    both = [disagreement("q1", "car", "car", "sleep"), disagreement("q2", "car", "x", "y")]
    third = pair(second="random", disagreements=[disagreement("q2", "car", "x", "car")])
    lines = shown(capsys, [pair(disagreements=both), third])
    start = lines.index("Where they disagree, 2 of 2 questions:")
    assert lines[start + 1 :] == [
        "q1 is car; knn: car ✓, tfidf: sleep ✗",
        "what is q1?",
        "q2 is car; knn: x ✗, tfidf: y ✗, random: car ✓",
        "what is q2?",
    ]


def test_no_more_questions_than_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    many = pair(disagreements=[disagreement(f"q{number}", "a", "a", "b") for number in range(9)])
    lines = shown(capsys, [many], rows=2)
    assert lines[lines.index("Where they disagree, 2 of 9 questions:") + 1 :][0::2] == [
        "q0 is a; knn: a ✓, tfidf: b ✗",
        "q1 is a; knn: a ✓, tfidf: b ✗",
    ]
    assert shown(capsys, [many], rows=0)[-1] == "Where they disagree, 0 of 9 questions:"


def test_no_disagreement_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, [pair(disagreements=[])])[-1] == "They chose the same domain for every question."


def test_no_line_is_a_command_to_the_runner(capsys: pytest.CaptureFixture[str]) -> None:
    command = "::error title=x::y"
    row = {**disagreement(f"q1\n{command}", "car", command, "car"), "query": command}
    text = "\n".join(shown(capsys, [pair(first=command, disagreements=[row])]))
    assert text.count("error title=x") >= 3
    assert "::" not in text


def test_names_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    row = {**disagreement("q1", "car", "[b]x", "car"), "query": "[red] what?"}
    text = "\n".join(shown(capsys, [pair(first="[i]mine", disagreements=[row])]))
    assert "[i]mine – tfidf" in text
    assert "[i]mine: [b]x ✗" in text
    assert "[red] what?" in text


def test_weighted_questions_have_a_test_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, [pair(weighted=True, rows_needed=None)])
    assert any("a permutation test with weights on the questions that one" in line for line in lines)
    assert not any("McNemar" in line for line in lines)
