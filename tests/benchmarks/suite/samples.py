"""Results of a small suite, made by hand: two data sets of domains, and one with outcomes of two models."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from benchmarks.metrics.compute import compute_metrics
from common.settings import Statistics
from reports.record import Derivation, Machine, Metric, Prediction, Record, Split
from reports.record_files import Result
from tests.benchmarks.gate_samples import MACHINE, PROVENANCE, prediction

SECRET = "What nobody may read in a published league"
FEWEST = Statistics(resamples=100)
MODELS = {"large": 5.0, "small": 1.0}


def result(
    name: str,
    rows: list[Prediction],
    classes: Collection[str] = "ab",
    prices: dict[str, float] | None = None,
    p50: float | None = 2.0,
    memory: float = 100.0,
    machine: Machine = MACHINE,
    train: str = "0",
    family: str = "embedding",
    untrained: list[str] | None = None,
) -> Result:
    """The result of a router with these rows, and a p50 in ms where it has one."""
    how = Derivation(sorted(classes), 0, FEWEST, prices=prices or {}, untrained=untrained)
    computed = compute_metrics(rows, how)
    speed = [] if p50 is None else [Metric("latency_p50", p50, "ms", False, "all", 200, 0.9 * p50, 1.1 * p50)]
    used = replace(PROVENANCE.dataset, train=Split(train), files={"made/train.json": "f" * 64})
    record = Record(
        router=name,
        family=family,
        config={"router": {"name": name}},
        provenance=replace(PROVENANCE, machine=machine, dataset=used),
        derivation=how,
        metrics=[*computed.metrics, *speed, Metric("peak_rss", memory, "MB", False)],
        unscored=computed.unscored,
    )
    return Result(Path("/nowhere/results") / name, record, rows)


def domains(n: int, wrong: Collection[int] = ()) -> list[Prediction]:
    """Questions of which three in four are about `a`."""
    rows = []
    for number in range(n):
        row = prediction(number, True, query=f"{SECRET} {number}", label="b" if number % 4 == 0 else "a")
        right = number not in wrong
        predicted = str(row.label) if right else "ba"["ab".index(str(row.label))]
        rows.append(
            replace(row, predicted=predicted, scores={predicted: 0.75, "ba"["ab".index(predicted)]: 0.25})
        )
    return rows


def models(n: int, large: Collection[int]) -> list[Prediction]:
    """Questions that the small model answers well where their number is even, and the large one unless it is
    a multiple of five; `large` are those that the router sends to the large one."""
    rows = []
    for number in range(n):
        outcomes = {"large": float(number % 5 != 0), "small": float(number % 2 == 0)}
        label = "small" if outcomes["small"] or not outcomes["large"] else "large"
        predicted = "large" if number in large else "small"
        scores = {name: 0.75 if name == predicted else 0.25 for name in MODELS}
        row = Prediction(f"m{number}", f"{SECRET} {number}", label, predicted, 0.5, scores, "standard")
        rows.append(replace(row, outcomes=outcomes))
    return rows


def suite() -> dict[str, dict[str, Result]]:
    """Three contestants and a baseline; `slow` is missing on the second data set."""
    n = 120
    return {
        "first": {
            "best": result("best", domains(n, range(4)), p50=4.0, memory=300.0),
            "slow": result("slow", domains(n, range(8)), p50=8.0, memory=200.0),
            "fast": result("fast", domains(n, range(24)), p50=1.0, memory=100.0),
            "majority": result(
                "majority", domains(n, range(0, n, 4)), p50=0.1, memory=50.0, family="baseline"
            ),
        },
        "second": {
            "fast": result("fast", domains(60, range(12)), p50=1.0),
            "best": result("best", domains(60, range(3)), p50=4.0),
            "majority": result("majority", domains(60, range(0, 60, 4)), p50=0.1, family="baseline"),
        },
        "models": {
            name: result(name, models(n, large), MODELS, MODELS, p50, family=family)
            for name, large, p50, family in (
                ("best", {number for number in range(n) if number % 2}, 4.0, "embedding"),
                ("slow", range(n), 8.0, "embedding"),
                ("fast", range(40), 1.0, "embedding"),
                ("majority", (), 0.1, "baseline"),
            )
        },
    }
