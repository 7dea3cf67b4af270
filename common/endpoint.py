"""Address and key of an HTTP endpoint, and what may be told of either in a message."""

import os
from urllib.parse import urlsplit

SHOWN_CHARS = 200


def url_complaint(url: str, api_key_env: str | None) -> str | None:
    """Why an address cannot be used, without the address: it may hold a secret. None where it can."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        return "must be an http:// or https:// address such as http://127.0.0.1:8000/v1"
    if "@" in parts.netloc or parts.query or parts.fragment:
        where = f" {api_key_env}" if api_key_env else ""
        return f"must not hold a user, a password or a query: put the key in the environment variable{where}"
    return None


def key_of(api_key_env: str) -> str:
    """Key in an environment variable, or an empty text. Raises ValueError for one that no header holds."""
    key = os.environ.get(api_key_env, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(f"the key in {api_key_env} has characters that no HTTP header can hold")
    return key


def one_line(text: object, secret: str = "", most: int = SHOWN_CHARS) -> str:
    """`text` as one short printable line without the secret."""
    line = str(text)
    if secret:
        # Before anything is cut off: half a key is a secret too.
        line = line.replace(secret, "***")
    line = " ".join("".join(char if char.isprintable() else " " for char in line).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def words_of_error(body: object) -> str:
    """The words of an error body: OpenAI's `{"error": {"message": …}}`, FastAPI's `{"detail": …}`."""
    for _ in range(3):
        if isinstance(body, dict):
            body = next((body[key] for key in ("error", "message", "detail") if body.get(key)), None)
    return body if isinstance(body, str) else ""
