"""Workers without processes, for what takes less time than starting one."""

import json
from collections.abc import Callable
from typing import get_type_hints

from benchmarks.errors import BadInput
from benchmarks.workers.launch import Job, Result, Workers
from benchmarks.workers.main import call
from common.errors import UserError
from common.typed_json import from_json, to_json


class InProcess(Workers):
    """Functions run in this process; job and result travel as JSON all the same."""

    def run(self, function: Callable[[Job], Result], job: Job, title: str) -> Result:
        try:
            output = call(function, json.loads(json.dumps(to_json(job))))
        except UserError as error:
            raise BadInput(str(error)) from error
        found: Result = from_json(json.loads(json.dumps(output)), get_type_hints(function)["return"])
        return found
