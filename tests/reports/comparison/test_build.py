"""The parts of a report in their order, from records alone."""

import re

from reports.comparison.build import build_report
from reports.comparison.sentences import Code, sentence
from reports.record import Derivation, Estimate, Provenance, Timings, Verdict
from tests.reports.comparison.samples import (
    FIGURE,
    GLOSSARY,
    PAIRED,
    SKIPPED,
    answered_report,
    codes,
    sample_report,
    sample_result,
)
from tests.reports.golden_files import same_as_golden


def test_every_part() -> None:
    report = answered_report()
    assert report.dataset == "car_sleep"
    assert report.recommendation.router == "knn"
    assert report.comparison.rows[0].name == "knn"
    assert [table.key for table in report.tables] == [
        *("families", "pairs", "quality", "answers", "latency", "memory", "calibration", "experts"),
    ]
    assert (len(report.questions), report.n_questions) == (4, 4)
    assert [table.key for table in report.method] == [
        *("conditions", "files", "packages"),
    ]
    assert codes(report.notices) == [Code.LEFT_OUT]
    assert (report.figures, report.skipped) == ([FIGURE], SKIPPED)


def test_every_row_has_a_cell_a_column_and_keys_are_used_once() -> None:
    report = answered_report()
    tables = [report.comparison, *report.tables, *report.method]
    assert len({table.key for table in tables}) == len(tables)
    for table in tables:
        keys = [column.key for column in table.columns]
        assert len(set(keys)) == len(keys)
        assert {len(row.cells) for row in table.rows} == {len(keys)}


def test_one_router_of_a_bare_record() -> None:
    bare = sample_result(
        "knn",
        provenance=Provenance(),
        config={},
        derivation=Derivation([], 0),
        timings=Timings(),
        metrics=[],
        unscored=[],
    )
    report = build_report({"knn": bare}, [], PAIRED, GLOSSARY)
    assert report.dataset == "unknown"
    # A table without a figure is left out.
    assert report.tables == []
    assert report.comparison.columns == []
    assert sample_report({"knn": bare}, []).recommendation.router == "knn"


def test_every_sentence_with_and_without_what_may_be_unknown() -> None:
    assert len(set(Code.__members__)) == len(list(Code)), "two codes with one template"
    lines = []
    for code in Code:
        needed = _names(re.sub(r"\[[^\[\]]*\]", "", code.value))
        for names in (_names(code.value), needed):
            line = f"{code.name.lower()}: {sentence(code, {name: EXAMPLES[name] for name in names})}"
            lines += [line] if line not in lines else []
    same_as_golden("sentences.txt", "\n".join(lines) + "\n")


def _names(template: str) -> set[str]:
    return set(re.findall(r"{(\w+)", template))


_SHARE, _NAMES = Estimate(0.5, 0.25, 0.75), ["knn", "svm", "mlp", "lda"]
EXAMPLES = {
    "of": 12_000,
    **dict.fromkeys(("value", "theirs", "p", "threshold", "training", "low"), 0.25),
    **dict.fromkeys(("share", "constant", "high"), 0.99),
    "domain": "car",
    "domains": ["sleep", "weather"],
    "compared": 15,
    **dict.fromkeys(("regret", "quality", "rouge", "random", "error"), _SHARE),
    **dict.fromkeys(("coverage", "ece", "chance", "share", "chosen_on", "test"), 0.125),
    **dict.fromkeys(("router", "other", "classifier", "embedding"), "knn"),
    **dict.fromkeys(("n", "needed", "inside", "outside", "n_chosen_on", "n_test", "n_training"), 1234),
    "figure": "sent_on",
    **dict.fromkeys(("routers", "names", "conditions"), _NAMES),
    "accuracy": 0.833,
    "latency": 12.5,
    "mismatch": "7 of 240 are in the first alone, such as car-1",
    "memory": 240.0,
    "unit": "ms",
    "measure": "APGR",
    "difference": Estimate(0.02, -0.01, 0.05),
    "verdict": Verdict.CANNOT_TELL,
    "decided": ["latency", "memory", "disk", "order"],
    "gains": {"knn": Estimate(0.02, 0.01, 0.05)},
    "others": {"svm": 120.0, "mlp": 1100.0},
    "groups": {"1 thread": ["knn"], "2 threads": _NAMES},
    "instead": "p50 ÷ reference",
    "own": [0.9, 0.95],
    "pairs": [0.95],
    "counts": {"router": 2, "baseline": 1},
    "slice": "overlap",
    "score": "confidence",
    "machine": "2 cores of AMD EPYC",
    "threads": "2 threads",
    "commit": "commit 0123456",
    "dataset": "made",
    "first": "outputs/run/knn",
    "first_dataset": "car_sleep",
    "weights": "packaged",
}
