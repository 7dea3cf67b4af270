"""`check` as a user and as a continuous integration runs it: codes, words, files."""

import json
import shlex
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from unittest.mock import patch

import pytest

from benchmarks.records.provenance import git_states
from reports.record import Git
from reports.record_files import Result, read_result, write_record
from tests.benchmarks.gate_samples import predictions, result
from tests.benchmarks.helpers import command, derby, in_process, json_file

ROWS = predictions(200, wrong=range(20))
WORSE = predictions(200, wrong=range(40))
DIRTY = Git("abc", dirty=True)


def written(folder: Path, made: Result) -> Path:
    folder.mkdir(parents=True)
    write_record(folder, made.record, made.predictions)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A baseline and three runs, the newest of which is worse."""
    written(tmp_path / "baselines" / "knn", result(ROWS))
    written(tmp_path / "outputs" / "run" / "2026-01-01_00-00-00_knn", result(ROWS))
    written(tmp_path / "outputs" / "run" / "2026-01-03_00-00-00_knn", result(WORSE))
    written(tmp_path / "outputs" / "run" / "2026-01-02_00-00-00_knn", result(ROWS))
    return tmp_path


FIRST = "outputs/run/2026-01-01_00-00-00_knn"


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
    assert "2026-01-03" in done.stdout


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
    done = in_process("check", "run", "--baseline", "baseline", cwd=tmp_path)
    assert done.returncode == code
    assert ("CANNOT TELL" in done.stdout) == (code == 2)


def test_a_tolerance_lets_pass(home: Path) -> None:
    names = ("accuracy", "macro_f1", "brier")
    allowed = [word for name in names for word in ("--tolerance", f"{name}=0.5")]
    assert in_process("check", "--baseline", "baselines/knn", *allowed, cwd=home).returncode == 0


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("accuracy", "expected NAME=VALUE, such as accuracy=0.01"),
        ("accuracy=nan", "must be a number of at least 0"),
        ("accuracy=1", "would let anything pass; one point is accuracy=0.01"),
        ("acuracy=0.1", "no metric 'acuracy' is checked; there is accuracy, "),
    ],
)
def test_a_tolerance_that_cannot_be_used(home: Path, entry: str, words: str) -> None:
    done = in_process("check", "--baseline", "baselines/knn", "--tolerance", entry, cwd=home)
    assert done.returncode == 3
    assert f"error: --tolerance {entry}: {words}" in done.stderr


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
    assert "REGRESSION" in done.stdout
    assert "exit code" not in done.stdout
    assert done.stdout.endswith("baselines/knn is now outputs/run/2026-01-03_00-00-00_knn; commit it\n")
    assert read_result(home / "baselines" / "knn").predictions == WORSE
    assert in_process("check", "--baseline", "baselines/knn", cwd=home).returncode == 0


def test_update_refuses_a_dirty_run(home: Path) -> None:
    written(home / "dirty", result(ROWS, git=DIRTY))
    done = in_process("check", "dirty", "--update", "--baseline", "baselines/knn", cwd=home)
    assert done.returncode == 3
    assert "was measured on uncommitted changes; commit them and run again" in done.stderr
    assert read_result(home / "baselines" / "knn").predictions == ROWS


def test_update_never_replaces_another_routers_baseline(home: Path) -> None:
    written(home / "svm", result(ROWS, router="svm"))
    done = in_process("check", "svm", "--update", "--baseline", "baselines/knn", cwd=home)
    assert done.returncode == 3
    assert "baselines/knn is of router knn, and svm of svm; name another folder" in done.stderr
    assert read_result(home / "baselines" / "knn").record.router == "knn"


def test_a_file_that_cannot_be_written_is_no_verdict_and_named(home: Path) -> None:
    (home / "taken").write_text("")
    done = in_process("check", FIRST, "--baseline", "baselines/knn", "--json", "taken/c.json", cwd=home)
    assert done.returncode == 3
    assert done.stderr.startswith("error: taken")
    assert done.stdout.startswith("knn: FINE")


def test_the_newest_run_is_one_with_a_date_and_a_damaged_one_is_not_passed_over(home: Path) -> None:
    written(home / "outputs" / "run" / "old", result(ROWS))
    done = in_process("check", "--baseline", "baselines/knn", cwd=home)
    assert "2026-01-03" in done.stdout
    (home / "outputs" / "run" / "2026-01-03_00-00-00_knn" / "record.json").unlink()
    done = in_process("check", "--baseline", "baselines/knn", cwd=home)
    assert done.returncode == 2
    assert "record.json cannot be read" in done.stdout


def test_update_never_replaces_a_folder_that_holds_more(home: Path) -> None:
    done = in_process("check", FIRST, "--update", "--baseline", "baselines", cwd=home)
    assert done.returncode == 3
    assert "baselines holds more than a baseline (knn)" in done.stderr
    assert (home / "baselines" / "knn").is_dir()


def test_no_baseline_yet(home: Path) -> None:
    done = in_process("check", FIRST, "--baseline", "baselines/new", cwd=home)
    assert done.returncode == 2
    said = "baselines/new has no baseline yet; check --update --baseline baselines/new makes one"
    assert done.stdout.startswith(f"knn: CANNOT TELL: {said}")


def test_a_newest_run_of_other_code_is_noted(tmp_path: Path) -> None:
    written(tmp_path / "baseline", result(ROWS))
    now, _ = git_states()
    for name, git in (("2026-01-01_knn", now), ("2026-01-02_knn", Git("abc", dirty=False))):
        written(tmp_path / "outputs" / "run" / name, result(ROWS, git=git))
    note = "the newest run is of abc"
    assert note in in_process("check", "--baseline", "baseline", cwd=tmp_path).stdout
    # Who names a run means that one.
    named = "outputs/run/2026-01-02_knn"
    assert note not in in_process("check", named, "--baseline", "baseline", cwd=tmp_path).stdout
    shutil.rmtree(tmp_path / named)
    assert "the newest run is of" not in in_process("check", "--baseline", "baseline", cwd=tmp_path).stdout


def test_limits_alone_gate_a_first_run(home: Path) -> None:
    limits = ["--require", "accuracy>=0.9", "--require", "latency_mean_vs_reference<=4x"]
    done = in_process("check", FIRST, *limits, cwd=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("knn: FINE: 2 requirements met")
    assert "Baseline" not in done.stdout
    done = in_process("check", *limits, "--json", "c.json", "--junit", "j.xml", cwd=home)
    assert done.returncode == 1
    assert done.stdout.startswith("knn: NOT MET: accuracy>=0.9: the run has 80.0 % (exit code 1)")
    assert json_file(home / "c.json")["verdict"] == "not met"
    assert "accuracy&gt;=0.9" in (home / "j.xml").read_text()
    # Beside a baseline that is not there yet, which cannot be told.
    done = in_process("check", FIRST, *limits, "--baseline", "new", cwd=home)
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a committed baseline with --baseline PATH, a commit with --against REV, or a limit"),
        (("--baseline", "x", "--against", "y"), "--baseline and --against: name one of them"),
        (("--require", "acuracy>=0.8"), "--require acuracy>=0.8: no metric 'acuracy'; did you mean"),
        (("--baseline", "x", "--margin", "1"), "--margin"),
        (("--baseline", "x", "--margin", "0.01", "--tolerance", "accuracy=0.02"), "name one of them"),
        (("--baseline", "x", "--warn", "acuracy"), "--warn acuracy: no metric 'acuracy' is checked"),
        (("--baseline", "x", "--accepted", "none.yaml"), "none.yaml cannot be read"),
        (("--against", "y", "--trend", "t.html"), "--trend shows the results in a folder"),
        (("--baseline", "x", "--what"), "No such option"),
    ],
)
def test_bad_input_is_no_verdict(home: Path, words: tuple[str, ...], said: str) -> None:
    done = in_process("check", *words, cwd=home)
    assert (done.returncode, done.stdout) == (3, "")
    assert said in done.stderr


def test_a_margin_that_is_not_ruled_out_is_undecided(home: Path) -> None:
    same = ["check", FIRST, "--baseline", "baselines/knn", "--margin"]
    assert in_process(*same, "0.05", cwd=home).returncode == 0
    done = in_process(*same, "0.01", cwd=home)
    assert done.returncode == 2
    assert done.stdout.startswith("knn: UNDECIDED: accuracy is undecided: a loss of 1 point is not ruled out")


def test_advisory_and_accepted_losses_are_printed_and_fail_nothing(home: Path) -> None:
    names = ("accuracy", "accuracy[standard]", "macro_f1")
    entries = [f"- metric: '{name}'\n  reason: asked for in 12\n  expires: 9999-12-31\n" for name in names]
    (home / "accepted.yaml").write_text("".join(entries))
    words = ["--accepted", "accepted.yaml", "--warn", "brier"]
    done = in_process("check", "--baseline", "baselines/knn", *words, cwd=home, GITHUB_ACTIONS="true")
    assert done.returncode == 0
    assert "regression, accepted until 9999-12-31 (accepted.yaml line 1): asked for in 12" in done.stdout
    assert "Warning, brier: regression of an advisory metric" in done.stdout
    assert done.stdout.count("::warning") == 4


def test_the_comment_names_the_questions(home: Path) -> None:
    done = in_process("check", "--baseline", "baselines/knn", "--comment", "c.md", cwd=home)
    assert done.returncode == 1
    text = (home / "c.md").read_text()
    assert text.startswith("<!-- router-derby check: knn on made -->\n## knn on made: REGRESSION\n")
    assert "20 questions newly wrong" in text
    assert "| question 20 | a | a | b |" in text
    assert "newly right" not in text
    assert "Changed: 20 questions newly wrong, 0 newly right" in done.stdout


def test_an_improvement_deserves_a_new_baseline(home: Path) -> None:
    better = written(home / "better", result(predictions(200)))
    done = in_process("check", str(better), "--baseline", "baselines/knn", cwd=home)
    assert done.returncode == 0
    assert "improved: check --update --baseline baselines/knn makes the run the baseline" in done.stdout


def test_a_folder_of_results_is_one_baseline(home: Path) -> None:
    for number in (1, 2, 4):
        written(home / "main" / f"2026-01-0{number}_00-00-00_knn", result(ROWS))
    written(home / "main" / "2026-01-03_00-00-00_knn", result(WORSE))
    done = in_process("check", FIRST, "--baseline", "main", "--trend", "trend.html", cwd=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the baseline is the middle of 4 results" in done.stdout
    page = (home / "trend.html").read_text()
    assert page.count('<th scope="row">') == 5
    done = in_process("check", FIRST, "--baseline", "main", "--last", "1", cwd=home)
    assert "the baseline is the middle of 1 result: quality of main/2026-01-04_00-00-00_knn" in done.stdout


@pytest.mark.process
def test_who_stops_reading_changes_no_verdict(home: Path) -> None:
    for run, code in ((FIRST, 0), ("outputs/run/2026-01-03_00-00-00_knn", 1)):
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
    assert "outputs/run has no run yet; name a RUN, or make one" in done.stdout
    assert json.loads((tmp_path / "c.json").read_text())["exit_code"] == 2
    # One of an earlier day would look like today's.
    assert json.loads((tmp_path / "b.json").read_text())["benchmarks"] == []
