"""API keys: kept as SHA-256, compared in constant time."""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.errors import BadInput

KEYS, ADMIN_KEY = "ROUTER_DERBY_API_KEYS", "ROUTER_DERBY_ADMIN_KEY"
NAME = re.compile(r"[\w.-]+")
SHA256 = re.compile(r"[0-9a-f]{64}")


class Caller(NamedTuple):
    """Whoever a request comes from.

    Attributes:
        name: of the key; empty without keys.
        admin: may reload routers.
    """

    name: str
    admin: bool = False


class Keys:
    """The keys that a server takes.

    Args:
        callers: by SHA-256 of the key.
    """

    def __init__(self, callers: Mapping[bytes, Caller]) -> None:
        self.callers = dict(callers)

    @classmethod
    def read(cls, file: str | None, environment: Mapping[str, str]) -> "Keys":
        """Keys of a file and of the environment.

        Raises:
            BadInput: a line is no key. Its text is not shown.
        """
        callers = _of_file(Path(file)) if file else {}
        for number, entry in enumerate(filter(None, environment.get(KEYS, "").split(",")), start=1):
            name, colon, key = entry.strip().partition(":")
            if not (NAME.fullmatch(name) and colon and key):
                raise BadInput(f"{KEYS}: entry {number} is not NAME:KEY")
            callers[_sha256(key)] = Caller(name)
        if admin := environment.get(ADMIN_KEY, "").strip():
            callers[_sha256(admin)] = Caller("admin", admin=True)
        return cls(callers)

    @property
    def required(self) -> bool:
        """True if a request needs a key: there is one, beside an admin's alone."""
        return any(not caller.admin for caller in self.callers.values())

    def caller(self, authorization: str | None) -> Caller | None:
        """Who has the key in a header `Authorization: Bearer KEY`; None for a key that is not known, and for
        no key where one is required."""
        scheme, _, key = (authorization or "").partition(" ")
        digest = _sha256(key.strip()) if scheme.lower() == "bearer" else b""
        found = None
        # Every one is compared, so that the time does not tell which is near.
        for known, caller in self.callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        if found is None and not self.required:
            return Caller("")
        return found


def check_host(host: str, keys: Keys) -> None:
    """Raises BadInput for an address that others can reach, where there is no key."""
    if not keys.required and not is_loopback(host):
        raise BadInput(
            f"host={host} can be reached from other machines: set keys=FILE or {KEYS}=NAME:KEY, "
            "or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _of_file(path: Path) -> dict[bytes, Caller]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"keys={path} cannot be read: {error}") from error
    callers = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        has_form = len(words) in (2, 3) and NAME.fullmatch(words[0]) and SHA256.fullmatch(words[1])
        if not has_form or words[2:] not in ([], ["admin"]):
            raise BadInput(
                f"{path}:{number}: not `NAME SHA256` or `NAME SHA256 admin`; "
                "SHA256 is of `printf %s KEY | sha256sum`"
            )
        callers[bytes.fromhex(words[1])] = Caller(words[0], admin=len(words) == 3)
    return callers


def _sha256(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
