"""Environments of packages apart from ours, in the cache folder: where each is, and whether it is whole."""

import sys
from functools import cached_property
from pathlib import Path

from common.files import cache_dir, digest

# Inside an environment, written last: without it, it is half made.
MADE = "made.json"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


class Environment:
    """An environment with exactly the packages that a file of requirements pins.

    Other pins, or another Python, are another environment.

    Args:
        name: what its folder begins with.
        requirements: a file with one `package==version` a line.
    """

    def __init__(self, name: str, requirements: Path) -> None:
        self.name = name
        self.requirements = requirements

    @cached_property
    def pins(self) -> dict[str, str]:
        """Version by package."""
        lines = (line.partition("#")[0].strip() for line in self.requirements.read_text("utf-8").splitlines())
        pairs = (line.partition("==") for line in lines if line)
        return {package: version for package, _, version in pairs}

    @property
    def folder(self) -> Path:
        key = digest({"pins": self.pins, "python": VERSION})
        return cache_dir().absolute() / "environments" / f"{self.name}-{key[:12]}"

    @property
    def python(self) -> Path:
        """Its interpreter, which need not be there."""
        return self.folder / "bin" / "python"

    def installed(self, path: str) -> Path:
        """Place of a file of an installed package."""
        return self.folder / "lib" / f"python{VERSION}" / "site-packages" / path

    @property
    def is_made(self) -> bool:
        # A link that leads nowhere, after an upgrade of Python, is no file.
        return (self.folder / MADE).is_file() and self.python.is_file()
