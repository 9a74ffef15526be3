"""Roles that may read the warehouse, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from nyc_taxi.core.dataset import dataset_names, get_dataset
from nyc_taxi.core.excerpt import quoted
from nyc_taxi.errors import WarehouseRefused
from nyc_taxi.postgres.locks import PREPARE, patiently, wait_briefly
from nyc_taxi.postgres.schema import prepare
from nyc_taxi.postgres.statements import names, statement

if TYPE_CHECKING:
    from nyc_taxi.core.dataset import Dataset
    from nyc_taxi.postgres.sessions import Sessions

MARTS: Final = "marts"
"""The schema of the marts in dbt's target ``prod``."""

_LONGEST: Final = 63
"""Bytes of a name; Postgres cuts longer ones."""

PATIENCE: Final = 60.0
"""Seconds for which a grant tries again to get a lock that another session holds."""


def grant_reading(sessions: Sessions, role: str, *, patience: float = PATIENCE) -> bool:
    """Let a role read what the warehouse holds now and later; create the role if there is none.

    It may read every table of ``raw``, ``ops`` and dbt's ``marts``: existing tables, each month once it is
    published, and tables that the warehouse's user creates later. It may not write, and not read ``stage``.
    Granting again changes nothing, and any number of processes may do so while months are loaded.

    :param role: name of the role; a new one cannot log in, and people's own roles become members of it
    :param patience: seconds to wait for locks that others hold
    :returns: whether the role was created
    :raises WarehouseRefused: when that cannot be the name of a role, when there is no such role and the
        warehouse's user may not create one, or when it may not grant
    :raises WarehouseBusy: when a lock was not granted; nothing was changed
    """
    if not role.strip() or not role.isprintable() or len(role.encode()) > _LONGEST:
        raise WarehouseRefused(f"{quoted(role)} is not the name of a role. It has 1 to 63 printable bytes.")
    if role in {"public", "none"} or role.startswith("pg_"):
        raise WarehouseRefused(f"{quoted(role)} is a name that Postgres reserves. Choose another one.")
    with sessions(f"grant {role}") as connection:
        prepare(connection, sessions.name)
        return patiently(
            sessions,
            connection,
            lambda: _grant(connection, role),
            what=f"Letting {role} read the warehouse",
            patience=patience,
        )


def _grant(connection: psycopg.Connection[Any], role: str) -> bool:
    with connection.transaction():
        wait_briefly(connection)
        connection.execute("select pg_advisory_xact_lock(%s, %s)", PREPARE)
        created = _ensure_role(connection, role)
        # A month that is just being attached would be neither among the tables nor know of the role.
        for name in dataset_names():
            table = sql.Identifier("raw", get_dataset(name).table)
            connection.execute(sql.SQL("lock table only {} in share update exclusive mode").format(table))
        schemas = names(["raw", "ops", *_marts(connection)])
        connection.execute(statement("grant_reading", schemas=schemas, role=sql.Identifier(role)))
    return created


def _marts(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the schema of the marts, made for dbt if it is not there; none if it is somebody else's.

    Rights on what dbt will build can only be given in a schema that is there.
    """
    owned = connection.execute(
        "select pg_has_role(nspowner, 'usage') from pg_catalog.pg_namespace where nspname = %s", (MARTS,)
    ).fetchone()
    if owned is not None:
        return [MARTS] if owned[0] else []
    try:
        with connection.transaction():
            connection.execute(sql.SQL("create schema {}").format(sql.Identifier(MARTS)))
    except psycopg.errors.InsufficientPrivilege:
        return []
    return [MARTS]


def _ensure_role(connection: psycopg.Connection[Any], role: str) -> bool:
    """Create a role that cannot log in, unless there is one of that name.

    Roles belong to the whole server, so another warehouse of it may be at the same.
    """
    if connection.execute("select 1 from pg_catalog.pg_roles where rolname = %s", (role,)).fetchone():
        return False
    create = sql.SQL("create role {} nologin").format(sql.Identifier(role))
    try:
        with connection.transaction():
            connection.execute(create)
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return False
    except psycopg.errors.InsufficientPrivilege:
        raise WarehouseRefused(
            f"There is no role {role}, and the warehouse's user {connection.info.user} may not create one. "
            f"Let an administrator of the server run: {create.as_string(connection)}; then run this again."
        ) from None
    return True


def share_partition(connection: psycopg.Connection[Any], dataset: Dataset, partition: sql.Identifier) -> None:
    """Let roles that may read a dataset's whole table read a partition by its own name, too.

    Rights on a table do not reach its partitions, and a month's was made in another schema.
    """
    rows = connection.execute(statement("readers"), {"table": f"raw.{dataset.table}"})
    roles = [sql.Identifier(name) if name else sql.SQL("public") for (name,) in rows]
    if roles:
        connection.execute(sql.SQL("grant select on {} to {}").format(partition, sql.SQL(", ").join(roles)))
