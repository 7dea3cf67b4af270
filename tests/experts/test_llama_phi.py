"""experts=llama_phi from configuration to answers: two base models that are unlike, one adapter each."""

from pathlib import Path

import pytest

from benchmarks.answers.experts import assemble, build_experts
from benchmarks.answers.train import train
from benchmarks.config import compose_settings
from benchmarks.errors import BadInput
from benchmarks.workers.in_process import InProcess
from experts.base import Request
from tests.conftest import ANSWERS

pytestmark = pytest.mark.slow


def small(llama: str, phi: str, folder: Path) -> list[str]:
    """The hub's models replaced by tiny ones, without the quantisation that a GPU is for."""
    return [
        *("experts=llama_phi", "weights=hub"),
        *(f"weights.experts.car.path={llama}", f"weights.experts.sleep.path={phi}"),
        *("experts.quantization=none", "experts.dtype=float32", "experts.max_new_tokens=8"),
        f"experts.adapters={folder}",
    ]


def test_each_domain_is_trained_on_and_answered_by_its_own_model(
    chat_llama: str, chat_phi: str, qna_folder: Path, tmp_path: Path
) -> None:
    chosen = small(chat_llama, chat_phi, tmp_path / "adapters")
    data = ["dataset=files", f"dataset.path={qna_folder}"]
    steps = ["trainer.steps=2", "trainer.batch_size=2", "threads=1"]
    versions = train(compose_settings("train", [*chosen, *data, *steps]), InProcess())
    bases = {version.domain: version.card["base"] for version in versions}
    assert {domain: base["source"] for domain, base in bases.items()} == {
        "car": Path(chat_llama).name,
        "sleep": Path(chat_phi).name,
    }
    assert bases["car"]["sha256"] != bases["sleep"]["sha256"]
    # Llama's attention has four matrices, Phi-3's two: an adapter of one does not fit the other.
    layers = [(version.folder / "adapter_config.json").read_text(encoding="utf-8") for version in versions]
    assert "q_proj" in layers[0]
    assert "qkv_proj" in layers[1]
    assert "gate_up_proj" in layers[1]

    panel = assemble(compose_settings("run", chosen).experts, sorted(ANSWERS))
    assert panel is not None
    experts = build_experts(panel.spec)
    answers = experts.answers(
        [Request("car", "Why?"), Request("sleep", "Why?"), Request("car", "Why?", False)]
    )
    assert [answer.error for answer in answers] == [None, None, None]
    assert experts.identity("car")["base"] != experts.identity("sleep")["base"]


def test_a_third_domain_has_no_model(tmp_path: Path) -> None:
    overrides = ["experts=llama_phi", "weights=hub", f"experts.adapters={tmp_path}"]
    experts = compose_settings("run", overrides).experts
    with pytest.raises(BadInput, match="'legal'"):
        assemble(experts, ["legal"])
