"""Peak memory of this process."""

import sys
from pathlib import Path


def peak_rss() -> int:
    """Largest resident set so far, in bytes.

    On Linux from VmHWM: `getrusage` would report the parent's peak where that was larger,
    because the kernel carries it across fork and exec.
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def cuda_peak() -> int | None:
    """Largest CUDA allocation so far, in bytes; None without PyTorch in use or without a GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return int(torch.cuda.max_memory_allocated())
