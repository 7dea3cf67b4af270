"""experts=llama_phi from the hub to answers: gated, in parts, in 4 bit, through the real command line."""

import json
from pathlib import Path

import pytest

from common.files import digest
from tests.benchmarks.helpers import MEASURED_ONCE, without
from tests.hub.conftest import GRANTED, Files, Machine, publish, record_of
from tests.hub.models import LLAMA, PARTS, PHI, UNWANTED, Named
from tests.hub.server import XET_TOKEN, Hub, Stored

pytestmark = [pytest.mark.process, pytest.mark.slow]

DOMAINS = {"car": LLAMA, "sleep": PHI}


def checksum(files: Files) -> str:
    """As `locate` has it: of the checksums of all parts."""
    return digest({name: Stored(files[name]).sha256 for name in files if name.endswith(".safetensors")})


def test_trained_then_asked_with_the_hub_gone(
    hub: Hub, machine: Machine, qna: Path, expert_files: dict[Named, Files]
) -> None:
    # As the real hub has them.
    publish(hub, expert_files, xet=True)
    chosen = ["experts=llama_phi", "weights=hub", "dataset=files", f"dataset.path={qna}"]
    steps = ["trainer.steps=1", "trainer.batch_size=2", "threads=1"]
    done = machine.derby(hub, "train", *chosen, *steps, HF_TOKEN=GRANTED)
    assert done.returncode == 0, done.stderr
    for domain, model in DOMAINS.items():
        folder = machine.cwd / "adapters" / "llama_phi" / domain / "v1"
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        assert card["base"] == {"source": model.path, "sha256": checksum(expert_files[model])}
        assert (card["recipe"]["quantization"], card["recipe"]["dtype"]) == ("nf4", "bfloat16")
        there = machine.snapshot(model)
        names = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
        assert names == set(expert_files[model]) - set(UNWANTED)
        assert sum(name.endswith(".safetensors") for name in names) == PARTS[model]
    # The token went to the hub alone.
    sent = {one.headers.get("authorization") for one in hub.asked if one.server == "storage"}
    assert sent == {None, f"Bearer {XET_TOKEN}"}

    asked = len(hub.asked)
    judged = ["router=majority", "guard=off", *MEASURED_ONCE, *without("majority", "random", "tfidf")]
    few = ["measure.enabled=false", "experts.max_new_tokens=4", "experts.batch_size=32"]
    done = machine.here(hub, "run", *judged, *chosen, *few, HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert len(hub.asked) == asked
    used = record_of(machine)["provenance"]["experts"]
    assert {domain: one["base"] for domain, one in used.items()} == {
        domain: {model.path: checksum(expert_files[model])} for domain, model in DOMAINS.items()
    }
