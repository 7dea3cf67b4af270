"""Which server an index is on, by the configuration and the environment."""

import pytest

from routers.base import RouterError
from routers.indexes.pg_session import VARIABLE, url_to_build, url_to_load

pytest.importorskip("psycopg", reason='needs pip install -e ".[pgvector]"')

URL = "postgresql://me@db:5432/x"


def test_the_environment_brings_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert url_to_build(URL) == url_to_load(URL) == URL
    assert url_to_build(None) is url_to_load(None) is None
    whole = "postgresql://me:hunter2@db:5432/x"
    monkeypatch.setenv(VARIABLE, f" {whole}\n")
    assert url_to_build(URL) == url_to_build(None) == url_to_load(URL) == whole


def test_a_new_index_cannot_go_to_two_servers_and_a_saved_one_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = "postgresql://me:hunter2@other:5432/x"
    monkeypatch.setenv(VARIABLE, other)
    with pytest.raises(RouterError) as caught:
        url_to_build(URL)
    assert str(caught.value) == f"{VARIABLE} names another server than index.url; unset one of them"
    assert url_to_load(URL) == other


@pytest.mark.parametrize(
    "url", ["hunter2", "postgresql://me:hunter2@[db/x", "postgresql://me:hunter2@db/x?hunter2=1", "host=db"]
)
def test_what_is_no_url_is_refused_and_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, url)
    for find in (url_to_build, url_to_load):
        with pytest.raises(RouterError, match=f"^{VARIABLE} is not a URL such as postgresql://") as caught:
            find(None)
        assert "hunter" not in str(caught.value)
