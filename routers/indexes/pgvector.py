"""Approximate search inside PostgreSQL, by pgvector."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.checks import ConfigError, Constraints, at_least, between
from common.extras import need
from common.files import digest, read_json, write_json
from common.progress import progress, say
from common.typed_json import from_json, to_json
from routers.base import FloatArray, RouterError
from routers.indexes.base import ApproximateIndex, Neighbours, nearest_first
from routers.indexes.pg_session import VARIABLE, Session, check_url, url_to_build, url_to_load

FILE = "index.json"
PREFIX = "router_derby_"
# Raise when a table would be another one for the same vectors and settings.
VERSION = 1
# Key of the advisory lock under which pgvector is installed in a database, whatever the table.
EXTENSION_LOCK = int.from_bytes(b"pgvector")
# Limits of pgvector: dimensions that it indexes, and `hnsw.ef_search`.
MOST_DIMENSIONS = 2000
MOST_CANDIDATES = 1000
# Queries of one statement.
AT_ONCE = 256
# Rows written between two signs of progress.
STEP = 5000


@dataclass(frozen=True)
class Table:
    """A table with the vectors of one index, as the comment on the table describes it.

    Attributes:
        fingerprint: of the vectors, the encoder that made them, and the settings that the graph depends on.
        kept: whether a saved router needs it. Any other table is dropped when the last index object that uses
            it is gone, or, if that process was killed, when the next index is built.
    """

    fingerprint: str
    rows: int
    dimension: int
    kept: bool = False

    @property
    def name(self) -> str:
        return PREFIX + self.fingerprint[:32]

    @property
    def lock(self) -> int:
        """Key of the advisory lock that every session shares that uses the table."""
        return int(self.fingerprint[:16], 16) - 2**63


@dataclass(eq=False, repr=False)
class PgVectorIndex(ApproximateIndex):
    """A table with an HNSW index of pgvector, for an index larger than memory or shared by several servers.

    The name of the table is a fingerprint of its content, by which it is found again; the saved router has no
    vectors. The table is written in one transaction. The graph is never the same twice, so two tables of the
    same vectors may miss different rows.

    Args:
        url: of the server, without a password. None for the URL in the environment variable
            ROUTER_DERBY_POSTGRES, and without it for the server of the wheel, in the cache folder. A saved
            router looks at the variable first.
        m: neighbours of a row in the graph; more take memory and find more.
        ef_construction: candidates that the neighbours of a new row are chosen from, at least 2 * m.
        ef_search: candidates that a search goes through, at least `k`; more take longer and find more.
        build_memory: MB that the server may take to build the graph; one that does not fit takes much longer.
    """

    is_in_folder = False
    parameter_constraints: ClassVar[Constraints] = {
        "m": between(2, 100, "[]"),
        "ef_construction": between(4, 1000, "[]"),
        "ef_search": between(1, MOST_CANDIDATES, "[]"),
        "build_memory": at_least(1),
    }

    url: str | None = None
    m: int = 16
    ef_construction: int = 128
    ef_search: int = 128
    build_memory: int = 1024

    @staticmethod
    def check_together(values: Mapping[str, Any], prefix: str = "") -> None:
        """Raises ConfigError for a graph that pgvector does not make, or a URL that a record cannot keep."""
        check_url(values["url"], f"{prefix}url")
        if values["ef_construction"] < 2 * values["m"]:
            raise ConfigError(
                f"{prefix}ef_construction={values['ef_construction']}: must be at least twice {prefix}m"
            )

    @staticmethod
    def extras(values: Mapping[str, Any]) -> dict[str, str]:
        """The extra that it needs, by the setting that needs it."""
        return {"index=pgvector": "pgvector"}

    def build(self, vectors: FloatArray, made_by: Mapping[str, Any]) -> Self:
        self.check_parameters("index.")
        need("pgvector", "index=pgvector")
        rows, dimension = vectors.shape
        if dimension > MOST_DIMENSIONS:
            raise RouterError(
                f"pgvector indexes at most {MOST_DIMENSIONS} dimensions, the vectors have {dimension}; "
                "choose index=hnsw or another encoder"
            )
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        content = {
            "version": VERSION,
            "made_by": dict(made_by),
            "shape": [rows, dimension],
            "sha256": hashlib.sha256(vectors.data).hexdigest(),
            "m": self.m,
            "ef_construction": self.ef_construction,
        }
        table = Table(digest(content), rows, dimension)
        self._table = table
        self._session = Session(url_to_build(self.url), partial(_begin_building, table), _drop_unneeded)
        self.was_there = self._session.run(partial(self._write, table, vectors), again=False)
        return self

    def _write(self, table: Table, vectors: FloatArray, connection: Any) -> bool:
        """Write the table, all of it in one transaction or nothing; return whether it was there."""
        from psycopg import errors

        _drop_unneeded(connection)
        try:
            return self._write_once(table, vectors, connection)
        except (errors.DiskFull, errors.OutOfMemory):
            # Parallel workers build in shared memory, of which a container has little.
            connection.execute("SET max_parallel_maintenance_workers = 0")
            return self._write_once(table, vectors, connection)

    def _write_once(self, table: Table, vectors: FloatArray, connection: Any) -> bool:
        from psycopg import errors
        from psycopg.sql import SQL, Identifier, Literal

        name = Identifier(table.name)
        with connection.transaction():
            # One session writes it, and others that want the same table wait.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [table.lock ^ 1])
            if _found(connection, table) is not None:
                return True
            connection.execute(
                SQL("CREATE TABLE {} (id integer NOT NULL, vector vector({}) NOT NULL)").format(
                    name, Literal(table.dimension)
                )
            )
            with connection.cursor().copy(
                SQL("COPY {} FROM STDIN WITH (FORMAT binary, FREEZE)").format(name)
            ) as copy:
                copy.set_types(["int4", "vector"])
                for row, vector in enumerate(vectors):
                    if row % STEP == 0:
                        progress("writing vectors into PostgreSQL", row, len(vectors))
                    copy.write_row((row, vector))
            self._allow_memory(table, connection)
            progress("building the index inside PostgreSQL", 0)
            connection.execute(SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(name))
            graph = SQL(
                "CREATE INDEX ON {} USING hnsw (vector vector_ip_ops) WITH (m = {}, ef_construction = {})"
            ).format(name, Literal(self.m), Literal(self.ef_construction))
            try:
                connection.execute(graph)
            except errors.UndefinedObject as error:
                raise RouterError(
                    f"{self._session.place}: {error.diag.message_primary}; "
                    "update pgvector there to 0.5 or newer"
                ) from error
            connection.execute(SQL("ANALYZE {}").format(name))
            _describe(connection, table)
        return False

    def _allow_memory(self, table: Table, connection: Any) -> None:
        # Vectors and twice m neighbours of 16 bytes, with room for the upper layers.
        wanted = max(64, int(table.rows * (4 * table.dimension + 40 * self.m + 200) * 1.2e-6))
        if wanted > self.build_memory:
            say(f"the graph takes about {wanted} MB; with index.build_memory={wanted} it is built faster")
        connection.execute(f"SET LOCAL maintenance_work_mem = '{min(wanted, self.build_memory)}MB'")

    def _search(self, queries: FloatArray, k: int) -> Neighbours:
        # The planner would rather read a small table whole, which takes longer.
        candidates = min(max(k, self.ef_search), MOST_CANDIDATES)
        return self._ask(queries, k, "vector <#> query", {"hnsw.ef_search": candidates, "enable_seqscan": 0})

    def _search_exactly(self, queries: FloatArray, k: int) -> Neighbours:
        # An order that the index cannot give, so that the server reads every row.
        return self._ask(queries, k, "(vector <#> query) + 0, id", {"enable_seqscan": 1})

    def _ask(self, queries: FloatArray, k: int, order: str, settings: Mapping[str, int]) -> Neighbours:
        from psycopg.sql import SQL, Identifier

        # The number of rows is part of the text, since the plan depends on it.
        text = SQL(
            "SELECT number, id, similarity "
            "FROM unnest(%s::vector[]) WITH ORDINALITY AS asked (query, number) CROSS JOIN LATERAL "
            "(SELECT id, -(vector <#> query) AS similarity FROM {} "
            f"ORDER BY {order} LIMIT {k}) AS found"
        ).format(Identifier(self._table.name))
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        similarities = np.full((len(queries), k), -np.inf, dtype=np.float32)
        places = [0] * len(queries)
        for start in range(0, len(queries), AT_ONCE):
            asked = list(queries[start : start + AT_ONCE])

            def ask(connection: Any, asked: list[FloatArray] = asked) -> list[tuple[int, int, float]]:
                for name, value in settings.items():
                    self._session.set(name, value)
                answer: list[tuple[int, int, float]] = connection.execute(
                    text, [asked], binary=True
                ).fetchall()
                return answer

            for number, row, similarity in self._session.run(ask):
                query = start + number - 1
                rows[query, places[query]] = row
                similarities[query, places[query]] = similarity
                places[query] += 1
        return nearest_first(rows, similarities)

    @property
    def vectors(self) -> FloatArray:
        from psycopg.sql import SQL, Identifier

        text = SQL("SELECT vector FROM {} ORDER BY id").format(Identifier(self._table.name))

        def read(connection: Any) -> FloatArray:
            found = np.empty((self._table.rows, self._table.dimension), dtype=np.float32)
            with connection.cursor(binary=True) as cursor:
                for row, (vector,) in enumerate(cursor.stream(text, size=1000)):
                    found[row] = vector.to_numpy()
            return found

        return self._session.run(read)

    @property
    def dimension(self) -> int:
        return self._table.dimension

    def __len__(self) -> int:
        return self._table.rows

    def save(self, folder: Path) -> dict[str, NDArray[Any]]:
        table = replace(self._table, kept=True)

        def keep(connection: Any) -> None:
            # Only its owner may write the comment; a reader finds it written.
            if _found(connection, table) != table:
                _describe(connection, table)

        self._session.run(keep)
        self._table = table
        write_json(folder / FILE, to_json(table))
        return {}

    def load(self, folder: Path, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need("pgvector", "index=pgvector")
        try:
            self._table = from_json(read_json(folder / FILE), Table)
        except (OSError, ValueError, msgspec.ValidationError) as error:
            raise RouterError(f"{folder / FILE} is missing or damaged; fit the router again") from error
        self._session = Session(url_to_load(self.url), partial(_begin, self._table), _drop_unneeded)
        self._session.run(lambda connection: None)
        return self

    def discard(self) -> None:
        table = replace(self._table, kept=False)

        def drop(connection: Any) -> None:
            _describe(connection, table)
            _drop_unneeded(connection)

        self._session.run(drop)

    def facts(self) -> dict[str, Any]:
        def read(connection: Any) -> dict[str, Any]:
            (version,) = connection.execute("SHOW server_version").fetchone()
            (pgvector,) = connection.execute(
                "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
            ).fetchone()
            (size,) = connection.execute(
                "SELECT pg_total_relation_size(to_regclass(%s))", [self._table.name]
            ).fetchone()
            return {
                "table": self._table.name,
                "table_bytes": size,
                "table_was_there": self.was_there,
                "postgresql": version.split()[0],
                "pgvector": pgvector,
            }

        return self._session.run(read)


def _begin_building(table: Table, connection: Any, place: str) -> None:
    """Begin a session that may make the table; pgvector is installed if need be.

    Raises:
        RouterError: the server does not have it.
    """
    if not _has_pgvector(connection):
        _install_pgvector(connection, place)
    _set_up(table, connection)


def _has_pgvector(connection: Any) -> bool:
    found = connection.execute("SELECT FROM pg_extension WHERE extname = 'vector'").fetchone()
    return found is not None


def _install_pgvector(connection: Any, place: str) -> None:
    from psycopg import errors

    try:
        with connection.transaction():
            # One session installs it; a second one that did so at the same time would fail.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [EXTENSION_LOCK])
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except (errors.UndefinedFile, errors.FeatureNotSupported) as error:
        raise RouterError(
            f"{place} has no pgvector: {error.diag.message_primary}; install it there (in Debian "
            "postgresql-NN-pgvector)"
        ) from error


def _begin(table: Table, connection: Any, place: str) -> None:
    """Begin a session on the table of a saved router.

    Raises:
        RouterError: there is no such table, or another index has it.
    """
    found = None
    if _has_pgvector(connection):
        _set_up(table, connection)
        found = _found(connection, table)
    if found is None:
        raise RouterError(
            f"{place} has no table {table.name}, which the saved router needs; set "
            f"{VARIABLE} to the server that has it, or fit the router again"
        )


def _set_up(table: Table, connection: Any) -> None:
    from pgvector.psycopg import register_vector

    register_vector(connection)
    connection.execute("SELECT pg_advisory_lock_shared(%s)", [table.lock])


def _found(connection: Any, table: Table) -> Table | None:
    """The table as its comment describes it; None where there is none.

    Raises:
        RouterError: the table is that of another index.
    """
    there, comment = connection.execute(
        "SELECT to_regclass(%(name)s) IS NOT NULL, obj_description(to_regclass(%(name)s), 'pg_class')",
        {"name": table.name},
    ).fetchone()
    if not there:
        return None
    found = _described(comment)
    if found is None or found.fingerprint != table.fingerprint:
        other = found.fingerprint[:12] if found else "unknown"
        raise RouterError(
            f"table {table.name} is that of another index (fingerprint {other}…, not "
            f"{table.fingerprint[:12]}…); rename or drop it"
        )
    return found


def _described(comment: str | None) -> Table | None:
    try:
        return from_json(json.loads(comment or ""), Table)
    except (ValueError, msgspec.ValidationError):
        return None


def _describe(connection: Any, table: Table) -> None:
    from psycopg.sql import SQL, Identifier, Literal

    comment = Literal(json.dumps(to_json(table)))
    connection.execute(SQL("COMMENT ON TABLE {} IS {}").format(Identifier(table.name), comment))


def _drop_unneeded(connection: Any) -> None:
    """Drop tables of this user that no saved router needs and no session uses."""
    from psycopg.sql import SQL, Identifier

    own = connection.execute(
        "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class WHERE relkind = 'r' "
        "AND starts_with(relname, %s) AND relowner = current_user::regrole AND pg_table_is_visible(oid)",
        [PREFIX],
    ).fetchall()
    for name, comment in own:
        table = _described(comment)
        if table is None or table.kept or table.name != name:
            continue
        with connection.transaction():
            (free,) = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [table.lock]).fetchone()
            # It may have been kept in the meantime.
            now = _found(connection, table) if free else None
            if now is not None and not now.kept:
                connection.execute(SQL("DROP TABLE {}").format(Identifier(name)))
