"""That a golden file does notice a change."""

from pathlib import Path

import pytest

from tests.reports import golden_files
from tests.reports.golden_files import same_as_golden


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("GOLDEN", raising=False)
    monkeypatch.setattr(golden_files, "FOLDER", tmp_path / "golden")
    return tmp_path / "golden"


def test_it_is_written_when_asked_for_and_compared_byte_for_byte(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match=r"is missing; .*GOLDEN=write"):
        same_as_golden("a.txt", "Öl\r\nan\n")
    monkeypatch.setenv("GOLDEN", "write")
    same_as_golden("a.txt", "Öl\r\nan\n")
    assert (folder / "a.txt").read_bytes() == "Öl\r\nan\n".encode()
    monkeypatch.delenv("GOLDEN")
    same_as_golden("a.txt", "Öl\r\nan\n")
    with pytest.raises(AssertionError, match=r"(?s)a.txt differs; .*\+off"):
        same_as_golden("a.txt", "Öl\r\noff\n")
    with pytest.raises(AssertionError, match="differs"):
        same_as_golden("a.txt", "Öl\nan\n")
