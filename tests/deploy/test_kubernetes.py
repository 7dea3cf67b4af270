"""`deploy/kubernetes/`: Kubernetes' own schemas, and what the manifests say of each other; no cluster."""

import re
from typing import Any

import kubernetes_validate
import pytest

from benchmarks.config import compose_settings
from tests.deploy.helpers import DEPLOY, documents

MANIFESTS: dict[str, dict[str, Any]] = {
    document["kind"]: document
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in documents(path)
}
# Not one of Kubernetes' own kinds: the schema is the operator's.
OWN = [kind for kind in MANIFESTS if kind != "ServiceMonitor"]
OLDEST, NEWEST = "1.30", "1.37"
(POD,) = [MANIFESTS["Deployment"]["spec"]["template"]]
(CONTAINER,) = POD["spec"]["containers"]


def test_there_is_one_of_each() -> None:
    files = list((DEPLOY / "kubernetes").glob("*.yaml"))
    assert sorted(kind.lower() for kind in MANIFESTS) == sorted(path.stem for path in files)
    assert len(OWN) == 5


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_knows_every_field(kind: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[kind], version, strict=True)


def test_the_schemas_refuse_a_field_that_there_is_not() -> None:
    wrong = {**MANIFESTS["Service"], "spec": {**MANIFESTS["Service"]["spec"], "prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def test_everything_selects_the_pods() -> None:
    labels = POD["metadata"]["labels"]
    deployment = MANIFESTS["Deployment"]["spec"]
    assert deployment["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    assert MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    (spread,) = POD["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == labels
    # The monitor selects the service.
    wanted = MANIFESTS["ServiceMonitor"]["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= MANIFESTS["Service"]["metadata"]["labels"].items()


def test_ports_are_one_port() -> None:
    (port,) = CONTAINER["ports"]
    assert port["containerPort"] == compose_settings("serve", []).port
    (service,) = MANIFESTS["Service"]["spec"]["ports"]
    assert service["targetPort"] == port["name"]
    (endpoint,) = MANIFESTS["ServiceMonitor"]["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == (service["name"], "/metrics")
    (allowed,) = MANIFESTS["NetworkPolicy"]["spec"]["ingress"]
    assert [one["port"] for one in allowed["ports"]] == [port["name"]]
    probes = {
        name: CONTAINER[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    # A process that still loads, or is asked too much, is not to be killed.
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/ready",
        "readinessProbe": "/ready",
        "livenessProbe": "/health",
    }


def test_nothing_runs_as_root_or_writes_where_it_should_not() -> None:
    assert POD["spec"]["securityContext"]["runAsNonRoot"]
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    ids = POD["spec"]["securityContext"]
    assert f"USER {ids['runAsUser']}:{ids['runAsGroup']}" in dockerfile
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounted = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in POD["spec"]["volumes"]}
    assert mounted.keys() == volumes.keys()
    written = {mounted[name] for name, volume in volumes.items() if "emptyDir" in volume}
    assert written == {"/tmp", "/data/feedback"}
    assert POD["spec"]["automountServiceAccountToken"] is False


def test_the_command_is_one_of_ours() -> None:
    assert CONTAINER["command"][:4] == ["python", "-m", "benchmarks", "serve"]
    settings = compose_settings("serve", CONTAINER["command"][4:])
    assert (settings.host, settings.run) == ("0.0.0.0", "/data/run")
    # Python sees the cores of the whole node.
    assert settings.threads == int(CONTAINER["resources"]["limits"]["cpu"])
    paused = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert POD["spec"]["terminationGracePeriodSeconds"] > settings.grace_seconds + paused
    (keys,) = [volume["secret"] for volume in POD["spec"]["volumes"] if "secret" in volume]
    (mount,) = [mount for mount in CONTAINER["volumeMounts"] if mount["name"] == "keys"]
    assert settings.keys == f"{mount['mountPath']}/{keys['items'][0]['path']}"
    (environment,) = CONTAINER["env"]
    credentials = MANIFESTS["ServiceMonitor"]["spec"]["endpoints"][0]["authorization"]["credentials"]
    url = environment["valueFrom"]["secretKeyRef"]
    assert {keys["secretName"], url["name"], credentials["name"]} == {"router-derby"}


def test_requests_scale_it_by_the_adapters_name() -> None:
    scaler = MANIFESTS["HorizontalPodAutoscaler"]["spec"]
    deployment = MANIFESTS["Deployment"]
    assert scaler["scaleTargetRef"] == {
        "apiVersion": deployment["apiVersion"],
        "kind": deployment["kind"],
        "name": deployment["metadata"]["name"],
    }
    # The number of replicas is the autoscaler's alone.
    assert "replicas" not in deployment["spec"]
    requests, processor = scaler["metrics"]
    (adapter,) = documents(DEPLOY / "prometheus-adapter.yaml")
    (rule,) = adapter["rules"]["custom"]
    series = re.match(r"\w+", rule["seriesQuery"])
    assert series is not None
    pattern, template = rule["name"]["matches"], rule["name"]["as"]
    assert re.sub(pattern, template.replace("${1}", r"\1"), series[0]) == requests["pods"]["metric"]["name"]
    assert processor["resource"]["name"] == "cpu"
    assert CONTAINER["resources"]["requests"]["cpu"]
