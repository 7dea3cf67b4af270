"""Data that an index keeps elsewhere: removed, and found when it is there already."""

from collections.abc import Callable
from pathlib import Path

import pytest

from routers.base import RouterError
from routers.indexes.pgvector import PgVectorIndex
from tests.routers.indexes.conftest import clustered

MADE_BY = {"weights_sha256": "0" * 64}


def test_a_table_is_found_until_it_is_discarded(
    database: str, tables: Callable[[str], list[str]], tmp_path: Path
) -> None:
    index = PgVectorIndex(url=database).build(clustered(50), MADE_BY)
    index.save(tmp_path)
    assert not index.was_there
    again = PgVectorIndex(url=database).build(clustered(50), MADE_BY)
    assert again.was_there
    del again
    index.discard()
    assert tables(database) == []
    assert not PgVectorIndex(url=database).build(clustered(50), MADE_BY).was_there


def test_a_loaded_index_can_be_discarded(
    database: str, tables: Callable[[str], list[str]], tmp_path: Path
) -> None:
    index = PgVectorIndex(url=database).build(clustered(50), MADE_BY)
    index.save(tmp_path)
    del index
    PgVectorIndex(url=database).load(tmp_path, {}).discard()
    assert tables(database) == []
    with pytest.raises(RouterError, match="has no table"):
        PgVectorIndex(url=database).load(tmp_path, {})
