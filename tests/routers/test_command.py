"""A program of somebody else's as a router: asked, ended, and named where it fails."""

import gc
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.checks import ConfigError, check_arguments
from routers.base import Router, RouterError
from routers.command import CommandRouter
from routers.program import Program, words_of
from tests.benchmarks.helpers import alive, wait_until

pytestmark = pytest.mark.process

QUERIES, LABELS = ["oil", "brakes", "dreams"], ["car", "car", "sleep"]
# Answers `fit` and `load`, then what `ROUTE` says to each `route`; a test puts its own lines there.
POLITE = """
import json, os, sys, time
from pathlib import Path
for line in sys.stdin:
    message = json.loads(line)
    if "fit" in message:
        FIT
        Path(message["folder"], "fit.json").write_text(json.dumps(message))
        answer = {"ok": True}
    elif "load" in message:
        LOAD
        answer = {"ok": True}
    else:
        queries = message["route"]
        ROUTE
    print(json.dumps(answer), flush=True)
"""
Make = Callable[..., CommandRouter]


@pytest.fixture
def program(tmp_path: Path) -> Make:
    """A router over a program with the given statements, and settings."""

    def make(
        route: str = "answer = ['car' for query in queries]",
        fit: str = "pass",
        load: str = "pass",
        text: str = POLITE,
        **settings: Any,
    ) -> CommandRouter:
        path = tmp_path / "program.py"
        code = text.replace("ROUTE", route).replace("FIT", fit).replace("LOAD", load)
        path.write_text(code, encoding="utf-8")
        return CommandRouter(shlex.join([sys.executable, str(path)]), **settings)

    return make


def fitted(router: CommandRouter) -> CommandRouter:
    return router.fit(QUERIES, LABELS)


def saved(router: CommandRouter, folder: Path) -> Path:
    fitted(router).save(folder)
    return folder


def test_the_program_gets_rows_a_folder_and_the_seed(program: Make, tmp_path: Path) -> None:
    router = program(seed=7).fit([*QUERIES, "\ud800é\n"], [*LABELS, "sleep"])
    router.save(tmp_path / "router")
    message = json.loads((tmp_path / "router" / "program" / "fit.json").read_text())
    assert message["fit"] == [
        {"query": "oil", "domain": "car"},
        {"query": "brakes", "domain": "car"},
        {"query": "dreams", "domain": "sleep"},
        # Strict readers of JSON refuse half a character.
        {"query": "?é\n", "domain": "sleep"},
    ]
    assert (message["seed"], list(message)) == (7, ["fit", "folder", "seed"])
    assert router.counts_.tolist() == [2, 2]


def test_answers_are_domains_or_scores(program: Make) -> None:
    answers = {"a": "sleep", "b": {"car": 3, "sleep": 1}, "c": {"sleep": 0.5}, "d": {"car": 1e-9}}
    router = fitted(program(f"answer = [{answers!r}[query] for query in queries]"))
    said = router.infer(list(answers))
    assert said.proba.tolist() == [[0, 1], [0.75, 0.25], [0, 1], [1, 0]]
    assert said.confidence.tolist() == [1, 0.75, 1, 1]


def test_questions_are_asked_in_batches(program: Make) -> None:
    route = "answer = [{'car': len(queries), 'sleep': 1} for query in queries]"
    said = fitted(program(route, max_batch=2)).infer(["a", "b", "c"])
    assert said.proba[:, 0].tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 2])


def test_what_no_pipe_holds_at_once_goes_through(program: Make) -> None:
    # The program writes much before it has read all, and so does whoever asks it.
    long = "x" * 5_000_000
    text = """
import json, os, sys
os.write(1, b" " * 1_000_000)
for _ in range(2):
    message = json.loads(sys.stdin.readline())
    padding = " " * 3_000_000
    print(padding + json.dumps({"ok": True} if "fit" in message else ["car"]), flush=True)
"""
    router = program(text=text).fit([long, "b"], ["car", "sleep"])
    assert router.predict([long]) == ["car"]


def test_a_fresh_program_loads_what_another_saved(program: Make, tmp_path: Path) -> None:
    load = "known = json.loads(Path(message['load'], 'fit.json').read_text())['fit']"
    route = "answer = [known[int(query)]['domain'] for query in queries]"
    folder = saved(program(route, load=load), tmp_path / "router")
    moved = folder.rename(tmp_path / "moved")
    assert Router.load(moved).predict(["2", "0"]) == ["sleep", "car"]


def test_files_of_the_command_are_in_the_facts(program: Make) -> None:
    router = program()
    assert set(router.facts()["files"]) == {Path(sys.executable).name, "program.py"}
    assert CommandRouter("no-such-program").facts() == {}


def test_the_code_of_the_benchmark_is_not_on_its_path(
    program: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(Path(__file__).resolve().parents[2])
    route = "answer = [{'car': sys.path.count(query), 'sleep': 1} for query in queries]"
    for given, wanted in (([root, str(tmp_path / "own")], 0.5), ([root], 0)):
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(given))
        said = fitted(program(route)).infer([root, str(tmp_path / "own")])
        assert said.proba[:, 0].tolist() == [0, wanted]


FAILURES: dict[str, tuple[dict[str, str], str]] = {
    "crash in fit": (
        {"fit": "print('line one\\nOut of luck', file=sys.stderr); sys.exit(3)"},
        "the program ended with status 3 when it was asked to fit: Out of luck",
    ),
    "exception": (
        {"fit": "{}['no']"},
        r"ended with status 1 when it was asked to fit: KeyError: 'no' \(router.command=.*program.py\)",
    ),
    "crash without a word": ({"route": "sys.exit(0)"}, r"ended with status 0 when it was asked to route \("),
    "killed": ({"route": "os.kill(os.getpid(), 9)"}, "was killed by signal 9 when it was asked to route"),
    "closed": (
        {"route": "os.close(1); print('shut', file=sys.stderr, flush=True); time.sleep(3600)"},
        "closed its standard output when it was asked to route: shut",
    ),
    "silence": (
        # Said before the clock runs, which a busy machine may let run out at once.
        {"fit": "print('thinking', file=sys.stderr, flush=True)", "route": "time.sleep(3600)"},
        "said nothing for 0.5 s when it was asked to route: thinking; .* router.route_timeout=SECONDS",
    ),
    "stray print": (
        {"fit": "print('Loading model…')"},
        "wrote a line to its standard output, asked to fit, that is not JSON: Loading model…; one line",
    ),
    "stray bytes": (
        {"route": "os.write(1, b'\\xff\\n')"},
        "asked to route, that is not JSON: \N{REPLACEMENT CHARACTER}",
    ),
    "second line": (
        {"route": 'os.write(1, b\'["car", "car"]\\n"done"\\n\'); continue'},
        'before it was asked to route: "done"; one line answers',
    ),
    "reported": (
        {"fit": "print(json.dumps({'error': 'too\\nfew rows'}), flush=True); continue"},
        "the program reports, asked to fit: too few rows",
    ),
    "not ok": ({"fit": "print(5, flush=True); continue"}, 'answers 5, not {"ok": true}, to fit'),
    "no list": ({"route": "answer = 'car'"}, "answers 'car' to route, not a list"),
    "too short": ({"route": "answer = ['car']"}, "answers 2 questions with 1 domains"),
    "too long": ({"route": "answer = ['car'] * 3"}, "answers 2 questions with 3 domains"),
    "unknown domain": (
        {"route": "answer = ['car', 'boat']"},
        "answers 'second' with unknown domain 'boat'; there is: car, sleep",
    ),
    "unknown score": (
        {"route": "answer = [{'boat': 1}, 'car']"},
        "answers 'first' with unknown domain 'boat'",
    ),
    "nan": (
        {"route": "answer = [{'car': float('nan'), 'sleep': 1}, 'car']"},
        "answers 'first' with the score of 'car' is nan, not a number from 0 on",
    ),
    "infinite": ({"route": "answer = [{'car': float('inf')}, 'car']"}, "score of 'car' is inf"),
    "negative": ({"route": "answer = [{'car': -1}, 'car']"}, "score of 'car' is -1"),
    "truth": ({"route": "answer = [{'car': True}, 'car']"}, "score of 'car' is True"),
    "text": ({"route": "answer = [{'car': '1'}, 'car']"}, "score of 'car' is '1'"),
    "zeros": ({"route": "answer = [{'car': 0, 'sleep': 0}, 'car']"}, "no domain has a score above 0"),
    "empty": ({"route": "answer = [{}, 'car']"}, "no domain has a score above 0: {}"),
    "too large": (
        {"route": "answer = [{'car': 1e308, 'sleep': 1e308}, 'car']"},
        "no domain has a score above",
    ),
    "number": (
        {"route": "answer = ['car', 5]"},
        "answers 'second' with neither a domain nor scores by domain: 5",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_named(program: Make, name: str) -> None:
    statements, message = FAILURES[name]
    router = program(**statements, route_timeout=0.5 if name == "silence" else 60.0)
    with pytest.raises(RouterError, match=message):
        routed_twice(router)


def routed_twice(router: CommandRouter) -> None:
    fitted(router)
    for _ in range(2):
        router.infer(["first", "second"])


def test_it_must_load_what_it_saved(program: Make, tmp_path: Path) -> None:
    folder = saved(program(load="answer = Path(message['load'], 'other').read_text()"), tmp_path / "router")
    with pytest.raises(RouterError, match="ended with status 1 when it was asked to load: FileNotFoundError"):
        Router.load(folder)


def test_a_failed_fit_answers_nothing(program: Make) -> None:
    router = fitted(program())
    router.set_params(command="no-such-program --fast")
    with pytest.raises(
        RouterError,
        match=r"cannot be started: no-such-program: No such file .* \(router.command=no-such-program",
    ):
        fitted(router)
    with pytest.raises(RouterError, match="not fitted"):
        router.infer(["a"])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "router.command=: must name a program"),
        ("   ", "must name a program"),
        ("python 'mine.py", "is no command: No closing quotation"),
    ],
)
def test_a_command_that_cannot_be_one(command: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_arguments(CommandRouter, {"command": command}, "router.")


def test_after_a_crash_it_is_started_anew(program: Make, tmp_path: Path) -> None:
    route = "answer = ['car'] if queries != ['die'] else sys.exit(1)"
    router = Router.load(saved(program(route), tmp_path / "router"))
    with pytest.raises(RouterError, match="ended with status 1"):
        router.infer(["die"])
    assert router.predict(["a"]) == ["car"]


def test_a_late_answer_is_none_to_the_next_question(program: Make) -> None:
    route = (
        "time.sleep(1 if queries == ['slow'] else 0); answer = ['sleep' if queries == ['slow'] else 'car']"
    )
    router = fitted(program(route, route_timeout=0.1))
    with pytest.raises(RouterError, match=r"said nothing for 0\.1 s"):
        router.infer(["slow"])
    router.set_params(route_timeout=60.0)
    assert router.predict(["quick"]) == ["car"]


def pid_of(router: CommandRouter) -> int:
    """The process that answers `{"car": pid, "sleep": 1}`."""
    return round(1 / router.infer(["pid"]).proba[0, 1].item()) - 1


PID = "answer = [{'car': os.getpid(), 'sleep': 1}]"


@pytest.mark.parametrize("after", ["time.sleep(0)", "time.sleep(3600)"])
def test_the_program_ends_with_its_router(program: Make, after: str) -> None:
    # The second one does not hear that its standard input has ended.
    router = fitted(program(PID, text=POLITE + after))
    pid = pid_of(router)
    assert alive(pid)
    del router
    gc.collect()
    assert not alive(pid)


def test_a_new_fit_ends_the_old_program(program: Make) -> None:
    router = fitted(program(PID))
    old = pid_of(router)
    assert pid_of(fitted(router)) != old
    assert not alive(old)


def test_what_the_program_started_ends_too(tmp_path: Path) -> None:
    found = Program(["sh", "-c", f"sleep 3600 & echo $! > {tmp_path}/pid; wait"], "router.command=sh")
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    pid = int((tmp_path / "pid").read_text())
    assert found.running
    assert alive(pid)
    found.close()
    wait_until(lambda: not alive(pid))
    assert not found.running


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can")
def test_a_fit_ends_with_the_process_that_was_killed(tmp_path: Path) -> None:
    note = f"pathlib.Path('{tmp_path}/pid').write_text(str(os.getpid()))"
    fit = f"import os, pathlib, time; {note}; time.sleep(3600)"
    command = shlex.join([sys.executable, "-c", fit])
    code = (
        f"from routers.command import CommandRouter; CommandRouter({command!r}).fit(['a', 'b'], ['c', 's'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    assert alive(pid)
    process.kill()
    process.wait()
    wait_until(lambda: not alive(pid))


def test_the_home_folder_in_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/my self")
    words = ["/home/my self/bin/mine", "/home/my self/my data", "--x=~/y"]
    assert words_of("~/bin/mine '~/my data' --x=~/y") == words
