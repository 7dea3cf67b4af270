"""`deploy/grafana.json`: a dashboard of Grafana's own classes, of metrics that the server has."""

import json
from itertools import pairwise
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.deploy.helpers import DEPLOY
from tests.deploy.queries import missing
from tests.deploy.samples import sample_metrics

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Variables of the dashboard, and one of Grafana's.
VARIABLES = {"$__rate_interval": "5m", "$instance": "a", "$router": "knn"}
TITLES = [panel["title"] for panel in PANELS]


def expressions() -> list[str]:
    found = []
    for panel in PANELS:
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            assert "$" not in text
            found.append(text)
    return found


def test_grafana_reads_every_field() -> None:
    """Grafana's own classes keep what they know; what is lost on the way is no field of a dashboard."""
    read = json.loads(json.dumps(Dashboard.from_json(DASHBOARD), cls=JSONEncoder))
    assert not list(_lost(DASHBOARD, read, "dashboard"))


def _lost(before: Any, after: Any, place: str) -> Any:
    if isinstance(before, dict):
        for name, value in before.items():
            if not isinstance(after, dict) or name not in after:
                yield f"{place}.{name}"
            else:
                yield from _lost(value, after[name], f"{place}.{name}")
    elif isinstance(before, list):
        if len(before) != len(after):
            yield place
        for number, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from _lost(one, other, f"{place}[{number}]")
    elif before != after:
        yield f"{place}: {before!r} is read as {after!r}"


def test_every_metric_of_the_dashboard_is_the_servers() -> None:
    assert missing(expressions(), sample_metrics()) == []


@pytest.mark.parametrize(
    "name",
    [
        "requests_total",
        "errors_total",
        "routing_seconds_bucket",
        "queue_seconds_bucket",
        "answer_seconds_bucket",
        "confidence_bucket",
        "decisions_total",
        "fallbacks_total",
        "queue_length",
        "in_flight",
        "batch_size_sum",
        "cache_total",
        "tokens_total",
        "drift",
        "feedback_total",
        "reloads_total",
        "router_info",
    ],
)
def test_the_dashboard_shows(name: str) -> None:
    assert any(f"router_derby_{name}" in expression for expression in expressions())


def test_the_source_is_chosen_where_it_is_shown() -> None:
    names = [variable["name"] for variable in DASHBOARD["templating"]["list"]]
    assert names == ["datasource", "router", "instance"]
    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    assert all(panel["datasource"] == SOURCE for panel in PANELS)
    assert all(target["datasource"] == SOURCE for panel in PANELS for target in panel["targets"])
    # Grafana gives an id; one in the file could be that of another dashboard.
    assert "id" not in DASHBOARD
    assert DASHBOARD["uid"]


def test_panels_have_a_title_a_unit_and_a_place_of_their_own() -> None:
    assert len(TITLES) == len(set(TITLES))
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in PANELS:
        assert panel["description"], panel["title"]
        if panel["type"] != "table":
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_lines_of_a_panel_can_be_told_apart() -> None:
    for panel in PANELS:
        letters = [target["refId"] for target in panel["targets"]]
        assert all(one < other for one, other in pairwise(letters)), panel["title"]
