"""The contract's own work: putting answers in order, and cutting what is too long."""

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest

from experts.base import Answer, Experts, Remark, Request, Usage, cut_middle, ignore


class Backwards(Experts):
    """Answers the last question first, two at a time; `?` has no answer."""

    def load(self) -> "Backwards":
        return self

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        rows = list(range(len(requests)))[::-1]
        for start in range(0, len(rows), 2):
            yield [(row, self._answer(requests[row])) for row in rows[start : start + 2]]

    def stream(
        self, request: Request, remark: Remark = ignore, usage: Usage | None = None
    ) -> Generator[str, None, None]:
        raise NotImplementedError

    def identity(self, domain: str, adapted: bool = True) -> dict[str, Any]:
        raise NotImplementedError

    def _answer(self, request: Request) -> Answer:
        if request.question == "?":
            return Answer(None, error="the question is strange")
        return Answer(f"{request.domain} {request.question} {request.adapted}")


def test_answers_are_in_the_order_asked() -> None:
    requests = [Request("car", "1"), Request("sleep", "2", adapted=False), Request("car", "1")]
    texts = [answer.text for answer in Backwards().answers(requests)]
    assert texts == ["car 1 True", "sleep 2 False", "car 1 True"]
    assert Backwards().answers([]) == []


def test_one_question_without_an_answer_leaves_the_others() -> None:
    answers = Backwards().answers([Request("car", "1"), Request("car", "?"), Request("car", "3")])
    assert answers == [
        Answer("car 1 True"),
        Answer(None, error="the question is strange"),
        Answer("car 3 True"),
    ]


@pytest.mark.parametrize(
    ("limit", "kept"),
    [(0, ""), (1, "a"), (2, "ag"), (3, "abg"), (4, "abfg"), (6, "abcefg"), (7, "abcdefg"), (8, "abcdefg")],
)
def test_cut_middle(limit: int, kept: str) -> None:
    assert "".join(cut_middle("abcdefg", limit)) == kept
