"""Every example of every help text is run, in the order in which one reads them, on small data.

What the README has too is run by tests/test_readme.py.
"""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.helpers import MEASURED_ONCE, in_process, make_another, results
from tests.test_readme import RUNS as IN_README

ROOT = Path(__file__).parent.parent.parent
SOURCES = (*sorted((ROOT / "benchmarks" / "cli").glob("*.py")), *sorted((ROOT / "conf").glob("*.yaml")))
EXAMPLE = re.compile(r"^ +(python -m benchmarks [a-z]+(?: [^[\n].*)?)$", flags=re.MULTILINE)
FOUND = [example for path in SOURCES for example in EXAMPLE.findall(path.read_text("utf-8"))]
# Of these, tests/benchmarks/gate/test_against.py runs some: it has a repository with two commits.
IN_REPOSITORY = [example for example in FOUND if "--against" in example]
# They fetch packages; tests/benchmarks/cli/test_install.py makes small environments.
FETCHING = [example for example in FOUND if "benchmarks install " in example]
# tests/benchmarks/verify and cli/test_verify.py have runs with all their baselines, and a key.
VERIFYING = [example for example in FOUND if "benchmarks verify outputs" in example]
ELSEWHERE = (*IN_README, *IN_REPOSITORY, *FETCHING, *VERIFYING)
EXAMPLES = [example for example in dict.fromkeys(FOUND) if example not in ELSEWHERE]

DATA = ("dataset=files", "dataset.path=questions")
JUDGED = (*DATA, *MEASURED_ONCE, "measure.enabled=false", "experts=none", "~baselines")
# Without a name `check` takes the newest run, which is none of these.
GROWN = (
    *DATA,
    *MEASURED_ONCE,
    "grow.axes=[batch]",
    "grow.batch=[1,2]",
    "grow.stored=[10,20]",
    "grow.length=[4]",
    "grow.queries=4",
)
SMALLER = {
    "run": JUDGED,
    "compare": JUDGED,
    "suite": ("suite.routers=[tfidf]", "measure.enabled=false", "statistics.resamples=100"),
    "points": DATA,
    "check": ("outputs/run/A",),
    "grow": GROWN,
    # A server does not end; tests/benchmarks/server starts some.
    "serve": ("--cfg", "job"),
}
BASELINES = ROOT / "reports" / "baselines"
# Results that the examples expect.
EARLIER = {
    "A": BASELINES / "ci" / "knn",
    "A/baselines/tfidf": BASELINES / "car_sleep" / "tfidf",
    "B": BASELINES / "car_sleep" / "centroid",
    "2026-11-22_00-00-00_knn": BASELINES / "ci" / "knn",
}


def words(example: str, cwd: Path) -> Iterator[str]:
    """As a shell splits them, patterns of folders included; the reader's own folder has a name here."""
    for word in shlex.split(example.replace("dataset.path=DIR", "dataset.path=questions"))[3:]:
        paths = sorted(cwd.glob(word)) if "*" in word and "[" not in word else []
        yield from (str(path.relative_to(cwd)) for path in paths) if paths else [word]


def made_small(arguments: list[str]) -> list[str]:
    given = {word.partition("=")[0] for word in arguments}
    return [
        *arguments,
        *(word for word in SMALLER.get(arguments[0], ()) if word.partition("=")[0] not in given),
    ]


@pytest.mark.process
def test_every_example_works(tmp_path: Path, shared_qna: Path) -> None:
    shutil.copytree(shared_qna, tmp_path / "questions")
    shutil.copytree(BASELINES, tmp_path / "reports" / "baselines")
    in_process("run", "router=knn", *JUDGED, cwd=tmp_path)
    (run,) = results(tmp_path)
    kept = (run / "router").rename(tmp_path / "kept")
    shutil.rmtree(run)
    for name, source in EARLIER.items():
        shutil.copytree(source, tmp_path / "outputs" / "run" / name)
    kept.rename(tmp_path / "outputs" / "run" / "A" / "router")
    make_another(tmp_path / "reports" / "baselines" / "ci" / "knn")
    assert len(EXAMPLES) >= 12
    for example in EXAMPLES:
        # One after the other: some read what those before them wrote.
        done = in_process(*made_small(list(words(example, tmp_path))), cwd=tmp_path)
        assert done.returncode == 0, f"{example}\n{done.stderr}"
        assert done.stdout, example
        # Of the questions here, which those before have not.
        for made in {path.name for path in results(tmp_path)} - EARLIER.keys():
            shutil.rmtree(tmp_path / "outputs" / "run" / made)
