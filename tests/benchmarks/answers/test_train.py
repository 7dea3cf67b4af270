"""Adapters from a data set: what is trained, what is refused, what the card tells, when it is out of date."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.answers import train as module
from benchmarks.answers.collect import assemble
from benchmarks.answers.train import _meaning, fingerprint, recipe, train
from benchmarks.assets.adapters import CARD, WEIGHTS, Adapters
from benchmarks.assets.weights import Weights, locate
from benchmarks.datasets.base import Dataset, Example
from benchmarks.datasets.load import load_dataset
from benchmarks.errors import BadInput
from benchmarks.schema.datasets import Files
from benchmarks.schema.experts import LocalExperts, NoExperts, OpenAIExperts, Trainer
from benchmarks.settings import Train
from experts.base import ExpertError
from tests.benchmarks.helpers import base_model, json_file, local_experts

STEPS = 3
# A handful of questions, of which one is held out.
QUICK = Trainer(steps=STEPS, batch_size=2, lora_r=2, lora_alpha=4, lora_dropout=0.0, max_tokens=256)
ROWS = [
    Example("car-1", "Which oil?", "car", "The right one."),
    Example("car-2", "Which tyre?", "car", "A round one."),
    Example("car-3", "Which brake?", "car"),
    Example("sleep-1", "Why do I snore?", "sleep", "Ask a doctor."),
    Example("sleep-2", "How long a nap?", "sleep", "Twenty minutes."),
]
DATASET = Dataset("five", ROWS, [])

Settings = Callable[..., Train]


@pytest.fixture
def settings(tmp_path: Path, qna_folder: Path, packaged: Path) -> Settings:
    """What `train` would get, on a base model that cannot be loaded, with changes."""
    base = base_model(tmp_path / "base")

    def make(**changes: Any) -> Train:
        default = {
            "dataset": Files(name="files", path=str(qna_folder)),
            "experts": local_experts(base, tmp_path / "adapters", system_prompt="Be an expert on {domain}."),
            "trainer": QUICK,
        }
        return Train(**{**default, **changes})

    return make


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the worker is asked for, in the place of training."""
    asked: list[dict[str, Any]] = []

    def run(task: str, payload: dict[str, Any], threads: int, title: str) -> dict[str, Any]:
        assert task == "train"
        asked.append({**payload, "threads": threads})
        Path(payload["folder"], WEIGHTS).write_bytes(title.encode())
        return {"questions_dropped": 3 if "sleep" in title else 0}

    monkeypatch.setattr(module, "run_isolated", run)
    return asked


def test_the_recipe_is_the_trainer_and_how_the_experts_will_serve(settings: Settings) -> None:
    asked = settings(seed=7, trainer=Trainer(name="unsloth", steps=11, target_modules="all-linear"))
    asked.experts.dtype, asked.experts.quantization = "bfloat16", "nf4"
    found = recipe(asked, "car")
    assert (found.trainer, found.steps, found.target_modules) == ("unsloth", 11, "all-linear")
    assert (found.dtype, found.quantization, found.seed) == ("bfloat16", "nf4", 7)
    assert found.system_prompt == "Be an expert on car."
    assert recipe(asked, "{sleep}").system_prompt == "Be an expert on {sleep}."


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"trainer": replace(QUICK, steps=STEPS + 1)},
        {"trainer": replace(QUICK, learning_rate=0.5)},
        {"trainer": replace(QUICK, gradient_checkpointing=True)},
    ],
)
def test_the_fingerprint_changes_with_the_settings(settings: Settings, change: dict[str, Any]) -> None:
    before, after = (fingerprint(asked, DATASET, "car") for asked in (settings(), settings(**change)))
    assert differing(before, after) == ["recipe"]


def differing(before: dict[str, str], after: dict[str, str]) -> list[str]:
    assert set(before) == set(after)
    return [name for name in before if before[name] != after[name]]


def test_the_fingerprint_is_of_what_reaches_the_adapter(settings: Settings) -> None:
    before = fingerprint(settings(), DATASET, "car")
    # Threads, where the base lies, and how many answers are generated at once.
    other = settings(threads=2)
    other.experts.models, other.experts.batch_size = {"default": Weights(path="elsewhere")}, 1
    assert fingerprint(other, DATASET, "car") == before
    prompted = settings()
    prompted.experts.system_prompt = "Be brief."
    assert differing(before, fingerprint(prompted, DATASET, "car")) == ["recipe"]


@pytest.mark.parametrize(
    "rows",
    [
        [replace(ROWS[0], reference="Another one."), *ROWS[1:]],
        [replace(ROWS[0], query="Whose oil?"), *ROWS[1:]],
        [replace(ROWS[0], id="car-9"), *ROWS[1:]],
        [*ROWS, Example("car-4", "Which light?", "car", "The left one.")],
        # The order decides which batch a question is in.
        [ROWS[1], ROWS[0], *ROWS[2:]],
    ],
    ids=["answer", "question", "id", "more", "order"],
)
def test_the_fingerprint_changes_with_the_data_of_its_domain(settings: Settings, rows: list[Example]) -> None:
    asked = settings()
    before = {domain: fingerprint(asked, DATASET, domain) for domain in ("car", "sleep")}
    changed = replace(DATASET, train=rows)
    assert differing(before["car"], fingerprint(asked, changed, "car")) == ["data"]
    assert fingerprint(asked, changed, "sleep") == before["sleep"]


def test_questions_that_are_not_trained_on_are_not_in_the_fingerprint(settings: Settings) -> None:
    asked = settings()
    bare = replace(ROWS[2], query="Which unanswered brake?")
    changed = replace(DATASET, name="renamed", train=[*ROWS[:2], bare, *ROWS[3:]], test=ROWS)
    assert fingerprint(asked, changed, "car") == fingerprint(asked, DATASET, "car")


CODE = '''
"""What it does."""
from typing import Any

LIMIT = 3  # of something


class Thing:
    """A thing."""

    def size(self, factor: int = 2) -> int:
        """Its size."""
        # Twice.
        return LIMIT * factor

    async def later(self) -> None:
        """Nothing."""
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("What it does.", "What it really does."),
        ('"""What it does."""\n', ""),
        ("A thing.", "A thing,\n    of two lines."),
        ("Its size.", "How large."),
        ('        """Its size."""\n', ""),
        ("# Twice.", "# Two times."),
        ("  # of something", ""),
        ("LIMIT * factor", "(\n            LIMIT *\n            factor)"),
        ("\n\n\nclass", "\n\nclass"),
    ],
)
def test_comments_docstrings_and_layout_mean_nothing(old: str, new: str) -> None:
    assert old in CODE
    assert _meaning(CODE.replace(old, new)) == _meaning(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("factor: int = 2", "factor: int = 3"),
        ("LIMIT * factor", "LIMIT + factor"),
        ("from typing import Any", "from typing import List as Any"),
        # A text that is not a docstring.
        ("return LIMIT * factor", "return 'LIMIT * factor'"),
        ("LIMIT = 3", "LIMIT = 'three'"),
    ],
)
def test_any_other_change_of_the_code_means_something(old: str, new: str) -> None:
    assert old in CODE
    assert _meaning(CODE.replace(old, new)) != _meaning(CODE)


def test_the_fingerprint_changes_with_the_code(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import experts

    source = Path(experts.__path__[0])
    copy = tmp_path / "experts"
    copy.mkdir()
    for path in source.glob("*.py"):
        (copy / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    before = fingerprint(settings(), DATASET, "car")
    monkeypatch.setattr(experts, "__file__", str(copy / "__init__.py"))
    assert fingerprint(settings(), DATASET, "car") == before
    for name in ("model.py", "prompt.py", "train.py"):
        code = (copy / name).read_text(encoding="utf-8")
        (copy / name).write_text(f"# A remark.\n{code}", encoding="utf-8")
        assert fingerprint(settings(), DATASET, "car") == before
        (copy / name).write_text(f"{code}\nX = 1\n", encoding="utf-8")
        assert differing(before, fingerprint(settings(), DATASET, "car")) == ["code"]
        (copy / name).write_text(code, encoding="utf-8")
    # How answers are served does not make an adapter old.
    (copy / "lora.py").write_text("X = 1\n", encoding="utf-8")
    assert fingerprint(settings(), DATASET, "car") == before


def test_every_domain_is_trained_on_its_own_training_questions(
    settings: Settings, jobs: list[dict[str, Any]]
) -> None:
    asked = settings(threads=2)
    dataset = load_dataset(asked.dataset)
    versions = train(asked)
    assert [(version.domain, version.name) for version in versions] == [("car", "v1"), ("sleep", "v1")]
    for version, job in zip(versions, jobs, strict=True):
        rows = [row for row in dataset.train if row.label == version.domain]
        assert job["pairs"] == [[row.query, row.reference] for row in rows]
        assert job["model"] == asked.experts.models["default"].path
        assert job["threads"] == 2
        assert job["recipe"]["system_prompt"] == f"Be an expert on {version.domain}."
        assert version.card["data"]["train_ids"] == [row.id for row in rows]
        assert {row.id for row in dataset.test}.isdisjoint(version.card["data"]["train_ids"])


def test_a_question_that_is_tested_on_is_not_trained_on(
    settings: Settings, jobs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    third = Example("car-4", "Which fuse?", "car", "A new one.")
    dataset = Dataset("six", [*ROWS, third], [Example("car-4", "which  FUSE?", "car", "A new one.")])
    monkeypatch.setattr("benchmarks.answers.train.load_dataset", lambda _: dataset)
    (version,) = train(settings(domains=["car"]))
    assert version.card["data"]["train_ids"] == ["car-1", "car-2"]


def test_only_the_domains_asked_for_are_trained(settings: Settings, jobs: list[dict[str, Any]]) -> None:
    asked = settings(domains=["car"])
    assert [version.name for version in train(asked)] == ["v1"]
    assert [version.name for version in train(asked)] == ["v2"]
    adapters = Adapters(Path(asked.experts.adapters))
    assert adapters.domains("local") == ["car"]
    current = adapters.current("local", "car")
    assert current is not None
    assert current.name == "v2"


def test_questions_that_were_dropped_are_said(
    settings: Settings, jobs: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    train(settings())
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("sleep: 3 of 16 questions were dropped")
    assert "trainer.max_tokens=256" in said[0]


@pytest.mark.parametrize("experts", [NoExperts(), OpenAIExperts(base_url="http://localhost/v1")])
def test_experts_that_are_not_ours_cannot_be_trained(
    settings: Settings, jobs: list[dict[str, Any]], experts: Any
) -> None:
    with pytest.raises(BadInput) as caught:
        train(settings(experts=experts))
    assert str(caught.value) == f"experts={experts.name} has nothing to train here; experts=local has"


def test_an_unknown_domain_names_those_there_are(settings: Settings, jobs: list[dict[str, Any]]) -> None:
    with pytest.raises(BadInput, match="'legal' is not in the data set; there is: car, sleep"):
        train(settings(domains=["car", "legal"]))
    assert jobs == [], "what is refused is refused before anything slow"


def test_a_domain_with_too_few_answers_is_refused(
    settings: Settings, jobs: list[dict[str, Any]], qna_folder: Path
) -> None:
    content = json_file(qna_folder / "sleep.json")
    for entry in content["qna"]:
        entry["answer"] = ""
    dataset = load_dataset(settings().dataset)
    one = next(row.query for row in dataset.train if row.label == "sleep")
    for entry in content["qna"]:
        if entry["question"] == one:
            entry["answer"] = "The only answer."
    (qna_folder / "sleep.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        train(settings())
    assert str(caught.value) == ("domain 'sleep' has 1 training question(s) with an answer; two are needed")
    assert jobs == []


def test_a_missing_base_model_is_said_before_anything_slow(
    settings: Settings, jobs: list[dict[str, Any]], tmp_path: Path
) -> None:
    asked = settings()
    asked.experts.models = {"car": asked.experts.models["default"]}
    with pytest.raises(BadInput, match="no base model for domain 'sleep'"):
        train(asked)
    (tmp_path / "empty").mkdir()
    asked.experts.models["sleep"] = Weights(path=str(tmp_path / "empty"))
    with pytest.raises(BadInput, match=r"no model\.safetensors"):
        train(asked)
    assert jobs == []


def test_unsloth_is_refused_where_it_cannot_run(settings: Settings, jobs: list[dict[str, Any]]) -> None:
    import torch

    if importlib.util.find_spec("unsloth") and torch.cuda.is_available():
        pytest.skip("Unsloth runs here")
    with pytest.raises((BadInput, ExpertError), match="trainer=unsloth needs"):
        train(settings(trainer=replace(QUICK, name="unsloth")))
    assert jobs == []


def test_an_adapter_is_really_trained_and_its_card_is_whole(
    tmp_path: Path, qna_folder: Path, packaged: Path, tiny_chat_llama: str
) -> None:
    """One domain through the real worker: the slowest test here, most of it the import of trl."""
    experts = LocalExperts(
        name="local",
        models={"default": Weights(path=tiny_chat_llama)},
        adapters=str(tmp_path / "adapters"),
        system_prompt="Be an expert on {domain}.",
    )
    dataset = Files(name="files", path=str(qna_folder))
    asked = Train(dataset=dataset, experts=experts, trainer=QUICK, domains=["sleep"], seed=3)
    (version,) = train(asked)
    card = json_file(version.folder / CARD)
    assert card == version.card
    assert set(card) == {
        *("card_version", "experts", "domain", "version", "adapter_sha256"),
        *("base", "data", "fingerprint", "recipe", "trained", "threads", "date"),
        *("git", "python", "packages", "machine"),
    }
    assert card["base"] == {"source": tiny_chat_llama, "sha256": locate(Weights(path=tiny_chat_llama)).sha256}
    loaded = load_dataset(dataset)
    assert card["fingerprint"] == fingerprint(asked, loaded, "sleep")
    assert (card["data"]["name"], card["data"]["questions"]) == ("files", 16)
    assert (card["recipe"]["seed"], card["recipe"]["steps"]) == (3, STEPS)
    assert card["packages"]["trl"]

    trained = card["trained"]
    assert (trained["questions_trained"], trained["questions_validated"]) == (14, 2)
    assert trained["questions_dropped"] == 0
    assert len(trained["losses"]) == STEPS
    assert 0 < trained["trainable_parameters"] < trained["parameters"]
    assert trained["validation_loss_after"] != trained["validation_loss_before"]
    assert trained["train_seconds"] > 0
    assert trained["peak_rss_bytes"] > 100_000_000

    from safetensors.torch import load_file

    weights = load_file(version.folder / WEIGHTS)
    assert sum(tensor.numel() for tensor in weights.values()) == trained["trainable_parameters"]
    assert {str(tensor.dtype) for tensor in weights.values()} == {"torch.bfloat16"}
    # Half of a LoRA begins at zero: it has moved.
    assert all(tensor.abs().sum() > 0 for tensor in weights.values())
    # It is what a run would ask.
    panel = assemble(experts, ["sleep"])
    assert panel is not None
    assert panel.weights["sleep"]["adapter"] == {"local/sleep/v1": version.sha256}
