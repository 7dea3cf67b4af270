"""The further tables, a row a router."""

from dataclasses import replace
from typing import Any

from reports.comparison.model import Table
from reports.comparison.tables.details import detail_tables
from reports.record import Metric, Result
from tests.reports.comparison.samples import changed, sample_contest, sample_result, sample_results
from tests.reports.samples import fraction


def tables(results: dict[str, Result]) -> dict[str, Table]:
    return {table.key: table for table in detail_tables(sample_contest(results, []))}


def texts(table: Table) -> dict[str, list[str]]:
    return {row.name: [cell.text for cell in row.cells] for row in table.rows}


def one(*metrics: Metric, **analyses: Any) -> dict[str, Table]:
    return tables({"knn": changed(sample_result("knn"), *metrics, analyses=analyses)})


def test_plain_results_have_none() -> None:
    assert tables(sample_results()) == {}


def test_answers_stand_between_the_policies() -> None:
    results = sample_results("knn", "tfidf", answers=True) | sample_results("tinyllama")
    table = tables(results)["answers"]
    assert [(row.name, row.note) for row in table.rows] == [
        ("oracle", "policy"),
        ("knn", ""),
        ("tfidf", "baseline"),
        ("chance", "policy"),
        ("always:car", "policy"),
        ("always:sleep", "policy"),
        ("base", "policy"),
    ]
    found = texts(table)
    assert found["knn"] == ["45.0 [32.5, 75.0]", "43.9 [32.5, 75.0]", "42.8 [32.5, 75.0]", "2.8 [-7.5, 75.0]"]
    assert found["oracle"][2:] == ["47.8 [37.5, 75.0]", "–"]
    assert table.about.startswith("ROUGE of the answers of the experts that were chosen, 36 questions")


def test_each_expert_on_each_domain() -> None:
    table = tables(sample_results("knn", answers=True))["experts"]
    assert [column.title for column in table.columns] == ["car", "sleep", "right − wrong"]
    assert texts(table) == {
        "car": ["61.0 [60.0, 62.0]", "12.0 [11.0, 13.0]", "–"],
        "sleep": ["23.0 [22.0, 24.0]", "74.0 [73.0, 75.0]", "–"],
        "base": ["34.0 [33.0, 35.0]", "45.0 [44.0, 46.0]", "–"],
    }


def test_of_many_domains_each_expert_has_its_own() -> None:
    names = [f"domain{number}" for number in range(9)]
    metrics = [Metric("rougeL", 0.5, "F1", True)]
    for name in names:
        metrics += [Metric(f"rougeL_always:{name}", 0.5, "F1", True)]
        metrics += [Metric(f"rougeL_always:{name}", 0.25, "F1", True, domain) for domain in names]
    table = one(*metrics)["experts"]
    assert [column.title for column in table.columns] == ["own domain", "right − wrong"]
    assert texts(table)["domain3"] == ["25.0", "–"]


def test_thresholds_a_row_each() -> None:
    asked = {"score": "confidence", "coverage": 0.9}
    obtained = {"coverage": [0.915, 0.906, 1.0], "selective_accuracy": [None, None, None]}
    table = one(thresholds=[{"asked": asked, "threshold": 0.4567, "obtained": obtained}])["thresholds"]
    (row,) = table.rows
    assert [cell.text for cell in row.cells] == [
        "coverage 90 by confidence",
        "0.457",
        "91.5 [90.6, 100.0]",
        "–",
        "–",
    ]
    assert row.cells[3].why == "undefined with this threshold"


def test_the_threshold_in_use_comes_first_and_no_wish_twice() -> None:
    asked = {"score": "confidence", "coverage": 0.9}
    obtained = {"coverage": [0.9, 0.8, 1.0]}
    twice = [{"asked": asked, "threshold": 0.25, "obtained": obtained}] * 2
    policy = {"threshold": 0.5, "score": "confidence", "fallback": "abstain"}
    result = changed(
        sample_result("knn"), fraction("coverage", 0.2, low=0.1, high=0.3), analyses={"thresholds": twice}
    )
    derivation = {**result.record.derivation, "policy": policy}
    result = replace(result, record=replace(result.record, derivation=derivation))
    first, second = tables({"knn": result})["thresholds"].rows
    assert [cell.text for cell in first.cells] == [
        "in use, by confidence",
        "0.500",
        "20.0 [10.0, 30.0]",
        "–",
        "–",
    ]
    assert second.cells[0].text == "coverage 90 by confidence"


def test_changed_questions() -> None:
    table = one(fraction("flips_typos", 0.125, low=0.1, high=0.2), fraction("accuracy_typos", 0.8))[
        "robustness"
    ]
    assert [column.key for column in table.columns] == ["accuracy", "flips_typos", "accuracy_typos"]
    assert texts(table) == {"knn": ["83.3 [78.3, 87.3]", "12.5 [10.0, 20.0]", "80.0"]}


def test_learning_curves_share_their_sizes() -> None:
    def point(size: int, low: float | None) -> dict[str, Any]:
        return {"per_domain": size, "accuracy": 0.75, "ci_low": low, "ci_high": low and 0.8}

    curves = {"knn": [point(5, 0.7), point(20, None)], "centroid": [point(20, 0.7)]}
    results = {
        name: changed(sample_result(name), analyses={"learning_curve": curve})
        for name, curve in curves.items()
    }
    table = tables(results)["learning_curve"]
    assert [column.title for column in table.columns] == ["5 a domain", "20 a domain"]
    assert texts(table) == {"knn": ["75.0 [70.0, 80.0]", "75.0"], "centroid": ["–", "75.0 [70.0, 80.0]"]}


def test_intervals_of_shares_end_where_shares_do() -> None:
    point = {"per_domain": 5, "accuracy": 0.98, "ci_low": -0.02, "ci_high": 1.04}
    table = one(learning_curve=[point])["learning_curve"]
    assert texts(table)["knn"] == ["98.0 [0.0, 100.0]"]


def test_costs_stand_between_the_policies() -> None:
    metrics = [
        fraction("apgr", 0.668, low=0.6, high=0.7),
        fraction("quality", 0.7),
        Metric("cost", 0.372, "USD/M tokens", False),
        fraction("quality_always:owner/large", 0.8),
    ]
    names = {"weak": "owner/small", "strong": "owner/large", "models": {"owner/large": {}}}
    table = one(*metrics, cost_quality=names)["costs"]
    assert table.about.endswith("Between small and large.")
    found = texts(table)
    assert found["knn"] == ["66.8 [60.0, 70.0]", "–", "–", "–", "70.0", "0.37"]
    assert found["always large"] == ["–", "–", "–", "–", "80.0", "–"]
    # A policy's gap is none of the record; a router's is.
    assert [row.cells[1].why for row in table.rows] == ["its record does not have it", None, None, None]


def test_several_domains_a_question() -> None:
    table = one(fraction("subset_accuracy", 0.6), fraction("jaccard", 0.8))["several_domains"]
    assert texts(table)["knn"] == ["60.0", "80.0", "–", "–", "–"]
