"""The current state: the resources in Airflow's database, read and written in one transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow.models.connection import Connection, sanitize_conn_id
from airflow.models.crypto import get_fernet
from airflow.models.pool import Pool
from airflow.models.variable import Variable
from sqlalchemy import select, update

from nyc_taxi.deploy.last_applied import CONNECTION, POOL, VARIABLE, Fields, Resource
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy.orm import Session


class _Undecryptable(Exception):
    """A value was encrypted with another key."""


@dataclass(frozen=True, slots=True)
class _Table:
    """How a kind of resource is stored.

    :param model: Airflow's class
    :param key: column of the name
    :param plain: columns of fields that are never encrypted
    :param encrypted: the other fields, each with its column and the column that says if it is encrypted
    """

    model: Any
    key: str
    plain: tuple[str, ...]
    encrypted: Mapping[str, tuple[str, str]] = field(default_factory=dict)


_TABLES: Final = {
    POOL: _Table(Pool, "pool", ("slots", "description", "include_deferred")),
    CONNECTION: _Table(
        Connection,
        "conn_id",
        ("conn_type", "description", "host", "login", "schema", "port"),
        {"password": ("_password", "is_encrypted"), "extra": ("_extra", "is_extra_encrypted")},
    ),
    VARIABLE: _Table(Variable, "key", ("description",), {"val": ("_val", "is_encrypted")}),
}

_EMPTY: Final[Mapping[str, str | int]] = {"host": "", "port": 0}
"""What Airflow's form sends for empty fields. Its **Test** button compares both with what is stored, and
refuses to send the stored password elsewhere: for it, 0 is another port than none."""


def read(session: Session, resources: Collection[Resource]) -> dict[Resource, Fields | None]:
    """Return those of the resources that Airflow has; None for one that cannot be decrypted.

    Their rows are locked until the transaction ends, so that nobody edits them meanwhile.
    """
    return {
        Resource(kind, name): fields
        for kind, table in _TABLES.items()
        for name, fields in _read(session, table, [one.name for one in resources if one.kind == kind])
    }


def _read(session: Session, table: _Table, names: list[str]) -> Iterator[tuple[str, Fields | None]]:
    key, *columns = (getattr(table.model, name) for name in (table.key, *_columns(table)))
    for name, *found in session.execute(select(key, *columns).where(key.in_(names)).with_for_update()):
        row = dict(zip(_columns(table), found, strict=True))
        fields: Fields = {
            name: None if row[name] == _EMPTY.get(name, "") else row[name] for name in table.plain
        }
        try:
            secrets = {one: _decrypted(row[text], row[flag]) for one, (text, flag) in table.encrypted.items()}
        except _Undecryptable:
            yield name, None
            continue
        if "val" in secrets:
            fields["value"] = secrets["val"] or ""
        elif secrets:
            fields |= {"password": secrets["password"], "extra": _parsed(secrets["extra"])}
        yield name, fields


def write(session: Session, resources: Mapping[Resource, Fields]) -> None:
    """Create or replace resources; columns that hold no field of them, such as a connection's team, stay.

    :raises BootstrapFailed: if Airflow does not accept a name
    """
    for (kind, name), fields in resources.items():
        if kind == CONNECTION and sanitize_conn_id(name) != name:
            raise BootstrapFailed(f"Airflow does not accept {name!r} as a connection id. Choose another one.")
        table = _TABLES[kind]
        stored = fields
        if kind == CONNECTION:
            stored = {**fields, **{one: fields.get(one) or empty for one, empty in _EMPTY.items()}}
        row = table.model(
            **{table.key: name},
            **{"val" if one == "value" else one: content for one, content in stored.items()},
        )
        values = {getattr(table.model, column): getattr(row, column) for column in _columns(table)}
        values |= {
            getattr(table.model, flag): bool(getattr(row, flag)) for _, flag in table.encrypted.values()
        }
        statement = update(table.model).where(getattr(table.model, table.key) == name).values(values)
        changed = session.execute(statement, execution_options={"synchronize_session": False})
        if not changed.rowcount:  # type: ignore[attr-defined]
            session.add(row)
            session.flush()


def _columns(table: _Table) -> tuple[str, ...]:
    return (*table.plain, *(column for pair in table.encrypted.values() for column in pair))


def _decrypted(text: str | None, encrypted: bool) -> str | None:
    """Return a column's text; None if it is empty."""
    if not text or not encrypted:
        return text or None
    fernet = get_fernet()
    if not fernet.is_encrypted:
        raise _Undecryptable
    try:
        return fernet.decrypt(text.encode()).decode()
    except Exception as error:  # whatever the library raises that Airflow encrypts with
        raise _Undecryptable from error


def _parsed(extra: str | None) -> Any:
    """Return an extra as an object, so that spaces and the order of keys do not matter."""
    try:
        return json.loads(extra or "null") or None
    except ValueError:
        return extra
