"""Adapters from a data set: what is trained, what is refused, what the card tells, when it is out of date."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.answers.experts import assemble
from benchmarks.answers.train import TrainJob, TrainOutput, fingerprint, recipe, structure, train
from benchmarks.assets.adapters import CARD, WEIGHTS, Adapters
from benchmarks.assets.weights import Weights, locate
from benchmarks.datasets.base import Dataset, Example
from benchmarks.datasets.load import load_dataset
from benchmarks.errors import BadInput
from benchmarks.schema import LocalExperts, NoExperts, OpenAIExperts, Trainer
from benchmarks.settings import Train
from benchmarks.workers.launch import Job, Result, Workers
from experts.train import Trained
from tests.benchmarks.helpers import base_model, json_file, local_experts

STEPS = 3


# A handful of questions, of which one is held out.
def files_at(folder: Path) -> dict[str, str]:
    """The data set of `dataset=files`."""
    return {"_target_": "benchmarks.datasets.files.load", "name": "files", "path": str(folder)}


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
    """Settings of `train`, on a base model that cannot be loaded, with changes."""
    base = base_model(tmp_path / "base")

    def make(**changes: Any) -> Train:
        default = {
            "dataset": files_at(qna_folder),
            "experts": local_experts(base, tmp_path / "adapters", system_prompt="Be an expert on {domain}."),
            "trainer": QUICK,
        }
        return Train(**{**default, **changes})

    return make


@dataclass(frozen=True)
class Trainers(Workers):
    """Workers that train nothing, and keep what they were given."""

    jobs: list[TrainJob] = field(default_factory=list)

    def run(self, function: Callable[[Job], Result], job: Job, title: str) -> Result:
        assert isinstance(job, TrainJob)
        self.jobs.append(job)
        Path(job.folder, WEIGHTS).write_bytes(title.encode())
        trained = Trained(2, 20, 2.0, 1.0, 0.5, 13, 1, questions_dropped=3 if "sleep" in title else 0)
        return cast(Result, TrainOutput(trained, 1_000_000))


@pytest.fixture
def workers() -> Trainers:
    return Trainers()


def test_the_recipe_is_the_trainer_and_how_the_experts_will_serve(settings: Settings) -> None:
    configured = settings(seed=7, trainer=Trainer(name="unsloth", steps=11, target_modules="all-linear"))
    configured.experts.dtype, configured.experts.quantization = "bfloat16", "nf4"
    found = recipe(configured, "car")
    assert (found.trainer, found.steps, found.target_modules) == ("unsloth", 11, "all-linear")
    assert (found.dtype, found.quantization, found.seed) == ("bfloat16", "nf4", 7)
    assert found.system_prompt == "Be an expert on car."
    assert recipe(configured, "{sleep}").system_prompt == "Be an expert on {sleep}."


def differing(before: dict[str, str], after: dict[str, str]) -> list[str]:
    assert set(before) == set(after)
    return [name for name in before if before[name] != after[name]]


def test_the_fingerprint_changes_with_the_settings_that_reach_the_adapter(settings: Settings) -> None:
    before = fingerprint(settings(), DATASET, "car")
    for change in (
        {"seed": 1},
        {"trainer": replace(QUICK, steps=STEPS + 1)},
        {"trainer": replace(QUICK, learning_rate=0.5)},
        {"trainer": replace(QUICK, gradient_checkpointing=True)},
    ):
        assert differing(before, fingerprint(settings(**change), DATASET, "car")) == ["recipe"]
    prompted = settings()
    prompted.experts.system_prompt = "Be brief."
    assert differing(before, fingerprint(prompted, DATASET, "car")) == ["recipe"]
    # Threads, where the base lies, and how many answers are generated at once do not reach it.
    other = settings(threads=2)
    other.experts.models, other.experts.batch_size = {"default": Weights(path="elsewhere")}, 1
    assert fingerprint(other, DATASET, "car") == before


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
    configured = settings()
    before = {domain: fingerprint(configured, DATASET, domain) for domain in ("car", "sleep")}
    changed = replace(DATASET, train=rows)
    assert differing(before["car"], fingerprint(configured, changed, "car")) == ["data"]
    assert fingerprint(configured, changed, "sleep") == before["sleep"]
    # Questions that are not trained on do not count.
    bare = replace(ROWS[2], query="Which unanswered brake?")
    changed = replace(DATASET, name="renamed", train=[*ROWS[:2], bare, *ROWS[3:]], test=ROWS)
    assert fingerprint(configured, changed, "car") == before["car"]


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


def test_comments_docstrings_and_layout_of_the_code_mean_nothing_and_all_else_does() -> None:
    for old, new in {
        "What it does.": "What it really does.",
        '"""What it does."""\n': "",
        "A thing.": "A thing,\n    of two lines.",
        '        """Its size."""\n': "",
        "# Twice.": "# Two times.",
        "  # of something": "",
        "LIMIT * factor": "(\n            LIMIT *\n            factor)",
        "\n\n\nclass": "\n\nclass",
    }.items():
        assert old in CODE
        assert structure(CODE.replace(old, new)) == structure(CODE), new
    for old, new in {
        "LIMIT = 3": "LIMIT = 4",
        "factor: int = 2": "factor: int = 3",
        "LIMIT * factor": "LIMIT + factor",
        "from typing import Any": "from typing import List as Any",
        # A text that is not a docstring.
        "return LIMIT * factor": "return 'LIMIT * factor'",
    }.items():
        assert old in CODE
        assert structure(CODE.replace(old, new)) != structure(CODE), new


def test_the_fingerprint_changes_with_the_code_that_trains(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import experts

    copy = tmp_path / "experts"
    copy.mkdir()
    for path in Path(experts.__path__[0]).glob("*.py"):
        (copy / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    before = fingerprint(settings(), DATASET, "car")
    monkeypatch.setattr(experts, "__file__", str(copy / "__init__.py"))
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


def test_every_domain_is_trained_on_its_own_training_questions(settings: Settings, workers: Trainers) -> None:
    configured = settings()
    dataset = load_dataset(configured.dataset)
    versions = train(configured, workers)
    assert [(version.domain, version.name) for version in versions] == [("car", "v1"), ("sleep", "v1")]
    for version, job in zip(versions, workers.jobs, strict=True):
        rows = [row for row in dataset.train if row.label == version.domain]
        assert job.pairs == [(row.query, row.reference) for row in rows]
        assert job.model == configured.experts.models["default"].path
        assert job.recipe == recipe(configured, version.domain)
        assert version.card["data"]["train_ids"] == [row.id for row in rows]
        assert {row.id for row in dataset.test}.isdisjoint(version.card["data"]["train_ids"])


def six(**_: Any) -> Dataset:
    """A data set with a training question that is also tested on."""
    third = Example("car-4", "Which fuse?", "car", "A new one.")
    return Dataset("six", [*ROWS, third], [replace(third, query="which  FUSE?")])


def test_a_question_that_is_tested_on_is_not_trained_on(settings: Settings, workers: Trainers) -> None:
    (version,) = train(settings(dataset={"_target_": f"{__name__}.six"}, domains=["car"]), workers)
    assert version.card["data"]["train_ids"] == ["car-1", "car-2"]


def test_only_the_domains_configured_are_trained(settings: Settings, workers: Trainers) -> None:
    configured = settings(domains=["car"])
    assert [version.name for _ in range(2) for version in train(configured, workers)] == ["v1", "v2"]
    adapters = Adapters(Path(configured.experts.adapters))
    assert adapters.domains("local") == ["car"]
    current = adapters.current("local", "car")
    assert current
    assert current.name == "v2"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"experts": NoExperts()}, "experts=none has nothing to train here; experts=local has"),
        (
            {"experts": OpenAIExperts(base_url="http://localhost/v1")},
            "experts=openai has nothing to train here; experts=local has",
        ),
        ({"domains": ["car", "legal"]}, "domains: 'legal' is not in the data set; there is: car, sleep"),
        ({"domains": []}, "domains=[]: there is nothing to train"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_slow(
    settings: Settings, workers: Trainers, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadInput) as caught:
        train(settings(**changes), workers)
    assert str(caught.value) == complaint
    assert workers.jobs == []


def test_a_domain_with_too_few_answers_is_refused(
    settings: Settings, workers: Trainers, qna_folder: Path
) -> None:
    content = json_file(qna_folder / "sleep.json")
    dataset = load_dataset(settings().dataset)
    one = next(row.query for row in dataset.train if row.label == "sleep")
    for entry in content["qna"]:
        entry["answer"] = "The only answer." if entry["question"] == one else ""
    (qna_folder / "sleep.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BadInput, match=r"domain 'sleep' has 1 training question\(s\) with an answer"):
        train(settings(), workers)
    assert workers.jobs == []


@pytest.mark.process
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
    dataset = files_at(qna_folder)
    configured = Train(dataset=dataset, experts=experts, trainer=QUICK, domains=["sleep"], seed=3)
    (version,) = train(configured)
    card = json_file(version.folder / CARD)
    assert card == version.card
    assert set(card) == {
        *("card_version", "experts", "domain", "version", "adapter_sha256", "config_sha256"),
        *("base", "data", "fingerprint", "recipe", "trained", "threads", "date"),
        *("git", "python", "packages", "machine"),
    }
    assert card["base"] == {
        "source": Path(tiny_chat_llama).name,
        "sha256": locate(Weights(path=tiny_chat_llama)).sha256,
    }
    loaded = load_dataset(dataset)
    assert card["fingerprint"] == fingerprint(configured, loaded, "sleep")
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
    # It is the one that a run would ask.
    found = assemble(experts, ["sleep"])
    assert found is not None
    assert found.weights["sleep"]["adapter"] == {"local/sleep/v1": version.sha256}
