"""`compare` and `report` as a user runs them: whole reports, from small data and cheap routers."""

import json
from pathlib import Path

import pytest

from reports.record import read_record, read_result
from tests.benchmarks.helpers import FAST, in_process

FORMS = {"report.md", "report.html", "report.json"}
FIGURES = {"accuracy_latency", "latency", "memory", "confusion", "reliability", "risk_coverage"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, shared_qna: Path) -> Path:
    """Where a comparison was made, and a run of its own."""
    folder = tmp_path_factory.mktemp("compared")
    data = ("dataset=files", f"dataset.path={shared_qna}")
    entries = "compare.routers=[tfidf,'tfidf router.c=0.001']"
    done = in_process("compare", entries, *FAST, *data, cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout, encoding="utf-8")
    ran = in_process("run", "router=tfidf", "router.c=2", "~baselines", *FAST, *data, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return folder


def only(folder: Path) -> Path:
    (one,) = folder.iterdir()
    return one


def test_everything_is_side_by_side(home: Path) -> None:
    folder = only(home / "outputs" / "compare")
    names = {path.name for path in folder.iterdir()}
    pictures = {f"{name}.{form}" for name in FIGURES for form in ("svg", "png")}
    assert names == {*FORMS, *pictures, "results", ".hydra"}
    for name in pictures:
        start = (folder / name).read_bytes()[:8]
        assert (
            start == b"\x89PNG\r\n\x1a\n" if name.endswith("png") else start.startswith((b"<svg", b"<?xml"))
        )


def test_every_router_and_baseline_has_its_result(home: Path) -> None:
    results = only(home / "outputs" / "compare") / "results"
    assert {path.name for path in results.iterdir()} == {"tfidf", "tfidf_c=0.001", "majority", "random"}
    made = {path.name: read_result(path).record for path in results.iterdir()}
    assert made["tfidf_c=0.001"].config["router"]["c"] == 0.001
    assert made["tfidf"].config["router"]["c"] == 10
    for name, record in made.items():
        assert {one.other for one in record.comparisons} == set(made) - {name}
        assert record.metric("latency_p50") is not None


def test_what_is_said_is_the_verdict_and_where_the_report_is(home: Path) -> None:
    said = (home / "said.txt").read_text(encoding="utf-8")
    folder = only(home / "outputs" / "compare")
    assert json.loads((folder / "report.json").read_text())["verdict"]["sentence"] in said
    assert f"Report: {folder / 'report.html'}" in said


def test_a_report_of_what_is_there(home: Path) -> None:
    before = set(home.rglob("record.json"))
    compared = only(home / "outputs" / "compare")
    done = in_process("report", f"runs=[{compared},outputs/run/*]", cwd=home)
    assert done.returncode == 0, done.stderr
    assert set(home.rglob("record.json")) == before
    folder = only(home / "outputs" / "report")
    assert {path.name for path in folder.iterdir()} >= FORMS
    rows = json.loads((folder / "report.json").read_text())["comparison"]["rows"]
    assert len(rows) == 5


def test_what_does_not_belong_is_left_out_with_its_reason(home: Path, tmp_path: Path) -> None:
    ran = in_process(
        *("run", "router=majority", "~baselines", "measure.enabled=false", "experts=none", "guard=off"),
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    ours = only(home / "outputs" / "run")
    done = in_process("report", f"runs=[{ours},{tmp_path}/outputs/run/*]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    reason = "other data: its test questions (data set car_sleep) are not those of "
    assert reason in done.stderr
    assert reason in (only(tmp_path / "outputs" / "report") / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "compare.routers=[]"], "compare.routers: name the routers, such as"),
        (["compare", "compare.routers=[knn,' ']"], "compare.routers: name the routers, such as"),
        (["compare", "router=knn"], "router=knn: routers are chosen, each with its own settings"),
        (["compare", "router.k=5"], "router.k=5: routers are chosen, each with its own settings"),
        (
            ["compare", "compare.routers=[tfidf,tfidf]"],
            "compare.routers: 'tfidf' has the name of another, tfidf; name each once",
        ),
        (["compare", "compare.routers=[tfidf,'majority seed=3']"], "majority_seed=3 changes seed, which all"),
        (["compare", "compare.routers=[nope]"], "nope"),
        (["compare", "compare.routers=[5]"], "compare.routers: '5'"),
        (["compare", "compare.routers=[tfidf,'tfidf router.x=1']"], "no key router.x"),
        (["compare", "compare.x=1"], "no key compare.x; compare has: routers"),
        (["compare", "-m", "seed=1,2"], "compare takes one value a key: -m is for run"),
        (["report"], "name the results: runs=[outputs/run/A,outputs/run/B]"),
        (["report", "runs=[nowhere]"], "nowhere: no result there; name result folders"),
        (["report", "runs=outputs/run/A"], "runs takes a list, in brackets: runs=[…]"),
        (
            ["compare", "compare.routers=knn"],
            "compare.routers takes a list, in brackets: compare.routers=[…]",
        ),
        (["report", "seed=-1"], "seed=-1: must be at least 0"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = in_process(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("outputs/*/*"))


def test_a_single_run_is_a_report_too(home: Path, tmp_path: Path) -> None:
    done = in_process("report", f"runs=[{only(home / 'outputs' / 'run')}]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = read_record(only(home / "outputs" / "run"))
    assert record.router in done.stdout
