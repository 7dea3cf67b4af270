"""Suites and sweeps through Hydra's launchers: several processes, a real Ray cluster, workers that die."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from reports.record_files import read_record
from tests.benchmarks.helpers import MEASURED_ONCE, derby, in_process, results, started, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.process]

DEADLY = "tests.benchmarks.fakes.KillsItsJob"


def suite(data: Path, routers: str, *more: str) -> list[str]:
    datasets = f"suite.datasets=['files dataset.path={data} dataset.name=one']"
    # Every contestant would be tried out first.
    quick = ("suite.estimate=false", "guard=off", *MEASURED_ONCE)
    return ["suite", f"suite.routers=[{routers}]", datasets, *quick, *more]


def timed(cwd: Path) -> dict[str, bool]:
    """Contestants with a result, and whether it is timed."""
    folders = (file.parent for file in cwd.glob("outputs/suite/league/results/one/[!.]*/record.json"))
    return {folder.name: read_record(folder).timings.served is not None for folder in folders}


def test_a_job_that_kills_its_worker_is_started_again_with_what_else_was_lost(
    shared_qna: Path, tmp_path: Path
) -> None:
    deadly = f"'majority router.name=deadly router._target_={DEADLY}'"
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    words = suite(shared_qna, f"{deadly},'random router.seed=1,2'", *launcher)
    # The router is one of the tests.
    where = {"KILLED_ONCE": str(tmp_path / "killed"), "PYTHONPATH": str(Path(__file__).parents[3])}
    done = derby(*words, cwd=tmp_path, **where)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "killed").is_file()
    assert timed(tmp_path) == dict.fromkeys(["deadly", "random_seed=1", "random_seed=2"], True)
    # What the dead one left half done is gone.
    assert len(list((tmp_path / "outputs/suite/league/results/one").iterdir())) == 3


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Ray cluster of two nodes, one job at a time on each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    memory = {"num_cpus": 1, "object_store_memory": 80_000_000}
    # A dead node is noticed at once; one on a busy machine has as long as it takes for each answer.
    checks = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_timeout_ms": 600_000,
        "health_check_failure_threshold": 1,
    }
    head = {**memory, "include_dashboard": False, "_system_config": checks}
    made = Cluster(initialize_head=True, head_node_args=head)
    made.add_node(**memory)
    yield made
    made.shutdown()


def test_a_ray_node_that_is_killed_loses_only_its_own_job(
    cluster: Any, shared_qna: Path, tmp_path: Path
) -> None:
    launcher = ("hydra/launcher=ray_cluster", f"hydra.launcher.ray.init.address={cluster.address}")
    process = started(*suite(shared_qna, "'random router.seed=1,2,3,4'", *launcher), cwd=tmp_path)
    wait_until(lambda: timed(tmp_path) or process.poll() is not None)
    (node,) = cluster.worker_nodes
    cluster.remove_node(node, allow_graceful=False)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert timed(tmp_path) == {f"random_seed={number}": True for number in range(1, 5)}


def test_a_sweep_beside_others_is_not_timed(shared_qna: Path, tmp_path: Path) -> None:
    sweep = ("run", "-m", "router=majority", "seed=1,2", "~baselines", "experts=none", "guard=off")
    data = ("dataset=files", f"dataset.path={shared_qna}", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    refused = in_process(*sweep, *data, cwd=tmp_path)
    assert refused.returncode == 2
    assert "measure.enabled=false" in refused.stderr
    assert results(tmp_path) == []
    done = derby(*sweep, *data, "measure.enabled=false", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(read_record(folder).config["seed"] for folder in results(tmp_path)) == [1, 2]
    assert not (tmp_path / "outputs" / "run" / ".unfinished").exists()


@pytest.mark.skipif(find_spec("submitit") is not None, reason="it is installed")
def test_a_launcher_that_is_not_installed_is_named_with_its_extra(tmp_path: Path) -> None:
    done = in_process("suite", "hydra/launcher=submitit_slurm", cwd=tmp_path)
    assert done.returncode == 2
    assert "router-derby[slurm]" in done.stderr
