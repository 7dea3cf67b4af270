"""Public data sets from the hub: downloaded at their commit, checked, kept, read again without a network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from omegaconf import OmegaConf

import conf
from benchmarks.datasets import clinc150, llmrouter, routellm, routing_dataset
from tests.benchmarks.datasets.helpers import class_label, sha256, write_csv, write_parquet
from tests.benchmarks.helpers import BASELINES, MEASURED_ONCE, without
from tests.hub.conftest import GRANTED, Machine, record_of, refusal
from tests.hub.server import Fault, Hub

pytestmark = pytest.mark.process

COMMIT = "d" * 40
INTENTS = ["transfer", "oos", "greeting"]
SIZES = ["3B", "7B", "30B", "70B"]


def clinc(folder: Path) -> None:
    for name in clinc150.PARQUET:
        rows = [{"text": f"{name} {intent} {n}", "intent": intent} for intent in range(3) for n in range(5)]
        write_parquet(folder / name, rows, class_label("intent", INTENTS))


def sizes(folder: Path) -> None:
    rows = [{"question": f"question {n} for {label}", "label": label} for label in range(4) for n in range(9)]
    write_parquet(folder / routing_dataset.FILE, rows, class_label("label", SIZES))


def mmlu(folder: Path) -> None:
    rows = [{"prompt": f"number {n}", "small": n % 2 == 0, "large": n % 3 > 0} for n in range(40)]
    write_csv(folder / routellm.FILE, rows)


def outcomes(folder: Path) -> None:
    def rows(part: str) -> list[dict[str, Any]]:
        scores = [{"small": float(n % 2), "large": 1.0} for n in range(20)]
        return [{"question": f"{part} {n}", "scores": one} for n, one in enumerate(scores)]

    prices = {
        name: {"input_price": cost, "output_price": cost} for name, cost in (("small", 1), ("large", 9))
    }
    for name, content in zip(llmrouter.FILES, (rows("a"), rows("b"), prices), strict=True):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


class Public(NamedTuple):
    """A data set on the hub: what writes its files, its name there, and what else its run is told."""

    write: Callable[[Path], None]
    hub: str
    settings: tuple[str, ...] = ()


PUBLIC = {
    "clinc150": Public(clinc, clinc150.HUB, ("dataset.labels=intents",)),
    "routing_dataset": Public(sizes, routing_dataset.HUB),
    "routellm": Public(mmlu, "own/mmlu", ("dataset.weak=small", "dataset.strong=large")),
    "llmrouter": Public(outcomes, "own/outcomes"),
}


def commit_of(name: str) -> str:
    """The commit that the configuration pins; one of ours where it names no repository."""
    found = OmegaConf.load(Path(conf.__path__[0], "dataset", f"{name}.yaml"))
    return str(found.get("revision", COMMIT))


def published(hub: Hub, name: str, folder: Path) -> list[str]:
    """Publish a data set; returns the settings of a run on it, with the checksums of these files."""
    public = PUBLIC[name]
    folder.mkdir()
    public.write(folder)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    content = {file: path.read_bytes() for file, path in files.items()}
    hub.add(public.hub, commit_of(name), content, kind="datasets")
    sums = ",".join(f"{file}:{sha256(path)}" for file, path in files.items())
    revision = [] if public.hub.partition("/")[0] != "own" else [f"dataset.revision={COMMIT}"]
    return [
        *(f"dataset={name}", f"dataset.hub={public.hub}", *public.settings, *revision),
        f"dataset.sha256={{{sums}}}",
    ]


def checksums(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def run(*settings: str) -> list[str]:
    """The quickest run there is: what is tested is where its questions are from."""
    alone = without(*BASELINES)
    return ["run", "router=majority", *settings, "experts=none", "guard=off", *MEASURED_ONCE, *alone]


def ask(*settings: str) -> list[str]:
    """Another command that reads the questions."""
    return ["ask", "Which one?", "router=majority", *settings, "experts=none"]


@pytest.mark.parametrize("name", PUBLIC)
def test_once_from_the_hub_then_without_it(hub: Hub, machine: Machine, tmp_path: Path, name: str) -> None:
    settings = published(hub, name, tmp_path / "files")
    done = machine.here(hub, *run(*settings))
    assert done.returncode == 0, done.stderr
    # Bars are for terminals.
    assert "%|" not in done.stderr
    first = record_of(machine)["provenance"]["dataset"]
    assert first["files"] == checksums(tmp_path / "files")

    asked = len(hub.asked)
    done = machine.here(hub, *ask(*settings), HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] in first["train"]["by_label"]
    assert len(hub.asked) == asked


def test_the_pinned_checksums_refuse_other_files(hub: Hub, machine: Machine, tmp_path: Path) -> None:
    settings = published(hub, "routing_dataset", tmp_path / "files")
    found = checksums(tmp_path / "files")[routing_dataset.FILE]
    pinned = OmegaConf.load(Path(conf.__path__[0], "dataset", "routing_dataset.yaml")).sha256
    said = refusal(machine.here(hub, *ask(*settings[:-1])))
    assert said.endswith(
        f"has SHA-256 {found}, but dataset.sha256 has {pinned[routing_dataset.FILE]}; not reading it "
        "(dataset.sha256=null if another version is meant)"
    )


def test_what_the_hub_has_not(hub: Hub, machine: Machine, tmp_path: Path) -> None:
    settings = published(hub, "routing_dataset", tmp_path / "files")
    name, page = routing_dataset.HUB, f"{hub.url}/datasets/{routing_dataset.HUB}"
    other = "e" * 40
    assert refusal(machine.here(hub, *ask(*settings, f"dataset.revision={other}"))) == (
        f"data set {name} has no revision {other}: dataset.revision is one of {page}/commits/main"
    )
    del hub.repositories["datasets", name].commits[commit_of("routing_dataset")][routing_dataset.FILE]
    assert refusal(machine.here(hub, *ask(*settings))) == (
        f"data set {name} has no file {routing_dataset.FILE} at revision {commit_of('routing_dataset')}"
    )
    del hub.repositories["datasets", name]
    assert refusal(machine.here(hub, *ask(*settings))) == (
        f"data set {name} is not on the Hugging Face hub, or private: check {page}, and for a private one "
        "log in with `hf auth login`; dataset.path=PATH reads files on this machine"
    )


def test_a_file_that_arrives_damaged_is_not_read_and_not_kept(
    hub: Hub, machine: Machine, tmp_path: Path
) -> None:
    settings = published(hub, "routing_dataset", tmp_path / "files")
    content = (tmp_path / "files" / routing_dataset.FILE).read_bytes()
    hub.faults[routing_dataset.FILE] = Fault(instead=bytes(len(content)))
    said = refusal(machine.here(hub, *ask(*settings)))
    assert said == (
        f"{Path(routing_dataset.FILE).name} of data set {routing_dataset.HUB} has other bytes than the hub "
        f"announced (SHA-256 {sha256(tmp_path / 'files' / routing_dataset.FILE)}); it was deleted, run this "
        "again to download it once more"
    )
    hub.faults.clear()
    done = machine.here(hub, *ask(*settings))
    assert done.returncode == 0, done.stderr


def test_a_gated_data_set(hub: Hub, machine: Machine, tmp_path: Path) -> None:
    settings = published(hub, "routing_dataset", tmp_path / "files")
    name = routing_dataset.HUB
    hub.repositories["datasets", name].gated = True
    assert refusal(machine.here(hub, *ask(*settings))) == (
        f"data set {name} is gated: accept its conditions at {hub.url}/datasets/{name}, then log in with "
        "`hf auth login` or HF_TOKEN=…; dataset.path=PATH reads files on this machine"
    )
    hub.tokens[GRANTED].add(name)
    done = machine.derby(hub, *ask(*settings), HF_TOKEN=GRANTED)
    assert done.returncode == 0, done.stderr
