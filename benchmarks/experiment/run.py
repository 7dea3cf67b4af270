"""The main job: a router and the baselines beside it, on the same questions, each recorded."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from benchmarks.answers.collect import collect_answers
from benchmarks.answers.experts import find_experts
from benchmarks.assets.packages import check_extras
from benchmarks.datasets.base import subset
from benchmarks.datasets.leakage import check_leakage
from benchmarks.datasets.load import load_dataset
from benchmarks.experiment.analyse import analyse
from benchmarks.experiment.evaluate import Evaluated, evaluate, with_comparisons
from benchmarks.experiment.fit import fit
from benchmarks.experiment.router_folder import ROUTER, keep_router
from benchmarks.experiment.serve import serve_and_measure
from benchmarks.experiment.spec import RunSpec, baseline_specs, run_spec
from benchmarks.experiment.thresholds import check_policy
from benchmarks.workers.launch import Workers
from reports.record import Record
from reports.record_files import write_record

# The chosen router among its baselines, none of which has an empty name.
CHOSEN = ""


def run(config: DictConfig, folder: Path, workers: Workers | None = None) -> list[Record]:
    """Run `config.router` and every one of `config.baselines`; the router's record comes first.

    Its result goes into `folder`, those of the baselines into `folder/baselines/<name>`.
    """
    chosen = run_spec(config)
    specs = {CHOSEN: chosen, **baseline_specs(chosen)}
    folders = {name: folder / "baselines" / name if name else folder for name in specs}
    evaluated = run_routers(specs, folders, workers)
    evaluated[CHOSEN] = with_comparisons(CHOSEN, evaluated, chosen.settings)
    write(folders, evaluated)
    return [one.record for one in evaluated.values()]


def run_routers(
    specs: Mapping[str, RunSpec], folders: Mapping[str, Path], workers: Workers | None = None
) -> dict[str, Evaluated]:
    """Run several routers on one data set: each is fitted and served alone, then the experts answer once for
    all, and each is evaluated.

    Raises:
        BadInput: data, weights or an adapter are missing, or training questions are in the test.
    """
    settings = next(iter(specs.values())).settings
    workers = workers or Workers(settings.measure.threads)
    dataset = load_dataset(settings.dataset)
    for spec in specs.values():
        check_policy(spec.settings.policy, dataset.classes)
        check_extras(spec.router)
    # Fail early on missing experts.
    experts = find_experts(settings.experts, dataset)
    dataset, leakage = check_leakage(dataset, settings.guard, workers)
    if settings.train_per_domain:
        dataset = replace(dataset, train=subset(dataset.train, settings.train_per_domain, settings.seed))
    fitted, served, analysed = {}, {}, {}
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        for number, (name, spec) in enumerate(specs.items()):
            fitted[name] = fit(spec, dataset, Path(scratch, str(number)), workers)
            served[name] = serve_and_measure(spec, fitted[name], dataset, workers)
            analysed[name] = analyse(spec, fitted[name], served[name], dataset, workers)
            kept, policy = folders[name] / ROUTER, analysed[name].policy
            keep_router(fitted[name].folder, kept, policy, experts, fitted[name].pretrained)
        # After every router was measured: nothing else runs beside a measurement. Every expert answers every
        # question, so that any router's choices can be evaluated.
        answered = collect_answers(experts, dataset, workers) if experts else None
    return {
        name: evaluate(spec, fitted[name], served[name], analysed[name], answered, dataset, leakage)
        for name, spec in specs.items()
    }


def write(folders: Mapping[str, Path], evaluated: Mapping[str, Evaluated]) -> None:
    """Write each result into its folder."""
    for name, one in evaluated.items():
        folders[name].mkdir(parents=True, exist_ok=True)
        write_record(folders[name], one.record, one.predictions)
