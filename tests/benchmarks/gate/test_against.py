"""The gate against another commit: a real repository, both commits run in turns."""

import json
from pathlib import Path

import pytest

from benchmarks.gate.against import pooled
from reports.record_files import read_result
from tests.benchmarks.gate_samples import predictions, result
from tests.benchmarks.helpers import FAST, git, in_process, json_file

MINE = "name: mine\n_target_: routers.baselines.{router}\n"
RUN = ["--", "--config-dir", "conf", "router=mine", "dataset=files", "dataset.path=questions"]
SETTINGS = [*RUN, *FAST, "guard=off", "~baselines"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits of a repository with a router and questions: the second router sends all to one domain."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "Anna's repository"
    (home / "questions").mkdir(parents=True)
    for domain, word in (("car", "engine"), ("sleep", "pillow")):
        rows = [{"question": f"What of {word} number {count}?"} for count in range(100)]
        (home / "questions" / f"{domain}.json").write_text(json.dumps({"qna": rows}))
    # A folder of that name must not hide Router Derby's own.
    (home / ".gitignore").write_text("outputs\n")
    (home / "conf" / "router").mkdir(parents=True)
    git(home, "init", "--quiet")
    for router in ("TfidfRouter", "MajorityRouter"):
        (home / "conf" / "router" / "mine.yaml").write_text(MINE.format(router=router))
        git(home, "add", ".")
        git(home, "commit", "--quiet", "-m", router)
    return home


@pytest.mark.process
def test_a_worse_router_is_a_regression_and_the_same_is_none(repository: Path) -> None:
    files = ["--json", "check.json"]
    done = in_process("check", "--against", "HEAD~1", "--pairs", "1", *files, *SETTINGS, cwd=repository)
    assert done.returncode == 1, done.stdout
    assert done.stdout.startswith("mine: REGRESSION: accuracy")
    assert "run 1 of 2" in done.stderr
    found = {one["metric"]: one for one in json_file(repository / "check.json")["results"]}
    assert found["accuracy"]["outcome"] == "regression"
    # Kept, to be looked into; nothing else is left.
    base, here = sorted((repository / "outputs" / "check").glob("*/*"))
    assert (base.name, here.name) == ("base-1", "here-1")
    assert read_result(base).record.provenance.repositories["own_git"].commit == git(
        repository, "rev-parse", "HEAD~1"
    )
    assert len(git(repository, "worktree", "list").splitlines()) == 1

    quick = [*SETTINGS, "measure.enabled=false"]
    same = in_process("check", "--against", "HEAD", "--pairs", "1", *files, *quick, cwd=repository)
    found = {one["metric"]: one for one in json_file(repository / "check.json")["results"]}
    assert found["accuracy"]["outcome"] == "passed", same.stdout


@pytest.mark.process
def test_what_cannot_be_run_says_so(repository: Path, tmp_path: Path) -> None:
    done = in_process("check", "--against", "nowhere", *SETTINGS, cwd=repository)
    assert done.returncode == 3
    assert "no commit 'nowhere' here" in done.stderr
    outside = tmp_path / "outside"
    outside.mkdir()
    done = in_process(
        "check", "--against", "HEAD", *SETTINGS, cwd=outside, GIT_CEILING_DIRECTORIES=str(tmp_path)
    )
    assert done.returncode == 3
    assert "not a git repository" in done.stderr
    done = in_process("check", "--against", "HEAD", "router=unknown", cwd=repository)
    assert done.returncode == 3
    assert "ended with status 2" in done.stderr
    assert "unknown" in done.stderr.splitlines()[-1]
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_runs_are_pooled_by_process() -> None:
    rows = predictions(20)
    one = pooled([result(rows, ratios=[1.0, 4.0], memory=3.0), result(rows, ratios=[2.0], memory=5.0)])
    latency = one.record.metric("latency_mean_vs_reference")
    memory = one.record.metric("peak_rss_vs_reference")
    assert latency is not None
    assert memory is not None
    # The geometric mean of 1, 4 and 2.
    assert (latency.value, latency.n) == (pytest.approx(2.0), 3)
    assert memory.value == 4.0
    assert one.record.timings.served is not None
    assert [done.latency_seconds[0] for done in one.record.timings.served.rounds] == [1.0, 4.0, 2.0]
