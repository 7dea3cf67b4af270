"""The files of the pages as they are sent: headers, types, names; nothing in them leads elsewhere."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from benchmarks.server import page

PAGES = {"/": "index.html", "/status": "status.html", "/docs": "docs.html"}
NAMES = sorted(page.files())


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = FastAPI(docs_url=None)
    app.include_router(page.router)
    with TestClient(app) as found:
        yield found


def test_the_files_are_those_of_the_folder() -> None:
    assert sorted(path.name for path in page.FOLDER.iterdir()) == NAMES
    assert {*PAGES.values(), "style.css", "ask.js"} <= set(NAMES)


@pytest.mark.parametrize("path", [*PAGES, *(f"/page/{name}" for name in NAMES)])
def test_every_file_comes_with_its_type_and_strict_headers(client: TestClient, path: str) -> None:
    response = client.get(path)
    name = PAGES.get(path, path.removeprefix("/page/"))
    assert response.status_code == 200
    assert response.content == (page.FOLDER / name).read_bytes()
    kinds = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}
    assert response.headers["content-type"].split(";")[0] == kinds[name.rsplit(".", 1)[1]]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-cache"
    policy = dict(
        part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"


@pytest.mark.parametrize("path", PAGES)
def test_a_file_that_the_browser_has_is_not_sent_again(client: TestClient, path: str) -> None:
    etag = client.get(path).headers["etag"]
    again = client.get(path, headers={"if-none-match": f'W/"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_head_has_no_body(client: TestClient) -> None:
    response = client.head("/")
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "..%2fpage.py", "%2e%2e%2fpage.py", "..%5cpage.py", "index.html%00", "INDEX.HTML", "."],
)
def test_no_other_name_leads_to_a_file(client: TestClient, name: str) -> None:
    response = client.get(f"/page/{name}")
    assert response.status_code == 404
    assert b"import" not in response.content


def test_the_pages_are_no_part_of_the_interface(client: TestClient) -> None:
    assert client.app.openapi()["paths"] == {}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_a_file_leads_elsewhere(name: str) -> None:
    text = page.files()[name].content.decode("utf-8")
    addresses = set(re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]+[^\s\"']*", text))
    # The name of SVG, which nobody asks for.
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "data:" not in text.replace('startsWith("data:")', "")


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".html")])
def test_scripts_and_styles_are_files(name: str) -> None:
    text = page.files()[name].content.decode("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert re.findall(r"<script[^>]*>(.*?)</script>", text, flags=re.DOTALL) == [""]
    asked = re.findall(r"(?:src|href)=\"page/([\w.]+)\"", text)
    assert set(asked) <= set(NAMES)
    assert len(asked) >= 3


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".js")])
def test_no_text_becomes_html(name: str) -> None:
    text = page.files()[name].content.decode("utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|eval\(|Function\(", text
    )
