"""Loop of a ready-made contestant: JSON lines in, JSON lines out, as docs/your-router.md has them.

`python -P serve.py PROGRAM`, in the environment of the contestant. PROGRAM is a file with

    fit(rows, folder, seed, **options) -> model     learns, and writes what it learned into `folder`
    load(folder) -> model
    route(model, queries) -> list                   a domain, or scores by domain, of each query
"""

import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

# Only `install` downloads.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"


def answers_of(program: dict[str, Any]) -> Any:
    """Yield the answer to each message on standard input."""
    model = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if "fit" in message:
                folder, options = Path(message["folder"]), message["options"]
                model = program["fit"](message["fit"], folder, message["seed"], **options)
                yield {"ok": True}
            elif "load" in message:
                model = program["load"](Path(message["load"]))
                yield {"ok": True}
            else:
                yield program["route"](model, message["route"])
        except Exception as error:
            traceback.print_exc()
            yield {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    # A line of the protocol must not be mixed with what libraries print.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for answer in answers_of(runpy.run_path(sys.argv[1])):
        out.write(json.dumps(answer) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
