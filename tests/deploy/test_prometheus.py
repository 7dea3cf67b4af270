"""`deploy/prometheus.yml` and `deploy/alerts.yml`: checked by promtool, and in a real Prometheus."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.server.metrics import SECONDS
from benchmarks.settings import Limits
from tests.deploy.helpers import DEPLOY, documents, needs, program, wait_until
from tests.deploy.prometheus_server import Prometheus, prometheus, prometheus_files, scraped
from tests.deploy.queries import exposed, missing, selected
from tests.deploy.samples import sample_metrics

(ALERTS,) = documents(DEPLOY / "alerts.yml")
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in ALERTS["groups"] for rule in group["rules"]
}
KEY = "a key"
with_promtool = needs("promtool", "prometheus")


def promtool(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [str(program("promtool")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@with_promtool
def test_promtool_takes_the_configuration_and_the_rules(tmp_path: Path) -> None:
    done = promtool("check", "config", prometheus_files(tmp_path / "prometheus", [1, 2], KEY))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


@with_promtool
def test_each_rule_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "alerts.yml", tmp_path)
    tests = shutil.copy(Path(__file__).with_name("alerts_test.yml"), tmp_path)
    done = promtool("test", "rules", tests)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_is_tried_in_both_ways() -> None:
    (cases,) = documents(Path(__file__).with_name("alerts_test.yml"))
    fired: dict[str, set[bool]] = {name: set() for name in RULES}
    for case in cases["tests"]:
        for tried in case["alert_rule_test"]:
            fired[tried["alertname"]].add(bool(tried["exp_alerts"]))
    assert fired == {name: {True, False} for name in RULES}


def test_every_metric_of_the_rules_is_the_servers() -> None:
    assert missing([rule["expr"] for rule in RULES.values()], sample_metrics()) == []


def test_a_metric_or_label_that_the_server_does_not_have_is_found() -> None:
    wrong = ["sum by (routr) (rate(router_derby_cut_total[5m])) / router_derby_cuts", "up == 0"]
    assert missing(wrong, sample_metrics()) == ["router_derby_cut_total{routr}", "router_derby_cuts"]


def test_every_rule_looks_at_this_job_alone() -> None:
    for name, rule in RULES.items():
        assert all("job" in metric.labels for metric in selected(rule["expr"])), name


def test_thresholds_are_those_of_the_server() -> None:
    assert RULES["RouterDerbyQueueFilling"]["expr"].endswith(f"> {Limits().queued // 2}")
    # A quantile is only as exact as the buckets: the threshold is the end of one.
    threshold = float(RULES["RouterDerbyRoutingSlow"]["expr"].split(">")[-1])
    assert threshold in SECONDS


def test_every_rule_says_what_to_do() -> None:
    for name, rule in RULES.items():
        assert re.fullmatch(r"RouterDerby\w+", name)
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, str, str]]:
    """A Prometheus, the address of a target that takes its key, and that of one that does not."""
    text = sample_metrics()
    folder = tmp_path_factory.mktemp("watching") / "files"
    with (
        scraped(text, KEY) as right,
        scraped(text, "another key") as wrong,
        prometheus(folder, [right, wrong], KEY) as found,
    ):
        yield found, f"127.0.0.1:{right}", f"127.0.0.1:{wrong}"


@pytest.mark.process
@needs("prometheus", "prometheus")
def test_a_real_prometheus_scrapes_with_its_key(watching: tuple[Prometheus, str, str]) -> None:
    found, right, wrong = watching
    wait_until(lambda: found.health() == {right: "up", wrong: "down"}, "a scrape of each target")
    for name in exposed(sample_metrics()):
        assert found.values(f'{name}{{instance="{right}"}}'), name


@pytest.mark.process
@needs("prometheus", "prometheus")
def test_a_real_prometheus_evaluates_the_rules(watching: tuple[Prometheus, str, str]) -> None:
    found, _, wrong = watching
    rules = wait_until(
        lambda: all(rule["health"] != "unknown" for rule in found.rules()) and found.rules(), "an evaluation"
    )
    health = {rule["name"]: (rule["health"], rule.get("lastError", "")) for rule in rules}
    assert health == dict.fromkeys(RULES, ("ok", ""))

    def down() -> list[dict[str, Any]]:
        (rule,) = [rule for rule in found.rules() if rule["name"] == "RouterDerbyDown"]
        return list(rule["alerts"])

    (alert,) = wait_until(down, "the alert about the target that is down")
    assert (alert["labels"]["instance"], alert["state"]) == (wrong, "pending")
