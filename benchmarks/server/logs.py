"""Log of requests: a JSON object a line, without questions unless they are wanted."""

import json
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from benchmarks.errors import BadInput

# Bounded: without an @ an open end would be tried from every letter.
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,255}\.[\w.-]{1,255}")
# Keys of known make, and any long run of letters and digits that has both.
SECRET = re.compile(
    r"\b(?:sk|pk|ghp|gho|xox[abp]|hf|AKIA)[-_]?[A-Za-z0-9_-]{12,}\b|\b(?=\w*\d)(?=\w*[A-Za-z])[A-Za-z0-9_-]{24,}\b"
)


def masked(text: str) -> str:
    """Text with e-mail addresses and what looks like a key replaced."""
    return SECRET.sub("[key]", EMAIL.sub("[e-mail]", text))


class Log:
    """Lines of JSON in a file, or on standard error. A full disk loses lines, never requests."""

    def __init__(self, file: str | None, questions: bool = False) -> None:
        self.questions = questions
        self._stream: IO[str] = sys.stderr
        if file is not None:
            try:
                Path(file).parent.mkdir(parents=True, exist_ok=True)
                self._stream = Path(file).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115
            except OSError as error:
                raise BadInput(f"log.file={file} cannot be written: {error.strerror}") from error

    def write(self, event: str, **fields: Any) -> None:
        """Add one line; fields that are None are left out."""
        content = {"time": round(time.time(), 3), "event": event}
        content |= {name: value for name, value in fields.items() if value is not None}
        line = json.dumps(content, ensure_ascii=False, default=str)
        with suppress(OSError, ValueError):
            # One write a line: those of several processes do not mix.
            self._stream.write(line.encode("utf-8", "replace").decode("utf-8") + "\n")
            self._stream.flush()
