"""A league made by hand: two contestants, and two data sets, one with outcomes, where one is absent."""

from dataclasses import replace

from common.settings import Statistics
from reports.league.model import DatasetResults, Entry, Front, League, Reference, Score, Standing
from reports.metric_info import Group, MetricInfo
from reports.reasons import Reason
from reports.record import DatasetUsed, Estimate, Git, Machine, Metric, Provenance, Unscored

NASTY = "a|<b>&\u202e @user ümlaut"
SHA = "0123456789abcdef" * 4
PROVENANCE = Provenance(
    git=Git("c" * 40, False), machine=Machine(cpu="AMD EPYC", cores=2), threads=1, reference_workload=2
)
METRICS = {
    name: MetricInfo(
        name, title, unit, name not in ("latency_p50", "peak_rss", "ece", "cost"), f"{title}.", group
    )
    for name, title, unit, group in (
        ("accuracy", "Accuracy", "fraction", Group.QUALITY),
        ("quality", "Quality", "fraction", Group.COST),
        ("latency_p50", "Latency", "ms", Group.LATENCY),
        ("peak_rss", "Peak memory", "MB", Group.MEMORY),
        ("cost", "Cost", "USD/M tokens", Group.COST),
        ("routing_cost", "Price", "USD/1k questions", Group.OUTSIDE),
        ("ece", "ECE", "fraction", Group.CALIBRATION),
        ("out_of_scope_auroc", "Out-of-scope AUROC", "fraction", Group.QUALITY),
        *(
            (name, name, "fraction", Group.COST)
            for name in ("auc_deferral", "apgr", "aiq", "gain_over_best", "gap_to_oracle", "cost_saved")
        ),
        ("arena_score", "Arena score", "fraction", Group.COST),
    )
}


def metric(name: str, value: float, spread: float = 0.0) -> Metric:
    info = METRICS[name]
    ends = (value - spread, value + spread) if spread else (None, None)
    return Metric(name, value, info.unit, info.higher_is_better, "all", 200, *ends)


def entry(name: str, *metrics: Metric, family: str = "embedding", **changes: object) -> Entry:
    made = Entry(name, family, list(metrics), [], PROVENANCE, record_sha256=SHA, predictions_sha256=SHA)
    return replace(made, **changes)  # type: ignore[arg-type]


def league() -> League:
    asked = [
        entry(
            NASTY,
            metric("accuracy", 0.9, 0.05),
            metric("latency_p50", 4.0, 0.1),
            metric("peak_rss", 200.0),
            metric("ece", 0.02),
            beats=["plain"],
            fronts=[Front.LATENCY, Front.MEMORY],
        ),
        entry(
            "plain",
            metric("accuracy", 0.7, 0.06),
            metric("latency_p50", 9.0, 0.1),
            metric("routing_cost", 0.5),
            family="baseline",
            beaten_by=[NASTY],
            unscored=[Unscored("peak_rss", Reason.NOT_MEASURED)],
        ),
    ]
    routed = [
        entry(
            NASTY,
            metric("quality", 0.8, 0.05),
            metric("accuracy", 0.5, 0.05),
            metric("cost", 2.0),
            metric("latency_p50", 16.0, 0.1),
            metric("peak_rss", 300.0),
            metric("apgr", 0.6),
            metric("arena_score", 0.75, 0.02),
            unscored=[Unscored("cost_saved", Reason.NEVER_AS_GOOD, details={"model": "large"})],
        )
    ]
    return League(
        suite="sample",
        statistics=Statistics(),
        seed=0,
        metrics=METRICS,
        datasets=[
            DatasetResults(
                "questions",
                Score.ACCURACY,
                200,
                DatasetUsed("questions", files={"train.json": SHA}),
                Reference([metric("accuracy", 0.4)], "car"),
                Reference([metric("accuracy", 1.0)]),
                asked,
                {},
                1,
                False,
            ),
            DatasetResults(
                "models",
                Score.QUALITY,
                200,
                DatasetUsed("models"),
                Reference([metric("quality", 0.7), metric("cost", 5.0)], "large"),
                Reference([metric("quality", 0.9), metric("apgr", 0.9)]),
                routed,
                {"plain": "the fit was killed after 600 s"},
                0,
                True,
            ),
        ],
        standings=[
            Standing(NASTY, "embedding", 1, 0, place=1, score=Estimate(0.85, 0.8, 0.9)),
            Standing("plain", "baseline", 0, 1, lacks=["models"]),
        ],
    )
