"""The league of a small suite by hand: who beats whom, who is ranked, what is written, and what never is."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.suite import league as module
from benchmarks.suite.league import Cells, league, write_league
from reports.league.files import LEAGUE, LeagueError, read_league
from reports.league.model import DatasetResults, Front, League, Score
from reports.reasons import Reason
from reports.record import Machine
from reports.record_files import Result, write_record
from tests.benchmarks.gate_samples import QUICK
from tests.benchmarks.suite.samples import MODELS, SECRET, domains, models, result, suite

MISSING = {"second": {"slow": "fit: killed, see /work/secret place/../outputs/run.log and http://host/a/b"}}


@pytest.fixture(scope="module")
def found() -> League:
    return made(suite(), MISSING)


def made(cells: Cells, missing: dict[str, dict[str, str]] | None = None) -> League:
    return league(cells, QUICK, 0, missing, "sample")


def dataset(of: League, name: str) -> DatasetResults:
    (one,) = [one for one in of.datasets if one.name == name]
    return one


def beaten(of: DatasetResults) -> dict[str, list[str]]:
    return {entry.contestant: entry.beats for entry in of.entries}


def test_contestants_are_ranked_by_the_mean_of_their_scores(found: League) -> None:
    assert [(one.contestant, one.place) for one in found.standings] == [
        ("best", 1),
        ("fast", 2),
        ("majority", 3),
        ("slow", None),
    ]
    best, fast, majority, slow = found.standings
    means = [(116 / 120 + 57 / 60 + 0.9) / 3, (0.8 + 0.8 + 0.6) / 3, (0.75 + 0.75 + 0.5) / 3]
    scores = [one.score for one in (best, fast, majority) if one.score]
    assert [score.value for score in scores] == pytest.approx(means)
    assert all(score.ci_low < score.value < score.ci_high for score in scores)
    assert best.behind is None
    assert fast.behind is not None
    assert fast.behind.value == pytest.approx(means[0] - means[1])
    # Paired: narrower than the two intervals together.
    widths = [score.ci_high - score.ci_low for score in scores[:2]]
    assert 0 < fast.behind.ci_low < fast.behind.value < fast.behind.ci_high
    assert fast.behind.ci_high - fast.behind.ci_low < sum(widths)
    # One that lacks a data set is not ranked by the others.
    assert (slow.lacks, slow.score, slow.behind) == (["second"], None, None)
    assert (slow.wins, slow.losses) == (4, 1)


def test_wins_are_beyond_chance_after_the_correction_for_all_pairs(found: League) -> None:
    first = dataset(found, "first")
    # Four questions against eight are chance: p = 0.125; 8 against 24 is 2 / 2**16.
    assert beaten(first) == {
        "best": ["fast", "majority"],
        "slow": ["fast", "majority"],
        "fast": [],
        "majority": [],
    }
    assert (first.pairs, first.permuted, first.best) == (6, False, None)
    fast = first.entry("fast")
    assert fast is not None
    assert fast.beaten_by == ["best", "slow"]
    assert dataset(found, "second").best == "best"
    # Six gains of six have p = 0.031 alone: enough for one pair, and not for three.
    rows = {"a": domains(40), "b": domains(40, range(6))}
    assert beaten(dataset(made({"x": {n: result(n, r) for n, r in rows.items()}}), "x"))["a"] == ["b"]
    rows["c"] = domains(40, range(6))
    assert beaten(dataset(made({"x": {n: result(n, r) for n, r in rows.items()}}), "x"))["a"] == []


def test_the_score_of_a_data_set_with_outcomes_is_the_quality_of_the_answers(found: League) -> None:
    of_models = dataset(found, "models")
    assert of_models.score == Score.QUALITY
    # The small model is right on the even ones, the large one unless it is a multiple of five.
    expected = {"best": 0.9, "slow": 0.8, "fast": 0.6, "majority": 0.5}
    scores = {entry.contestant: entry.metric("quality") for entry in of_models.entries}
    assert {name: metric and metric.value for name, metric in scores.items()} == pytest.approx(expected)
    assert of_models.best == "best"
    graded = [replace(row, outcomes={"large": 0.7, "small": 0.4}) for row in models(30, range(30))]
    small = [replace(row, predicted="small", scores={"large": 0.1, "small": 0.9}) for row in graded]
    cells = {name: result(name, rows, MODELS, MODELS) for name, rows in (("a", graded), ("b", small))}
    other = dataset(made({"graded": cells}), "graded")
    assert (other.permuted, beaten(other)) == (True, {"a": ["b"], "b": []})


def test_a_contestant_that_draws_has_the_mean_score_of_its_draws() -> None:
    chances = {"large": 0.5, "small": 0.5}
    rows = [replace(row, chances=chances) for row in models(120, ())]
    cells = {
        "models": {"small": suite()["models"]["majority"], "drawn": result("drawn", rows, MODELS, MODELS)}
    }
    of = dataset(made(cells), "models")
    scores = {entry.contestant: entry.metric(of.score) for entry in of.entries}
    assert scores["drawn"] is not None
    # Half of the answers of the small model are good, and four in five of the large one's.
    assert scores["drawn"].value == pytest.approx((0.5 + 0.8) / 2)
    assert (beaten(of)["drawn"], of.permuted) == (["small"], True)


def test_the_best_constant_and_the_oracle_follow_from_the_data(found: League) -> None:
    first, of_models = dataset(found, "first"), dataset(found, "models")
    constant, oracle = first.constant.metric("accuracy"), first.oracle.metric("accuracy")
    assert (first.constant.choice, constant and constant.value, oracle and oracle.value) == ("a", 0.75, 1.0)
    values = {
        name: (of_models.constant.metric(name), of_models.oracle.metric(name))
        for name in ("quality", "cost", "gain_over_best", "gap_to_oracle")
    }
    got = {name: [metric and metric.value for metric in both] for name, both in values.items()}
    assert of_models.constant.choice == "large"
    assert got["quality"] == pytest.approx([0.8, 0.9])
    # The oracle pays for the large model where only that is right: odd and no multiple of five, 4 of 10.
    assert got["cost"] == pytest.approx([5, 0.6 * 1 + 0.4 * 5])
    assert got["gain_over_best"] == pytest.approx([0, 0.125])
    assert got["gap_to_oracle"] == pytest.approx([0.8 / 0.9 * -1 + 1, 0])
    # As every record has it.
    of_record = suite()["models"]["best"].record.metric("aiq_oracle")
    aiq = of_models.oracle.metric("aiq")
    assert aiq is not None
    assert of_record is not None
    assert aiq.value == of_record.value


def test_pareto_fronts(found: League) -> None:
    fronts = {entry.contestant: entry.fronts for entry in dataset(found, "first").entries}
    both = [Front.LATENCY, Front.MEMORY]
    # Slow is beaten in both by best in time, but needs less memory; the constant's score is on no front.
    assert fronts == {"best": both, "slow": [Front.MEMORY], "fast": both, "majority": []}
    # No front leaves out who is worse than the best model alone, which is the dearest.
    routed = {entry.contestant: entry.fronts for entry in dataset(found, "models").entries}
    assert routed == {
        "best": [*both, Front.COST],
        "slow": [],
        "fast": [Front.LATENCY, Front.COST],
        "majority": [Front.LATENCY, Front.COST],
    }
    cells = suite()
    fast = cells["first"]["fast"]
    record = fast.record
    elsewhere = replace(record.provenance, machine=Machine(cpu="another", cores=8))
    cells["first"]["fast"] = replace(fast, record=replace(record, provenance=elsewhere))
    apart = dataset(made(cells, MISSING), "first")
    assert {front for entry in apart.entries for front in entry.fronts} == {Front.MEMORY}


def test_a_cell_that_is_missing_says_why(found: League) -> None:
    second = dataset(found, "second")
    # Without the places of anybody's disk.
    assert second.absent == {"slow": "fit: killed, see secret place/../outputs/run.log and http://host/a/b"}
    cells = suite()
    cells["first"]["slow"] = result("slow", domains(100))
    cells["first"]["fast"] = result("fast", domains(120), train="1")
    del cells["first"]["majority"]
    absent = dataset(made(cells), "first").absent
    assert set(absent) == {"slow", "fast", "majority"}
    assert "not asked the same questions" in absent["slow"]
    assert "trained on other questions than best" in absent["fast"]
    assert absent["majority"] == "no result"


def test_what_was_not_measured_or_scored_is_no_crash() -> None:
    cells = {
        "x": {
            "untrained": result("untrained", domains(40, range(9)), untrained=["bge-base"]),
            "unmeasured": result("unmeasured", domains(40, range(3)), p50=None),
        }
    }
    found = made(cells)
    one = dataset(found, "x")
    assert one.pairs == 0
    assert [(standing.contestant, standing.place) for standing in found.standings] == [
        ("unmeasured", 1),
        ("untrained", None),
    ]
    entry = one.entry("untrained")
    assert entry is not None
    missing = entry.missing("accuracy")
    assert (missing and missing.reason, entry.fronts) == (Reason.UNTRAINED_WEIGHTS, [])
    assert one.constant.choice == "a"


def test_a_data_set_that_nobody_has_a_score_on_does_not_count() -> None:
    gone = {"gone": dict.fromkeys(("best", "slow", "fast", "majority"), "no such file")}
    found = made(suite(), {**MISSING, **gone})
    assert [one.contestant for one in found.ranked] == ["best", "fast", "majority"]
    assert dataset(found, "gone").absent == gone["gone"]
    nobody = made({}, gone)
    assert (nobody.ranked, len(nobody.standings)) == ([], 4)


def test_equal_means_share_a_place() -> None:
    rows = {"a": domains(40, range(2)), "b": domains(40, range(1, 3)), "c": domains(40, range(9))}
    found = made({"x": {name: result(name, of) for name, of in rows.items()}})
    assert [(one.contestant, one.place) for one in found.standings] == [("a", 1), ("b", 1), ("c", 3)]


@pytest.fixture(scope="module")
def written(found: League, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("league") / "made"
    write_league(one_data_set(found), folder)
    return folder


def one_data_set(found: League) -> League:
    """Fewer figures, which take their time."""
    return replace(found, datasets=[dataset(found, "second")])


def test_everything_is_written(found: League, written: Path) -> None:
    figures = {"1_second.svg", "1_second.png"}
    assert {path.name for path in written.iterdir()} == {"league.html", "league.md", LEAGUE, *figures}
    assert read_league(written) == one_data_set(found)


def test_no_question_and_no_path_is_in_any_file(written: Path) -> None:
    for path in written.iterdir():
        content = path.read_bytes().decode("utf-8", errors="replace")
        assert SECRET not in content, path.name
        assert "/nowhere" not in content, path.name
        assert "/work/" not in content, path.name
    text = (written / LEAGUE).read_text(encoding="utf-8")
    # Not even the ids of questions, which are the first thing of a row.
    assert not re.search(r'"(q|m)\d+"', text)


def test_a_league_is_replaced_whole_or_not_at_all(
    found: League, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "draw_league", lambda of: [])
    folder = tmp_path / "league"
    write_league(found, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_league(found, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    def breaks(*_: object) -> str:
        raise OSError("no room")

    monkeypatch.setattr(module, "to_markdown", breaks)
    with pytest.raises(OSError, match="no room"):
        write_league(replace(found, suite="another"), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["league"]


def test_its_json_has_checksums_of_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    folder.mkdir()
    one = result("one", domains(40, range(3)))
    write_record(folder, one.record, one.predictions)
    read = Result(folder, one.record, one.predictions)
    write_league(made({"x": {"one": read}}), tmp_path / "league")
    path = tmp_path / "league" / LEAGUE
    (dataset_,) = json.loads(path.read_text(encoding="utf-8"))["datasets"]
    (entry,) = dataset_["entries"]
    assert dataset_["used"]["files"] == {"made/train.json": "f" * 64}
    checksums = {key: entry[key] for key in ("record_sha256", "predictions_sha256")}
    assert all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in checksums.values())
    assert str(tmp_path) not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["", "[]", '{"version": 2}', '{"version": 1}'])
def test_a_file_that_is_no_league_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / LEAGUE).write_text(content)
    with pytest.raises(LeagueError, match=LEAGUE):
        read_league(tmp_path)
    (tmp_path / LEAGUE).unlink()
    with pytest.raises(LeagueError, match="cannot be read"):
        read_league(tmp_path)
