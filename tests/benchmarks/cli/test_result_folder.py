"""Folders of results that are finished side by side, and that never are."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from benchmarks.cli.result_folder import UNFINISHED, finish, remove_empty
from tests.benchmarks.helpers import BASELINES, FAST, json_file, results, started, without

QUICK = (*FAST, "guard=off", "measure.enabled=false", *without(*BASELINES))


def unfinished(home: Path, command: str, name: str) -> Path:
    folder = home / UNFINISHED / command / name
    folder.mkdir(parents=True)
    (folder / "settings").write_text(command)
    return folder


def test_two_of_one_name_get_two(tmp_path: Path) -> None:
    one, two = (unfinished(tmp_path, command, "a") for command in ("1", "2"))
    assert [finish(two).name, finish(one).name] == ["a", "a-2"]
    assert [(tmp_path / name / "settings").read_text() for name in ("a", "a-2")] == ["2", "1"]
    assert {path.name for path in tmp_path.iterdir()} == {"a", "a-2"}


def test_a_chosen_folder_stays_where_it_is(tmp_path: Path) -> None:
    assert finish(tmp_path) == tmp_path


def test_only_what_holds_no_job_is_removed(tmp_path: Path) -> None:
    job = unfinished(tmp_path, "1", "a")
    (tmp_path / UNFINISHED / "2").mkdir()
    for command in ("1", "2"):
        (tmp_path / UNFINISHED / command / "multirun.yaml").touch()
        remove_empty(tmp_path / UNFINISHED / command)
    assert (job / "settings").is_file()
    assert not (tmp_path / UNFINISHED / "2").exists()


@pytest.mark.process
def test_commands_of_one_second_keep_their_own_settings(tmp_path: Path, shared_qna: Path) -> None:
    words = ["run", "router=majority", "dataset=files", f"dataset.path={shared_qna}", *QUICK]
    running = [started(*words, f"seed={seed}", cwd=tmp_path) for seed in (1, 2)]
    for process in running:
        with process:
            _, errors = process.communicate()
            assert process.returncode == 0, errors
    recorded = {}
    for folder in results(tmp_path):
        overrides = OmegaConf.load(folder / ".hydra" / "overrides.yaml")
        (seed,) = [word for word in overrides if word.startswith("seed=")]
        recorded[seed] = json_file(folder / "record.json")["config"]["seed"]
    assert recorded == {"seed=1": 1, "seed=2": 2}
