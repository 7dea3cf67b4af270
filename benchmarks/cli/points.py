"""`python -m benchmarks points`: a knn router in the files of the KNN Router server, and its answers."""

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cli.ask import quiet, split_arguments
from benchmarks.config import checked, hydra_application
from benchmarks.errors import BadInput

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from benchmarks.settings import Ask
    from routers.knn import KNNRouter

HELP = """\
usage: python -m benchmarks points [-h] export DIR [KEY=VALUE ...]
       python -m benchmarks points [-h] ask DIR "QUESTION" ["QUESTION" ...] [KEY=VALUE ...]

Exchange points with the KNN Router server, which reads a folder DIR with two files: points.jsonl (point_uid,
category, embedding and utterance of each question) and targets.jsonl (point_uid, target, score).

  export  fit router=knn on the training questions of dataset= and write the pair; targets are the models
          whose outcomes the data set knows, and without any the domains
  ask     print what the server would answer from the pair, one JSON object a question: the nearest points
          (hits) and their targets' scores; encoder= has to be the one that made the points

Keys are those of `python -m benchmarks ask --help` that choose a router and its data: router.k=10 is how many
points answer. A question that looks like KEY=VALUE, or begins with -, goes after --.

examples:
  python -m benchmarks points export points dataset=files dataset.path=DIR
  python -m benchmarks points ask points "How do I change my car's oil?" router.k=10
"""


def main(verb: str) -> None:
    words, overrides = split_arguments(sys.argv[1:])
    if {"-h", "--help"} & set(overrides):
        print(HELP, end="")
        return
    do = _action(words)
    sys.argv[1:] = overrides

    def task(config: "DictConfig") -> None:
        settings: Ask = checked(config)
        if settings.input:
            raise BadInput('points takes no input=; give questions as words: points ask DIR "QUESTION"')
        quiet(settings.threads)
        do(settings)

    hydra_application("ask", task)


def _action(words: Sequence[str]) -> Callable[["Ask"], None]:
    """What the words before and between the settings ask for."""
    match words:
        case ["export", folder]:
            return lambda settings: _export(Path(folder), settings)
        case ["ask", folder, _, *_]:
            questions = words[2:]
            if not all(question.strip() for question in questions):
                raise BadInput("the question is empty")
            return lambda settings: _ask(Path(folder), questions, settings)
    raise BadInput('expected points export DIR, or points ask DIR "QUESTION" (see points --help)')


def _export(folder: Path, settings: "Ask") -> None:
    from benchmarks.assets.weights import LocalWeights, router_spec
    from benchmarks.datasets.load import load_dataset
    from benchmarks.experiment.fit import fit
    from routers.base import Router, build
    from routers.interop.points import write_points

    dataset = load_dataset(settings.dataset)
    weights: dict[str, LocalWeights] = {}
    spec = router_spec(settings.router, weights)
    _knn(build(spec))
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        saved, _ = fit(spec, dataset.train, weights, Path(scratch, "fitted"), settings.threads)
        points = _knn(Router.load(saved)).to_points([example.query for example in dataset.train])
    write_points(points, folder)
    print(
        f"{folder}: {len(points.uids)} points in {len(set(points.categories))} categories, "
        f"scores of {len(points.targets)} targets"
    )


def _ask(folder: Path, questions: Sequence[str], settings: "Ask") -> None:
    from benchmarks.assets.weights import router_spec
    from routers.base import build
    from routers.interop.points import read_points

    points = read_points(folder)
    chosen = _knn(build(router_spec(settings.router, {})))
    if chosen.encoder.finetune != "none":
        raise BadInput("points come with their vectors, nothing is fitted: set encoder.finetune=none")
    router = chosen.from_points(
        points, chosen.encoder, k=chosen.k, weighting=chosen.weighting, temperature=chosen.temperature
    )
    for question in questions:
        print(json.dumps(router.respond(question), ensure_ascii=False), flush=True)


def _knn(router: object) -> "KNNRouter":
    from routers.knn import KNNRouter

    if not isinstance(router, KNNRouter):
        raise BadInput(f"points are of router=knn; a {type(router).__name__} has none")
    return router
