"""Peak memory is that of this process, and all of it."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from benchmarks.measure.memory import cuda_peak

GROWING = """
from benchmarks.measure.memory import peak_rss
before = peak_rss()
block = b"x" * 100_000_000
after = peak_rss()
del block
print(after - before, peak_rss() - before)
"""
CHILD = "from benchmarks.measure.memory import peak_rss; print(peak_rss())"
PARENT = f"""
import subprocess, sys
from benchmarks.measure.memory import peak_rss
block = b"x" * 300_000_000
child = subprocess.run([sys.executable, "-c", {CHILD!r}], capture_output=True, text=True, check=True)
print(peak_rss(), child.stdout)
"""

GROWN = "block = chr(120) * 100_000_000; print(1, flush=True); input()"
RUNNING = f"""
import subprocess, sys
from benchmarks.measure.memory import peak_rss
def start(*command):
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    return child
found = [peak_rss()]
children = [start(sys.executable, "-c", {GROWN!r})]
found.append(peak_rss())
children.append(start("sh", "-c", f'{{sys.executable}} -c "{GROWN}"; true'))
found.append(peak_rss())
for child in children:
    child.communicate(b"\\n")
print(*found, peak_rss())
"""


def numbers(script: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


@pytest.mark.process
def test_peak_grows_with_touched_memory_and_stays() -> None:
    grown, later = numbers(GROWING)
    assert 95_000_000 < grown < 130_000_000
    # The kernel counts in batches of pages.
    assert later > grown - 2_000_000


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is Linux's")
def test_a_child_does_not_inherit_the_peak_of_a_large_parent() -> None:
    parent, child = numbers(PARENT)
    assert parent > 300_000_000
    assert child < 100_000_000


def test_cuda_peak_without_pytorch_without_a_gpu_and_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert cuda_peak() is None
    assert "torch" not in sys.modules
    for available, expected in ((False, None), (True, 123)):
        cuda = SimpleNamespace(is_available=lambda now=available: now, max_memory_allocated=lambda: 123)
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        assert cuda_peak() == expected


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_programs_that_still_run_count() -> None:
    alone, together, nested, after = numbers(RUNNING)
    assert 95_000_000 < together - alone < 150_000_000
    # Once more, under a shell: its own few megabytes besides.
    assert 95_000_000 < nested - together < 150_000_000
    assert after < alone + 10_000_000
