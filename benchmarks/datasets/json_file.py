"""One JSON file, or one line that says what is wrong with it."""

import json
from pathlib import Path
from typing import Any

from benchmarks.errors import BadInput


def read_json_file(path: Path) -> Any:
    """The value in it.

    Raises:
        BadInput: it cannot be read, is not UTF-8, or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text at byte {error.start}; save it as UTF-8") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        # An integer of more digits than Python converts.
        raise BadInput(f"{path}: not valid JSON: {error}") from error
    except RecursionError as error:
        raise BadInput(f"{path}: not valid JSON: nested too deeply") from error
