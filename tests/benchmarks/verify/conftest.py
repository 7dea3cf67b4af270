"""A small run whose record has something in every section, made once."""

import json
import shutil
from pathlib import Path

import pytest

from routers.encoder import SentenceEncoder
from tests.benchmarks.helpers import MEASURED_ONCE, in_process, results, without
from tests.conftest import ANSWERS, CAR, CAR_HELD_OUT, OUT_OF_SCOPE, OVERLAP, SLEEP, SLEEP_HELD_OUT

EXPERTS = "name: diary\n_target_: tests.benchmarks.fakes.Diary\nlog: {log}\n"
SETTINGS = (
    *("router=tfidf", "guard=drop", "dataset=files", "experts=diary", *without("random", "tfidf")),
    *("calibration=temperature", "policy.coverage=0.8", "robustness=true", "learning_curve=true"),
    *("learning_curve_sizes=[2]", "learning_curve_draws=2"),
)


def write_questions(home: Path) -> None:
    """Write `train` and `test`; a question of each domain stands in both."""
    held_out = {"car": CAR_HELD_OUT, "sleep": SLEEP_HELD_OUT}
    learned = {"car": (*CAR, CAR_HELD_OUT[0]), "sleep": (*SLEEP, SLEEP_HELD_OUT[0])}
    for name, questions in (("train", learned), ("test", held_out)):
        (home / name).mkdir(parents=True)
        for domain, texts in questions.items():
            rows = [{"question": text, "answer": ANSWERS[domain]} for text in texts]
            (home / name / f"{domain}.json").write_text(json.dumps({"qna": rows}), encoding="utf-8")
    overlap = [{"question": text, "domain": owner, "answer": answer} for text, owner, answer in OVERLAP]
    foreign = [{"question": text} for text in OUT_OF_SCOPE]
    for name, rows in (("overlap", overlap), ("out_of_scope", foreign)):
        (home / "test" / f"{name}.json").write_text(json.dumps({"qna": rows}), encoding="utf-8")


@pytest.fixture(scope="session")
def honest_run(tmp_path_factory: pytest.TempPathFactory, cache: Path, encoder: SentenceEncoder) -> Path:
    """Result folder of a run with the analyses, an expert that writes a diary, and one baseline."""
    home = tmp_path_factory.mktemp("verify")
    write_questions(home)
    conf = home / "conf" / "experts"
    conf.mkdir(parents=True)
    (conf / "diary.yaml").write_text(EXPERTS.format(log=home / "log"), encoding="utf-8")
    places = (f"dataset.path={home / 'train'}", f"dataset.test_path={home / 'test'}")
    search = f"hydra.searchpath=[file://{conf.parent}]"
    done = in_process("run", search, *SETTINGS, *places, *MEASURED_ONCE, cwd=home)
    assert done.returncode == 0, done.stderr
    (folder,) = results(home)
    return folder


@pytest.fixture
def folder(honest_run: Path, tmp_path: Path) -> Path:
    """A copy of the run."""
    return Path(shutil.copytree(honest_run, tmp_path / "run"))
