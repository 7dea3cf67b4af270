"""`python -m benchmarks points`: a knn router in the files of the KNN Router server, and its answers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.cli.ask import quiet, refuse_settings
from benchmarks.cli.configured import Configured
from benchmarks.errors import BadInput

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from benchmarks.settings import Ask
    from benchmarks.workers.launch import Workers
    from routers.knn import KNNRouter


@click.group("points", no_args_is_help=False)
def command() -> None:
    """Exchange points with the KNN Router server, or answer as it does.

    The server reads a folder DIR with two files: points.jsonl (point_uid, category, embedding and utterance
    of each question) and targets.jsonl (point_uid, target, score). Keys are those of `python -m benchmarks
    ask --help` that choose a router and its data: router.k=10 is how many points answer.

    \b
    Examples:
      python -m benchmarks points export points dataset=files dataset.path=DIR
      python -m benchmarks points export points run=outputs/run/A
      python -m benchmarks points ask points "How do I change my car's oil?" router.k=10
    """


@command.command("export", cls=Configured, config="ask", hydra_help=False)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def export(workers: "Workers | None", folder: Path) -> None:
    """Fit router=knn on the training questions of dataset= and write the two files.

    Targets are the models whose outcomes the data set knows, and without any the domains. With run=FOLDER it
    is the router of that run, and nothing is fitted; dataset= then only looks up the questions.
    """
    _with_settings(lambda settings: _export(folder, settings, workers))


@command.command("ask", cls=Configured, config="ask", questions=True, hydra_help=False)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def ask(folder: Path, questions: list[str]) -> None:
    """Print what the server would answer from the two files, one JSON object a question.

    It holds the nearest points (hits) and their targets' scores; encoder= has to be the one that made the
    points. A question of one word that looks like KEY=VALUE, or begins with -, goes after --.
    """
    if not questions:
        raise BadInput('what is the question? python -m benchmarks points ask DIR "QUESTION"')
    if not all(question.strip() for question in questions):
        raise BadInput("the question is empty")
    _with_settings(lambda settings: _ask(folder, questions, settings))


def _with_settings(action: Callable[["Ask"], None]) -> None:
    """Run `action` on the settings that the line composes to."""

    from benchmarks.config import hydra_application

    def task(config: "DictConfig") -> None:
        from benchmarks.config import checked

        settings: Ask = checked(config)
        if settings.input:
            raise BadInput('points takes no input=; give questions as words: points ask DIR "QUESTION"')
        if settings.run:
            refuse_settings("run", "threads", "locate", "dataset")
        quiet(settings.threads)
        action(settings)

    hydra_application("ask", task)


def _export(folder: Path, settings: "Ask", workers: "Workers | None") -> None:
    from benchmarks.assets.weights import router_spec
    from benchmarks.datasets.load import load_dataset
    from benchmarks.pipeline import fitted_router, load_run
    from common.settings import Policy
    from routers.base import build
    from routers.interop.points import write_points

    if settings.run:
        router = _knn(load_run(settings.run, weights=settings.locate, experts=False).router)
        dataset = load_dataset(settings.dataset)
    else:
        _knn(build(router_spec(settings.router, {})))
        dataset = load_dataset(settings.dataset)
        # Every question is a point: none is held out.
        plain = replace(settings, calibration="none", tune=False, policy=Policy())
        router = _knn(fitted_router(plain, dataset, workers))
    # A kept router has no questions, and a run on other data has others.
    questions = {example.id: example.query for example in dataset.train}
    points = router.to_points([questions.get(identity) for identity in router.train_ids_])
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
    router = chosen.fit_points(points)
    for question in questions:
        print(json.dumps(router.respond(question), ensure_ascii=False), flush=True)


def _knn(router: object) -> "KNNRouter":
    from routers.calibrated import CalibratedRouter
    from routers.knn import KNNRouter

    if isinstance(router, CalibratedRouter):
        router = router.parts_["router"]
    if not isinstance(router, KNNRouter):
        raise BadInput(f"points are of router=knn; a {type(router).__name__} has none")
    return router
