"""`deploy/compose.yaml`: the schema of the Compose specification, and what its services say of each other.

No container engine runs here: nothing is started.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema

from benchmarks.config import compose_settings
from tests.deploy.helpers import DEPLOY, documents

(COMPOSE,) = documents(DEPLOY / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
REPLICAS = ("server-1", "server-2")
SCHEMA = get_builtin_schema("vendor.compose-spec")


def test_it_is_a_compose_file() -> None:
    jsonschema.validators.validator_for(SCHEMA)(SCHEMA).validate(COMPOSE)


def test_the_schema_refuses_a_field_that_there_is_not() -> None:
    wrong = {**COMPOSE, "services": {**SERVICES, "nginx": {**SERVICES["nginx"], "restrat": "no"}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validators.validator_for(SCHEMA)(SCHEMA).validate(wrong)


def test_two_replicas_differ_in_their_name_and_address_alone() -> None:
    first, second = (
        {key: value for key, value in SERVICES[name].items() if key not in ("hostname", "networks")}
        for name in REPLICAS
    )
    assert first == second
    assert [SERVICES[name]["hostname"] for name in REPLICAS] == list(REPLICAS)


def test_nginx_and_prometheus_find_the_replicas() -> None:
    addresses = {name: SERVICES[name]["networks"]["inside"]["ipv4_address"] for name in REPLICAS}
    assert dict(entry.split(":") for entry in SERVICES["nginx"]["extra_hosts"]) == addresses
    assert set(SERVICES["nginx"]["depends_on"]) == set(REPLICAS)
    port = compose_settings("serve", []).port
    asked = [f"{name}:{port}" for name in REPLICAS]
    nginx = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"^\s+server (\S+:\d+) ", nginx, re.MULTILINE))) == asked
    (prometheus,) = documents(DEPLOY / "prometheus.yml")
    (job,) = prometheus["scrape_configs"]
    assert job["static_configs"] == [{"targets": asked}]
    published = SERVICES["nginx"]["ports"][0].split(":")[-1]
    assert f"listen {published};" in nginx


def test_every_service_is_pinned_bounded_checked_and_started_again() -> None:
    for name, service in SERVICES.items():
        limits = service["deploy"]["resources"]["limits"]
        assert limits["cpus"], name
        assert limits["memory"], name
        assert service["restart"] == "unless-stopped", name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"], name
        if "build" in service:
            # The image has the check.
            dockerfile = DEPLOY.parent / service["build"]["dockerfile"]
            assert "HEALTHCHECK" in dockerfile.read_text(encoding="utf-8")
        else:
            assert re.search(r":v?\d+\.\d+", service["image"]), name
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_nothing_is_open_to_other_machines() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_files_that_are_mounted_are_there() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            if source.startswith("./"):
                assert (DEPLOY / source).is_file(), name
            elif source.startswith(".."):
                # Where `python -m benchmarks run` puts its results.
                assert (DEPLOY / source).resolve() == DEPLOY.parent / "outputs"
            else:
                assert source in COMPOSE["volumes"], name


def test_secrets_are_in_files_alone() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())
    ignored = (DEPLOY.parent / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/deploy/secrets/" in ignored
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search(r"PASSWORD|KEY|SECRET|TOKEN", name) or name.endswith("_FILE"), name
            assert not name.endswith("_FILE") or value.removeprefix("/run/secrets/") in service["secrets"]


@pytest.mark.parametrize(("chosen", "run"), [(None, None), ("outputs/run/mine", "outputs/run/mine")])
def test_the_command_of_a_replica(tmp_path: Path, chosen: str | None, run: str | None) -> None:
    """Run by a real shell, with a stand-in for Python that writes down what it was called with."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "postgres_password").write_text("word\n", encoding="utf-8")
    (tmp_path / "python").write_text(
        '#!/bin/sh\nprintf "%s\\n" "$ROUTER_DERBY_POSTGRES" "$@"\n', encoding="utf-8"
    )
    (tmp_path / "python").chmod(0o755)
    shell, options, script = SERVICES["server-1"]["command"]
    # Compose fills in its own variables first.
    script = script.replace("${RUN:-null}", chosen or "null").replace("$$", "$")
    script = script.replace("/run/secrets", str(secrets))
    done = subprocess.run(
        [shell, options, script],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    url, *arguments = done.stdout.splitlines()
    assert url == "postgresql://router_derby:word@postgres:5432/router_derby"
    assert arguments[:3] == ["-m", "benchmarks", "serve"]
    settings = compose_settings("serve", arguments[3:])
    assert (settings.host, settings.run) == ("0.0.0.0", run)
    assert settings.keys == str(secrets / "keys")
    limits = SERVICES["server-1"]["deploy"]["resources"]["limits"]
    assert settings.threads == int(limits["cpus"])
    stop = int(SERVICES["server-1"]["stop_grace_period"].removesuffix("s"))
    assert stop > settings.grace_seconds
    mounted = [volume.split(":")[1] for volume in SERVICES["server-1"]["volumes"] if isinstance(volume, str)]
    assert str(Path(settings.feedback).parent) in mounted


def test_postgres_is_the_one_that_the_replicas_ask() -> None:
    environment = SERVICES["postgres"]["environment"]
    command = SERVICES["server-1"]["command"][-1]
    assert f"postgresql://{environment['POSTGRES_USER']}:" in command
    assert f"@postgres:5432/{environment['POSTGRES_DB']}" in command
