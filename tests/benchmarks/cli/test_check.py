"""`check` as a user and as a continuous integration runs it: exit codes, files, what is named where."""

import json
import shlex
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from benchmarks.records.provenance import git_states
from reports.record import Git
from reports.record_files import Result, read_result
from tests.benchmarks.gate_samples import predictions, result, written
from tests.benchmarks.helpers import command, derby, in_process, json_file

ROWS = predictions(200, wrong=range(20))
WORSE = predictions(200, wrong=range(40))
DIRTY = Git("abc", dirty=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A baseline and three runs, the newest of which is worse."""
    written(tmp_path / "baselines" / "knn", result(ROWS))
    written(tmp_path / "outputs" / "run" / "2026-01-01_00-00-00_knn", result(ROWS))
    written(tmp_path / "outputs" / "run" / "2026-01-03_00-00-00_knn", result(WORSE))
    written(tmp_path / "outputs" / "run" / "2026-01-02_00-00-00_knn", result(ROWS))
    return tmp_path


FIRST = "outputs/run/2026-01-01_00-00-00_knn"
NEWEST = "outputs/run/2026-01-03_00-00-00_knn"


def checked(*words: str, cwd: Path, code: int) -> dict[str, Any]:
    """JSON that `check` writes, with that exit code."""
    done = in_process("check", *words, "--json", "check.json", cwd=cwd)
    found = json_file(cwd / "check.json")
    assert (done.returncode, done.stderr, found["exit_code"]) == (code, "", code)
    return found


def codes(remarks: list[dict[str, Any]]) -> list[str]:
    return [remark["code"] for remark in remarks]


@pytest.mark.parametrize("baseline", ["baselines/knn", "baselines/knn/record.json"])
def test_fine(home: Path, baseline: str) -> None:
    done = in_process("check", FIRST, "--baseline", baseline, cwd=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("knn: FINE")


def test_the_newest_run_is_the_default_and_a_regression_is_1(home: Path) -> None:
    done = in_process("check", "--baseline", "baselines/knn", cwd=home)
    assert done.returncode == 1
    first = done.stdout.splitlines()[0]
    assert first.startswith("knn: REGRESSION")
    assert "accuracy" in first
    assert NEWEST in done.stdout


@pytest.mark.parametrize(
    ("run", "baseline", "code"),
    [
        (result(ROWS, git=DIRTY), result(ROWS), 0),
        (result(ROWS), result(ROWS, git=DIRTY), 2),
        (result(predictions(150)), result(ROWS), 2),
        (result(ROWS, router="svm"), result(ROWS), 2),
    ],
    ids=["dirty-run", "dirty-baseline", "other-data", "other-router"],
)
def test_cannot_tell_is_2(tmp_path: Path, run: Result, baseline: Result, code: int) -> None:
    written(tmp_path / "run", run)
    written(tmp_path / "baseline", baseline)
    found = checked("run", "--baseline", "baseline", cwd=tmp_path, code=code)
    assert (found["verdict"], len(found["refusals"])) == (("fine", 0) if code == 0 else ("cannot tell", 1))


def test_a_tolerance_lets_pass(home: Path) -> None:
    names = ("accuracy", "macro_f1", "brier")
    allowed = [word for name in names for word in ("--tolerance", f"{name}=0.5")]
    assert in_process("check", "--baseline", "baselines/knn", *allowed, cwd=home).returncode == 0


@pytest.mark.parametrize(
    "entry", ["accuracy", "accuracy=nan", "accuracy=-0.1", "accuracy=1", "brier=2", "acuracy=0.1"]
)
def test_a_tolerance_that_cannot_be_used(home: Path, entry: str) -> None:
    done = in_process("check", "--baseline", "baselines/knn", "--tolerance", entry, cwd=home)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"error: --tolerance {entry}: ")


def test_a_tolerance_may_be_as_large_as_the_metric_allows(home: Path) -> None:
    words = ("--baseline", "baselines/knn", "--tolerance", "brier=1.2", "--tolerance", "cost=3")
    found = checked(FIRST, *words, cwd=home, code=0)
    assert [one["tolerance"] for one in found["results"] if one["metric"] == "brier"] == [1.2]


def test_files_for_machines(home: Path) -> None:
    files = ["--junit", "ci/j.xml", "--json", "ci/c.json", "--pytest-benchmark", "ci/b.json"]
    done = in_process("check", "--baseline", "baselines/knn", *files, cwd=home)
    assert done.returncode == 1
    suite = next(ET.parse(home / "ci" / "j.xml").iter("testsuite"))
    assert int(suite.attrib["failures"]) >= 1
    assert json.loads((home / "ci" / "c.json").read_text())["exit_code"] == 1
    (benchmark,) = json.loads((home / "ci" / "b.json").read_text())["benchmarks"]
    assert "knn" in benchmark["name"]
    assert "::error" not in done.stdout


def test_on_github(home: Path) -> None:
    summary = home / "summary.md"
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = in_process("check", "--baseline", "baselines/knn", cwd=home, **github)
    assert any(line.startswith("::error") for line in done.stdout.splitlines())
    assert "REGRESSION" in summary.read_text()


def test_update_writes_a_baseline_and_shows_what_changed(home: Path) -> None:
    done = in_process("check", "--update", "--baseline", "baselines/knn", cwd=home)
    assert (done.returncode, done.stderr) == (0, "")
    # What changes first, then what became of what; no exit code, as it is 0 whatever changes.
    assert done.stdout.startswith("knn: REGRESSION")
    assert "exit code" not in done.stdout
    last = done.stdout.splitlines()[-1]
    assert "baselines/knn" in last
    assert NEWEST in last
    assert read_result(home / "baselines" / "knn").predictions == WORSE
    assert in_process("check", "--baseline", "baselines/knn", cwd=home).returncode == 0


def test_update_refuses_a_dirty_run(home: Path) -> None:
    written(home / "dirty", result(ROWS, git=DIRTY))
    done = in_process("check", "dirty", "--update", "--baseline", "baselines/knn", cwd=home)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: dirty was measured on uncommitted changes")
    assert read_result(home / "baselines" / "knn").predictions == ROWS


def test_update_never_replaces_another_routers_baseline(home: Path) -> None:
    written(home / "svm", result(ROWS, router="svm"))
    done = in_process("check", "svm", "--update", "--baseline", "baselines/knn", cwd=home)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: baselines/knn is of router knn, and svm of svm")
    assert read_result(home / "baselines" / "knn").record.router == "knn"


def test_a_file_that_cannot_be_written_is_no_verdict_and_named(home: Path) -> None:
    (home / "taken").write_text("")
    done = in_process("check", FIRST, "--baseline", "baselines/knn", "--json", "taken/c.json", cwd=home)
    assert done.returncode == 3
    assert done.stderr.startswith("error: taken")
    assert done.stdout.startswith("knn: FINE")


def test_the_newest_run_is_one_with_a_date_and_a_damaged_one_is_not_passed_over(home: Path) -> None:
    written(home / "outputs" / "run" / "old", result(ROWS))
    assert checked("--baseline", "baselines/knn", cwd=home, code=1)["run"] == NEWEST
    (home / NEWEST / "record.json").unlink()
    (refusal,) = checked("--baseline", "baselines/knn", cwd=home, code=2)["refusals"]
    assert refusal["code"] == "unreadable"
    assert f"{NEWEST}/record.json" in refusal["details"]["error"]


def test_update_never_replaces_a_folder_that_holds_more(home: Path) -> None:
    done = in_process("check", FIRST, "--update", "--baseline", "baselines", cwd=home)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: baselines holds more than a baseline (knn)")
    assert (home / "baselines" / "knn").is_dir()


def test_no_baseline_yet(home: Path) -> None:
    found = checked(FIRST, "--baseline", "baselines/new", cwd=home, code=2)
    assert codes(found["refusals"]) == ["no_baseline"]
    assert found["refusals"][0]["details"] == {"folder": "baselines/new"}


def test_a_newest_run_of_other_code_is_noted(tmp_path: Path) -> None:
    written(tmp_path / "baseline", result(ROWS))
    now, _ = git_states()
    for name, git in (("2026-01-01_knn", now), ("2026-01-02_knn", Git("abc", dirty=False))):
        written(tmp_path / "outputs" / "run" / name, result(ROWS, git=git))

    def notes(*run: str) -> list[str]:
        return codes(checked(*run, "--baseline", "baseline", cwd=tmp_path, code=0)["notes"])

    assert "other_code_now" in notes()
    # Who names a run means that one.
    named = "outputs/run/2026-01-02_knn"
    assert "other_code_now" not in notes(named)
    shutil.rmtree(tmp_path / named)
    assert "other_code_now" not in notes()


def test_limits_alone_gate_a_first_run(home: Path) -> None:
    limits = ["--require", "accuracy>=0.9", "--require", "latency_mean_vs_reference<=4x"]
    found = checked(FIRST, *limits, cwd=home, code=0)
    assert (found["verdict"], found["baseline"], len(found["results"])) == ("fine", None, 2)
    found = checked(*limits, "--junit", "j.xml", cwd=home, code=1)
    assert (found["verdict"], found["results"][0]["run"]) == ("not met", pytest.approx(0.8))
    assert "accuracy&gt;=0.9" in (home / "j.xml").read_text()
    # Beside a baseline that is not there yet, which cannot be told.
    assert len(checked(FIRST, *limits, "--baseline", "new", cwd=home, code=2)["results"]) == 2


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((), ("--baseline", "--against", "--require")),
        (("--baseline", "x", "--against", "y"), ("--baseline", "--against")),
        (("--require", "acuracy>=0.8"), ("--require acuracy>=0.8",)),
        (("--baseline", "x", "--margin", "1"), ("--margin",)),
        (
            ("--baseline", "x", "--margin", "0.01", "--tolerance", "accuracy=0.02"),
            ("--margin", "--tolerance"),
        ),
        (("--baseline", "x", "--warn", "acuracy"), ("--warn acuracy",)),
        (("--baseline", "x", "--accepted", "none.yaml"), ("none.yaml",)),
        (("--against", "y", "--trend", "t.html"), ("--trend", "--baseline")),
        (("--baseline", "x", "--what"), ("--what",)),
    ],
)
def test_bad_input_is_no_verdict(home: Path, words: tuple[str, ...], named: tuple[str, ...]) -> None:
    done = in_process("check", *words, cwd=home)
    assert (done.returncode, done.stdout) == (3, "")
    assert [word for word in named if word not in done.stderr] == []


def test_a_margin_that_is_not_ruled_out_is_undecided(home: Path) -> None:
    same = (FIRST, "--baseline", "baselines/knn", "--margin")
    assert checked(*same, "0.05", cwd=home, code=0)["verdict"] == "fine"
    found = checked(*same, "0.01", cwd=home, code=2)
    assert found["verdict"] == "undecided"
    assert [one["outcome"] for one in found["results"] if one["primary"]] == ["undecided"]


def test_advisory_and_accepted_losses_are_printed_and_fail_nothing(home: Path) -> None:
    names = ("accuracy", "accuracy[standard]", "macro_f1")
    entry = "- metric: '{}'\n  up_to: 0.15\n  reason: asked for in 12\n  expires: 9999-12-31\n"
    (home / "accepted.yaml").write_text("".join(map(entry.format, names)))
    words = ["--baseline", "baselines/knn", "--accepted", "accepted.yaml", "--warn", "brier"]
    done = in_process("check", *words, cwd=home, GITHUB_ACTIONS="true")
    assert done.returncode == 0
    assert done.stdout.count("::warning") == 4
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("Accepted, accuracy:")]
    for word in ("15 points", "9999-12-31", "accepted.yaml line 1", "asked for in 12"):
        assert word in line
    # Ten points are lost.
    (home / "accepted.yaml").write_text("".join(map(entry.replace("0.15", "0.05").format, names)))
    notes = codes(checked(*words, cwd=home, code=1)["notes"])
    assert notes.count("exceeded") == 3


def test_the_comment_names_the_questions(home: Path) -> None:
    done = in_process("check", "--baseline", "baselines/knn", "--comment", "c.md", cwd=home)
    assert done.returncode == 1
    text = (home / "c.md").read_text()
    assert text.startswith("<!-- router-derby check: knn on made -->\n## knn on made: REGRESSION\n")
    assert [f"| question {number} |" in text for number in (19, 20, 39, 40)] == [False, True, True, False]
    assert "| question 20 | a | a | b |" in text


def test_an_improvement_deserves_a_new_baseline(home: Path) -> None:
    better = written(home / "better", result(predictions(200)))
    found = checked(str(better), "--baseline", "baselines/knn", cwd=home, code=0)
    (note,) = [note for note in found["notes"] if note["code"] == "new_baseline"]
    assert note["details"]["folder"] == "baselines/knn"
    assert "accuracy" in note["details"]["metrics"]


def test_a_folder_of_results_is_one_baseline(home: Path) -> None:
    for number in (1, 2, 4):
        ratio = 3 + number / 100
        made = result(ROWS, (ratio, ratio + 0.02, ratio - 0.02))
        written(home / "main" / f"2026-01-0{number}_00-00-00_knn", made)
    written(home / "main" / "2026-01-03_00-00-00_knn", result(WORSE))

    def pooled(*words: str) -> dict[str, Any]:
        found = checked(FIRST, "--baseline", "main", *words, cwd=home, code=0)
        (details,) = [note["details"] for note in found["notes"] if note["code"] == "pooled"]
        return dict(details)

    assert pooled("--trend", "trend.html")["results"] == 4
    page = (home / "trend.html").read_text()
    assert page.count('<th scope="row">') == 5
    last = "main/2026-01-04_00-00-00_knn"
    assert pooled("--last", "1") == {"results": 1, "quality": last, "speed": last}


@pytest.mark.process
def test_who_stops_reading_changes_no_verdict(home: Path) -> None:
    for run, code in ((FIRST, 0), (NEWEST, 1)):
        words = shlex.join(command("check", run, "--baseline", "baselines/knn", "--json", "c.json"))
        # `true` is gone before anything is printed.
        line = f"{words} | true; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], cwd=home, capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == (f"{code}\n", "")
        assert json_file(home / "c.json")["exit_code"] == code
        (home / "c.json").unlink()


@pytest.mark.process
def test_what_an_encoding_lacks_is_a_question_mark(home: Path) -> None:
    done = derby("check", "--baseline", "baselines/knn", cwd=home, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (1, "")
    assert "accuracy ?10.0 points" in done.stdout


def test_a_bug_is_not_a_regression(home: Path) -> None:
    with patch("benchmarks.gate.baseline.gate", side_effect=ZeroDivisionError("a bug")):
        done = in_process("check", "--baseline", "baselines/knn", cwd=home)
    assert done.returncode == 3
    assert done.stderr.endswith("ZeroDivisionError: a bug\n")


def test_no_run_yet(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("of yesterday")
    files = ["--json", "c.json", "--pytest-benchmark", "b.json"]
    done = in_process("check", "--baseline", "x", *files, cwd=tmp_path)
    assert done.returncode == 2
    found = json_file(tmp_path / "c.json")
    assert (found["exit_code"], codes(found["refusals"])) == (2, ["no_run"])
    # One of an earlier day would look like today's.
    assert json.loads((tmp_path / "b.json").read_text())["benchmarks"] == []
