"""`compare` and `report` as a user runs them: whole reports, from small data and cheap routers."""

import json
from pathlib import Path

import pytest

from reports.record_files import read_result
from tests.benchmarks.helpers import FAST, in_process

pytestmark = pytest.mark.slow

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


def test_it_prints_where_the_report_is(home: Path) -> None:
    folder = only(home / "outputs" / "compare")
    assert f"Report: {folder / 'report.html'}" in (home / "said.txt").read_text(encoding="utf-8")


def test_a_report_of_existing_results_leaves_out_what_does_not_belong(home: Path, tmp_path: Path) -> None:
    quick = ("measure.enabled=false", "experts=none", "guard=off")
    ran = in_process("run", "router=majority", "~baselines", *quick, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    before = set(home.rglob("record.json"))
    compared = only(home / "outputs" / "compare")
    done = in_process("report", f"runs=[{compared},outputs/run/*,{tmp_path}/outputs/run/*]", cwd=home)
    assert done.returncode == 0, done.stderr
    assert set(home.rglob("record.json")) == before
    folder = only(home / "outputs" / "report")
    assert {path.name for path in folder.iterdir()} >= FORMS
    rows = json.loads((folder / "report.json").read_text())["comparison"]["rows"]
    assert len(rows) == 5
    for text in (done.stderr, (folder / "report.md").read_text(encoding="utf-8")):
        assert "car_sleep" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "compare.routers=[]"], "compare.routers: name the routers, such as"),
        (["compare", "router.k=5"], "router.k=5: routers are chosen, each with its own settings"),
        (
            ["compare", "compare.routers=[tfidf,tfidf]"],
            "compare.routers: 'tfidf' has the name of another, tfidf; name each once",
        ),
        (["compare", "compare.routers=[tfidf,'majority seed=3']"], "majority_seed=3 changes seed, which all"),
        (["compare", "compare.routers=[tfidf,'tfidf router.x=1']"], "no key router.x"),
        (["compare", "-m", "seed=1,2"], "compare takes one value a key: -m is for run"),
        (["report"], "name the results: runs=[outputs/run/A,outputs/run/B]"),
        (["report", "runs=[nowhere]"], "nowhere: no result there; name result folders"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = in_process(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("outputs/*/*"))
