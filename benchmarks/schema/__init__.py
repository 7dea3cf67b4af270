"""The dataclasses that check a configuration: types by OmegaConf, ranges by `__post_init__`.

Errors name the key as it is typed on the command line.
"""

from hydra.core.config_store import ConfigStore

from benchmarks.assets.weights import Weights, WeightsSet
from benchmarks.datasets.leakage import Guard
from benchmarks.measure.latency import Measure
from benchmarks.schema.datasets import DATASETS, Clinc150, Files
from benchmarks.schema.encoder import Encoder
from benchmarks.schema.experts import EXPERTS, LocalExperts, NoExperts, OpenAIExperts, Trainer
from benchmarks.schema.routers import KNN, ROUTERS, Centroid, Majority, Random, Tfidf, TinyLlama
from benchmarks.settings import Ask, Compare, Report, Routing, Run, Train
from common.checks import ConfigError

__all__ = [
    "KNN",
    "Ask",
    "Centroid",
    "Clinc150",
    "Compare",
    "ConfigError",
    "Encoder",
    "Files",
    "Guard",
    "LocalExperts",
    "Majority",
    "Measure",
    "NoExperts",
    "OpenAIExperts",
    "Random",
    "Report",
    "Routing",
    "Run",
    "Tfidf",
    "TinyLlama",
    "Train",
    "Trainer",
    "Weights",
    "WeightsSet",
    "register",
]


def register() -> None:
    """Make the dataclasses known to Hydra, in a group of their own so that none is selectable."""
    store = ConfigStore.instance()
    verbs: dict[str, type] = {"run": Run, "compare": Compare, "report": Report, "train": Train, "ask": Ask}
    parts: dict[str, type] = {"weights": WeightsSet, "encoder": Encoder, "trainer": Trainer, "guard": Guard}
    groups = {
        "schema": verbs | parts,
        "schema/router": ROUTERS,
        "schema/dataset": DATASETS,
        "schema/experts": EXPERTS,
    }
    for group, nodes in groups.items():
        for name, node in nodes.items():
            store.store(group=group, name=name, node=node)
