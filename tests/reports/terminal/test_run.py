"""What a run prints, read as a person would: the figures, the gaps, the verdicts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.record import Comparison, Record
from reports.terminal.run import print_run
from tests.reports.samples import fraction, lines_of, sample_record

FOLDER = Path("/somewhere/outputs/run/2026-01-02_03-04-05_knn")
Printer = Callable[..., str]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Printer:
    """What `print_run` writes when its output is not a terminal."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def render(*records: Record, folder: Path = FOLDER) -> str:
        capsys.readouterr()
        print_run(records, folder)
        return capsys.readouterr().out

    return render


def test_figures_of_every_table(printed: Printer) -> None:
    text = printed(sample_record())
    assert "40 test questions" in text
    assert "2 threads" in text
    quality, speed = lines_of(text, "knn")[:2]
    assert quality[1:4] == ["87.5", "[80.0,", "95.0]"]
    assert {"62.5", "84.2"} <= set(quality)
    assert {"5.43", "245", "91.7"} <= set(speed)
    assert [cells[-4:] for cells in lines_of(text, "car")] == [["77.7", "66.6", "31", "9"]]
    assert [cells[-4:] for cells in lines_of(text, "sleep")] == [["77.7", "66.6", "9", "31"]]
    assert "encode 4.321" in text
    assert str(FOLDER) in text


def test_sums_of_weights_are_no_counts(printed: Printer) -> None:
    weighted = {"labels": ["car", "sleep"], "rows_true_columns_predicted": [[62.0, 4.5], [0.0, 1200.0]]}
    text = printed(sample_record(confusion_matrix=weighted))
    assert "knn by domain in %, and what it chose, by weight" in text
    assert [cells[-2:] for cells in lines_of(text, "sleep")] == [["0", "1,200"]]
    assert "by weight" not in printed(sample_record())


def test_names_hide_nothing(printed: Printer) -> None:
    text = printed(sample_record("k\u202enn", labels=("c\x1bar", "sleep")))
    assert not set("\u202e\x1b") & set(text)
    assert lines_of(text, "knn")
    assert lines_of(text, "car")


def test_every_router_has_a_row(printed: Printer) -> None:
    other = sample_record("majority", metrics=[fraction("accuracy", 0.5, low=0.4, high=0.6)])
    text = printed(sample_record(), other)
    quality, speed = lines_of(text, "majority")[:2]
    assert quality[1:4] == ["50.0", "[40.0,", "60.0]"]
    assert len(lines_of(text, "knn")[0]) == len(quality)
    assert len(lines_of(text, "knn")[1]) == len(speed)


def test_a_missing_metric_is_a_dash_and_never_a_zero(printed: Printer) -> None:
    text = printed(sample_record(metrics=[fraction("accuracy", 0.5)]))
    quality = lines_of(text, "knn")[0]
    assert quality[1:] == ["50.0", *["–"] * (len(quality) - 2)]
    # Speed that nobody measured has no table at all, unless another router beside it was measured.
    assert "Speed" not in text
    text = printed(sample_record(metrics=[fraction("accuracy", 0.5)]), sample_record(router="tfidf"))
    assert set(lines_of(text, "knn")[1][1:]) == {"–"}
    assert [set(cells[1:3]) for cells in lines_of(text, "car")] == [{"–"}]


def test_half_a_size_on_disk_is_none(printed: Printer) -> None:
    record = sample_record()
    half = sample_record(metrics=[metric for metric in record.metrics if metric.name != "index_size"])
    assert [cells[-1] for cells in lines_of(printed(record), "knn")[1:2]] == ["91.7"]
    assert [cells[-1] for cells in lines_of(printed(half), "knn")[1:2]] == ["–"]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.2, "knn is better than majority"),
        (-0.2, -0.01, "knn is WORSE than majority"),
        (-0.1, 0.2, "knn cannot be told apart from majority"),
        (0.0, 0.2, "knn cannot be told apart from majority"),
        (-0.2, 0.0, "knn cannot be told apart from majority"),
    ],
)
def test_verdicts(printed: Printer, low: float, high: float, verdict: str) -> None:
    found = Comparison("majority", "accuracy", (low + high) / 2, low, high, 40)
    text = printed(sample_record(comparisons=[found]))
    (line,) = [line for line in text.splitlines() if "majority" in line]
    assert verdict in line
    figures = f"{100 * found.difference:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}], n=40"
    assert figures in line


@pytest.mark.parametrize(("n_domains", "shown"), [(6, True), (7, False)])
def test_a_large_confusion_matrix_is_left_to_the_record(
    printed: Printer, n_domains: int, shown: bool
) -> None:
    labels = tuple(f"domain{number}" for number in range(n_domains))
    text = printed(sample_record(labels=labels))
    assert ("→" in text) is shown
    for label in labels:
        ((_, precision, recall, *cells),) = lines_of(text, label)
        assert (precision, recall) == ("77.7", "66.6")
        assert len(cells) == (n_domains if shown else 0)


def test_plain_text_without_a_terminal(printed: Printer) -> None:
    text = printed(sample_record())
    assert "\x1b" not in text
    assert "…" not in text
    assert max(len(line) for line in text.splitlines()) <= 110


def test_long_names_are_not_cut(printed: Printer) -> None:
    label = "household_appliances_and_repairs"
    text = printed(sample_record("a_router_with_a_long_name", labels=("car", label)))
    assert len(lines_of(text, label)) == 1
    assert len(lines_of(text, "a_router_with_a_long_name")) >= 2


@pytest.mark.parametrize("name", ["[red]", "[links]", "a[/b]c"])
def test_brackets_are_not_markup(printed: Printer, name: str) -> None:
    text = printed(sample_record(name, labels=("car", name)), folder=Path("/data", name))
    assert len(lines_of(text, name)) >= 3
    assert f"/data/{name}" in text


def test_the_result_can_be_copied_from_one_line(printed: Printer) -> None:
    folder = Path("/", *["a_long_folder_name"] * 12)
    assert f"Result: {folder}\n" in printed(sample_record(), folder=folder)


def test_no_comparisons(printed: Printer) -> None:
    record: Any = sample_record(comparisons=[])
    assert " is " not in printed(record).partition("by stage")[2]
