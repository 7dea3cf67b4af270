"""Arithmetic of the numbers that a server shows, by hand; and what it logs."""

import json
import math
from pathlib import Path

import pytest

from benchmarks.server.logs import masked
from benchmarks.server.metrics import Drift, stability_index
from benchmarks.server.numbers import quantile
from benchmarks.server.truncation import Removed, shortened
from benchmarks.settings import RequestLog
from tests.benchmarks.server.helpers import serving


def test_stability_index() -> None:
    # (0.6 - 0.5) ln(0.6/0.5) + (0.4 - 0.5) ln(0.4/0.5)
    assert stability_index([0.6, 0.4], [0.5, 0.5]) == pytest.approx(0.0405465, abs=1e-6)
    assert stability_index([0.5, 0.5], [0.5, 0.5]) == 0
    assert stability_index([1.0, 0.0], [0.5, 0.5]) == pytest.approx(
        0.5 * math.log(2) + (1e-4 - 0.5) * math.log(1e-4 / 0.5)
    )


def test_drift_needs_enough_decisions() -> None:
    drift = Drift([step / 100 for step in range(100)], {"car": 0.5, "sleep": 0.5})
    for step in range(99):
        drift.add(step / 100, "car" if step % 2 else "sleep")
    assert (drift.of_confidence(), drift.of_domains()) == (None, None)
    drift.add(0.99, "car")
    assert drift.of_confidence() == pytest.approx(0)
    assert drift.of_domains() == pytest.approx(0)
    for _ in range(900):
        drift.add(0.05, "car")
    # Nine tenths more of them are in the lowest tenth.
    expected = stability_index([0.91, *[0.01] * 9], [0.1] * 10)
    assert drift.of_confidence() == pytest.approx(expected)
    assert drift.of_domains() == pytest.approx(stability_index([0.95, 0.05], [0.5, 0.5]))


def test_quantiles_of_a_histogram() -> None:
    # Two up to 1, six more up to 2, two more beyond.
    buckets = [(1.0, 2.0), (2.0, 8.0), (math.inf, 10.0)]
    assert quantile(buckets, 0.5) == pytest.approx(1.5)
    assert quantile(buckets, 0.1) == pytest.approx(0.5)
    assert quantile(buckets, 0.99) == 2.0


@pytest.mark.parametrize(
    ("removed", "kept"),
    [(Removed.HEAD, "ghij"), (Removed.TAIL, "abcd"), (Removed.ENDS, "defg")],
)
def test_a_text_is_shortened(removed: Removed, kept: str) -> None:
    assert shortened("abcdefghij", lambda text: len(text) > 4, removed) == kept
    assert shortened("abcd", lambda text: len(text) > 4, removed) == "abcd"


def test_a_text_loses_its_middle() -> None:
    assert shortened("abcdefghij", lambda text: len(text) > 5, Removed.MIDDLE) == "ab ij"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to anna.b+c@example.org, please", "write to [e-mail], please"),
        ("my key is sk-abcdefghij1234567890", "my key is [key]"),
        ("token 0123456789abcdef0123456789abcdef!", "token [key]!"),
        ("the internationalisation of antidisestablishmentarianism", None),
        ("call 0123456789", None),
    ],
)
def test_secrets_are_masked(text: str, expected: str | None) -> None:
    assert masked(text) == (expected or text)


@pytest.mark.parametrize("wanted", [False, True])
def test_questions_are_logged_when_asked(tfidf_run: Path, tmp_path: Path, wanted: bool) -> None:
    file = tmp_path / "logs" / "requests.jsonl"
    with serving({"tfidf": tfidf_run}, log=RequestLog(str(file), wanted)) as client:
        client.chat("Engine oil? Write to me@example.org", route_only=True)
    text = file.read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert ("Engine oil? Write to [e-mail]" in text) is wanted
    assert "me@example.org" not in text
    assert {row["event"] for row in rows} - {"question"} == {"loaded", "routed", "request"}
    assert len({row["request_id"] for row in rows if row["event"] != "loaded"}) == 1


def test_a_full_disk_loses_lines_alone(tfidf_run: Path) -> None:
    with serving({"tfidf": tfidf_run}, log=RequestLog("/dev/full")) as client:
        statuses = [client.chat("Engine oil?", route_only=True).status_code for _ in range(3)]
    assert statuses == [200] * 3
