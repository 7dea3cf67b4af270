"""Sessions of ONNX Runtime on the processor, made alike for every model."""

import os
from pathlib import Path
from typing import Any


def session(model: Path) -> Any:
    """Session of an ONNX file; OMP_NUM_THREADS sets its threads, as it does for PyTorch, and
    OMP_WAIT_POLICY=PASSIVE lets them sleep while they wait."""
    # Read when it is imported; else it would note a device id in the home folder and report its use.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    options.log_severity_level = 3
    if os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE":
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _threads() -> int:
    """The first number of OMP_NUM_THREADS, which may list one a nesting level; 0 lets the library choose."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdigit() else 0
