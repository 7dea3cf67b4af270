"""Addresses and keys: what is refused, and that nothing secret is told."""

import pytest

from common.endpoint import key_of, one_line, url_complaint, words_of_error


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "https://host", "http://[::1]:1/x", "HTTPS://host/a/b/"]
)
def test_addresses_that_can_be_used(url: str) -> None:
    assert url_complaint(url, "KEY") is None


@pytest.mark.parametrize(
    "url", ["", "host:80", "ftp://host", "http://", "http://host:x", "http://host:0", "http://[::1"]
)
def test_what_is_no_address(url: str) -> None:
    assert str(url_complaint(url, "KEY")).startswith("must be an http:// or https:// address")


@pytest.mark.parametrize(
    "url", ["http://me:secret@host", "http://me@host", "http://host?k=secret", "http://host#secret"]
)
@pytest.mark.parametrize(("key", "end"), [("KEY", "variable KEY"), (None, "variable")])
def test_an_address_with_a_secret_is_not_repeated(url: str, key: str | None, end: str) -> None:
    found = str(url_complaint(url, key))
    assert found.startswith("must not hold a user, a password or a query")
    assert found.endswith(end)
    assert "secret" not in found


def test_a_key_is_stripped_and_fit_for_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEY", raising=False)
    assert key_of("KEY") == ""
    monkeypatch.setenv("KEY", " sk-1\n")
    assert key_of("KEY") == "sk-1"
    for bad in ("sk-é", "sk\n1"):
        monkeypatch.setenv("KEY", bad)
        with pytest.raises(ValueError, match=r"^the key in KEY has characters that no HTTP header can hold$"):
            key_of("KEY")


def test_a_text_on_one_line_without_the_secret() -> None:
    assert one_line("a\n\tb\x1b[31m sk-1", "sk-1") == "a b [31m ***"
    assert one_line("x" * 50, most=10) == "x" * 9 + "…"
    # Masked before it is cut.
    assert "sk-1" not in one_line("x" * 7 + "sk-12345", "sk-12345", most=12)
    assert one_line("") == ""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "no"}}, "no"),
        ({"error": "no"}, "no"),
        ({"detail": "no"}, "no"),
        ({"detail": [{"msg": "no"}]}, ""),
        ({}, ""),
        ([1], ""),
        ("no", "no"),
    ],
)
def test_words_of_an_error_body(body: object, words: str) -> None:
    assert words_of_error(body) == words
