"""A Hugging Face hub on loopback: what huggingface_hub asks of the real one to download models and data sets.

Two servers, as there: the hub itself, which answers with facts and redirects, and a storage at another
address, which has the bytes of large files. The storage speaks plain HTTP with ranges and signed addresses,
and Xet's reconstructions (https://huggingface.co/docs/xet), which hf_xet downloads from.
"""

import hashlib
import json
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

# Files that the real hub keeps in its storage, by the end of their names.
LARGE = (".safetensors", ".parquet", ".model", ".bin")
# Of the storage's addresses: whoever has one may read, without a token.
SIGNATURE = "signed-for-you"
XET_TOKEN = "xet-token"
# Bytes of a chunk of Xet's.
CHUNK = 64 * 1024


class Stored(NamedTuple):
    """Content of a file, with the two names that it has on a hub."""

    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def blob_id(self) -> str:
        """Git's name of the content."""
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()


@dataclass
class Repository:
    """Files by commit. `main` is the newest commit; the name `main` leads to it.

    Attributes:
        kind: `models` or `datasets`.
        gated: only tokens that were granted access read its files; its name and its tree are public.
        xet: whether large files are offered through Xet too.
    """

    kind: str
    name: str
    main: str
    commits: dict[str, dict[str, Stored]]
    gated: bool = False
    xet: bool = False

    def resolve(self, revision: str) -> str | None:
        """The commit that a revision names."""
        commit = self.main if revision == "main" else revision
        return commit if commit in self.commits else None


class Fault(NamedTuple):
    """What goes wrong with the bytes of a file.

    Attributes:
        cut: how many bytes are sent before the connection is cut.
        status: the storage answers with it and sends no bytes.
        instead: bytes that are sent in place of the file's.
        held: nothing is sent until the server ends.
    """

    cut: int | None = None
    status: int | None = None
    instead: bytes | None = None
    held: bool = False


class Asked(NamedTuple):
    """A request: `hub` or `storage`, method, path without its query, and the headers."""

    server: str
    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Hub:
    """State of both servers; tests change it while they run.

    Attributes:
        tokens: by token the repositories that its account was granted.
        faults: by file name; `broken` counts how often each came up.
        status: of every answer of the hub's own, such as 503.
    """

    tokens: dict[str, set[str]] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    status: int | None = None
    repositories: dict[tuple[str, str], Repository] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    closing: Event = field(default_factory=Event)
    held: Event = field(default_factory=Event)
    lock: Any = field(default_factory=Lock)
    url: str = ""
    storage_url: str = ""

    def add(self, name: str, commit: str, files: Mapping[str, bytes], **settings: Any) -> Repository:
        """Publish a repository; `settings` are of `Repository`, a model's by default."""
        kind = settings.pop("kind", "models")
        stored = {path: Stored(content) for path, content in files.items()}
        found = Repository(kind, name, commit, {commit: stored}, **settings)
        self.repositories[kind, name] = found
        return found

    def paths(self, server: str, method: str = "GET") -> list[str]:
        return [one.path for one in self.asked if (one.server, one.method) == (server, method)]

    def large(self, sha256: str) -> tuple[str, Stored] | None:
        """Name and content of a large file."""
        for repository in self.repositories.values():
            for files in repository.commits.values():
                for path, stored in files.items():
                    if path.endswith(LARGE) and stored.sha256 == sha256:
                        return path, stored
        return None


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, hub: Hub, handler: type["Handler"]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.hub = hub
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early are part of the tests."""


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    """Run both servers; afterwards their ports are closed."""
    servers = [Server(hub, HubHandler), Server(hub, StorageHandler)]
    hub.url, hub.storage_url = (server.url for server in servers)
    threads = [Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    label: str

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def log_message(self, *_: Any) -> None:
        """Nothing is printed: `Hub.asked` has the requests."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.hub.lock:
            self.hub.asked.append(Asked(self.label, self.command, unquote(place.path), headers))
        with suppress(BrokenPipeError, ConnectionResetError):
            self.answer(
                unquote(place.path), {name: values[0] for name, values in parse_qs(place.query).items()}
            )

    def answer(self, path: str, query: Mapping[str, str]) -> None:
        raise NotImplementedError

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer; `_` stands for the `-` of a header's name."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def say_json(self, value: Any, **headers: str) -> None:
        self.say(200, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def refuse(self, status: int, code: str, message: str, **headers: str) -> None:
        """An error as the hub words it: for programs in the headers, for people in both."""
        body = json.dumps({"error": message}).encode()
        named = {"X_Error_Code": code} if code else {}
        self.say(status, body, Content_Type="application/json", X_Error_Message=message, **named, **headers)

    def say_bytes(self, name: str, content: bytes, **headers: str) -> None:
        """The content or the range of it that was asked for, with what goes wrong with that file."""
        fault = self.hub.faults.get(name, Fault())
        if fault.status is not None:
            self.refuse(fault.status, "", "the storage is ill")
            return
        if fault.held:
            self.hub.held.set()
            self.hub.closing.wait()
            self.close_connection = True
            return
        content = content if fault.instead is None else fault.instead
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(asked[1]), int(asked[2] or len(content) - 1)) if asked else (0, len(content) - 1)
        part = content[start : end + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(content)}")
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault.cut is None:
            self.wfile.write(part)
            return
        self.wfile.write(part[: max(fault.cut - start, 0)])
        self.close_connection = True


ROUTES = {
    "info": re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/revision/(.+))?"),
    "tree": re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)/tree/([^/]+)"),
    "xet_token": re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)/xet-read-token/([^/]+)"),
    "cached": re.compile(r"/api/resolve-cache/(models|datasets)/([^/]+/[^/]+)/([^/]+)/(.+)"),
    "file": re.compile(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)"),
}


class HubHandler(Handler):
    """Facts of repositories, small files, and the way to the large ones."""

    label = "hub"

    def answer(self, path: str, query: Mapping[str, str]) -> None:
        if self.hub.status is not None:
            self.refuse(self.hub.status, "", "the hub is ill")
            return
        if path == "/api/agent-harnesses":
            # Asked for once a day, to tell programs that write programs from people.
            self.say_json({"standardEnvVars": [], "harnesses": {}})
            return
        for name, route in ROUTES.items():
            if found := route.fullmatch(path):
                kind, repository, *rest = found.groups()
                self.answer_about(name, kind or "models", repository, *rest)
                return
        self.refuse(404, "", "Sorry, we can't find the page you are looking for.")

    def answer_about(self, route: str, kind: str, name: str, revision: str | None, path: str = "") -> None:
        token = self.token()
        repository = self.hub.repositories.get((kind, name))
        if token is not None and token not in self.hub.tokens:
            self.refuse(401, "", "Invalid credentials in Authorization header")
            return
        if repository is None:
            # Of a private one a stranger would hear the same.
            self.refuse(401 if token is None else 404, "RepoNotFound", "Repository not found")
            return
        commit = repository.resolve(revision or "main")
        if commit is None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        if route in ("file", "cached") and repository.gated:
            if token is None:
                self.refuse(
                    401,
                    "GatedRepo",
                    f"Access to model {name} is restricted. You must have access to it and be authenticated "
                    "to access it. Please log in.",
                )
                return
            if name not in self.hub.tokens[token]:
                self.refuse(
                    403,
                    "GatedRepo",
                    f"Access to model {name} is restricted and you are not in the authorized list. Visit "
                    f"https://huggingface.co/{name} to ask for access.",
                )
                return
        getattr(self, f"say_{route}")(repository, commit, path)

    def token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def say_info(self, repository: Repository, commit: str, _: str) -> None:
        siblings = [{"rfilename": path} for path in repository.commits[commit]]
        gated = "manual" if repository.gated else False
        facts = {"id": repository.name, "modelId": repository.name, "sha": commit, "gated": gated}
        self.say_json({**facts, "private": False, "disabled": False, "tags": [], "siblings": siblings})

    def say_tree(self, repository: Repository, commit: str, _: str) -> None:
        files = repository.commits[commit]
        folders = {path.rpartition("/")[0] for path in files} - {""}
        rows: list[dict[str, Any]] = [
            {"type": "directory", "oid": Stored(name.encode()).blob_id, "size": 0, "path": name}
            for name in sorted(folders)
        ]
        for path, stored in files.items():
            size = len(stored.content)
            row: dict[str, Any] = {"type": "file", "oid": stored.blob_id, "size": size, "path": path}
            if path.endswith(LARGE):
                row["lfs"] = {"oid": stored.sha256, "size": size, "pointerSize": 134}
                if repository.xet:
                    row["xetHash"] = stored.sha256
            rows.append(row)
        self.say_json(rows)

    def say_file(self, repository: Repository, commit: str, path: str) -> None:
        stored = repository.commits[commit].get(path)
        if stored is None:
            self.refuse(404, "EntryNotFound", "Entry not found", X_Repo_Commit=commit)
            return
        about = {"X_Repo_Commit": commit, "X_Linked_Size": str(len(stored.content))}
        if not path.endswith(LARGE):
            place = f"/api/resolve-cache/{repository.kind}/{repository.name}/{commit}/{quote(path)}"
            self.say(307, Location=place, **about, X_Linked_ETag=f'"{stored.blob_id}"')
            return
        if repository.xet:
            route = f"{self.hub.url}/api/{repository.kind}/{repository.name}/xet-read-token/{commit}"
            about |= {"X_Xet_Hash": stored.sha256, "Link": f'<{route}>; rel="xet-auth"'}
        place = f"{self.hub.storage_url}/{stored.sha256}?Signature={SIGNATURE}"
        self.say(302, Location=place, **about, X_Linked_ETag=f'"{stored.sha256}"')

    def say_cached(self, repository: Repository, commit: str, path: str) -> None:
        stored = repository.commits[commit][path]
        self.say_bytes(path, stored.content, ETag=f'"{stored.blob_id}"', X_Repo_Commit=commit)

    def say_xet_token(self, *_: Any) -> None:
        facts = {"casUrl": self.hub.storage_url, "exp": 4102444800, "accessToken": XET_TOKEN}
        self.say_json(
            facts,
            X_Xet_Cas_Url=self.hub.storage_url,
            X_Xet_Token_Expiration="4102444800",
            X_Xet_Access_Token=XET_TOKEN,
        )


def xorb(content: bytes) -> bytes:
    """Content as Xet stores it: chunks that are not compressed, each behind a header of eight bytes."""
    chunks = [content[start : start + CHUNK] for start in range(0, len(content), CHUNK)]
    return b"".join(b"\0" + length(chunk) + b"\0" + length(chunk) + chunk for chunk in chunks)


def length(chunk: bytes) -> bytes:
    return struct.pack("<I", len(chunk))[:3]


class StorageHandler(Handler):
    """Large files by their SHA-256."""

    label = "storage"

    def answer(self, path: str, query: Mapping[str, str]) -> None:
        *parts, sha256 = path.strip("/").split("/")
        found = self.hub.large(sha256)
        if parts == ["v1", "reconstructions"] and found:
            self.say_reconstruction(sha256, found[1].content)
        elif query.get("Signature") != SIGNATURE or not found:
            # A server of Xet's older interface says so too, of `/v2`.
            self.refuse(404 if parts else 403, "", "no such address")
        else:
            name, stored = found
            self.say_bytes(name, xorb(stored.content) if parts == ["xorbs"] else stored.content)

    def say_reconstruction(self, sha256: str, content: bytes) -> None:
        """The one way to put a file together: all chunks of the one xorb that holds it."""
        if self.headers.get("Authorization") != f"Bearer {XET_TOKEN}":
            self.refuse(401, "", "no token of Xet's")
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked and int(asked[1]) >= len(content):
            self.refuse(416, "", "behind the end")
            return
        chunks = {"start": 0, "end": -(-len(content) // CHUNK)}
        place = f"{self.hub.storage_url}/xorbs/{sha256}?Signature={SIGNATURE}"
        bytes_ = {"start": 0, "end": len(xorb(content)) - 1}
        self.say_json(
            {
                "offset_into_first_range": 0,
                "terms": [{"hash": sha256, "unpacked_length": len(content), "range": chunks}],
                "fetch_info": {sha256: [{"range": chunks, "url": place, "url_range": bytes_}]},
            }
        )
