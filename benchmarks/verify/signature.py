"""Signature of a record, in minisign's format (https://jedisct1.github.io/minisign/)."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.errors import BadInput
from common.extras import need
from reports.record import ALL
from reports.record_files import RECORD
from reports.verification import Difference, Kind

if TYPE_CHECKING:
    from minisign import PublicKey

# Where `minisign -Sm record.json` writes it.
SIGNATURE = f"{RECORD}.minisig"


def public_key(key: str) -> "PublicKey":
    """A public key: the file that `minisign -G` writes, or the line of base64 in it.

    Raises:
        BadInput: it is neither.
        MissingExtra: the package that reads it is not installed.
    """
    need("signatures", "--signed-by")
    from minisign import PublicKey

    try:
        return PublicKey.from_file(key) if Path(key).is_file() else PublicKey.from_base64(key)
    except ValueError as error:
        raise BadInput(
            f"--signed-by {key}: no such file, and no public key of minisign ({error})"
            if not Path(key).is_file()
            else f"--signed-by {key}: no public key of minisign in it ({error})"
        ) from error


def check_signature(folder: Path, key: "PublicKey") -> list[Difference]:
    """A difference where the folder's record is not signed with the key; the record seals the rows."""
    from minisign import Signature

    record, file = folder / RECORD, folder / SIGNATURE
    try:
        key.verify(record.read_bytes(), Signature.from_file(file))
    except FileNotFoundError:
        found = None
    except ValueError as error:
        found = str(error)
    else:
        return []
    return [Difference(Kind.SIGNATURE, SIGNATURE, ALL, "value", found, "a signature with that key")]
