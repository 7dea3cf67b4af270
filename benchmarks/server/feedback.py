"""Thumbs up and down, a JSON object a line, joined to the decision that they are about."""

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.server.refusals import Busy

REMEMBERED = 10_000


class Subject(NamedTuple):
    """Decision that a vote can be about; `at` is in seconds since the epoch."""

    router: str
    checksum: str
    domain: str | None
    confidence: float
    at: float


class Feedback:
    """Votes in a file, and the decisions that they can be about.

    Args:
        file: None keeps no votes.
    """

    def __init__(self, file: str | None) -> None:
        self.file = Path(file) if file else None
        self._decisions: OrderedDict[str, Subject] = OrderedDict()

    def remember(self, request_id: str, subject: Subject) -> None:
        """Keep what a later vote is about; the oldest is forgotten."""
        self._decisions[request_id] = subject
        if len(self._decisions) > REMEMBERED:
            self._decisions.popitem(last=False)

    def router_of(self, request_id: str) -> str | None:
        """None for a decision that is forgotten, or was another process's."""
        known = self._decisions.get(request_id)
        return known.router if known else None

    def add(
        self, request_id: str, vote: str, comment: str | None, caller: str, told: Mapping[str, Any]
    ) -> None:
        """Add a vote.

        Args:
            told: facts of the decision as the voter has them; kept as `told` where it is not remembered.

        Raises:
            Busy: the file cannot be written.
        """
        if self.file is None:
            return
        known = self._decisions.get(request_id)
        facts = known._asdict() if known else {"told": told}
        row = {"time": round(time.time(), 3), "request_id": request_id, "vote": vote, "comment": comment}
        line = json.dumps({**row, "caller": caller, **facts}, ensure_ascii=False)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")
        except OSError as error:
            raise Busy("the vote could not be kept; tell whoever runs this server", retry_after=60) from error
