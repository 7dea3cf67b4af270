"""JSON over HTTP to one server, on a connection that is kept: what a router takes to ask it.

The standard library's client: others cost a question of a fast server as much time as the server itself, and
memory that would count as the router's.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Lock
from time import perf_counter_ns, sleep
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from common.endpoint import key_of, one_line, url_complaint, words_of_error
from routers.errors import RouterError

# Statuses of a server that may answer the next time: slow, busy, or broken behind a proxy.
PASSING = {408, 429, 502, 503, 504}
# Seconds before a request is sent again, doubled each time; a server may ask for more, up to the most.
PAUSE, MOST_PAUSE = 0.2, 30.0


class Response(NamedTuple):
    """Answer of a server.

    Attributes:
        headers: by name in lower case.
        nanoseconds: from the request to the whole answer, of the try that had one.
    """

    body: Any
    headers: Mapping[str, str]
    nanoseconds: int


class _Again(Exception):
    """A failure that may pass.

    Attributes:
        pause: seconds that the server asks for.
    """

    def __init__(self, what: str, pause: float = 0.0) -> None:
        super().__init__(what)
        self.pause = pause


@dataclass(eq=False)
class JsonClient:
    """A client of one server, for one request at a time.

    Args:
        url: of the server; requests go to paths below it.
        api_key_env: the environment variable with the key; None sends none.
        timeout: seconds without a sign of the server.
        max_retries: of a request that timed out, could not connect or met a busy server.
        setting: what stands before the names of settings in messages.
    """

    url: str
    api_key_env: str | None
    timeout: float
    max_retries: int
    setting: str = "router."
    requests: int = field(init=False, default=0)
    retries: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        complaint = url_complaint(self.url, self.api_key_env)
        if complaint:
            raise RouterError(f"{self.setting}url {complaint}")
        try:
            self._secret = key_of(self.api_key_env) if self.api_key_env else ""
        except ValueError as error:
            raise RouterError(str(error)) from None
        if self.api_key_env and not self._secret:
            raise RouterError(
                f"{self.setting}api_key_env={self.api_key_env}: the environment variable is not set; "
                f"export {self.api_key_env}=KEY, or {self.setting}api_key_env=null for a server without keys"
            )
        self._lock = Lock()
        self._connection: HTTPConnection | None = None

    def post(self, path: str, body: Any) -> Response:
        """Send JSON to a path below the address, again where that may help.

        Raises:
            RouterError: no answer with status 200 and JSON; says what came and what to do.
        """
        content = json.dumps(body).encode("ascii")
        with self._lock:
            self.requests += 1
            for tries in range(self.max_retries + 1):
                try:
                    return self._try(path, content)
                except _Again as error:
                    self.close()
                    if tries == self.max_retries:
                        raise self._failure(path, str(error), tries) from None
                    self.retries += 1
                    sleep(max(PAUSE * 2**tries, min(error.pause, MOST_PAUSE)))
                except BaseException:
                    # Half an answer may be in it.
                    self.close()
                    raise
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, path: str, content: bytes) -> Response:
        used = self._connection is not None
        try:
            status, headers, raw, spent = self._exchange(path, content)
        except (ConnectionError, HTTPException) as error:
            if not used:
                raise _Again(self._reason(error)) from None
            # A server closes a connection that was idle for long: that is no failure.
            self.close()
            try:
                status, headers, raw, spent = self._exchange(path, content)
            except (OSError, HTTPException) as again:
                raise _Again(self._reason(again)) from None
        except OSError as error:
            raise _Again(self._reason(error)) from None
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError):
            body = None
            text = raw.decode("utf-8", "replace")
        else:
            text = words_of_error(body) or json.dumps(body, ensure_ascii=False)
        if status in PASSING:
            raise _Again(f"HTTP {status}: {self._line(text)}", _pause(headers.get("retry-after", "")))
        if status != 200:
            raise self._failure(path, f"HTTP {status}: {self._line(text)}{self._advice(status)}")
        if body is None:
            raise self._failure(path, f"not JSON: {self._line(text) or 'an empty body'}")
        return Response(body, headers, spent)

    def _exchange(self, path: str, content: bytes) -> tuple[int, dict[str, str], bytes, int]:
        """Status, headers and body of an answer, and the nanoseconds that it took."""
        parts = urlsplit(self.url)
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self._secret:
            headers["authorization"] = f"Bearer {self._secret}"
        start = perf_counter_ns()
        if self._connection is None:
            self._connection = self._connect(parts.scheme, str(parts.hostname), parts.port)
        self._connection.request("POST", f"{parts.path.rstrip('/')}/{path}", content, headers)
        answer = self._connection.getresponse()
        raw = answer.read()
        spent = perf_counter_ns() - start
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, raw, spent

    def _connect(self, scheme: str, host: str, port: int | None) -> HTTPConnection:
        if scheme == "http":
            return HTTPConnection(host, port, timeout=self.timeout)
        return HTTPSConnection(host, port, timeout=self.timeout, context=ssl.create_default_context())

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer within {self.timeout:g} s ({self.setting}timeout)"
        if isinstance(error, ConnectionRefusedError):
            return "cannot connect: connection refused; is the server running?"
        what = self._line(error) or type(error).__name__
        return f"cannot connect: {what}" if isinstance(error, OSError) else f"the connection broke: {what}"

    def _advice(self, status: int) -> str:
        if status in (401, 403):
            return f" (the key is taken from the environment variable {self.setting}api_key_env names)"
        return f" ({self.setting}url is the address without the path)" if status in (404, 405) else ""

    def _failure(self, path: str, what: str, tries: int = 0) -> RouterError:
        after = f" after {tries} {'retry' if tries == 1 else 'retries'}" if tries else ""
        return RouterError(f"{self.url.rstrip('/')}/{path}: {what}{after}")

    def _line(self, text: object) -> str:
        return one_line(text, self._secret)


def _pause(retry_after: str) -> float:
    """Seconds of a Retry-After; a date counts as none, since clocks differ."""
    try:
        return max(float(retry_after), 0.0)
    except ValueError:
        return 0.0
