"""The main job: a router and the baselines beside it, on the same questions, each recorded."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from benchmarks.answers.collect import Answered, collect_answers
from benchmarks.answers.experts import ExpertSet, find_experts
from benchmarks.answers.sample import questions_to_ask
from benchmarks.assets.packages import check_extras
from benchmarks.datasets.base import Dataset, subset
from benchmarks.datasets.leakage import check_leakage
from benchmarks.datasets.load import load_dataset
from benchmarks.experiment.analyse import analyse
from benchmarks.experiment.evaluate import Evaluated, evaluate, with_comparisons
from benchmarks.experiment.fit import fit
from benchmarks.experiment.router_folder import ROUTER, keep_router
from benchmarks.experiment.serve import measure_reference, serve_and_measure
from benchmarks.experiment.spec import RunSpec, baseline_specs, run_spec
from benchmarks.experiment.thresholds import check_policy
from benchmarks.settings import Run
from benchmarks.workers.launch import Workers
from common.settings import Policy
from reports.record import Leakage, Record
from reports.record_files import write_record

# The chosen router among its baselines, none of which has an empty name.
CHOSEN = ""

# Gets the records of the routers without answers, and how many answers are generated next.
Routed = Callable[[Sequence[Record], int], None]


def run(
    config: DictConfig, folder: Path, workers: Workers | None = None, routed: Routed | None = None
) -> list[Record]:
    """Run `config.router` and every one of `config.baselines`; the router's record comes first.

    Its result goes into `folder`, those of the baselines into `folder/baselines/<name>`.
    """
    chosen = run_spec(config)
    specs = {CHOSEN: chosen, **baseline_specs(chosen)}
    folders = {name: folder / "baselines" / name if name else folder for name in specs}
    evaluated = run_routers(specs, folders, workers, routed)
    evaluated[CHOSEN] = with_comparisons(CHOSEN, evaluated, chosen.settings)
    write(folders, evaluated)
    return [one.record for one in evaluated.values()]


def run_routers(
    specs: Mapping[str, RunSpec],
    folders: Mapping[str, Path],
    workers: Workers | None = None,
    routed: Routed | None = None,
) -> dict[str, Evaluated]:
    """Run several routers on one data set: each is fitted and served alone, then the experts answer once for
    all, and each is evaluated. `routed` is called before answers are generated, if there are any to generate.

    Raises:
        BadInput: data, weights or an adapter are missing, or training questions are in the test.
    """
    settings = next(iter(specs.values())).settings
    workers = workers or Workers(settings.measure.threads)
    check_extras(*(spec.router for spec in specs.values()))
    dataset, experts, leakage = prepare(settings, [spec.settings.policy for spec in specs.values()], workers)
    reference_rss = measure_reference(settings.measure, workers)
    questions = {example.id: example.query for example in dataset.train}
    fitted, served, analysed = {}, {}, {}
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        for number, (name, spec) in enumerate(specs.items()):
            fitted[name] = fit(spec, dataset, Path(scratch, str(number)), workers)
            served[name] = serve_and_measure(spec, fitted[name], dataset, workers, reference_rss)
            analysed[name] = analyse(spec, fitted[name], served[name], dataset, workers)
            kept, policy = folders[name] / ROUTER, analysed[name].policy
            keep_router(fitted[name].folder, kept, policy, experts, fitted[name].pretrained, questions)

    def evaluated(answered: Answered | None) -> dict[str, Evaluated]:
        return {
            name: evaluate(spec, fitted[name], served[name], analysed[name], answered, dataset, leakage)
            for name, spec in specs.items()
        }

    if experts is None:
        return evaluated(None)
    asked = questions_to_ask(settings.experts, dataset, settings.seed)
    generating = partial(_show, routed, evaluated) if routed else None
    # After every router was measured: nothing else runs beside a measurement. Every expert answers every
    # question that is asked, so that any router's choices can be evaluated.
    return evaluated(collect_answers(experts, asked, dataset.classes, workers, generating))


def _show(routed: Routed, evaluated: Callable[[None], dict[str, Evaluated]], answers: int) -> None:
    routed([one.record for one in evaluated(None).values()], answers)


def prepare(
    settings: Run, policies: Iterable[Policy], workers: Workers
) -> tuple[Dataset, ExpertSet | None, Leakage]:
    """The data set after the leakage check, the experts if any answer, and what the check found."""
    dataset = load_dataset(settings.dataset)
    for policy in policies:
        check_policy(policy, dataset.classes)
    # Fail early on missing experts.
    experts = find_experts(settings.experts, dataset)
    dataset, leakage = check_leakage(dataset, settings.guard, workers)
    return few(dataset, settings.train_per_domain, settings.seed), experts, leakage


def few(dataset: Dataset, per_domain: int | None, seed: int) -> Dataset:
    """The data set with so many training questions a domain, drawn by the seed; None leaves all."""
    return replace(dataset, train=subset(dataset.train, per_domain, seed)) if per_domain else dataset


def write(folders: Mapping[str, Path], evaluated: Mapping[str, Evaluated]) -> None:
    """Write each result into its folder."""
    for name, one in evaluated.items():
        folders[name].mkdir(parents=True, exist_ok=True)
        write_record(folders[name], one.record, one.predictions)
