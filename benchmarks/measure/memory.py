"""Peak memory of this process and of the programs that it runs."""

import os
import sys
from collections import defaultdict
from pathlib import Path


def peak_rss() -> int:
    """Largest resident set so far, in bytes, of this process and of each process under it that still runs,
    added up: not less than what they took at any one time. Only Linux tells those under it.

    From VmHWM: `getrusage` would report the parent's peak where that was larger, because the kernel carries
    it across fork and exec.
    """
    known = sum(_high_water_mark(pid) for pid in _family(os.getpid()))
    if known:
        return known
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _family(pid: int) -> list[int]:
    """A process and all under it."""
    children = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        # Behind the name, which may hold anything: the state, then the parent.
        fields = _read(folder / "stat").rpartition(")")[2].split()
        if fields:
            children[int(fields[1])].append(int(folder.name))
    found = [pid]
    for one in found:
        found += children[one]
    return found


def _high_water_mark(pid: int) -> int:
    for line in _read(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    """Content of a file of a process; empty of one that has ended."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def cuda_peak() -> int | None:
    """Largest CUDA allocation so far, in bytes; None without PyTorch in use or without a GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return int(torch.cuda.max_memory_allocated())
