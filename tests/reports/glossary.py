"""Descriptions of the metrics that hand-made records have."""

from reports.metric_info import Glossary, Group, MetricInfo

_ROUGE = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}
_POLICIES = ("", "_oracle", "_random", "_always:car", "_always:sleep", "_base", "_regret", "_gain")
_ABOUT = "description"


def _info(name: str, title: str, group: Group, unit: str = "fraction", first: bool = False) -> MetricInfo:
    return MetricInfo(name, title, unit, True, _ABOUT, group, first)


_INFOS = [
    _info("accuracy", "accuracy", Group.QUALITY, first=True),
    _info("macro_f1", "macro-F1", Group.QUALITY),
    _info("out_of_scope_auroc", "out-of-scope AUROC", Group.QUALITY),
    *(
        _info(
            f"{name}{policy}",
            f"{title}{policy}".replace("_", " "),
            Group.ANSWERS,
            "F1",
            f"{name}{policy}" == "rougeL",
        )
        for policy in _POLICIES
        for name, title in _ROUGE.items()
    ),
    _info("answered", "answered", Group.ANSWERS),
    _info("generation_time", "generation", Group.ANSWERS, "s"),
    _info("latency_p50", "latency p50", Group.LATENCY, "ms", first=True),
    _info("latency_p95", "p95", Group.LATENCY, "ms"),
    _info("encode_p50", "encode", Group.LATENCY, "ms"),
    _info("throughput", "throughput", Group.LATENCY, "queries/s"),
    _info("peak_rss", "memory", Group.MEMORY, "MB", first=True),
    _info("weights_size", "weights", Group.MEMORY, "MB"),
    _info("index_size", "index", Group.MEMORY, "MB"),
    _info("ece", "ECE", Group.CALIBRATION),
    _info("precision", "precision", Group.BY_DOMAIN),
    _info("recall", "recall", Group.BY_DOMAIN),
    _info("coverage", "coverage", Group.SELECTIVE),
    _info("subset_accuracy", "exact set", Group.SEVERAL_LABELS),
    _info("jaccard", "Jaccard", Group.SEVERAL_LABELS),
    _info("apgr", "APGR", Group.COST, first=True),
    _info("quality", "quality", Group.COST),
    _info("quality_always:owner/large", "quality of large", Group.COST),
    _info("cost", "cost", Group.COST, "USD/M tokens"),
]
GLOSSARY: Glossary = {info.name: info for info in _INFOS}
