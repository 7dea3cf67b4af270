"""Output of commands that is not written to a terminal."""

from collections.abc import Callable

import pytest

Printed = Callable[..., str]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Printed:
    """Call a function with arguments; returns what it printed."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def call(function: Callable[..., None], *arguments: object) -> str:
        capsys.readouterr()
        function(*arguments)
        return capsys.readouterr().out

    return call
