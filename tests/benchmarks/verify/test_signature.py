"""Signatures of records: those of the tool itself, and what is refused."""

from pathlib import Path

import pytest

from benchmarks.errors import BadInput
from benchmarks.verify.signature import SIGNATURE, check_signature, public_key

minisign = pytest.importorskip("minisign")

# Of the file "test", by minisign itself: from the documentation of minisign-verify, hashed before and not.
KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
SIGNATURES = (
    """untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==
""",
    """untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==
""",
)


def signed(folder: Path, signature: str | None, content: str = "test") -> Path:
    (folder / "record.json").write_text(content, encoding="utf-8")
    if signature is not None:
        (folder / SIGNATURE).write_text(signature, encoding="utf-8")
    return folder


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_signature_of_the_tool_is_accepted(tmp_path: Path, signature: str) -> None:
    folder = signed(tmp_path, signature)
    assert check_signature(folder, public_key(KEY)) == []
    file = tmp_path / "author.pub"
    file.write_text(f"untrusted comment: minisign public key\n{KEY}\n", encoding="utf-8")
    assert check_signature(folder, public_key(str(file))) == []


@pytest.mark.parametrize(
    ("signature", "content"),
    [
        (SIGNATURES[0], "Test"),
        (SIGNATURES[0].replace("file:test", "file:other"), "test"),
        (SIGNATURES[0][:100], "test"),
        (None, "test"),
    ],
)
def test_any_other_is_a_difference(tmp_path: Path, signature: str | None, content: str) -> None:
    (found,) = check_signature(signed(tmp_path, signature, content), public_key(KEY))
    assert found.metric == SIGNATURE


def test_so_is_one_with_another_key(tmp_path: Path) -> None:
    pair = minisign.KeyPair.generate()
    folder = signed(tmp_path, bytes(pair.secret_key.sign(b"test")).decode())
    assert check_signature(folder, pair.public_key) == []
    assert len(check_signature(folder, public_key(KEY))) == 1


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("nothing", encoding="utf-8")
    for key in ("nonsense", str(tmp_path / "key")):
        with pytest.raises(BadInput, match="--signed-by"):
            public_key(key)
